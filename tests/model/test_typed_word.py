"""Words of commands that a person copies."""

from __future__ import annotations

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upgrade_kit.model.typed_word import giving_the_right_to_write, quoted


@pytest.mark.parametrize(
    ("word", "shown"),
    [
        ("sqlite:///C:/qa/db", "sqlite:///C:/qa/db"),
        ("C:\\qa", "C:\\qa"),
        ("C:\\my backups\\m.json", '"C:\\my backups\\m.json"'),
        ("\\\\server\\qa files", '"\\\\server\\qa files"'),
        ("\\\\server\\share$\\qa", "'\\\\server\\share$\\qa'"),
        ("mssql://me@host/db?driver=x&y=z", "'mssql://me@host/db?driver=x&y=z'"),
        ("/srv/my backups/m.json", "'/srv/my backups/m.json'"),
        ("/srv/plain/m.json", "/srv/plain/m.json"),
        ("back\\slash", "'back\\slash'"),
        ("[br]*", "'[br]*'"),
        ("$HOME", "'$HOME'"),
        ("it's", '"it\'s"'),
        ("", "''"),
        ("/srv/o'brien $x", "'/srv/o'\"'\"'brien $x'"),
        ("C:\\o'brien $x", "'C:\\o''brien $x'"),
    ],
)
def test_a_word_is_quoted_for_powershell_and_bash_alike(word: str, shown: str) -> None:
    assert quoted(word) == shown


@given(st.text(alphabet=st.characters(exclude_characters="\\", exclude_categories=["Cs", "Cc"])))
def test_a_quoted_word_is_one_word_to_the_shell(word: str) -> None:
    if ":" in word[:2] or word.startswith("~"):
        return  # a Windows path, or a home folder, which the shell is to find
    assert shlex.split(quoted(word)) == [word]


@pytest.mark.parametrize("folder", ["/srv/site", "/srv/the site's", "/srv/a b", "C:\\my site"])
def test_a_folder_of_any_name_is_one_word_of_the_lines_that_give_it_to_somebody(folder: str) -> None:
    powershell, bash = giving_the_right_to_write(folder)
    assert quoted(folder) in powershell
    assert shlex.split(bash)[-1] == folder.replace("\\\\", "\\")
