"""Nothing that is shown of a settings file holds a secret of it."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upgrade_kit import rewrite_settings
from upgrade_kit.rewriting.settings.module import SettingsModule
from upgrade_kit.rewriting.settings.secrets import Secrets

WORD = "Zq7-geheim"


def hidden(text: str) -> str:
    return Secrets(SettingsModule.read(text)).hidden(text)


@pytest.mark.parametrize(
    "text",
    [
        "DATABASES = {'default': {'PASSWORD': 'Zq7-geheim'}}\n",
        "DATABASES = {'default': dict(PASSWORD=\"Zq7-geheim\")}\n",
        "DATABASES['default']['PASSWORD'] = 'Zq7-geheim'\n",
        "DATABASES['default'].update(PASSWORD='Zq7-geheim')\n",
        "DATABASES['default'].setdefault('PASSWORD', 'Zq7-geheim')\n",
        "X = dict([('PASSWORD', 'Zq7-geheim')])\n",
        "SECRET_KEY = 'Zq7-geheim'\n",
        "SECRET_KEY = '''one\nZq7-geheim\nthree'''\n",
        "EMAIL_HOST_PASSWORD = ('Zq7-' 'geheim')\n",
        "EMAIL_HOST_PASSWORD = 'Zq7-' + 'geheim'\n",
        "EMAIL_HOST_PASSWORD = 'Zq7-' \\\n    'geheim'\n",
        "AD_LDAP_PW = u'Zq7-geheim'\n",
        "API_TOKEN = b'Zq7-geheim'\n",
        "API_TOKEN = f'Zq7-geheim'\n",
        "word = 'Zq7-geheim'\nDATABASES = {'default': {'PASSWORD': word}}\n",
        "word = 'Zq7-geheim'\nother = word\nDATABASES = {'default': {'PASSWORD': other.strip()}}\n",
        "PASSWORD = os.environ.get('X', 'Zq7-geheim')\n",
        "X = os.environ.get('DB_PASSWORD', 'Zq7-geheim')\n",
        "USER, PASSWORD = 'qatrack', 'Zq7-geheim'\n",
        "def get_password():\n    return 'Zq7-geheim'\n",
        "def connect(password='Zq7-geheim'):\n    pass\n",
        "class Secret:\n    password = 'Zq7-geheim'\n",
        "PASSWORD: str = 'Zq7-geheim'\n",
        "# 'PASSWORD': 'Zq7-geheim',\n",
        "# PASSWORD = Zq7-geheim\n",
        '#EMAIL_HOST_PASSWORD="Zq7-geheim"\n',
        "# the password is Zq7-geheim\n",
        "# 'PASSWORD': 'Zq7-geheim\n",
        "# admin pw Zq7-geheim\n",
        "# Kennwort Zq7-geheim  \n",
        "if PASSWORD == 'Zq7-geheim':\n    pass\n",
        "KENNWORT = 'Zq7-geheim'\n",
        "mdp = 'Zq7-geheim'\n",
        "LDAP_AUTH = ('qatrack', 'Zq7-geheim')\n",
        "SALT = 'Zq7-geheim'\n",
        "EMAIL_URL = 'smtp://me@hospital.example:Zq7-geheim@mail:25'\n",
        "PASSWORD = 'Zq7-geheim'  # until May it was Zq7-geheim\n",
        "'''\n'PASSWORD': 'Zq7-geheim',\n'''\n",
        "URL = 'postgresql://qatrack:Zq7-geheim@localhost/qatrackplus'\n",
        "URL = 'postgresql://qatrack:Zq7-geheim/with@signs@localhost/qatrackplus'\n",
        "# mssql://sa:Zq7-geheim@host/db\n",
        "X = 'DRIVER=SQL Server;UID=sa;PWD=Zq7-geheim;MARS=yes'\n",
        "X = 'Data Source=x;Password = Zq7-geheim'\n",
        "X = \"Data Source=x;Password='Zq7;geheim'\"\n",
        "X = 'DRIVER=x;PWD={Zq7;geheim};A=1'\n",
        "PASSWORD = 'Zq7-geheim'\nURL = 'http://x/?q=Zq7-geheim'\n",
    ],
)
def test_a_secret_is_hidden_wherever_it_stands(text: str) -> None:
    assert "Zq7" in text

    shown = hidden(text)

    assert "Zq7" not in shown
    assert "geheim" not in shown
    assert "..." in shown
    assert len(re.split(r"\r\n|\r|\n", shown)) == len(re.split(r"\r\n|\r|\n", text))


@pytest.mark.parametrize(
    "text",
    [
        "DATABASES = {'default': {'PASSWORD': 'pa\\'ss\\\\word-Zq7'}}\n",
        "DATABASES = {'default': {'PASSWORD': r'pa\\ss-Zq7'}}\n",
        "DATABASES = {'default': {'PASSWORD': 90417}}\nZq7 = 1\n",
        "DATABASES = {'default': {'PASSWORD': 090417}}\nprint 'x'\n",
    ],
)
def test_escapes_and_numbers_are_hidden_too(text: str) -> None:
    assert not re.search(r"ss-Zq7|word-Zq7|90417", hidden(text))


@pytest.mark.parametrize(
    "text",
    [
        "'USER': '',  # USER/PWD can usually be left blank if SQL server is running on the same server\n",
        "X = {'PASSWORD': '', 'HOST': '127.0.0.1\\\\SQLExpress'}  # leave blank\n",
        "DATABASES = {'default': {'ENGINE': 'sqlserver_ado', 'NAME': 'qatrackplus'}}\n",
        "EMAIL_HOST_PASSWORD = None\nEMAIL_PORT = 587\n",
        "# Add 'postgresql_psycopg2', 'mysql', 'sqlite3'\nURL = 'http://localhost:8080/qatrack'\n",
        "# don't lose the key\nX = \"it's\"\n",
        "X = 'a # no comment'  # 'no text'\n",
    ],
)
def test_what_is_no_secret_is_shown_as_it_is(text: str) -> None:
    assert hidden(text) == text


def test_the_password_of_a_line_beside_a_change_is_hidden_before_and_after() -> None:
    text = "DATABASES = {'default': {'ENGINE': 'sqlserver_ado', 'PASSWORD': 'Zq7-geheim'}}\nprint 'x'\n"
    answer = rewrite_settings(text)
    secrets = Secrets(SettingsModule.read(answer.before), SettingsModule.read(answer.source))

    assert "Zq7" not in secrets.hidden(answer.before) + secrets.hidden(answer.source)
    assert "'PASSWORD': '...'" in secrets.hidden(answer.source)


def test_a_sentence_about_the_file_holds_no_secret_either() -> None:
    secrets = Secrets(SettingsModule.read("SECRET_KEY = 'Zq7-geheim'\n"))

    assert secrets.said("print >>Zq7-geheim is not converted") == "print >>... is not converted"


@given(st.text(st.characters(exclude_characters="\r\n\0", exclude_categories=["Cs"]), max_size=20))
def test_any_password_is_hidden_in_its_place(end: str) -> None:
    password = f"Zq7{end}"
    shown = hidden(f"DATABASES = {{'default': {{'PASSWORD': {password!r}, 'PORT': ''}}}}\n")

    assert shown == "DATABASES = {'default': {'PASSWORD': " + repr(password)[0] + "..." + repr(password)[-1] + (
        ", 'PORT': ''}}\n"
    )
