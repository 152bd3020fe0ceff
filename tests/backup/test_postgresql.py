"""How PostgreSQL's programs are called; a server is asked in tests/end_to_end."""

from __future__ import annotations

from upgrade_kit.backup.postgresql import _connection_string
from upgrade_kit.deployment.address import DatabaseAddress


def test_the_connection_string_holds_no_secret_and_no_second_meaning() -> None:
    address = DatabaseAddress(
        vendor="postgresql",
        name="x' host='evil",
        user="qa\\",
        password="hunter2",
        host="h",
        options=(("sslmode", "require"), ("sslpassword", "geheim")),
    )
    text = _connection_string(address)
    assert "dbname='x\\' host=\\'evil'" in text
    assert "user='qa\\\\'" in text
    assert "sslmode='require'" in text
    assert "hunter2" not in text
    assert "geheim" not in text
