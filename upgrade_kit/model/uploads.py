"""What is known of a site's uploaded files: those in its folder, and those that its database names."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from upgrade_kit.model.unobserved import Unobserved


@dataclass(frozen=True, slots=True, kw_only=True)
class Examples:
    """How many there are of a kind, and the first few of them in words."""

    count: int
    first: tuple[str, ...]

    def __bool__(self) -> bool:
        """Return whether there are any."""
        return self.count > 0

    def __str__(self) -> str:
        """Return the first few, and how many more there are."""
        more = self.count - len(self.first)
        return ", ".join(self.first) + (f" and {more} more" if more > 0 else "")


NO_EXAMPLES = Examples(count=0, first=())


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadedFiles:
    """What the folder of uploads holds; paths are relative to it.

    Attributes:
        count: how many plain files.
        bytes: how many bytes they are.
        newest: when the youngest of them was written to, in UTC; None without files.
        unreadable: files and folders that this user may not read.
        unwritable: folders that the migration writes to and this user may not.
        links: symbolic links and junctions that lead out of the folder, or nowhere.
        impossible: names that Windows cannot hold, or that are no text.
    """

    count: int
    bytes: int
    newest: datetime | None
    unreadable: Examples = NO_EXAMPLES
    unwritable: Examples = NO_EXAMPLES
    links: Examples = NO_EXAMPLES
    impossible: Examples = NO_EXAMPLES


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedUploads:
    """What the database says of uploaded files.

    Attributes:
        count: how many it names.
        missing: those that are not in the folder.
        outside: names that lead out of the folder.
        too_long: those whose new name is longer than the column that attachments.0001 makes.
    """

    count: int
    missing: Examples = NO_EXAMPLES
    outside: Examples = NO_EXAMPLES
    too_long: Examples = NO_EXAMPLES


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteUploads:
    """The uploads of a site.

    Attributes:
        folder: ``UPLOAD_ROOT``, which the migration reads from and writes to.
        served: ``MEDIA_ROOT/uploads``, where 0.3.0 looks for what is stored.
        staging: ``TMP_UPLOAD_ROOT``.
        exists: whether the folder is there.
        in_its_place: what stands in its place, or in that of a folder above it, and is none.
        files: what it holds, or why that is not known; nothing where it is not there.
        named: what the database names, or why that is not known.
    """

    folder: Path
    served: Path | Unobserved
    staging: Path | Unobserved
    exists: bool
    files: UploadedFiles | Unobserved
    named: NamedUploads | Unobserved
    in_its_place: Path | None = None
