"""What each command's help shows at its end: lines to type, and what they do."""

from __future__ import annotations

EXAMPLES: dict[str, tuple[tuple[str, str], ...]] = {
    "path": (
        ("path", "the steps for the site in the current folder"),
        ("path --from 0.2.8 --shell powershell", "the steps from 0.2.8, without a site"),
    ),
    "plan": (
        ("plan C:/deploy/qatrackplus", "every step, with this site's own folders and database"),
        ("plan C:/deploy/qatrackplus --format powershell --output plan.ps1", "the same as a script"),
    ),
    "preflight": (
        ("preflight C:/deploy/qatrackplus", "check everything, then say GO or NO_GO"),
        ("preflight C:/deploy/qatrackplus --only database --only UK301", "a family of checks, and one check more"),
        ("preflight --database sqlite:///copy.db", "check a copy of a database, without a checkout"),
        ("preflight C:/deploy/qatrackplus --format json --output before.json", "the answer for a program"),
    ),
    "backup": (
        ("backup C:/deploy/qatrackplus --to-dir E:/backups", "make a backup, and prove it by reading it back"),
        ("backup list E:/backups", "which backups there are, and which are proved"),
        ("backup verify E:/backups/NAME.manifest.json", "prove one again"),
        ("backup restore NAME.manifest.json --database sqlite:///copy.db", "restore into a copy, to look at"),
    ),
    "rewrite-calcs": (
        ("rewrite-calcs C:/deploy/qatrackplus", "show what would change; nothing is written"),
        ("rewrite-calcs C:/deploy/qatrackplus --explain epid_mean", "why one test gets the answer that it gets"),
        ("rewrite-calcs C:/deploy/qatrackplus --log migrate.log --apply", "write it, after the migration"),
        ("rewrite-calcs --undo JOURNAL", "put back exactly what an apply has changed"),
    ),
    "report": (("report C:/deploy/qatrackplus --output report.html", "one page to read, decide on, print and sign"),),
    "upgrade": (
        ("upgrade C:/deploy/qatrackplus --dry-run", "which steps are done and which are to do"),
        ("upgrade C:/deploy/qatrackplus", "begin, or go on after a stop"),
        ("upgrade C:/deploy/qatrackplus --rollback", "take it all back"),
    ),
    "verify": (("verify C:/deploy/qatrackplus --url http://localhost:8080/", "is the upgraded site whole?"),),
    "rewrite-settings": (
        ("rewrite-settings C:/deploy/qatrackplus", "show what would change; nothing is written"),
        ("rewrite-settings C:/deploy/qatrackplus --apply", "write it, and keep the old file"),
    ),
    "explain": (
        ("explain UK301", "why this check asks, and what to do"),
        ("explain UK402", "what this rule for calculation procedures says"),
    ),
    "demo": (
        ("demo", "see everything on a sample site, in a minute"),
        ("demo --keep", "the same, and the sample site stays to be played with"),
    ),
    "config": (
        ("config", "what is set in upgrade-kit.toml here, and in the environment"),
        ("config --config D:/upgrade/site.toml", "what another file sets"),
    ),
    "completion": (
        ('eval "$(upgrade-kit completion bash)"', "in ~/.bashrc; zsh: in ~/.zshrc, after compinit"),
        ("upgrade-kit completion fish | source", "in ~/.config/fish/config.fish"),
        ("upgrade-kit completion powershell | Out-String | Invoke-Expression", "in the file that $PROFILE names"),
    ),
}

FIRST_STEPS = """\
A first time:
  upgrade-kit demo                     see everything on a sample site
  upgrade-kit preflight SITE           what is in the way, and what to type
  upgrade-kit backup SITE              a backup, proved by reading it back
  upgrade-kit plan SITE                every step of this site's upgrade
  upgrade-kit rewrite-calcs SITE       what calculation procedures must become
  upgrade-kit COMMAND --help           examples for each command"""


def shown(command: str) -> str:
    """Return the examples of a command as the last part of its help."""
    lines = ["Examples:"]
    for line, meaning in EXAMPLES[command]:
        typed = line if "upgrade-kit" in line else f"upgrade-kit {line}"  # a shell's own line is whole
        lines += [f"  {typed}", f"      {meaning}"]
    return "\n".join(lines)
