from __future__ import annotations

import gzip
import json
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upgrade_kit.deployment.fixture_reader import FixtureObject, read_fixture
from upgrade_kit.errors import BackupError

UNIT = {"pk": 1, "model": "units.unit", "fields": {"name": "Linac \u00e9 1", "number": 7}}
SITE = {"pk": 2, "model": "sites.site", "fields": {"domain": "example.com"}}
ONE_A_LINE = '[\n{"pk": 1, "model": "units.unit", "fields": {}},\n{"pk": 2, "model": "units.unit", "fields": {}}\n]\n'

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=4,
)
OBJECTS = st.lists(
    st.builds(
        lambda pk, fields: {"model": "qa.test", "pk": pk, "fields": fields},
        st.integers(0, 99) | st.text(max_size=5),
        st.dictionaries(st.text(max_size=8), VALUES, max_size=4),
    ),
    max_size=5,
)


def written(tmp_path: Path, content: str | bytes, name: str = "dump.json") -> Path:
    file = tmp_path / name
    file.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
    return file


def said(file: Path) -> str:
    with pytest.raises(BackupError) as raised:
        list(read_fixture(file))
    return raised.value.message


@pytest.mark.parametrize(
    "text",
    [
        json.dumps([UNIT, SITE]),
        json.dumps([UNIT, SITE], ensure_ascii=False),
        json.dumps([UNIT, SITE], indent=2),
        json.dumps([UNIT, SITE], indent=2).replace("\n", "\r\n"),
        "[\n" + json.dumps(UNIT) + ",\n" + json.dumps(SITE) + "\n]\n",
        "[\r\n" + json.dumps(UNIT) + ",\r\n\r\n" + json.dumps(SITE) + "\r\n]",
        "\n\n  [ " + json.dumps(UNIT) + " , " + json.dumps(SITE) + " ] \n\n",
        "[\n" + json.dumps(UNIT) + ",\n" + json.dumps(SITE, indent=1) + "\n]",
        "[\n" + json.dumps(UNIT) + "\n, " + json.dumps(SITE) + "]",
    ],
)
def test_a_fixture_is_read_however_it_is_laid_out(tmp_path: Path, text: str) -> None:
    expected = [FixtureObject(each["model"], each["pk"], each["fields"]) for each in (UNIT, SITE)]  # type: ignore[arg-type]

    assert list(read_fixture(written(tmp_path, text))) == expected


@given(objects=OBJECTS, indent=st.none() | st.integers(0, 2), ascii_only=st.booleans(), lines=st.booleans())
def test_what_json_holds_is_what_is_read(
    tmp_path_factory: pytest.TempPathFactory,
    *,
    objects: list[dict[str, object]],
    indent: int | None,
    ascii_only: bool,
    lines: bool,
) -> None:
    dumped = [json.dumps(each, ensure_ascii=ascii_only) for each in objects]
    text = (
        "[\n" + ",\n".join(dumped) + "\n]\n" if lines else json.dumps(objects, indent=indent, ensure_ascii=ascii_only)
    )
    file = tmp_path_factory.mktemp("dump") / "dump.json"
    file.write_bytes(text.encode("utf-8", "surrogatepass"))

    read = [{"model": each.model, "pk": each.pk, "fields": each.fields} for each in read_fixture(file)]

    assert read == objects


def test_a_compressed_fixture_is_known_by_its_content(tmp_path: Path) -> None:
    file = written(tmp_path, gzip.compress(ONE_A_LINE.encode()), "dump.json")

    assert [each.pk for each in read_fixture(file)] == [1, 2]


@pytest.mark.parametrize("text", ["[]", "[\n]\n", " [ ] "])
def test_an_empty_list_holds_nothing(tmp_path: Path, text: str) -> None:
    assert list(read_fixture(written(tmp_path, text))) == []


def test_what_only_python_writes_into_json_is_read(tmp_path: Path) -> None:
    text = '[\n{"model": "qa.x", "pk": 1, "fields": {"value": -Infinity, "text": "\\ud800"}},\n'
    text += '{"model": "qa.x", "pk": 2, "fields": {"value": NaN}}\n]'
    first, second = read_fixture(written(tmp_path, text))

    assert first.fields == {"value": float("-inf"), "text": "\ud800"}
    assert second.fields["value"] != second.fields["value"]  # NaN


def test_a_model_is_in_lower_case_whoever_wrote_it(tmp_path: Path) -> None:
    text = '[{"model": "qa.TestInstance", "fields": {}}]'

    assert list(read_fixture(written(tmp_path, text))) == [FixtureObject("qa.testinstance", None, {})]


@pytest.mark.parametrize("raw", [b"\0\1\2\3", b"\0\0\0\0", b"A\0B", b"[\1\0"])
def test_bytes_that_are_no_text_are_not_called_utf_16(tmp_path: Path, raw: bytes) -> None:
    told = said(written(tmp_path, raw))
    assert "UTF-16" not in told
    assert "no text" in told


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf_16_is_recognised_and_named(tmp_path: Path, encoding: str) -> None:
    assert "UTF-16" in said(written(tmp_path, ONE_A_LINE.encode(encoding)))


def test_the_mark_of_utf_8_is_named(tmp_path: Path) -> None:
    assert "EF BB BF" in said(written(tmp_path, ONE_A_LINE.encode("utf-8-sig")))


def test_another_encoding_is_named_with_its_place(tmp_path: Path) -> None:
    text = json.dumps([SITE, UNIT], ensure_ascii=False).encode("cp1252")

    message = said(written(tmp_path, text))

    assert "not UTF-8: byte E9 after" in message
    assert "Linac " in message


@pytest.mark.parametrize("length", range(1, len(ONE_A_LINE) - 2, 3))
def test_a_dump_cut_off_anywhere_is_never_taken_for_a_whole_one(tmp_path: Path, length: int) -> None:
    message = said(written(tmp_path, ONE_A_LINE[:length]))

    assert "cut off" in message


def test_a_cut_off_dump_tells_what_came_last(tmp_path: Path) -> None:
    message = said(written(tmp_path, json.dumps([UNIT, SITE])[:-1]))

    assert "cut off after 2 objects, the last one sites.site 2" in message


def test_a_cut_off_compressed_dump_is_told(tmp_path: Path) -> None:
    packed = gzip.compress(json.dumps([UNIT] * 2000).encode())

    assert "damaged or cut off" in said(written(tmp_path, packed[: len(packed) // 2]))


@pytest.mark.parametrize("layout", [ONE_A_LINE, json.dumps([UNIT])])
def test_two_dumps_in_one_file_are_told(tmp_path: Path, layout: str) -> None:
    assert "second document" in said(written(tmp_path, layout + layout))


@pytest.mark.parametrize("text", ["Traceback (most recent call last):\n", "Loading .env\n" + ONE_A_LINE, '{"a": 1}'])
def test_text_before_the_list_is_shown(tmp_path: Path, text: str) -> None:
    message = said(written(tmp_path, text))

    assert "not a Django fixture" in message
    assert text[:8] in message


@pytest.mark.parametrize("text", ['[{"pk": 1}]', "[1]", '["x"]', '[{"model": 1, "fields": {}}]', "[[]]"])
def test_a_list_of_something_else_is_no_fixture(tmp_path: Path, text: str) -> None:
    assert "no model and fields" in said(written(tmp_path, text))


@pytest.mark.parametrize("text", ["[,]", '[{"model": "a.b", "fields": {}},]', '[{"model": "a.b", "fields": {}} {}]'])
def test_damage_between_objects_is_told(tmp_path: Path, text: str) -> None:
    assert "damaged" in said(written(tmp_path, text))


def test_an_empty_file_is_told(tmp_path: Path) -> None:
    assert "empty" in said(written(tmp_path, b""))


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    assert "cannot be read" in said(tmp_path / "none.json")


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    file = written(tmp_path, json.dumps([UNIT] * 100_000))
    tracemalloc.start()
    try:
        count = sum(1 for _ in read_fixture(file))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert count == 100_000
    assert peak < file.stat().st_size


@pytest.mark.real
def test_the_dumps_of_the_real_application_are_read_whole_and_the_failed_one_is_not(real: Path) -> None:
    for file in sorted((real / "dumps").glob("*.json")):
        if file.name == "0.3.0-natural.json":
            assert "cut off after 307 objects" in said(file)
        else:
            known = json.loads(file.read_text(encoding="utf-8"))
            assert [(each.model, each.pk, each.fields) for each in read_fixture(file)] == [
                (each["model"], each["pk"], each["fields"]) for each in known
            ]
