"""The function `import_keywords`: an uploaded file becomes keywords of a sector, with a report of every line."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from chassis.database import DATABASE_AWAY, POOL_SIZE, Database, Transaction
from chassis.errors import Fault, InvalidArgument
from chassis.ids import require_id
from chassis.objects import ObjectStore
from chassis.passport import SectorClaim
from chassis.tenancy import Tenant
from chassis.work import Answer, Applied, Item, Made, Selection, WithoutModel, Work, admit, apply_once
from services.planner.errors import FileRefused, PlanLimit, UploadMissing
from services.planner.imports import (
    ImportReport,
    KeywordFile,
    KeywordRow,
    Limits,
    SkipReason,
)
from services.planner.repository import imports, limits
from services.planner.usecases import options as read
from services.planner.usecases.keywords import brand_of, require_sector
from services.planner.usecases.uploads import opened

NAME = "import_keywords"
_FILENAME_CHARS_MAX = 255
_AT_ONCE = POOL_SIZE // 2
"""So many imports run at once in a process, each with a connection, and another for a moment to tell how far it is; the
next ones wait, and leave the others of the pool to calls that people wait for."""
_TOLD_LINES = 25_000


@dataclass(frozen=True)
class Upload:
    """What is imported and where to: the run's options."""

    object_key: str
    filename: str
    sector: SectorClaim


class ImportKeywords(WithoutModel):
    """Imports a file whole or not at all. The subject is the import's id, chosen by whoever starts it.

    Args:
        database: the planner's.
        objects: where the upload lies.
        limits: how much one file may hold.
    """

    def __init__(self, database: Database, objects: ObjectStore, file_limits: Limits | None = None) -> None:
        super().__init__(database, NAME)
        self._objects, self._file_limits = objects, file_limits or Limits()
        self._room = threading.BoundedSemaphore(_AT_ONCE)

    def select(self, tenant: Tenant, subject_ids: Sequence[UUID], limit: int, options: Mapping[str, Any]) -> Selection:
        """Return the imports that were asked for: one file is one item, and it exists only once it is applied."""
        if not subject_ids:
            return Selection([], 0, "There is no file to import; upload one.")
        upload = _upload(tenant, options)
        items = [Item(subject_id, "keyword_import", upload.filename, 1, 1) for subject_id in subject_ids]
        return Selection(items[:limit], len(items))

    def apply(self, work: Work, answer: Answer | None) -> Applied:  # noqa: ARG002 - it needs no model
        """Import the file, once a step.

        Raises:
            InvalidArgument: the options name no upload of this account.
            UnknownSector: the sector is not one of the site's.
            FileRefused: the file as a whole cannot be read; the import's row says why.
            PlanLimit: the plan allows no more keywords; the same.
            UploadMissing: the upload is gone; the same.
            StepTakenOver: a later worker of the step was here.
        """
        upload = _upload(work.tenant, work.options)
        with self._database.transaction(work.tenant) as transaction:
            done = admit(transaction, NAME, work)
            if done is not None:
                return done
            imports.begin(transaction, work.subject_id, upload.sector.id, upload.filename, work.step_id)
        try:
            with (
                self._room,
                self._opened(upload.object_key, upload.filename) as file,
                self._database.transaction(work.tenant) as transaction,
            ):
                return apply_once(transaction, NAME, work, lambda: self._store(transaction, work, upload, file))
        except (FileRefused, PlanLimit, UploadMissing) as fault:
            self._fail(work, fault)
            raise

    def abandon(self, work: Work, error: str, *, failed: bool) -> None:  # noqa: ARG002 - either way it ends here
        """Say on the import's row that it will not go on."""
        with self._database.transaction(work.tenant) as transaction:
            admit(transaction, NAME, work)
            imports.fail(transaction, work.subject_id, error or "The import was cancelled.")

    def inspect(self, tenant: Tenant, object_key: str) -> str:
        """Return the layout of an uploaded file, so that a file that cannot be read is refused while somebody waits.

        Raises:
            InvalidArgument: it is no upload of this account.
            FileRefused: the file as a whole cannot be read.
            UploadMissing: the upload is gone.
        """
        _check_key(tenant, object_key, "object_key")
        with self._opened(object_key, object_key.rsplit("/", 1)[-1]) as file:
            return file.layout

    def _store(self, transaction: Transaction, work: Work, upload: Upload, file: KeywordFile) -> Applied:
        report = ImportReport()
        rows = self._told(work, file, file.rows(report))
        staged = imports.stage(transaction, rows, brand_of(work.tenant))
        total, duplicates = imports.keep_best(transaction, report.listed_max - len(report.skipped))
        for line in duplicates:
            report.skip(line.line, SkipReason.DUPLICATE_IN_FILE, line.normalised, kept_line=line.kept_line)
        report.skipped_counts[SkipReason.DUPLICATE_IN_FILE] += staged - total - len(duplicates)
        limit = limits.locked(transaction)  # not before: others of the account would wait for the reading too
        limit.require(imports.count_new(transaction, upload.sector))
        counts = imports.store_staged(transaction, upload.sector, total)
        imports.store_skipped(transaction, work.subject_id, report.skipped)
        imports.complete(transaction, work.subject_id, _figures(file.layout, total, counts, report))
        return Applied(1, [Made("keyword_import", str(work.subject_id))], _notes(counts, report))

    def _told(self, work: Work, file: KeywordFile, rows: Iterator[KeywordRow]) -> Iterator[KeywordRow]:
        """The rows; on the way the import's row says how many lines have been read, for people who watch."""
        for number, row in enumerate(rows, 1):
            if number % _TOLD_LINES == 0:
                with suppress(*DATABASE_AWAY), self._database.transaction(work.tenant) as transaction:
                    imports.tell(transaction, work.subject_id, file.layout, number)
            yield row

    def _opened(self, object_key: str, filename: str) -> AbstractContextManager[KeywordFile]:
        return opened(self._objects, object_key, filename, self._file_limits)

    def _fail(self, work: Work, fault: Fault) -> None:
        with self._database.transaction(work.tenant) as transaction:
            imports.fail(transaction, work.subject_id, f"{fault.reason}: {fault.message}")


def _check_key(tenant: Tenant, key: str, field: str) -> None:
    """Check that a key lies in the account's own folder: it may come from a person."""
    if str(tenant.account_id) not in key.split("/")[:-1] or ".." in key:
        raise InvalidArgument.field(field, "is not an upload of this account; upload the file again")


def _upload(tenant: Tenant, options: Mapping[str, Any]) -> Upload:
    key = read.text(options, "object_key")
    _check_key(tenant, key, "options.object_key")
    sector_id = require_id("options.sector_id", read.text(options, "sector_id"))
    sector = require_sector(tenant, sector_id, "options.sector_id")
    filename = options.get("filename")
    shown = filename if isinstance(filename, str) and filename.isprintable() and filename else key.rsplit("/", 1)[-1]
    return Upload(key, shown[:_FILENAME_CHARS_MAX], sector)


def _figures(layout: str, total: int, counts: imports.Counts, report: ImportReport) -> dict[str, Any]:
    skipped = report.skipped_counts
    return {
        "layout": layout,
        "line_count": total + skipped.total() - skipped[SkipReason.EMPTY],
        "created_count": counts.created,
        "updated_count": counts.updated,
        "unchanged_count": counts.unchanged,
        "skipped_count": skipped.total(),
        "note_count": report.note_counts.total(),
    }


def _notes(counts: imports.Counts, report: ImportReport) -> list[str]:
    notes = [f"{counts.created:,} keywords are new, {counts.updated:,} changed, {counts.unchanged:,} were there."]
    notes += [f"{count:,} lines left out: {reason}." for reason, count in sorted(report.skipped_counts.items())]
    notes += [f"{count:,} values left out: {reason}." for reason, count in sorted(report.note_counts.items())]
    if not report.complete:
        notes.append(f"Only the first {report.listed_max:,} lines left out are listed.")
    return notes
