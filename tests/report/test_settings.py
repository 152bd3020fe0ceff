"""What rewrite-settings shows, and that no secret is in it."""

from __future__ import annotations

import io
import json
from dataclasses import replace

import pytest

from upgrade_kit import rewrite_settings
from upgrade_kit.model.settings_rewrite import LeftAlone
from upgrade_kit.report.settings import SettingsAnswer, render_settings, settings_document
from upgrade_kit.report.terminal import make_console

TEXT = """DATABASES = {'default': {'ENGINE': 'sqlserver_ado', 'PASSWORD': 'Zq7-geheim',
    'OPTIONS': {'extra_params': 'PWD=Zq7-geheim-too', 'provider': 'x'}}}
MIDDLEWARE_CLASSES = ()
"""


def answer(text: str = TEXT) -> SettingsAnswer:
    return SettingsAnswer(
        rewrite=rewrite_settings(text, exclude=["USE_PARTS"]),
        file="qatrack/local_settings.py",
        root="/site",
        version="0.3.0",
        source="0.2.8",
        target="0.3.0",
        before_sha256="1",
        after_sha256="2",
    )


def shown(one: SettingsAnswer, *, quiet: bool = False, color: bool = False) -> str:
    stream = io.StringIO()
    render_settings(one, make_console(stream, color=color), quiet=quiet)
    return stream.getvalue()


def test_the_difference_comes_first_then_why_then_what_is_left() -> None:
    text = shown(answer())

    places = [text.index(word) for word in ("-DATABASES", "Why", "Left alone", "changes for 0.3.0", "To write it:")]
    assert places == sorted(places)


def test_quiet_leaves_the_difference_out_and_not_what_a_person_must_do() -> None:
    text = shown(answer(), quiet=True)

    assert "sqlserver_ado" not in text
    assert "MIDDLEWARE_CLASSES" in text


@pytest.mark.parametrize("color", [False, True])
def test_no_secret_is_in_any_of_it(*, color: bool) -> None:
    assert "Zq7" not in shown(answer(), color=color)
    assert "Zq7" not in json.dumps(settings_document(answer()))


def test_what_stands_in_the_way_is_told_with_both_ways_round_it() -> None:
    text = shown(replace(answer(), not_yet="the code of 0.2.9.1 is checked out."))

    assert "Not yet: the code of 0.2.9.1" in text
    assert "--apply --early" in text


def test_after_an_apply_the_copy_and_the_way_back_are_named() -> None:
    text = shown(replace(answer(), backup="/my site/local_settings.py.before-0.3.0"))

    assert "Written." in text
    assert "--undo '/my site/local_settings.py.before-0.3.0'" in text
    assert "To write it" not in text


def test_what_is_left_is_in_order_of_line_whoever_found_it() -> None:
    one = replace(answer(), left=(LeftAlone(name="ENGINE", line=0, reason="it is set elsewhere."),))

    left = settings_document(one)["left"]

    assert [(entry["name"], entry["where"]) for entry in left] == [
        ("ENGINE", "qatrack/local_settings.py"),
        ("MIDDLEWARE_CLASSES", "qatrack/local_settings.py:3"),
    ]


def test_a_file_with_nothing_to_change_has_no_difference() -> None:
    one = answer("# USE_SERVICE_LOG TESTPACK_TIMEOUT AD_CLEAN_USERNAME\n")

    assert settings_document(one)["diff"] == ""
    assert "nothing to rewrite" in shown(one)


def test_odd_characters_do_not_reach_the_screen() -> None:
    text = shown(answer("TEMPLATE_DEBUG = '\x1b[31m\u202e'\n"))

    assert "\x1b" not in text
    assert "\u202e" not in text
