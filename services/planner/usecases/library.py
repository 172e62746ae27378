"""What operators do to the platform's library: look at a change, and then make it.

Every change is kept with all its lines and with who made it. It is written as it was looked at or not at all: what a
line would do is compared with the library again first, while nobody else changes that.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from chassis.database import Database
from chassis.errors import InvalidArgument, NotFound, RequestIdReused
from chassis.objects import ObjectStore
from services.planner import library as rules
from services.planner.domain import normalise
from services.planner.errors import PreviewOutdated
from services.planner.imports import LIBRARY_LAYOUTS, Limits
from services.planner.library import Catalogue, Change, Content, Figures, Outcome, SeedKey, WrongLine
from services.planner.repository import library as stored
from services.planner.usecases.uploads import opened

LIMITS = Limits(bytes_max=32 * 1024 * 1024, lines_max=50_020)
"""50,000 keywords and what is above them: all lines are compared and kept while somebody waits."""
PROMOTIONS_MAX = 1_000
_KEY = re.compile(r"imports/library/[0-9a-f-]{36}")
_FILENAME_CHARS_MAX = 255


@dataclass(frozen=True)
class Asked:
    """Who asks for a change, under which request id ("" for none), and what the rest of his request hashes to."""

    by: str
    request_id: str
    body_hash: bytes


@dataclass(frozen=True)
class NewFile:
    """A file for the library; industry and sector are those of lines that name none."""

    object_key: str
    filename: str
    industry: str
    sector: str


@dataclass(frozen=True)
class Promotion:
    """A keyword that accounts added, as the library is to have it."""

    sector_id: UUID
    text: str
    figures: Figures

    @property
    def key(self) -> SeedKey:
        """What it is known by."""
        return self.sector_id, normalise(self.text)


class Library:
    """The platform's library, as operators change it.

    Args:
        database: the planner's under its sweep role; the app role writes nothing of the library.
        objects: where uploads lie.
        limits: how much one file may hold.
    """

    def __init__(self, database: Database, objects: ObjectStore, limits: Limits = LIMITS) -> None:
        self.database, self._objects, self._limits = database, objects, limits

    def preview(self, file: NewFile, catalogue: Catalogue, asked: Asked) -> UUID:
        """Compare a file with the library, and keep what it would do; return the change's id.

        Raises:
            InvalidArgument: it is no upload for the library, or names a sector neither in a column nor for all lines.
            FileRefused: the file as a whole cannot be read.
            UploadMissing: the upload is gone.
            RequestIdReused: the request id was used for another file.
        """
        with self.database.untenanted() as connection:
            before = _answered(connection, asked)
        if before is not None:
            return before
        content = self._read(file, catalogue)  # outside of a transaction: it takes seconds, and the pool is small
        with self.database.untenanted() as connection:
            stored.alone(connection)
            before = _answered(connection, asked)
            if before is not None:  # the same request at the same moment
                return before
            stored.forget_previews(connection)
            there = stored.stored(connection, [row.key for row in content.rows])
            changes = rules.compare(content.rows, there)
            about = {"kind": "import", "filename": file.filename[:_FILENAME_CHARS_MAX], "layout": content.layout}
            return stored.record(connection, about | _told(asked, changes, content.wrong), changes, content.wrong)

    def apply(self, change_id: UUID, by: str) -> None:
        """Write a change into the library, whole or not at all; one that was written stays so.

        Raises:
            NotFound: there is none.
            PreviewOutdated: a line would do something else than when it was looked at.
        """
        with self.database.untenanted() as connection:
            stored.alone(connection)
            change = stored.locked(connection, change_id)
            if change is None:
                raise NotFound.row("library change", change_id)
            if change.status == "applied":
                return
            outdated = stored.count_outdated(connection, change_id)
            if outdated:
                raise PreviewOutdated(outdated)
            stored.apply(connection, change_id, by)

    def promote(self, promotions: Sequence[Promotion], asked: Asked) -> UUID:
        """Take keywords that accounts added into the library, all at once; return the change's id.

        What the library has already stays as it is there. A keyword that exists keeps the private seed it was made with
        (decision 19): an operator changes no tenant's row, and no figure that a site sees.

        Raises:
            RequestIdReused: the request id was used for other ones.
        """
        with self.database.untenanted() as connection:
            stored.alone(connection)
            before = _answered(connection, asked)
            if before is not None:
                return before
            keys = [promotion.key for promotion in promotions]
            there, places = stored.stored(connection, keys), stored.candidates(connection, keys)
            wanted = [(promotion.key, promotion.text, promotion.figures) for promotion in promotions]
            rows, wrong = rules.promoted(wanted, places, there)
            changes = rules.compare(rows, there)
            about = {"kind": "promotion"} | _told(asked, changes, wrong)
            change_id = stored.record(connection, about, changes, wrong)
            stored.apply(connection, change_id, asked.by)
            return change_id

    def _read(self, file: NewFile, catalogue: Catalogue) -> Content:
        if not _KEY.fullmatch(file.object_key):
            raise InvalidArgument.field("object_key", "is not an upload for the library; upload the file again")
        with opened(self._objects, file.object_key, file.filename, self._limits, LIBRARY_LAYOUTS) as source:
            if not file.sector and "sector" not in source.match.indexes:
                raise InvalidArgument.field("sector", "is required, as the file has no column 'sector'")
            return rules.read(source, catalogue, industry=file.industry, sector=file.sector)


def _answered(connection: sa.Connection, asked: Asked) -> UUID | None:
    """Return the change that this request has made already."""
    before = stored.asked_before(connection, asked.by, asked.request_id) if asked.request_id else None
    if before is None:
        return None
    if before["body_hash"] != asked.body_hash:
        raise RequestIdReused(
            f"The request id {asked.request_id!r} was used for another request; send a new one.",
            metadata={"request_id": asked.request_id},
        )
    return UUID(str(before["id"]))


def _told(asked: Asked, changes: Sequence[Change], wrong: Iterable[WrongLine]) -> dict[str, Any]:
    left_out = len(list(wrong))
    return {
        "line_count": len(changes) + left_out,
        "new_count": rules.count(changes, Outcome.NEW),
        "updated_count": rules.count(changes, Outcome.UPDATED),
        "unchanged_count": rules.count(changes, Outcome.UNCHANGED),
        "wrong_count": left_out,
        "created_by": asked.by,
        "request_id": asked.request_id or None,
        "body_hash": asked.body_hash if asked.request_id else None,
    }
