"""Rules files: what is accepted, and that what is wrong is told by file, key and reason."""

from __future__ import annotations

import sqlite3
import sys
from pathlib import Path

import pytest
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from upgrade_kit.errors import RulesError
from upgrade_kit.model.path import Hop, Release, ServerSpan
from upgrade_kit.model.setting_change import ChangeKind, SettingChange
from upgrade_kit.model.step import VENDORS, Do, Effect, StepKind, When
from upgrade_kit.planning.graph import VersionGraph
from upgrade_kit.planning.guide import guide_steps
from upgrade_kit.planning.rulebook import Rulebook, builtin, load_rules, rule_folders
from upgrade_kit.report.shells import SYSTEM_OF, step_lines

ONE = """\
version = "1.0"
also = ["==1.0.*"]
tag = "v1.0"
python = ">=3.4,<3.7"
python_note = "Others do not run it."
django = "1.11.15"
engines = ["new.engine", "django.db.backends.sqlite3"]
history = "django"
source = "install guide"

[engine_replacements]
old_engine = "new.engine"

[commits]
"v1.0" = "0123456789abcdef0123456789abcdef01234567"

[engine_options]
"new.engine" = ["driver"]

[settings_gone]
OLD_NAME = "NEW_NAME"

[odbc_defaults]
Windows = "SQL Server"

[long_keys]
qa_test = ["slug", "255", "qa.0002_more"]

[migrations]
qa = ["0001_initial", "0002_more"]

[[later_migrations]]
since = "1.0.1"
app = "qa"
name = "0003_later"

[[servers]]
product = "SQL Server"
at_least = "9"
before = "15"
beyond = "refused"
why = "it is not known there"
remedy = "Use an older one."
source = "its code"
"""
TWO = ONE.replace("1.0", "2.0").replace("2.0.1", "2.0.7")
HOP = """\
from = "1.0"
to = "2.0"
title = "up"

[[steps]]
id = "2.0-migrate"
title = "Migrate"
kind = "migrate"
effect = "irreversible"
back = "Restore the backup."
source = "install guide, section 3"
do = [
  { run = ["{python}", "manage.py", "migrate"], in = "{site}", environment = { LC_ALL = "C.UTF-8" }, accepts = [0, 3] },
  { on = ["Windows"], vendors = ["microsoft"], copy = ["{settings}", "{kept}/copy.py"] },
]
"""
DO = HOP[HOP.index("do = [") :]


def folder(root: Path, **files: str | bytes) -> Path:
    """Write rules files named ``versions__one`` and so on."""
    for name, text in files.items():
        kind, _, stem = name.partition("__")
        file = root / kind / f"{stem}.toml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return root


def refusal(root: Path, **files: str | bytes) -> RulesError:
    with pytest.raises(RulesError) as caught:
        load_rules([folder(root, **files)])
    return caught.value


@pytest.fixture(scope="module")
def rules() -> Rulebook:
    return load_rules([builtin()])


def release(rules: Rulebook, version: str) -> Release:
    return next(release for release in rules.releases if release.version == Version(version))


def hop(rules: Rulebook, target: str) -> Hop:
    return next(hop for hop in rules.hops if hop.target == Version(target))


def test_a_version_file_becomes_a_release(tmp_path: Path) -> None:
    (one,) = load_rules([folder(tmp_path, versions__one=ONE)]).releases
    assert one == Release(
        version=Version("1.0"),
        also=("==1.0.*",),
        tag="v1.0",
        python=">=3.4,<3.7",
        python_note="Others do not run it.",
        django="1.11.15",
        engines=("new.engine", "django.db.backends.sqlite3"),
        engine_replacements=(("old_engine", "new.engine"),),
        history="django",
        migrations=(("qa", ("0001_initial", "0002_more")),),
        later_migrations=((Version("1.0.1"), "qa", "0003_later"),),
        source="install guide",
        settings_gone=(("OLD_NAME", "NEW_NAME"),),
        engine_options=(("new.engine", ("driver",)),),
        commits=(("v1.0", "0123456789abcdef0123456789abcdef01234567"),),
        odbc_defaults=(("Windows", "SQL Server"),),
        long_keys=(("qa_test", ("slug", "255", "qa.0002_more")),),
        servers=(
            ServerSpan(
                product="SQL Server",
                at_least=Version("9"),
                before=Version("15"),
                refused=True,
                why="it is not known there",
                remedy="Use an older one.",
                source="its code",
            ),
        ),
    )


def test_a_hop_file_becomes_a_hop_that_knows_its_file(tmp_path: Path) -> None:
    (up,) = load_rules([folder(tmp_path, versions__a=ONE, versions__b=TWO, hops__up=HOP)]).hops
    assert (up.source, up.target, up.title) == (Version("1.0"), Version("2.0"), "up")
    assert up.origin == str(tmp_path / "hops" / "up.toml")
    assert up.steps[0].effect is Effect.IRREVERSIBLE
    assert up.steps[0].do == (
        Do(
            run=("{python}", "manage.py", "migrate"),
            folder="{site}",
            environment=(("LC_ALL", "C.UTF-8"),),
            accepts=(0, 3),
        ),
        Do(copy=("{settings}", "{kept}/copy.py"), systems=("Windows",), vendors=("microsoft",)),
    )
    assert (up.steps[0].kind, up.steps[0].when, up.steps[0].person_on) == (StepKind.MIGRATE, When.ALWAYS, ())
    assert (up.steps[0].why, up.steps[0].proof, up.steps[0].corrects) == ("", "", "")


@pytest.mark.parametrize(
    ("old", "new", "key", "reason"),
    [
        pytest.param('tag = "v1.0"\n', "", "tag", "is missing", id="a missing key"),
        pytest.param("tag =", "tagg =", "tag", "is missing", id="a misspelt key that is needed"),
        pytest.param('tag = "v1.0"', 'tag = "v1.0"\ncolour = 1', "colour", "no such key", id="an unknown key"),
        pytest.param(
            "since =",
            "until = 1\nsince =",
            "later_migrations[0].until",
            "no such key",
            id="an unknown key within",
        ),
        pytest.param('tag = "v1.0"', "tag = 1.0", "tag", "must be a string, not a float", id="a number for a text"),
        pytest.param('tag = "v1.0"', "tag = 2018-10-10", "tag", "must be a string, not a date", id="a date for a text"),
        pytest.param('tag = "v1.0"', 'tag = "  "', "tag", "must not be empty", id="a blank text"),
        pytest.param('version = "1.0"', 'version = "one"', "version", "'one' is not a version", id="no version"),
        pytest.param(
            'since = "1.0.1"',
            'since = "x"',
            "later_migrations[0].since",
            "not a version",
            id="no version within",
        ),
        pytest.param(
            'since = "1.0.1"',
            'since = "1.0"',
            "later_migrations[0].since",
            "not later",
            id="a later migration of before",
        ),
        pytest.param(
            'name = "0003_later"',
            'name = "0001_initial"',
            "later_migrations[0].name",
            "already",
            id="a later migration twice",
        ),
        pytest.param('">=3.4,<3.7"', '"3.6 or so"', "python", "not a version specifier", id="no specifier"),
        pytest.param(
            '">=3.4,<3.7"',
            '">=3.4,"',
            "python",
            "not a version specifier",
            id="a specifier with nothing after the comma",
        ),
        pytest.param(
            '">=3.4,<3.7"', '">=3.*"', "python", "not a version specifier", id="a star where PEP 440 has none"
        ),
        pytest.param('"==1.0.*"', '"==1.0.*", "=1.1"', "also[1]", "not a version specifier", id="the second specifier"),
        pytest.param(
            '["==1.0.*"]',
            '"==1.0.*"',
            "also",
            "must be an array of strings, not a string",
            id="a text for an array",
        ),
        pytest.param('["==1.0.*"]', "[1]", "also[0]", "must be a string, not an integer", id="a number in an array"),
        pytest.param('django = "1.11.15"', 'django = "new"', "django", "is not a version", id="no Django version"),
        pytest.param(
            'history = "django"',
            'history = "alembic"',
            "history",
            "none of south, django",
            id="unknown history",
        ),
        pytest.param(
            '"new.engine", ',
            "",
            "engine_replacements.old_engine",
            "not among the engines",
            id="an unknown engine",
        ),
        pytest.param(
            '["new.engine",',
            '["old_engine", "new.engine",',
            "engine_replacements.old_engine",
            "nothing to replace",
            id="an engine that needs no replacing",
        ),
        pytest.param(
            '"new.engine", ',
            '"new engine", ',
            "engines[0]",
            "not the dotted name",
            id="an engine with a blank",
        ),
        pytest.param('"0002_more"', '"0001_initial"', "migrations.qa", "'0001_initial' twice", id="a migration twice"),
        pytest.param('["0001_initial", "0002_more"]', "[]", "migrations.qa", "at least one", id="no migrations"),
        pytest.param(
            '["0001_initial", "0002_more"]',
            "1",
            "migrations.qa",
            "not an integer",
            id="a number for migrations",
        ),
        pytest.param(
            "[engine_replacements]\nold_engine",
            "[engine_replacements.x]\ny",
            "engine_replacements.x",
            "not a table",
            id="a table too deep",
        ),
        pytest.param('["driver"]', '"driver"', "engine_options.new.engine", "not a string", id="a text for options"),
        pytest.param('"0123456789', '"0123', "commits.v1.0", "is not the 40 digits of a commit", id="a short commit"),
        pytest.param('"0123456789', '"G123456789', "commits.v1.0", "'G123456789", id="a commit with other letters"),
        pytest.param('"255"', '"long"', "long_keys.qa_test", "must be a column", id="a length that is no number"),
        pytest.param(', "qa.0002_more"]', "]", "long_keys.qa_test", "must be a column", id="a key without migration"),
        pytest.param(
            'before = "15"', 'before = "8"', "servers[0].before", "not later than 9", id="a span that is empty"
        ),
        pytest.param(
            'before = "15"', 'before = "new"', "servers[0].before", "not a version", id="a span without a number"
        ),
        pytest.param('"refused"', '"maybe"', "servers[0].beyond", "none of refused, untried", id="a word for the rest"),
        pytest.param('"NEW_NAME"', "1", "settings_gone.OLD_NAME", "not an integer", id="a number for a name"),
    ],
)
def test_a_wrong_version_file_is_told_by_file_key_and_reason(
    tmp_path: Path, old: str, new: str, key: str, reason: str
) -> None:
    assert old in ONE
    error = refusal(tmp_path, versions__one=ONE.replace(old, new, 1))
    assert error.file == str(tmp_path / "versions" / "one.toml")
    assert error.key == key
    assert reason in error.reason


@pytest.mark.parametrize(
    ("old", "new", "key", "reason"),
    [
        pytest.param(
            '"irreversible"',
            '"final"',
            "steps[0].effect",
            "none of read, write, irreversible",
            id="a bad effect",
        ),
        pytest.param('"2.0-migrate"', '"Migrate it"', "steps[0].id", "lower-case words", id="an id with a blank"),
        pytest.param(DO, "", "steps[0].why", "nothing to run", id="nothing to run and no word why"),
        pytest.param(DO, 'why = "w"', "steps[0].do", "person_on does not name it", id="nothing to run and no person"),
        pytest.param("do = [", 'why = "w"\nto_do = [', "steps[0].to_do", "no such key", id="a misspelt list"),
        pytest.param('"migrate"\neff', '"move"\neff', "steps[0].kind", "none of preflight, forecast", id="a bad kind"),
        pytest.param('"{python}", ', '"{pyhton}", ', "steps[0].do[0].run[0]", "{pyhton}", id="a misspelt placeholder"),
        pytest.param('"{site}"', '"{home}"', "steps[0].do[0].in", "{home}", id="a folder that nothing fills in"),
        pytest.param('"{kept}/', '"{database}/', "steps[0].do[1].copy[1]", "whole word", id="several words within one"),
        pytest.param('"migrate"]', '"a\\nb"]', "steps[0].do[0].run[2]", "one word", id="two lines in one word"),
        pytest.param('"migrate"]', '""]', "steps[0].do[0].run[2]", "one word", id="an empty word"),
        pytest.param("[0, 3]", "[]", "steps[0].do[0].accepts", "array of exit statuses", id="no accepted status"),
        pytest.param("[0, 3]", "[true]", "steps[0].do[0].accepts[0]", "no exit status", id="no exit status"),
        pytest.param('["Windows"]', '["DOS"]', "steps[0].do[1].on[0]", "none of Windows, Linux", id="a bad system"),
        pytest.param('["microsoft"]', '["mssql"]', "steps[0].do[1].vendors[0]", "none of sqlite", id="a bad vendor"),
        pytest.param(
            ', "{kept}/copy.py"', "", "steps[0].do[1].copy", "a file and its copy", id="a file without a copy"
        ),
        pytest.param('run = ["{python}"', 'copy = ["a", "b"], run = ["p"', "steps[0].do[0].run", "or else", id="both"),
        pytest.param("back =", "bakc =", "steps[0].bakc", "no such key", id="a misspelt way back"),
        pytest.param('back = "Restore the backup."\n', "", "steps[0].back", "how to go back", id="no way back"),
        pytest.param("title =", "titel =", "title", "is missing", id="a misspelt title"),
        pytest.param("[[steps]]", "[steps]", "steps", "array of tables", id="one step as a plain table"),
        pytest.param('to = "2.0"', 'to = "1.0"', "to", "from 1.0 to itself", id="a hop to itself"),
        pytest.param(
            'to = "2.0"',
            'to = "3.0"',
            "to",
            "no rules file describes 3.0; described are: 1.0, 2.0",
            id="a hop to nowhere",
        ),
        pytest.param('from = "1.0"', 'from = "0.9"', "from", "no rules file describes 0.9", id="a hop from nowhere"),
        pytest.param(
            'from = "1.0"\nto = "2.0"',
            'from = "2.0"\nto = "1.0"',
            "to",
            "backwards from 2.0 to 1.0",
            id="a hop backwards",
        ),
    ],
)
def test_a_wrong_hop_file_is_told_by_file_key_and_reason(
    tmp_path: Path, old: str, new: str, key: str, reason: str
) -> None:
    assert old in HOP
    error = refusal(tmp_path, versions__a=ONE, versions__b=TWO, hops__up=HOP.replace(old, new, 1))
    assert error.file == str(tmp_path / "hops" / "up.toml")
    assert error.key == key
    assert reason in error.reason


SETTINGS = """
[[settings]]
name = "OLD_NAME"
change = "renamed"
now = "NEW_NAME"
why = "The new one reads it so."
source = "settings.py"

[[settings]]
name = "ICONS"
change = "keys"
why = "They are looked up."
source = "settings.py"

[settings.keys]
LARGE = "True"
"""


def test_what_a_hop_changes_in_settings_is_read(tmp_path: Path) -> None:
    (up,) = load_rules([folder(tmp_path, versions__a=ONE, versions__b=TWO, hops__up=HOP + SETTINGS)]).hops
    assert up.settings == (
        SettingChange(
            name="OLD_NAME",
            kind=ChangeKind.RENAMED,
            now="NEW_NAME",
            keys=(),
            why="The new one reads it so.",
            source="settings.py",
        ),
        SettingChange(
            name="ICONS",
            kind=ChangeKind.KEYS,
            now="",
            keys=(("LARGE", "True"),),
            why="They are looked up.",
            source="settings.py",
        ),
    )


@pytest.mark.parametrize(
    ("old", "new", "key", "reason"),
    [
        pytest.param('"renamed"', '"moved"', "settings[0].change", "none of renamed, keys", id="a bad change"),
        pytest.param('"OLD_NAME"', '"OLD NAME"', "settings[0].name", "not the name of a setting", id="no name"),
        pytest.param('"NEW_NAME"', '"NEW NAME"', "settings[0].now", "not the name of a setting", id="no new name"),
        pytest.param('now = "NEW_NAME"', "", "settings[0].now", "must not be empty", id="no new name at all"),
        pytest.param('[settings.keys]\nLARGE = "True"', "", "settings[1].keys", "at least one", id="no keys"),
        pytest.param('LARGE = "True"', "LARGE = true", "settings[1].keys.LARGE", "must be a string", id="a bare value"),
        pytest.param("why =", "because =", "settings[0].why", "is missing", id="no reason"),
        pytest.param('source = "settings.py"', "", "settings[0].source", "is missing", id="no source"),
        pytest.param("now =", "then =", "settings[0].then", "no such key", id="a misspelt key"),
    ],
)  # fmt: skip
def test_a_wrong_change_of_settings_is_told_by_file_key_and_reason(
    tmp_path: Path, old: str, new: str, key: str, reason: str
) -> None:
    assert old in SETTINGS
    error = refusal(tmp_path, versions__a=ONE, versions__b=TWO, hops__up=HOP + SETTINGS.replace(old, new, 1))
    assert (error.file, error.key) == (str(tmp_path / "hops" / "up.toml"), key)
    assert reason in error.reason


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        pytest.param(ONE.replace("Others", "Ünd").encode("latin-1"), "is not UTF-8", id="latin-1"),
        pytest.param(ONE.encode("utf-16"), "is not UTF-8", id="UTF-16, as PowerShell writes it"),
        pytest.param(b"version = ", "is not TOML", id="half a line"),
        pytest.param(b"a = " + b"[" * 5000, "is not TOML", id="brackets without end"),
        pytest.param(ONE.encode() + b"[migrations]\n", "is not TOML", id="a table twice"),
    ],
)
def test_a_file_that_cannot_be_read_is_told_as_a_whole(tmp_path: Path, content: bytes, reason: str) -> None:
    error = refusal(tmp_path, versions__one=content)
    assert error.key == ""
    assert reason in error.reason


def test_an_empty_version_file_lacks_its_first_key(tmp_path: Path) -> None:
    assert str(refusal(tmp_path, versions__one="")).endswith("one.toml: version: is missing")


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"\xef\xbb\xbf" + ONE.encode(), id="a BOM, as Notepad writes it"),
        pytest.param(ONE.replace("\n", "\r\n").encode(), id="CRLF"),
    ],
)
def test_what_editors_on_windows_write_is_accepted(tmp_path: Path, content: bytes) -> None:
    assert len(load_rules([folder(tmp_path, versions__one=content)]).releases) == 1


def test_other_files_beside_the_rules_are_let_alone(tmp_path: Path) -> None:
    folder(tmp_path, versions__one=ONE)
    (tmp_path / "versions" / "README.md").write_text("not TOML", encoding="utf-8")
    (tmp_path / "versions" / ".one.toml.swp").write_text("not TOML", encoding="utf-8")
    assert len(load_rules([tmp_path]).releases) == 1


def test_a_version_in_two_files_names_both(tmp_path: Path) -> None:
    error = refusal(tmp_path, versions__a=ONE, versions__b=ONE.replace('"1.0"', '"1.0.0"', 1))
    assert error.file.endswith("b.toml")
    assert str(tmp_path / "versions" / "a.toml") in error.reason


def test_a_hop_in_two_files_names_both(tmp_path: Path) -> None:
    error = refusal(tmp_path, versions__a=ONE, versions__b=TWO, hops__a=HOP, hops__b=HOP)
    assert error.file.endswith("b.toml")
    assert str(tmp_path / "hops" / "a.toml") in error.reason


def test_a_step_id_in_two_files_names_both(tmp_path: Path) -> None:
    three = ONE.replace("1.0", "3.0")
    again = HOP.replace('from = "1.0"\nto = "2.0"', 'from = "2.0"\nto = "3.0"')
    error = refusal(tmp_path, versions__a=ONE, versions__b=TWO, versions__c=three, hops__a=HOP, hops__b=again)
    assert error.file.endswith("b.toml")
    assert error.key == "steps[0].id"
    assert str(tmp_path / "hops" / "a.toml") in error.reason


def test_two_hops_that_make_a_cycle_name_both_files(tmp_path: Path) -> None:
    back = HOP.replace('from = "1.0"\nto = "2.0"', 'from = "2.0"\nto = "1.0"').replace("2.0-migrate", "back")
    error = refusal(tmp_path, versions__a=ONE, versions__b=TWO, hops__up=HOP, hops__back=back)
    assert error.file.endswith("back.toml")
    assert str(tmp_path / "hops" / "up.toml") in error.reason


def test_a_hop_past_a_version_that_the_target_needs_is_refused(tmp_path: Path) -> None:
    needs = TWO.replace('tag = "v2.0"', 'tag = "v2.0"\npredecessors = ["1.5"]')
    error = refusal(tmp_path, versions__a=ONE, versions__b=needs, hops__up=HOP)
    assert error.key == "from"
    assert "2.0 cannot take over a database of 1.0, only of 1.5" in error.reason


@pytest.mark.parametrize("name", ["nowhere", "empty"])
def test_a_folder_without_rules_is_told(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(RulesError) as caught:
        load_rules([tmp_path / name])
    assert caught.value.file == str(tmp_path / name)


def test_folders_add_up_in_any_order(tmp_path: Path) -> None:
    first = folder(tmp_path / "first", versions__a=ONE)
    second = folder(tmp_path / "second", versions__b=TWO, hops__up=HOP)
    assert load_rules([first, second]) == load_rules([second, first])
    assert len(load_rules([first, second]).hops) == 1


def extra(root: Path, module: str, body: str, value: str) -> None:
    """Make a distribution that declares rules, as pip would leave it in a folder on ``sys.path``."""
    (root / f"{module}.py").write_text(body, encoding="utf-8")
    metadata = root / f"{module}-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n", encoding="utf-8")
    (metadata / "entry_points.txt").write_text(f"[upgrade_kit.rules]\nx = {value}\n", encoding="utf-8")


def test_another_distribution_adds_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    body = "from pathlib import Path\ndef rules():\n    return Path(__file__).parent / 'mine'\n"
    extra(tmp_path, "upgrade_kit_extra_rules", body, "upgrade_kit_extra_rules:rules")
    folder(tmp_path / "mine", versions__one=ONE)
    monkeypatch.syspath_prepend(tmp_path)
    assert rule_folders() == (builtin(), tmp_path / "mine")
    assert Version("1.0") in [release.version for release in load_rules().releases]


@pytest.mark.parametrize(
    ("body", "value", "reason"),
    [
        pytest.param("", "broken_rules_a:rules", "cannot be loaded", id="no such function"),
        pytest.param("", "no_such_module_of_rules:rules", "cannot be loaded", id="no such module"),
        pytest.param("def rules(:", "broken_rules_a:rules", "cannot be loaded", id="a syntax error"),
        pytest.param("rules = 1", "broken_rules_a:rules", "not a function", id="not a function"),
        pytest.param("rules = lambda: 1", "broken_rules_a:rules", "must return a pathlib.Path, not int", id="no path"),
    ],
)
def test_a_broken_entry_point_is_told_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str, value: str, reason: str
) -> None:
    extra(tmp_path, "broken_rules_a", body, value)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "broken_rules_a", raising=False)
    with pytest.raises(RulesError, match=reason) as caught:
        rule_folders()
    assert value in caught.value.file
    assert "broken_rules_a" in caught.value.file
    sys.modules.pop("broken_rules_a", None)


def test_without_any_distribution_metadata_the_built_in_rules_are_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "path", [])
    assert rule_folders() == (builtin(),)


def test_a_place_on_the_path_that_may_not_be_looked_at_has_no_rules(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "path", [str(tmp_path / ("x" * 300))])  # as what only root may enter, it raises OSError
    assert rule_folders() == (builtin(),)


def test_the_built_in_versions_are_the_three_that_are_known(rules: Rulebook) -> None:
    assert [str(release.version) for release in rules.releases] == ["0.2.8", "0.2.9.1", "0.3.0"]
    assert [(str(hop.source), str(hop.target)) for hop in rules.hops] == [
        ("0.2.8", "0.2.9.1"),
        ("0.2.9.1", "0.3.0"),
    ]


@pytest.mark.parametrize(("python", "runs"), [("2.7.18", False), ("3.4", True), ("3.6.15", True), ("3.7.0", False)])
def test_0_3_0_runs_on_python_3_4_to_3_6(rules: Rulebook, python: str, *, runs: bool) -> None:
    assert (Version(python) in SpecifierSet(release(rules, "0.3.0").python)) is runs


def test_0_3_0_replaces_the_old_sql_server_engine(rules: Rulebook) -> None:
    assert release(rules, "0.3.0").engine_replacements == (("sqlserver_ado", "sql_server.pyodbc"),)
    assert "sqlserver_ado" in release(rules, "0.2.9.1").engines


@pytest.mark.real
@pytest.mark.parametrize(
    ("version", "file", "later"),
    [
        ("0.2.8", "0.2.8.sqlite3", False),
        ("0.2.9.1", "0.2.9.1.sqlite3", False),
        ("0.3.0", "0.3.0.sqlite3", False),
        ("0.3.0", "0.3.0.20.sqlite3", True),
    ],
)
def test_migrations_are_those_of_a_real_database_in_order(
    rules: Rulebook, real: Path, version: str, file: str, *, later: bool
) -> None:
    node = release(rules, version)
    table, app_column, name_column = {
        "south": ("south_migrationhistory", "app_name", "migration"),
        "django": ("django_migrations", "app", "name"),
    }[node.history]
    connection = sqlite3.connect(f"{(real / file).as_uri()}?mode=ro&immutable=1", uri=True)
    for app, names in node.migrations:
        rows = connection.execute(f"SELECT {name_column} FROM {table} WHERE {app_column} = ? ORDER BY id", [app])
        extra = tuple(name for _, of, name in node.later_migrations if of == app and later)
        assert tuple(name for (name,) in rows) == (*names, *extra)
    connection.close()


def test_the_built_in_steps_can_be_copied_from_any_console(rules: Rulebook) -> None:
    for step in (step for hop in rules.hops for step in hop.steps):
        notes = [note for _, note in step.notes]
        words = [word for do in (*step.do, *step.prove) for word in (*do.run, *do.copy)]
        assert "".join([step.title, step.why, step.proof, step.back, step.corrects, *notes, *words]).isascii()


def lines(rules: Rulebook, shell: str) -> list[str]:
    path = VersionGraph(rules.releases, rules.hops).path("0.2.8", "0.3.0")
    steps = [step for hop in path.hops for step in guide_steps(path, hop, SYSTEM_OF[shell])]
    return [line for step in steps for line in step_lines(step, shell)]


def test_the_built_in_commands_repeat_no_mistake_of_the_guide(rules: Rulebook) -> None:
    powershell = "\n".join(lines(rules, "powershell"))
    everything = powershell + "\n" + "\n".join(lines(rules, "bash"))
    for mistake in (
        "iniital",
        "master",
        "bitbucket",
        "date -I",
        "dumpdata",
        "-r requirements.txt",
        "pip install --upgrade pip",
    ):
        assert mistake not in everything
    assert "activate" not in everything
    assert ">" not in everything
    assert "/" not in "".join(line for line in powershell.splitlines() if "://" not in line)


@pytest.mark.parametrize("target", ["0.2.9.1", "0.3.0"])
def test_the_built_in_backups_come_before_the_point_of_no_return(rules: Rulebook, target: str) -> None:
    ids = [step.id for step in hop(rules, target).steps]
    effects = [step.effect for step in hop(rules, target).steps]
    assert effects.count(Effect.IRREVERSIBLE) == 1
    migrate = effects.index(Effect.IRREVERSIBLE)
    order = [f"{target}-stop", f"{target}-backup", f"{target}-keep", f"{target}-go", f"{target}-checkout"]
    assert [ids.index(name) for name in order] == sorted(ids.index(name) for name in order)
    assert ids.index(order[-1]) < migrate


def test_0_3_0_is_migrated_after_its_settings_and_in_utf_8(rules: Rulebook) -> None:
    steps = {step.id: step for step in hop(rules, "0.3.0").steps}
    ids = list(steps)
    assert ids.index("0.3.0-keep") < ids.index("0.3.0-checkout") < ids.index("0.3.0-settings")
    assert ids.index("0.3.0-settings") < ids.index("0.3.0-collectstatic") < ids.index("0.3.0-migrate")
    assert ids.index("0.3.0-migrate") < ids.index("0.3.0-backup-migrated") < ids.index("0.3.0-calcs-apply")
    on_servers, on_sqlite = steps["0.3.0-migrate"].do
    assert on_servers.run == ("{python}", "manage.py", "migrate", "--fake-initial")
    assert sorted((*on_servers.vendors, *on_sqlite.vendors)) == sorted(VENDORS)
    assert (on_sqlite.vendors, on_sqlite.run[-2:]) == (("sqlite",), ("migrate", "--fake-initial"))
    for migrate in (on_servers, on_sqlite):
        assert dict(migrate.environment) == {"LC_ALL": "C.UTF-8", "PYTHONIOENCODING": "utf-8"}
        assert migrate.limit_seconds == on_servers.limit_seconds


def test_every_step_that_changes_something_says_how_long_it_may_take_how_to_see_it_and_how_to_go_back(
    rules: Rulebook,
) -> None:
    for step in (step for hop in rules.hops for step in hop.steps):
        assert step.lasts, step.id
        assert step.proof, step.id
        assert bool(step.back) == (step.effect is not Effect.READ), step.id


@pytest.mark.parametrize("folder", ["units", "service_log"])
def test_default_data_are_named_file_by_file_in_the_order_of_their_names(rules: Rulebook, folder: str) -> None:
    steps = [step for step in hop(rules, "0.3.0").steps if step.kind is StepKind.LOADDATA]
    (named,) = [do.run[3:] for step in steps for do in step.do if folder in do.run[3]]
    assert list(named) == sorted(named)
    assert all(name.startswith(f"fixtures/defaults/{folder}/") and name.endswith(".json") for name in named)
