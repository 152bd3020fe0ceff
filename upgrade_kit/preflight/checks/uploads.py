"""The uploaded files: where they are, whether they are all there, and whether the migration can copy them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from upgrade_kit.model.finding import Finding, NotApplicable, Passed
from upgrade_kit.model.typed_word import giving_the_right_to_write, quoted
from upgrade_kit.model.unobserved import Unobserved
from upgrade_kit.model.uploads import NamedUploads, SiteUploads, UploadedFiles
from upgrade_kit.preflight.check import Answer, check, counted, error, info, to_type, warning
from upgrade_kit.preflight.facts import Facts, names_this_database, then

_MIB = 1024 * 1024
_SECTION = "migration attachments.0002 (v0.3.0) copies every upload; docs/facts.md, Uploads"
_ANY_NEEDED = "the database names no uploaded file, and {0}"
_FIRST_FIXED = "0.3.0.8"  # attachments.0001 at v0.3.0.8: max_length=255


@dataclass(frozen=True, slots=True, kw_only=True)
class FilesOfSite:
    """The uploads, and whether the database that was looked at is the one that the settings name.

    Attributes:
        uploads: the files, and those that the database names.
        belongs: whether the settings lead to that database; a copy of it elsewhere may be of other files.
        folder: the folder of the site.
    """

    uploads: SiteUploads
    belongs: bool
    folder: str

    @classmethod
    def of(cls, facts: Facts) -> Self | Unobserved:
        """Put it together, or say why that cannot be done."""
        belongs = names_this_database(facts.deployment)
        return then(facts.get(SiteUploads), lambda known: cls(uploads=known, belongs=belongs, folder=facts.folder))


@check(
    "UK521",
    "The uploaded files can be read",
    reads=FilesOfSite,
    section=_SECTION,
    remedy="Give the user that migrates the right to read the folder and all that is in it.",
)
def uploads_can_be_read(fact: FilesOfSite) -> Answer:
    """A file that the migration cannot open is left where it is, which it only logs; a backup lacks it."""
    uploads = fact.uploads
    files = uploads.files
    if isinstance(files, Unobserved):
        return files
    if not uploads.exists:
        if isinstance(uploads.named, Unobserved):
            return uploads.named
        if not uploads.named.count and uploads.in_its_place is not None:
            return (_file_in_its_place(uploads, uploads.in_its_place),)
        if not uploads.named.count:
            return Passed(_ANY_NEEDED.format(_no_folder(uploads)))
        return (_folder_missing(fact, uploads.named),)
    if files.unreadable:
        return (
            error(
                f"this user may not read {files.unreadable.count} of the files and folders below {uploads.folder}: "
                f"{files.unreadable}",
                where=str(uploads.folder),
                hint=to_type(
                    "As an administrator, in PowerShell (first line) or bash (second line), for the user that "
                    "migrates:",
                    *giving_the_right_to_write(uploads.folder),
                ),
            ),
        )
    return Passed(_measure(files))


@check(
    "UK522",
    "The settings name one folder of uploads",
    reads=SiteUploads,
    crosses="0.3.0",
    section="qatrack/attachments/models.py, move_tmp_file (v0.3.0); docs/facts.md, Uploads",
    remedy="Set MEDIA_ROOT, UPLOAD_ROOT and TMP_UPLOAD_ROOT together, or none of them.",
)
def one_folder_is_named(uploads: SiteUploads) -> Answer:
    """0.3.0 stores a file in UPLOAD_ROOT and looks for it in MEDIA_ROOT; where these differ, none is found again."""
    if isinstance(uploads.served, Unobserved):
        return uploads.served
    if isinstance(uploads.staging, Unobserved):
        return uploads.staging
    if uploads.folder != uploads.served:
        return (
            error(
                f"UPLOAD_ROOT is {uploads.folder}, and MEDIA_ROOT leads to {uploads.served}: the migration puts every "
                "uploaded file into the first, and 0.3.0 looks for it in the second",
                where="qatrack/local_settings.py",
                hint=_set_together(uploads),
            ),
        )
    if uploads.staging != uploads.served / "tmp":
        return (
            warning(
                f"TMP_UPLOAD_ROOT is {uploads.staging}, and not {uploads.served / 'tmp'}, where 0.3.0 puts a "
                "file while "
                "it is uploaded: every new one would stay there",
                where="qatrack/local_settings.py",
                hint=_set_together(uploads),
            ),
        )
    return Passed(str(uploads.folder))


@check(
    "UK523",
    "Every uploaded file that the database names is there",
    reads=FilesOfSite,
    section=_SECTION,
    remedy="Put the missing files back from a backup, or accept that they are lost.",
)
def named_files_are_there(fact: FilesOfSite) -> Answer:
    """The migration logs a file that it does not find, and ends with exit status 0."""
    uploads, named = fact.uploads, fact.uploads.named
    if isinstance(named, Unobserved):
        return named
    if not uploads.exists:
        return NotApplicable(f"{_no_folder(uploads)}: see UK521")
    if not named.missing:
        return Passed(f"{named.count} named by the database")
    if named.missing.count == named.count:
        return (_all_missing(fact, named),)
    return (
        warning(
            f"missing below {uploads.folder}: {named.missing.count} of the {named.count} uploaded files that the "
            f"database names: {named.missing}",
            where=str(uploads.folder),
            hint="Look for them in a backup of that folder and put them back under these names before you migrate. "
            "Those that are lost stay lost; the migration reports each (Failed to move) and goes on.",
        ),
    )


@check(
    "UK524",
    "The migration can write to the uploads folder",
    reads=SiteUploads,
    crosses="0.3.0",
    section=_SECTION,
    remedy="Give the user that migrates the right to write to the folder.",
)
def folder_can_be_written(uploads: SiteUploads) -> Answer:
    """It makes a folder testinstance there, and below it one for each file; where it may not, no file is moved."""
    files = uploads.files
    if isinstance(files, Unobserved):
        return files
    if not uploads.exists:
        return NotApplicable(f"{_no_folder(uploads)}: see UK521")
    if not files.unwritable:
        return Passed()
    return (
        error(
            f"this user may not write to {files.unwritable}",
            where=str(uploads.folder),
            hint=to_type(
                "As an administrator, in PowerShell (first line) or bash (second line), for the user that migrates:",
                *giving_the_right_to_write(uploads.folder),
            ),
        ),
    )


@check(
    "UK525",
    "Every uploaded file has a name that Windows can hold",
    reads=SiteUploads,
    section="Naming Files, Paths, and Namespaces (Microsoft); docs/facts.md, Uploads",
    remedy="Rename such files, here and in the database, before the site moves to Windows.",
)
def names_can_be_held(uploads: SiteUploads) -> Answer:
    """A name with one of <>:"|?* or one that is no text is lost when the folder is copied to Windows."""
    files = uploads.files
    if isinstance(files, Unobserved):
        return files
    if not files.impossible:
        return Passed()
    return (
        info(
            f"Windows cannot hold {files.impossible.count} of the names below {uploads.folder}: {files.impossible}",
            where=str(uploads.folder),
            hint="Nothing is to be done while the site stays on this machine. The kit's own backup keeps such files "
            "under other names and restores them under their own.",
        ),
    )


@check(
    "UK526",
    "No link leads out of the uploads folder",
    reads=SiteUploads,
    section="upgrade-kit backup follows no links; docs/facts.md, Uploads",
    remedy="Put the files themselves where the link is, or back up the other folder too.",
)
def no_link_leads_out(uploads: SiteUploads) -> Answer:
    """What is behind a link is in no copy of the folder, and what is behind a broken one is nowhere."""
    files = uploads.files
    if isinstance(files, Unobserved):
        return files
    if not files.links:
        return Passed()
    return (
        warning(
            f"{counted(files.links.count, 'link')} out of {uploads.folder}, or to nowhere: {files.links}",
            where=str(uploads.folder),
            hint="Back up what they lead to yourself: no backup of the folder holds it. "
            "Remove those that lead nowhere.",
        ),
    )


@check(
    "UK527",
    "The migration's column holds the new name of every uploaded file",
    reads=FilesOfSite,
    crosses="0.3.0",
    section="migrations attachments.0001 and 0002 (v0.3.0); docs/facts.md, Uploads",
    remedy=f"Migrate with {_FIRST_FIXED} or a later release of its line.",
)
def names_fit_the_column(fact: FilesOfSite) -> Answer:
    """0.3.0 makes a column of 100 characters first; a longer name stops the migration on every database but SQLite."""
    named = fact.uploads.named
    if isinstance(named, Unobserved):
        return named
    if not named.too_long:
        return Passed(f"{named.count} named by the database")
    return (
        error(
            f"names of more than 100 characters for {counted(named.too_long.count, 'uploaded file')}, at which "
            f"attachments.0002 of 0.3.0 stops half way (value too long): {named.too_long}",
            where="qa_testinstance.string_value",
            hint=to_type(
                f"Take the last release of the line, which has a column of 255 ({_FIRST_FIXED} was the first to), "
                "in place of the tag v0.3.0:",
                "git checkout v0.3.0.20",
            ),
        ),
    )


@check(
    "UK528",
    "No name of an uploaded file leads out of its folder",
    reads=FilesOfSite,
    section="migration attachments.0002 (v0.3.0), os.path.join(UPLOAD_ROOT, ...); docs/facts.md, Uploads",
    remedy="Look who wrote such a name, and take it out of the database.",
)
def names_stay_inside(fact: FilesOfSite) -> Answer:
    """The migration opens whatever the name leads to and copies it to where the site's users can fetch it."""
    named = fact.uploads.named
    if isinstance(named, Unobserved):
        return named
    if not named.outside:
        return Passed()
    return (
        warning(
            f"{counted(named.outside.count, 'name')} of uploaded files that would lead out of {fact.uploads.folder}, "
            f"such as the site itself never writes: {named.outside}. Nothing was looked for there",
            where="qa_testinstance.string_value",
            hint="Find out who made these test instances. Whatever a name leads to is copied to the uploads by the "
            "migration, so empty it in the site's admin pages first.",
        ),
    )


def _no_folder(uploads: SiteUploads) -> str:
    if uploads.in_its_place is None:
        return f"there is no folder {uploads.folder}"
    if uploads.in_its_place == uploads.folder:
        return f"{uploads.folder} is there and is no folder"
    return f"there is no folder {uploads.folder}, for {uploads.in_its_place} is none"


def _file_in_its_place(uploads: SiteUploads, file: Path) -> Finding:
    return warning(
        f"{_no_folder(uploads)}: nothing can be uploaded",
        where=str(file),
        hint="Give it another name. QATrack+ makes the folder when the first file is uploaded.",
    )


def _folder_missing(fact: FilesOfSite, named: NamedUploads) -> Finding:
    return _severe(
        fact,
        f"{_no_folder(fact.uploads)}, and the database names {counted(named.count, 'uploaded file')}" + _doubt(fact),
    )


def _all_missing(fact: FilesOfSite, named: NamedUploads) -> Finding:
    return _severe(
        fact,
        f"the database names {counted(named.count, 'uploaded file')}, and none is below {fact.uploads.folder}: "
        f"{named.missing}{_doubt(fact)}",
    )


def _severe(fact: FilesOfSite, message: str) -> Finding:
    make = error if fact.belongs else warning
    return make(
        message,
        where=str(fact.uploads.folder),
        hint=to_type(
            "The migration looks only there: it would move none of them and end with exit status 0. "
            + ("" if fact.uploads.in_its_place is None else f"Move {fact.uploads.in_its_place} out of the way. ")
            + "Find the site's "
            "media folder (in the old checkout, or in a backup) and copy it there, in PowerShell (first line) or bash "
            "(second line):",
            f"robocopy OLD_CHECKOUT\\qatrack\\media\\uploads {quoted(str(fact.uploads.folder))} /E",
            f"cp -a OLD_CHECKOUT/qatrack/media/uploads/. {quoted(str(fact.uploads.folder))}",
        ),
    )


def _doubt(fact: FilesOfSite) -> str:
    return "" if fact.belongs else "; but this is not the database that the settings of this site name"


def _set_together(uploads: SiteUploads) -> str:
    return to_type(
        "In qatrack/local_settings.py take out what sets one of them, or set all three, to the folder that holds "
        "the files:",
        "import os",
        f"MEDIA_ROOT = {str(uploads.folder.parent)!r}",
        'UPLOAD_ROOT = os.path.join(MEDIA_ROOT, "uploads")',
        'TMP_UPLOAD_ROOT = os.path.join(UPLOAD_ROOT, "tmp")',
    )


def _measure(files: UploadedFiles) -> str:
    return f"{files.count} file{'' if files.count == 1 else 's'}, {files.bytes / _MIB:,.1f} MiB"


CHECKS = (
    uploads_can_be_read,
    one_folder_is_named,
    named_files_are_there,
    folder_can_be_written,
    names_can_be_held,
    no_link_leads_out,
    names_fit_the_column,
    names_stay_inside,
)
