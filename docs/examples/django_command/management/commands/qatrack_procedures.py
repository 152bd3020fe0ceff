"""``manage.py qatrack_procedures URL``: which calculation procedures of a QATrack+ database have to change.

For a project of your own, Django 5.2 or as upgrade_kit requires: put the folder ``django_command`` on its path and
'django_command' into INSTALLED_APPS. The kit reads the other database beside yours; your settings, your connections
and your transactions are left alone.
"""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from upgrade_kit import Outcome, UpgradeKitError, plan_rewrites, survey


class Command(BaseCommand):
    """List each upload test with its outcome."""

    help = "Which calculation procedures of a QATrack+ database have to change for 0.3.0."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the arguments of the command."""
        parser.add_argument(
            "database", metavar="URL", help="sqlite:///file, postgresql://..., mssql://..., mysql://..."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Print a line for each test.

        Raises:
            CommandError: the database cannot be read.
        """
        try:
            plan = plan_rewrites(survey(database=options["database"], interpreters=False, server=False))
        except UpgradeKitError as error:
            raise CommandError(str(error)) from error
        for item in plan.items:
            self.stdout.write(f"{item.rewrite.outcome.value}\t{item.procedure.slug}\t{item.rewrite.reason}")
        left = sum(item.rewrite.outcome is not Outcome.UNCHANGED for item in plan.items)
        self.stdout.write(f"{left} of {len(plan.items)} need a look or a change.")
