"""What SHOW GRANTS says, as servers write it."""

from __future__ import annotations

import pytest

from upgrade_kit.deployment.server_mysql import Grant, counting, grants_in


@pytest.mark.parametrize(
    ("line", "database", "privileges"),
    [
        ("GRANT ALL PRIVILEGES ON *.* TO 'qatrack'@'localhost' IDENTIFIED BY PASSWORD '*A1'", "*", {"ALL PRIVILEGES"}),
        ("GRANT SELECT, LOCK TABLES ON `qa\\_db`.* TO `q`@`%`", r"qa\_db", {"SELECT", "LOCK TABLES"}),
        ("GRANT USAGE ON *.* TO 'q'@'%' REQUIRE SSL", "*", {"USAGE"}),
        ("GRANT CREATE TEMPORARY TABLES ON `a``b`.* TO `q`@`%` WITH GRANT OPTION", "a`b", {"CREATE TEMPORARY TABLES"}),
        ("GRANT SELECT (`id`, `name`), INSERT ON `db`.* TO `q`@`%`", "db", {"INSERT"}),
        ("GRANT BACKUP_ADMIN,ROLE_ADMIN ON *.* TO `q`@`%`", "*", {"BACKUP_ADMIN", "ROLE_ADMIN"}),
    ],
)
def test_a_grant_on_a_whole_database_is_read(line: str, database: str, privileges: set[str]) -> None:
    assert list(grants_in([line])) == [Grant(frozenset(privileges), database)]


@pytest.mark.parametrize(
    "line",
    [
        "GRANT SELECT ON `db`.`qa_test` TO `q`@`%`",
        "GRANT EXECUTE ON PROCEDURE `db`.`p` TO `q`@`%`",
        "GRANT `role` TO `q`@`%`",
        "GRANT PROXY ON ''@'' TO 'root'@'localhost' WITH GRANT OPTION",
        "SET DEFAULT ROLE `role` FOR `q`@`%`",
        "",
    ],
)
def test_what_is_no_such_grant_is_left_out(line: str) -> None:
    assert list(grants_in([line])) == []


@pytest.mark.parametrize(
    ("pattern", "database", "covers"),
    [
        ("*", "anything", True),
        ("qatrack", "QATrack", True),
        (r"qa\_db", "qa_db", True),
        (r"qa\_db", "qaxdb", False),
        ("qa_db", "qaxdb", True),
        ("qa%", "qatrackplus", True),
        ("qa%", "other", False),
        ("a.b", "axb", False),
    ],
)
def test_a_pattern_stands_for_what_it_says(pattern: str, database: str, covers: bool) -> None:
    assert Grant(frozenset(), pattern).covers(database) is covers


def test_of_several_patterns_only_the_most_exact_counts() -> None:
    grants = [Grant(frozenset({name}), name) for name in ("*", "q%", "qa_db", r"qa\_db", "other")]
    assert [grant.database for grant in counting(grants, "qa_db")] == ["*", r"qa\_db"]
    assert [grant.database for grant in counting(grants, "qaxdb")] == ["*", "qa_db"]
    assert [grant.database for grant in counting(grants, "nowhere")] == ["*"]
