"""Look at many QATrack+ sites and print one table: which are ready for the upgrade, and what stands in the way.

    python audit_sites.py //server1/qatrackplus //server2/qatrackplus > audit.md

Nothing of any site is written. The exit status is 0 where all are GO, else 1.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from upgrade_kit import Found, Severity, Unobserved, UpgradeKitError, Verdict, run_preflight, survey


@dataclass(frozen=True)
class Audited:
    """One row of the table."""

    site: str
    version: str
    verdict: str
    errors: int = 0
    warnings: int = 0
    first: str = ""


def audit(site: Path) -> Audited:
    """Look at one site; that it cannot be looked at is a row too."""
    try:
        deployment = survey(site)
        preflight = run_preflight(deployment)
    except UpgradeKitError as error:
        return Audited(str(site), "?", Verdict.UNKNOWN.value, first=error.message)
    findings = [
        (result.id, finding)
        for result in preflight.results
        if isinstance(result.result, Found)
        for finding in result.result.findings
    ]
    counts = Counter(finding.severity for _, finding in findings)
    errors = [f"{id_} {finding.message}" for id_, finding in findings if finding.severity is Severity.ERROR]
    version = deployment.version
    return Audited(
        site=str(site),
        version="?" if isinstance(version, Unobserved) else str(version),
        verdict=preflight.verdict.value,
        errors=counts[Severity.ERROR],
        warnings=counts[Severity.WARNING],
        first=errors[0] if errors else "",
    )


def main() -> int:
    """Print the table, a row for each site as soon as it is known."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("sites", nargs="+", type=Path, metavar="SITE")
    arguments = parser.parse_args()
    print("| site | version | verdict | errors | warnings | first error |")
    print("|---|---|---|---|---|---|")
    verdicts = set()
    for site in arguments.sites:
        row = audit(site)
        cells = (row.site, row.version, row.verdict, str(row.errors), str(row.warnings), row.first)
        print("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |", flush=True)
        verdicts.add(row.verdict)
    return 0 if verdicts == {Verdict.GO.value} else 1


if __name__ == "__main__":
    sys.exit(main())
