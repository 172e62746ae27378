"""The function `import_keywords`: an uploaded file becomes keywords of a sector, with a report of every line."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from chassis.database import Database, Transaction
from chassis.errors import Fault, InvalidArgument
from chassis.ids import require_id
from chassis.objects import ObjectMissing, ObjectStore
from chassis.passport import SectorClaim
from chassis.tenancy import Tenant
from chassis.work import Answer, Applied, Item, Made, Selection, WithoutModel, Work, admit, apply_once
from services.planner.errors import FileRefused, PlanLimit, UploadMissing
from services.planner.imports import (
    ImportReport,
    KeywordFile,
    KeywordFileRefused,
    KeywordRow,
    Limits,
    SkipReason,
    best_rows,
)
from services.planner.repository import imports, limits
from services.planner.usecases import options as read
from services.planner.usecases.keywords import brand_of, require_sector

NAME = "import_keywords"
_FILENAME_CHARS_MAX = 255


@dataclass(frozen=True)
class Upload:
    """What is imported and where to: the run's options."""

    object_key: str
    filename: str
    sector: SectorClaim


@dataclass(frozen=True)
class _Content:
    layout: str
    rows: Sequence[KeywordRow]
    report: ImportReport


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
            content = self._read(upload)  # outside of a transaction: it takes seconds, and the pool is small
            with self._database.transaction(work.tenant) as transaction:
                return apply_once(transaction, NAME, work, lambda: _store(transaction, work, upload.sector, content))
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

    def _read(self, upload: Upload) -> _Content:
        report = ImportReport()
        with self._opened(upload.object_key, upload.filename) as file:
            return _Content(file.layout, list(best_rows(file.rows(report), report)), report)

    @contextmanager
    def _opened(self, object_key: str, filename: str) -> Iterator[KeywordFile]:
        try:
            with self._objects.open(object_key) as source:
                yield KeywordFile(source, self._file_limits)
        except ObjectMissing as error:
            raise UploadMissing(filename) from error
        except KeywordFileRefused as refusal:
            raise FileRefused(refusal.reason.upper(), str(refusal)) from refusal

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


def _store(transaction: Transaction, work: Work, sector: SectorClaim, content: _Content) -> Applied:
    limit = limits.locked(transaction)
    imports.stage(transaction, content.rows, brand_of(work.tenant))
    limit.require(imports.count_new(transaction, sector))
    counts = imports.store_staged(transaction, sector, len(content.rows))
    report, skipped = content.report, content.report.skipped_counts
    imports.store_skipped(transaction, work.subject_id, report.skipped)
    figures = {
        "layout": content.layout,
        "line_count": len(content.rows) + skipped.total() - skipped[SkipReason.EMPTY],
        "created_count": counts.created,
        "updated_count": counts.updated,
        "unchanged_count": counts.unchanged,
        "skipped_count": skipped.total(),
        "note_count": report.note_counts.total(),
    }
    imports.complete(transaction, work.subject_id, figures)
    return Applied(1, [Made("keyword_import", str(work.subject_id))], _notes(counts, report))


def _notes(counts: imports.Counts, report: ImportReport) -> list[str]:
    notes = [f"{counts.created:,} keywords are new, {counts.updated:,} changed, {counts.unchanged:,} were there."]
    notes += [f"{count:,} lines left out: {reason}." for reason, count in sorted(report.skipped_counts.items())]
    notes += [f"{count:,} values left out: {reason}." for reason, count in sorted(report.note_counts.items())]
    if not report.complete:
        notes.append(f"Only the first {report.listed_max:,} lines left out are listed.")
    return notes
