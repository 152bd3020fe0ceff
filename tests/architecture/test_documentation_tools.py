"""What tries and makes the pages of ``docs/``: a page that is wrong has to be noticed."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from documentation.command_lines import words
from documentation.fences import Told, mentioned, told, typed, with_outputs
from documentation.links import on_page_markdown
from documentation.made import table, with_made_parts
from documentation.transcripts import SHOWN_FOLDER, Tried, as_shown

PAGE = """# A page

```console
$ upgrade-kit path site -q
one
two
$ upgrade-kit explain UK101
three
```

Type `upgrade-kit backup SITE --drill`:

```powershell
upgrade-kit preflight C:\\site `
  --only UK101
git status
```
"""


@pytest.mark.parametrize(
    ("shown", "agrees"),
    [
        pytest.param(("one", "two", "three"), True, id="the very lines"),
        pytest.param(("one", "...", "three"), True, id="a line left out"),
        pytest.param(("...",), True, id="all left out"),
        pytest.param(("one", "t...o", "three"), True, id="a part of a line left out"),
        pytest.param(("one", "two"), False, id="the end is missing, and nothing says so"),
        pytest.param(("one", "...", "four"), False, id="another end after what is left out"),
        pytest.param(("one", "tw.", "three"), False, id="a point is no wildcard"),
        pytest.param((), False, id="nothing shown of what was printed"),
    ],
)
def test_what_is_shown_agrees_with_what_was_printed_or_not(shown: tuple[str, ...], agrees: bool) -> None:
    tried = Tried(shown=Told(command="upgrade-kit", output=shown), printed=("one", "two", "three"))

    assert tried.agrees is agrees


def test_commands_are_told_with_the_output_below_each() -> None:
    assert [(one.command, one.output) for one in told(PAGE)] == [
        ("upgrade-kit path site -q", ("one", "two")),
        ("upgrade-kit explain UK101", ("three",)),
    ]


def test_other_outputs_take_the_place_of_those_that_are_shown_and_nothing_else_changes() -> None:
    assert with_outputs(PAGE, iter([("one", "two"), ("three",)])) == PAGE
    assert with_outputs(PAGE, iter([("1", "2"), ("3",)])) == PAGE.replace("one\ntwo", "1\n2").replace("three", "3")


def test_a_command_line_that_goes_on_is_one_and_what_is_not_the_kits_is_none() -> None:
    (one,) = typed(PAGE)

    assert words(one.command, one.shell) == ["upgrade-kit", "preflight", r"C:\site", "--only", "UK101"]
    assert list(mentioned(PAGE)) == ["upgrade-kit backup SITE --drill"]


def test_words_are_taken_apart_as_each_shell_does() -> None:
    line = 'upgrade-kit preflight --database "mssql://a\\B/c?driver=ODBC Driver 17" -q || exit 1'

    assert words(line, "powershell")[2:] == ["--database", "mssql://a\\B/c?driver=ODBC Driver 17", "-q"]
    assert words("upgrade-kit explain UK1 > file")[1:] == ["explain", "UK1"]


def test_times_and_the_folder_are_shown_as_fixed_ones_and_numbers_are_left(tmp_path: Path) -> None:
    text = f"{tmp_path}/a-20261127T182200Z.zip at 2026-11-27 18:22:00 UTC, run (18:22), 120000 rows (18:22)\n"

    assert as_shown(text.replace("run (", "the last run ("), tmp_path) == (
        f"{SHOWN_FOLDER}/a-20270115T201500Z.zip at 2027-01-15 20:15:00 UTC, the last run (20:15), 120000 rows (18:22)",
    )


def test_only_what_stands_between_the_comments_is_made() -> None:
    page = "a\n<!-- made by python -m documentation: x -->\nold\n<!-- end of what is made -->\nb\n"

    made = with_made_parts(page, {"x": lambda: ["new"]})

    assert made == page.replace("old", "\nnew\n")
    assert with_made_parts(made, {"x": lambda: ["new"]}) == made
    with pytest.raises(KeyError):
        with_made_parts(page, {})


def test_a_bar_or_a_line_end_breaks_no_table() -> None:
    assert table(("a",), [("x|y\nz",)])[-1] == r"| x\|y z |"


@pytest.mark.parametrize(
    ("page", "link", "becomes"),
    [
        ("extending.md", "[rules](../rules)", "`rules`"),
        ("how-to/undo.md", "[plugin](../../fixtures/plugin)", "`fixtures/plugin`"),
        ("how-to/undo.md", "[verdicts](../verdicts.md)", "[verdicts](../verdicts.md)"),
        ("index.md", "[undo](how-to/undo.md#a)", "[undo](how-to/undo.md#a)"),
    ],
)
def test_a_link_that_leads_out_of_the_pages_becomes_a_name(page: str, link: str, becomes: str) -> None:
    assert on_page_markdown(link, page=SimpleNamespace(file=SimpleNamespace(src_uri=page))) == becomes
