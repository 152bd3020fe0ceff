"""One line of a diff on a console."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from upgrade_kit.report.terminal import literal

_DIFF_STYLE = {"-": "red", "+": "green", "@": "cyan", "\\": "dim"}
_TAB_WIDTH = 4


def diff_line(line: str, console: Console) -> Text:
    """Return one line of a diff; what is invisible is spelt out where the change touches the line."""
    mark, rest = line[0], line[1:]
    content = rest.rstrip("\r\n")
    style = _DIFF_STYLE.get(mark, "")
    if mark not in "-+":
        return literal(console, mark + content.expandtabs(_TAB_WIDTH), style)
    text = Text(mark, style=style)
    code = content.rstrip(" \t")
    for position, part in enumerate(code.split("\t")):
        if position:
            text.append("<tab>", style="dim")
        text.append(literal(console, part))
    ending = content[len(code) :].replace(" ", "<space>").replace("\t", "<tab>")
    ending += rest[len(content) :].rstrip("\n").replace("\r", "<CR>")
    return text.append(ending, style="dim")
