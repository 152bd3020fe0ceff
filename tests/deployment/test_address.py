from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upgrade_kit.deployment.address import FORMS, DatabaseAddress, parse_database_url
from upgrade_kit.errors import UsageError

BASE = Path(__file__).resolve().parent
ABSOLUTE = str(BASE.parent / "qatrack.db")


def parse(text: str, password: str | None = None) -> DatabaseAddress:
    return parse_database_url(text, base=BASE, password=password)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        pytest.param("sqlite:///db/default.db", str(BASE / "db" / "default.db"), id="relative to the base"),
        pytest.param("sqlite:///../default.db", str(BASE.parent / "default.db"), id="dots are taken away"),
        pytest.param(f"sqlite:///{ABSOLUTE}", ABSOLUTE, id="four slashes before an absolute path"),
        pytest.param("sqlite:///C:/qa/site.db", "C:\\qa\\site.db", id="a Windows drive"),
        pytest.param("sqlite:///C:\\qa\\site.db", "C:\\qa\\site.db", id="a Windows drive with backslashes"),
        pytest.param("sqlite:///\\\\server\\qa\\site.db", "\\\\server\\qa\\site.db", id="a Windows share"),
        pytest.param("sqlite:///my%20site%231%3F.db", str(BASE / "my site#1?.db"), id="percent-encoding"),
        pytest.param("sqlite:///my site#1.db", str(BASE / "my site#1.db"), id="blanks and hashes as they are"),
        pytest.param("SQLite:///a.db", str(BASE / "a.db"), id="the scheme in any case"),
    ],
)
def test_a_sqlite_url_names_a_file(text: str, name: str) -> None:
    address = parse(text)
    assert (address.vendor, address.name) == ("sqlite", name)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            "mssql://sa:pw@db.clinic:1433/qatrackplus?driver=ODBC+Driver+18+for+SQL+Server&Encrypt=no",
            DatabaseAddress(
                vendor="microsoft",
                name="qatrackplus",
                user="sa",
                password="pw",
                host="db.clinic",
                port="1433",
                options=(("driver", "ODBC Driver 18 for SQL Server"), ("Encrypt", "no")),
            ),
            id="SQL Server with driver and options",
        ),
        pytest.param(
            "mssql://sa:pw@127.0.0.1\\SQLExpress/qatrackplus",
            DatabaseAddress(
                vendor="microsoft", name="qatrackplus", user="sa", password="pw", host="127.0.0.1\\SQLExpress"
            ),
            id="a named instance",
        ),
        pytest.param(
            "mssql://127.0.0.1%5CSQLExpress/qatrackplus",
            DatabaseAddress(vendor="microsoft", name="qatrackplus", host="127.0.0.1\\SQLExpress"),
            id="a named instance, encoded, with the Windows login",
        ),
        pytest.param(
            "mssql://db.clinic,1433/qa",
            DatabaseAddress(vendor="microsoft", name="qa", host="db.clinic", port="1433"),
            id="host,port as SQL Server writes it",
        ),
        pytest.param(
            "mssql:///qa?dsn=QATRACK",
            DatabaseAddress(vendor="microsoft", name="qa", options=(("dsn", "QATRACK"),)),
            id="a data source name stands for the host",
        ),
        pytest.param(
            "postgresql://qa@[::1]:5433/qatrackplus31",
            DatabaseAddress(vendor="postgresql", name="qatrackplus31", user="qa", host="::1", port="5433"),
            id="IPv6",
        ),
        pytest.param(
            "postgres://qa:p%40ss%2Fw%C3%B6rd%25@db/na%20me/",
            DatabaseAddress(vendor="postgresql", name="na me", user="qa", password="p@ss/w\u00f6rd%", host="db"),
            id="percent-encoding",
        ),
        pytest.param(
            "mariadb://qa:p@ss:w#rd@db/qa",
            DatabaseAddress(vendor="mysql", name="qa", user="qa", password="p@ss:w#rd", host="db"),
            id="a password with @ : # as they are",
        ),
        pytest.param(
            "mysql://u:a/b@db/qa",
            DatabaseAddress(vendor="mysql", name="qa", user="u", password="a/b", host="db"),
            id="a password with a slash as it is",
        ),
        pytest.param("mysql://db/qa", DatabaseAddress(vendor="mysql", name="qa", host="db"), id="no login"),
    ],
)
def test_a_server_url_is_taken_apart(text: str, expected: DatabaseAddress) -> None:
    assert parse(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("C:\\site.db", id="a path"),
        pytest.param("oracle://u:s3cret@h/n", id="another vendor"),
        pytest.param("sqlite://site.db", id="two slashes"),
        pytest.param("sqlite:///", id="no file"),
        pytest.param("sqlite:///:memory:", id="memory"),
        pytest.param("sqlite:///a%00b", id="a NUL"),
        pytest.param("postgresql://u:s3cret@h", id="no database"),
        pytest.param("postgresql://u:s3cret@h/", id="an empty database"),
        pytest.param("postgresql://u:s3cret@/n", id="no host"),
        pytest.param("mysql://u:s3cret@h:port/n", id="a port in words"),
        pytest.param("mysql://u:s3cret@h:70000/n", id="a port that does not exist"),
        pytest.param("mysql://u:s3cret@[::1/n", id="a bracket left open"),
        pytest.param("mssql://u:s3cret?x@h/n", id="a bare question mark in the password"),
        pytest.param("mssql://u:s3cret@h/n?driver", id="an option without a value"),
    ],
)
def test_what_is_no_url_is_told_with_the_forms_and_without_the_password(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(text, password="s3cret")
    assert all(form in str(caught.value) for form in FORMS)
    assert "s3cret" not in str(caught.value)


def test_the_separate_password_fills_in() -> None:
    assert parse("mysql://u@h/n", password="pw").password == "pw"


def test_the_separate_password_does_not_replace_the_one_in_the_url() -> None:
    assert parse("mysql://u:first@h/n", password="second").password == "first"


def test_the_separate_password_is_nothing_to_sqlite() -> None:
    assert parse("sqlite:///a.db", password="pw").password == ""


def test_neither_repr_nor_shown_holds_a_password() -> None:
    address = parse("mssql://sa:s3cret@h/n?driver=FreeTDS&PWD=s3cret&extra_params=a%3Db;PWD%3Ds3cret")
    assert "s3cret" not in repr(address) + address.shown
    assert "driver=FreeTDS" in address.shown


@given(
    vendor=st.sampled_from(["postgresql", "mysql", "microsoft"]),
    name=st.text(st.characters(exclude_categories=["Cs"]), min_size=1),
    user=st.text(st.characters(exclude_categories=["Cs"])),
    host=st.from_regex(r"[a-z0-9.-]{1,20}|[0-9a-f]{1,4}::[0-9a-f]{1,4}", fullmatch=True),
    port=st.one_of(st.just(""), st.integers(1, 65535).map(str)),
)
def test_what_is_shown_leads_back_to_the_same_place(vendor: str, name: str, user: str, host: str, port: str) -> None:
    address = DatabaseAddress(vendor=vendor, name=name, user=user, password="pw", host=host, port=port)
    shown = address.shown
    assert parse(shown, password="pw") == address
    assert shown.isascii()


@given(st.text(st.characters(exclude_characters="/\\\0\r\n", exclude_categories=["Cs"]), min_size=1))
def test_any_file_name_survives_being_shown(name: str) -> None:
    address = DatabaseAddress(vendor="sqlite", name=os.path.abspath(BASE / f"x{name}"))  # noqa: PTH100 - as the code
    assert parse(address.shown) == address


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        pytest.param(
            "postgresql://a@localhost/n", "postgresql://b@127.0.0.1:5432/n", True, id="this machine, its port"
        ),
        pytest.param("mssql://.\\SQLExpress/n", "mssql://localhost\\sqlexpress/N", True, id="an instance here"),
        pytest.param("mssql://.\\SQLExpress/n", "mssql://localhost/n", False, id="an instance and the default one"),
        pytest.param("postgresql://h/n", "postgresql://h/m", False, id="another database"),
        pytest.param("postgresql://h/n", "postgresql://i/n", False, id="another host"),
        pytest.param("postgresql://h/n", "postgresql://h:5433/n", False, id="another port"),
        pytest.param("postgresql://h/n", "mysql://h/n", False, id="another vendor"),
        pytest.param("sqlite:///a.db", "sqlite:///x/../a.db", True, id="one file by two ways"),
        pytest.param("sqlite:///a.db", "sqlite:///b.db", False, id="two files"),
    ],
)
def test_two_addresses_lead_to_one_place_or_not(one: str, other: str, same: bool) -> None:
    assert parse(one).leads_where(parse(other)) is same


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
def test_a_link_leads_to_the_file_behind_it(tmp_path: Path) -> None:
    (tmp_path / "site.db").write_bytes(b"")
    try:
        (tmp_path / "link.db").symlink_to(tmp_path / "site.db")
    except OSError:
        pytest.skip("this account may not make links")
    here = DatabaseAddress(vendor="sqlite", name=str(tmp_path / "site.db"))
    assert here.leads_where(DatabaseAddress(vendor="sqlite", name=str(tmp_path / "link.db")))
