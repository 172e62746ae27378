"""Imports: a file's keywords in one COPY and one INSERT, and the report of how it went.

Row level security refuses COPY, so the rows go into a temporary table first, which belongs to the transaction.
"""

from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from chassis.database import Transaction
from chassis.ids import new_id
from chassis.passport import SectorClaim
from services.planner.domain import normalise
from services.planner.imports import KeywordRow, SkippedLine
from services.planner.intents import Brand, derive_intent
from services.planner.models import KeywordImport, table

IMPORT = table(KeywordImport)


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


def complete(transaction: Transaction, import_id: UUID, report: dict[str, Any]) -> None:
    """Store how an import went: column values of its row."""
    values = report | {"status": "completed", "error": "", "update_time": sa.func.now()}
    where = (IMPORT.c.account_id == transaction.tenant.account_id, IMPORT.c.id == import_id)
    transaction.execute(sa.update(IMPORT).where(*where).values(values))


def stage(transaction: Transaction, rows: Iterable[KeywordRow], brand: Brand) -> None:
    """Copy a file's keywords, with the intents that the rules derive, into the transaction's temporary table."""
    transaction.execute(_STAGE)
    _copy(transaction, "COPY staged_keyword FROM STDIN", (_staged(row, brand) for row in rows))
    transaction.execute(sa.text("ANALYZE staged_keyword"))  # without it a join of 100,000 rows is planned for a few


def count_new(transaction: Transaction, sector: SectorClaim) -> int:
    """Return how many staged keywords the sector does not have."""
    return int(transaction.execute(_COUNT_NEW, _scope(transaction, sector)).scalar_one())


def store_staged(transaction: Transaction, sector: SectorClaim, total: int) -> Counts:
    """Add the staged keywords; of one that is there, the figures that the file states replace the older ones.

    The same file again therefore changes nothing. Call it under the account's limit, which keeps two imports apart.
    """
    scope = _scope(transaction, sector)
    transaction.execute(_ADD_SEEDS, scope)
    done = transaction.execute(_UPSERT, scope).one()
    return Counts(done.created, done.touched - done.created, total - done.touched)


def store_skipped(transaction: Transaction, import_id: UUID, lines: Sequence[SkippedLine]) -> None:
    """Store the lines that were left out, in the place of those of an earlier try."""
    key = _key(transaction, import_id)
    transaction.execute(_CLEAR_SKIPPED, key)
    if not lines:
        return
    transaction.execute(_STAGE_SKIPPED)
    ordered = sorted(lines, key=lambda skipped: skipped.line)
    rows = ((new_id(), line.line, line.reason, _shown(line)) for line in ordered)
    _copy(transaction, "COPY staged_skip FROM STDIN", rows)
    transaction.execute(_STORE_SKIPPED, key)


def _staged(row: KeywordRow, brand: Brand) -> Sequence[Any]:
    normalised = normalise(row.text)
    return (
        *(new_id(), row.text, normalised, row.volume, row.difficulty, row.intent, derive_intent(normalised, brand)),
        *(row.country, row.cpc_micros, row.cpc_currency, row.competition, row.impressions, row.clicks, row.position),
        *(row.parent_keyword, row.url),
    )


def _shown(line: SkippedLine) -> str:
    return line.text if line.kept_line is None else f"{line.text} (kept: line {line.kept_line})"


def _copy(transaction: Transaction, statement: str, rows: Iterable[Sequence[Any]]) -> None:
    driver: Any = transaction.connection.connection.driver_connection  # psycopg's own: SQLAlchemy has no COPY
    with closing(driver.cursor()) as cursor, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row(row)


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
_NEWER = {name: f"coalesce(excluded.{name}, keyword.{name})" for name in _FIGURES} | {
    name: f"coalesce(nullif(excluded.{name}, ''), keyword.{name})" for name in _TEXTS
}
_NEWER["derived_intent"] = "excluded.derived_intent"  # the rules' last word; it yields to a given one when read
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
_STAGE = sa.text(
    "CREATE TEMPORARY TABLE staged_keyword (id uuid, text text, normalised text, volume bigint,"
    " difficulty double precision, intent text, derived_intent text, country text, cpc_micros bigint,"
    " cpc_currency text, competition double precision, impressions bigint, clicks bigint, position double precision,"
    " parent_keyword text, url text) ON COMMIT DROP"
)
_COUNT_NEW = sa.text(
    "SELECT count(*) FROM staged_keyword s WHERE NOT EXISTS (SELECT 1 FROM keyword k WHERE k.account_id = :account"
    " AND k.site_id = :site AND k.sector_id = :sector AND k.normalised = s.normalised AND k.delete_time IS NULL)"
)
_ADD_SEEDS = sa.text(
    "INSERT INTO private_seed_keyword (account_id, id, industry_id, industry_sector_id, text, normalised, volume,"
    " difficulty, intent, country)"
    " SELECT :account, s.id, :industry, :template, s.text, s.normalised, s.volume, s.difficulty, s.intent,"
    " coalesce(s.country, '') FROM staged_keyword s WHERE NOT EXISTS"
    " (SELECT 1 FROM seed_keyword l WHERE l.industry_sector_id = :template AND l.normalised = s.normalised)"
    " ON CONFLICT (account_id, industry_sector_id, normalised) DO NOTHING"
)
_UPSERT = sa.text(
    "WITH done AS (INSERT INTO keyword (account_id, id, site_id, sector_id, seed_keyword_id, private_seed_keyword_id,"  # noqa: S608 - column names of ours
    f" text, normalised, {', '.join(_NEWER)})"
    " SELECT :account, s.id, :site, :sector, l.id, CASE WHEN l.id IS NULL THEN p.id END, s.text, s.normalised,"
    f" {_STAGED} FROM staged_keyword s"
    " LEFT JOIN seed_keyword l ON l.industry_sector_id = :template AND l.normalised = s.normalised"
    " LEFT JOIN private_seed_keyword p ON p.account_id = :account AND p.industry_sector_id = :template"
    " AND p.normalised = s.normalised"
    " ON CONFLICT (account_id, site_id, sector_id, normalised) WHERE delete_time IS NULL DO UPDATE"
    f" SET ({', '.join(_NEWER)}, update_time, revision) = ({_NEW}, now(), keyword.revision + 1)"
    f" WHERE ({_OLD}) IS DISTINCT FROM ({_NEW}) RETURNING xmax = 0 AS is_new)"
    " SELECT count(*) AS touched, count(*) FILTER (WHERE is_new) AS created FROM done"
)
_CLEAR_SKIPPED = sa.text("DELETE FROM import_skipped_line WHERE account_id = :account AND keyword_import_id = :id")
_STAGE_SKIPPED = sa.text(
    "CREATE TEMPORARY TABLE staged_skip (id uuid, line bigint, reason text, text text) ON COMMIT DROP"
)
_STORE_SKIPPED = sa.text(
    "INSERT INTO import_skipped_line (account_id, site_id, keyword_import_id, id, line, reason, text)"
    " SELECT :account, :site, :id, id, line, reason, text FROM staged_skip ORDER BY line"
)
