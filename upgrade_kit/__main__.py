"""``python -m upgrade_kit`` is ``upgrade-kit``."""

from __future__ import annotations

from upgrade_kit.cli.main import run

if __name__ == "__main__":
    run()
