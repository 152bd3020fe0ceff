from __future__ import annotations

from dataclasses import replace

import pytest
from packaging.version import Version

from upgrade_kit.model.finding import Finding, NotApplicable, Severity
from upgrade_kit.model.path import UpgradePath
from upgrade_kit.model.precondition import DataAhead, Demand, Examined, Offenders, Precondition
from upgrade_kit.model.unobserved import NOT_ASKED, Unobserved
from upgrade_kit.planning.graph import VersionGraph
from upgrade_kit.preflight.ahead import DataOnPath, offences, remarks

WANTED = Precondition(
    source=Version("0.2.9.1"),
    target=Version("0.3.0"),
    demand=Demand.UNIQUE,
    table="django_site",
    columns=("domain",),
    to="",
    of_test_type="",
    values=(),
    most=None,
    prefix="",
    migration="sites.0002",
    stops=("sqlite",),
    effect="it stops",
    otherwise="it goes on",
    loses=False,
    mend="Mend it.",
    lines=("one line",),
)
TWICE = Offenders(count=1, named=("example.com (2 rows)",))
BLIND = Unobserved("it is locked")


def on_path(*examined: Examined, vendor: str = "sqlite", path: UpgradePath | None = None) -> DataOnPath:
    data = DataAhead(vendor=vendor, examined=examined, orphans=NOT_ASKED, drift=NOT_ASKED)
    return DataOnPath(data=data, path=path or VersionGraph.load().path("0.2.9.1", "0.3.0"))


def found(fact: DataOnPath, *demands: Demand) -> list[Finding]:
    answer = offences(fact, *(demands or (Demand.UNIQUE,)))
    assert isinstance(answer, list)
    return answer


def test_nothing_that_offends_is_no_finding() -> None:
    item = Examined(precondition=WANTED, offenders=Offenders(count=0, named=()))
    assert found(on_path(item)) == []


def test_where_the_migration_stops_it_is_an_error_with_what_to_type() -> None:
    (finding,) = found(on_path(Examined(precondition=WANTED, offenders=TWICE)))
    assert finding == Finding(
        severity=Severity.ERROR,
        message="1 value stands more than once: example.com (2 rows). It stops (sites.0002)",
        where="django_site.domain",
        hint="Mend it.\n    one line",
    )


def test_where_it_goes_on_it_is_a_warning() -> None:
    (finding,) = found(on_path(Examined(precondition=WANTED, offenders=TWICE), vendor="mysql"))
    assert (finding.severity, finding.message.endswith("It goes on (sites.0002)")) == (Severity.WARNING, True)


def test_where_it_goes_on_and_loses_something_it_is_an_error() -> None:
    item = Examined(precondition=replace(WANTED, stops=(), loses=True), offenders=TWICE)
    assert [finding.severity for finding in found(on_path(item))] == [Severity.ERROR]


def test_what_is_in_progress_is_but_told() -> None:
    wanted = replace(WANTED, stops=(), demand=Demand.UNFINISHED)
    answer = remarks(on_path(Examined(precondition=wanted, offenders=TWICE)), Demand.UNFINISHED)
    assert isinstance(answer, list)
    assert [finding.severity for finding in answer] == [Severity.INFO]


@pytest.mark.parametrize(
    ("changes", "vendor"),
    [
        pytest.param({"demand": Demand.SINGLE}, "sqlite", id="another demand"),
        pytest.param({"otherwise": ""}, "postgresql", id="another vendor's trouble"),
        pytest.param({"target": Version("9.0")}, "sqlite", id="a version that is not on the way"),
    ],
)
def test_what_does_not_arise_does_not_apply(changes: dict[str, object], vendor: str) -> None:
    item = Examined(precondition=replace(WANTED, **changes), offenders=TWICE)  # type: ignore[arg-type]
    assert isinstance(offences(on_path(item, vendor=vendor), Demand.UNIQUE), NotApplicable)


def test_at_the_target_nothing_applies() -> None:
    item = Examined(precondition=WANTED, offenders=TWICE)
    path = VersionGraph.load().path("0.3.0", "0.3.0")
    assert isinstance(offences(on_path(item, path=path), Demand.UNIQUE), NotApplicable)


def test_what_two_hops_ask_alike_is_told_once() -> None:
    first = replace(WANTED, source=Version("0.2.8"), target=Version("0.2.9.1"), migration="the first")
    items = [Examined(precondition=wanted, offenders=TWICE) for wanted in (first, WANTED)]
    (finding,) = found(on_path(*items, path=VersionGraph.load().path("0.2.8", "0.3.0")))
    assert "the first" in finding.message


def test_what_could_not_be_looked_at_is_no_pass() -> None:
    assert offences(on_path(Examined(precondition=WANTED, offenders=BLIND)), Demand.UNIQUE) == BLIND


def test_what_could_not_be_looked_at_is_told_beside_what_was_found() -> None:
    other = replace(WANTED, table="qa_test")
    answer = found(
        on_path(Examined(precondition=WANTED, offenders=TWICE), Examined(precondition=other, offenders=BLIND))
    )
    assert [finding.severity for finding in answer] == [Severity.ERROR, Severity.ERROR]
    assert "it is locked" in answer[1].message


def test_what_is_another_checks_business_is_left_to_it() -> None:
    elsewhere = Unobserved("see UK321", asked=False)
    assert offences(on_path(Examined(precondition=WANTED, offenders=elsewhere)), Demand.UNIQUE) == elsewhere
    answer = found(
        on_path(
            Examined(precondition=WANTED, offenders=TWICE),
            Examined(precondition=replace(WANTED, table="qa_test"), offenders=elsewhere),
        )
    )
    assert len(answer) == 1
