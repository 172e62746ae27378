"""Imports: a file's keywords in one COPY and a few statements, and the report of how it went.

Row level security refuses COPY, so the rows go into a temporary table first, which belongs to the transaction. They are
never all in our memory.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from chassis.database import Transaction
from chassis.ids import new_ids
from chassis.passport import SectorClaim
from services.planner.domain import normalise
from services.planner.imports import KeywordRow, SkippedLine
from services.planner.intents import Brand, derive_intent
from services.planner.models import KeywordImport, table
from services.planner.repository.copying import NULL, copy_lines, text_cell

IMPORT = table(KeywordImport)


@dataclass(frozen=True)
class Duplicate:
    """A line whose keyword, as it is compared, a better line of the file has too."""

    line: int
    normalised: str
    kept_line: int


@dataclass(frozen=True)
class Counts:
    """What an import did to the sector's keywords."""

    created: int
    updated: int
    unchanged: int


def begin(transaction: Transaction, import_id: UUID, sector_id: UUID, filename: str, step_id: UUID) -> None:
    """Say that an import is running; one that failed before runs again, one that is completed stays so."""
    parameters = _key(transaction, import_id) | {"sector": sector_id, "filename": filename, "step": step_id}
    transaction.execute(_BEGIN, parameters)


def fail(transaction: Transaction, import_id: UUID, error: str) -> None:
    """Say why an import that was running was refused."""
    transaction.execute(_FAIL, _key(transaction, import_id) | {"error": error})


def tell(transaction: Transaction, import_id: UUID, layout: str, lines: int) -> None:
    """Say how many lines of a file have been read."""
    transaction.execute(_TELL, _key(transaction, import_id) | {"layout": layout, "lines": lines})


def complete(transaction: Transaction, import_id: UUID, report: dict[str, Any]) -> None:
    """Store how an import went: column values of its row."""
    values = report | {"status": "completed", "error": "", "update_time": sa.func.now()}
    where = (IMPORT.c.account_id == transaction.tenant.account_id, IMPORT.c.id == import_id)
    transaction.execute(sa.update(IMPORT).where(*where).values(values))


def stage(transaction: Transaction, rows: Iterable[KeywordRow], brand: Brand) -> int:
    """Copy a file's keywords, with the intents that the rules derive, into the transaction's temporary table.

    Return how many there were. They are copied as they come, while the next ones are read.
    """
    transaction.execute(_WORK_MEMORY)
    transaction.execute(_STAGE)
    count = copy_lines(transaction, "staged_keyword", map(_staged, rows, new_ids(), repeat(brand)))
    transaction.execute(_ANALYZE)  # without it a join of 100,000 rows is planned for a few
    return count


def keep_best(transaction: Transaction, listed_max: int) -> tuple[int, Sequence[Duplicate]]:
    """Leave the best of the staged rows of each keyword, as `imports.best_rows` does.

    Return how many are left, and the first of the others by line.
    """
    gone = transaction.all(_KEEP_BEST, {"listed_max": listed_max})
    left = int(transaction.execute(_COUNT_STAGED).scalar_one())
    return left, [Duplicate(row.line, row.normalised, row.kept_line) for row in gone]


def count_new(transaction: Transaction, sector: SectorClaim) -> int:
    """Return how many staged keywords the sector does not have."""
    return int(transaction.execute(_COUNT_NEW, _scope(transaction, sector)).scalar_one())


def store_staged(transaction: Transaction, sector: SectorClaim, total: int) -> Counts:
    """Add the staged keywords; of one that is there, the figures that the file states replace the older ones.

    The same file again therefore changes nothing. Call it under the account's limit, which keeps two imports apart.
    """
    scope = _scope(transaction, sector)
    transaction.execute(_ADD_SEEDS, scope)
    created = transaction.execute(_INSERT, scope).rowcount
    # The new ones are among those that it compares: they are the staged ones just so.
    updated = transaction.execute(_UPDATE, scope).rowcount if created < total else 0
    return Counts(created, updated, total - created - updated)


def store_skipped(transaction: Transaction, import_id: UUID, lines: Sequence[SkippedLine]) -> None:
    """Store the lines that were left out, in the place of those of an earlier try."""
    key = _key(transaction, import_id)
    transaction.execute(_CLEAR_SKIPPED, key)
    if not lines:
        return
    transaction.execute(_STAGE_SKIPPED)
    ordered = sorted(lines, key=lambda skipped: skipped.line)
    copy_lines(transaction, "staged_skip", map(_skipped, ordered, new_ids()))
    transaction.execute(_STORE_SKIPPED, key)


def _staged(row: KeywordRow, made: str, brand: Brand) -> str:
    key = normalise(row.text)
    intent = derive_intent(key, brand)
    numbers = (row.cpc_micros, row.competition, row.impressions, row.clicks, row.position)
    return "\t".join(
        [
            f"{made}\t{row.line}\t{text_cell(row.text)}\t{text_cell(key)}",
            NULL if row.volume is None else str(row.volume),
            NULL if row.difficulty is None else repr(row.difficulty),
            NULL if row.intent is None else row.intent.value,
            NULL if intent is None else intent.value,
            *[NULL if number is None else repr(number) for number in numbers],
            *[text_cell(text) for text in (row.country, row.cpc_currency, row.parent_keyword, row.url)],
        ]
    )


def _skipped(line: SkippedLine, made: str) -> str:
    shown = line.text if line.kept_line is None else f"{line.text} (kept: line {line.kept_line})"
    return f"{made}\t{line.line}\t{line.reason.value}\t{text_cell(shown)}"


def _key(transaction: Transaction, import_id: UUID) -> dict[str, Any]:
    tenant = transaction.tenant
    return {"account": tenant.account_id, "site": tenant.site_id, "id": import_id}


def _scope(transaction: Transaction, sector: SectorClaim) -> dict[str, Any]:
    tenant = transaction.tenant
    return {
        "account": tenant.account_id,
        "site": tenant.site_id,
        "industry": tenant.site.industry_id if tenant.site else None,
        "sector": sector.id,
        "template": sector.industry_sector_id,
    }


_FIGURES = ("volume", "difficulty", "intent", "cpc_micros", "competition", "impressions", "clicks", "position")
_TEXTS = ("country", "cpc_currency", "parent_keyword", "url")
_NEWER = {name: f"coalesce(s.{name}, keyword.{name})" for name in (*_FIGURES, *_TEXTS)}
_NEWER["derived_intent"] = "s.derived_intent"  # the rules' last word; it yields to a given one when read
_OLD, _NEW = ", ".join(f"keyword.{name}" for name in _NEWER), ", ".join(_NEWER.values())
_STAGED = ", ".join(f"coalesce(s.{name}, '')" if name in _TEXTS else f"s.{name}" for name in _NEWER)

_BEGIN = sa.text(
    "INSERT INTO keyword_import (account_id, site_id, sector_id, id, filename, step_id)"
    " VALUES (:account, :site, :sector, :id, :filename, :step) ON CONFLICT (account_id, id) DO UPDATE"
    " SET status = 'running', error = '', filename = excluded.filename, step_id = excluded.step_id, update_time = now()"
    " WHERE keyword_import.status <> 'completed'"
)
_FAIL = sa.text(
    "UPDATE keyword_import SET status = 'failed', error = :error, update_time = now()"
    " WHERE account_id = :account AND site_id = :site AND id = :id AND status = 'running'"
)
_TELL = sa.text(
    "UPDATE keyword_import SET line_count = :lines, layout = :layout, update_time = now()"
    " WHERE account_id = :account AND site_id = :site AND id = :id AND status = 'running'"
)
_WORK_MEMORY = sa.text("SET LOCAL work_mem = '32MB'")  # 100,000 rows are joined in it; a million go to the disk
_ANALYZE = sa.text("ANALYZE staged_keyword (normalised)")
_COUNT_STAGED = sa.text("SELECT count(*) FROM staged_keyword")
_STAGE = sa.text(
    "CREATE TEMPORARY TABLE staged_keyword (id uuid, line bigint, text text, normalised text, volume bigint,"
    " difficulty double precision, intent text, derived_intent text, cpc_micros bigint, competition double precision,"
    " impressions bigint, clicks bigint, position double precision, country text, cpc_currency text,"
    " parent_keyword text, url text) ON COMMIT DROP"
)
_KEEP_BEST = sa.text(
    "WITH twice AS (SELECT normalised FROM staged_keyword GROUP BY normalised HAVING count(*) > 1),"
    " ranked AS (SELECT s.line, s.normalised, first_value(s.line) OVER (PARTITION BY s.normalised"
    " ORDER BY s.volume DESC NULLS LAST, s.impressions DESC NULLS LAST, s.line) AS kept_line"
    " FROM staged_keyword s JOIN twice USING (normalised)),"
    " gone AS (DELETE FROM staged_keyword s USING ranked r WHERE s.line = r.line AND r.line <> r.kept_line"
    " RETURNING r.line, r.normalised, r.kept_line)"
    " SELECT line, normalised, kept_line FROM gone ORDER BY line LIMIT :listed_max"
)
_COUNT_NEW = sa.text(
    "SELECT count(*) FROM staged_keyword s WHERE NOT EXISTS (SELECT 1 FROM keyword k WHERE k.account_id = :account"
    " AND k.site_id = :site AND k.sector_id = :sector AND k.normalised = s.normalised AND k.delete_time IS NULL)"
)
# Neither asks for conflicts: the account's limit keeps everybody apart who adds any.
_ADD_SEEDS = sa.text(
    "INSERT INTO private_seed_keyword (account_id, id, industry_id, industry_sector_id, text, normalised, volume,"
    " difficulty, intent, country)"
    " SELECT :account, s.id, :industry, :template, s.text, s.normalised, s.volume, s.difficulty, s.intent,"
    " coalesce(s.country, '') FROM staged_keyword s WHERE NOT EXISTS"
    " (SELECT 1 FROM seed_keyword l WHERE l.industry_sector_id = :template AND l.normalised = s.normalised)"
    " AND NOT EXISTS (SELECT 1 FROM private_seed_keyword p WHERE p.account_id = :account"
    " AND p.industry_sector_id = :template AND p.normalised = s.normalised)"
)
_INSERT = sa.text(
    "INSERT INTO keyword (account_id, id, site_id, sector_id, seed_keyword_id, private_seed_keyword_id,"  # noqa: S608 - column names of ours
    f" text, normalised, {', '.join(_NEWER)}, applying_volume, applying_difficulty)"
    " SELECT :account, s.id, :site, :sector, l.id, CASE WHEN l.id IS NULL THEN p.id END, s.text, s.normalised,"
    f" {_STAGED}, coalesce(s.volume, CASE WHEN l.id IS NULL THEN p.volume ELSE l.volume END),"
    " coalesce(s.difficulty, CASE WHEN l.id IS NULL THEN p.difficulty ELSE l.difficulty END) FROM staged_keyword s"
    " LEFT JOIN seed_keyword l ON l.industry_sector_id = :template AND l.normalised = s.normalised"
    " LEFT JOIN private_seed_keyword p ON p.account_id = :account AND p.industry_sector_id = :template"
    " AND p.normalised = s.normalised"
    " WHERE NOT EXISTS (SELECT 1 FROM keyword k WHERE k.account_id = :account AND k.site_id = :site"
    " AND k.sector_id = :sector AND k.normalised = s.normalised AND k.delete_time IS NULL)"
)
_UPDATE = sa.text(
    f"UPDATE keyword SET ({', '.join(_NEWER)}, update_time, revision) = ({_NEW}, now(), keyword.revision + 1)"  # noqa: S608 - column names of ours
    " FROM staged_keyword s WHERE keyword.account_id = :account AND keyword.site_id = :site"
    " AND keyword.sector_id = :sector AND keyword.normalised = s.normalised AND keyword.delete_time IS NULL"
    f" AND ({_OLD}) IS DISTINCT FROM ({_NEW})"
)
_CLEAR_SKIPPED = sa.text("DELETE FROM import_skipped_line WHERE account_id = :account AND keyword_import_id = :id")
_STAGE_SKIPPED = sa.text(
    "CREATE TEMPORARY TABLE staged_skip (id uuid, line bigint, reason text, text text) ON COMMIT DROP"
)
_STORE_SKIPPED = sa.text(
    "INSERT INTO import_skipped_line (account_id, site_id, keyword_import_id, id, line, reason, text)"
    " SELECT :account, :site, :id, id, line, reason, text FROM staged_skip ORDER BY line"
)
