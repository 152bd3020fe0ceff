"""Let a pipeline stop where an upgrade would: fail on NO_GO, and on UNKNOWN unless that is allowed.

    python ci_gate.py SITE --skip backup --allow-unknown

The exit status is 0 for GO, 1 for NO_GO, 3 for UNKNOWN: the same as that of ``upgrade-kit preflight``.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from upgrade_kit import CouldNotRun, Found, Severity, UpgradeKitError, Verdict, run_preflight, survey

STATUS = {Verdict.GO: 0, Verdict.NO_GO: 1, Verdict.UNKNOWN: 3}


def main() -> int:
    """Ask the checks, print what stands in the way, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("site", type=Path, metavar="SITE")
    parser.add_argument("--database", metavar="URL", help="a copy of the database, where the site's cannot be reached")
    parser.add_argument("--skip", action="append", default=[], metavar="ID_OR_FAMILY")
    parser.add_argument("--fail-level", choices=[level.value for level in Severity], default=Severity.ERROR.value)
    parser.add_argument("--allow-unknown", action="store_true")
    arguments = parser.parse_args()
    try:
        preflight = run_preflight(
            survey(arguments.site, database=arguments.database),
            skip=arguments.skip,
            fail_level=Severity(arguments.fail_level),
        )
    except UpgradeKitError as error:
        print(f"{error.message} {error.hint}", file=sys.stderr)
        return STATUS[Verdict.UNKNOWN]
    for result in preflight.results:
        if isinstance(result.result, Found):
            for finding in filter(preflight.fails, result.result.findings):
                print(f"{result.id}: {finding.message} {finding.hint}")
        elif isinstance(result.result, CouldNotRun):
            print(f"{result.id}: could not look: {result.result.reason}")
    print(preflight.verdict.value)
    return 0 if preflight.verdict is Verdict.UNKNOWN and arguments.allow_unknown else STATUS[preflight.verdict]


if __name__ == "__main__":
    sys.exit(main())
