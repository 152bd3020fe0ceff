from __future__ import annotations

from pathlib import Path

import pytest
from packaging.version import Version

from upgrade_kit.errors import RulesError
from upgrade_kit.planning.rulebook import builtin, load_rules

ONE = """
version = "1.0"
also = []
tag = "v1.0"
python = ">=3.4,<3.7"
python_note = "Others do not run it."
django = "1.11.15"
engines = ["django.db.backends.sqlite3"]
history = "django"
source = "install guide"

[migrations]
qa = ["0001_initial"]
"""
INSTALLING = """
[installing]
size_mib = 700
source = "measured"

[installing.files]
any = ["requirements/base.txt"]
Windows = ["requirements/win.txt"]
mysql = ["requirements/mysql.txt", "requirements/base.txt"]

[installing.provides]
"sample-master" = ["sample"]

[installing.python_ends]
"3.6" = "2021-12-23"

[installing.pips]
"3.6" = ["19.3", "21.3.1"]

[[installing.troubles]]
line = "sample==1"
python = ">=3.6"
severity = "warning"
problem = "It is gone."
powershell = ["python -m pip install sample==2"]
bash = ["python3 -m pip install sample==2"]
source = "seen"
"""


def folder(root: Path, installing: str) -> Path:
    """Write the rules of one release."""
    file = root / "versions" / "one.toml"
    file.parent.mkdir()
    file.write_text(f"{ONE}{installing}", encoding="utf-8")
    return root


class TestInstalling:
    def test_how_an_environment_is_made_is_read(self, tmp_path: Path) -> None:
        (one,) = load_rules([folder(tmp_path, INSTALLING)]).releases
        how = one.installing
        assert how is not None
        assert (how.size_mib, how.source) == (700, "measured")
        assert how.provides == (("sample-master", ("sample",)),)
        assert how.python_ends == (("3.6", "2021-12-23"),)
        assert how.pips == (("3.6", (Version("19.3"), Version("21.3.1"))),)
        assert (how.troubles[0].line, how.troubles[0].python, how.troubles[0].system) == ("sample==1", ">=3.6", "")

    def test_files_are_for_a_system_and_a_vendor_each_once(self, tmp_path: Path) -> None:
        (one,) = load_rules([folder(tmp_path, INSTALLING)]).releases
        assert one.installing is not None
        assert one.installing.files_for("Linux", "sqlite") == ("requirements/base.txt",)
        assert one.installing.files_for("Windows", "mysql") == (
            "requirements/base.txt",
            "requirements/win.txt",
            "requirements/mysql.txt",
        )
        assert len(one.installing.every_file) == 3

    def test_a_release_need_not_say(self, tmp_path: Path) -> None:
        (one,) = load_rules([folder(tmp_path, "")]).releases
        assert one.installing is None

    @pytest.mark.parametrize(
        ("old", "new", "key", "reason"),
        [
            pytest.param("700", '"700"', "installing.size_mib", "not a string", id="a text for a number"),
            pytest.param("700", "true", "installing.size_mib", "not a boolean", id="a boolean for a number"),
            pytest.param("2021-12-23", "soon", "installing.python_ends.3.6", "no day", id="no day"),
            pytest.param(', "21.3.1"]', "]", "installing.pips.3.6", "the oldest and the newest", id="one limit"),
            pytest.param("21.3.1", "new", "installing.pips.3.6", "the oldest and the newest", id="no version"),
            pytest.param('"warning"', '"error"', "installing.troubles[0].severity", "none of", id="an error"),
            pytest.param('">=3.6"', '"3.6"', "installing.troubles[0].python", "no", id="no specifier"),
            pytest.param('bash = ["', 'bash = ["\\u0007', "installing.troubles[0].bash[0]", "one line", id="no line"),
            pytest.param("size_mib", "colour = 1\nsize_mib", "installing.colour", "no such key", id="an unknown key"),
        ],
    )
    def test_what_is_wrong_is_told(self, tmp_path: Path, old: str, new: str, key: str, reason: str) -> None:
        assert old in INSTALLING
        with pytest.raises(RulesError) as caught:
            load_rules([folder(tmp_path, INSTALLING.replace(old, new, 1))])
        assert caught.value.key == key
        assert reason in caught.value.reason

    def test_every_builtin_release_says_it(self) -> None:
        for release in load_rules([builtin()]).releases:
            assert release.installing is not None
            limits = dict(release.installing.pips)
            assert limits
            assert all(oldest <= newest for oldest, newest in limits.values())
            assert all(trouble.source for trouble in release.installing.troubles)
