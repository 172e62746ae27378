"""The platform's library and its changes, under the sweep role: they are no tenant's, and the app role writes none."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple
from uuid import UUID

import sqlalchemy as sa

from chassis.ids import new_id
from services.planner.library import Change, Figures, Outcome, Place, Seed, SeedKey, WrongLine
from services.planner.models import LibraryChange, table
from services.planner.repository.copying import copy_rows

CHANGE = table(LibraryChange)
PREVIEWS_KEPT_DAYS = 7


def alone(connection: sa.Connection) -> None:
    """Wait until nobody else changes the library, and keep others waiting until this transaction ends."""
    connection.execute(_ALONE)


def stored(connection: sa.Connection, keys: Collection[SeedKey]) -> dict[SeedKey, Seed]:
    """Return the keywords that the library has of some."""
    return {
        (row.industry_sector_id, row.normalised): Seed(
            row.id, row.text, Figures(row.volume, row.difficulty, row.intent, row.country)
        )
        for row in connection.execute(_STORED, _wanted(keys))
    }


def candidates(connection: sa.Connection, keys: Collection[SeedKey]) -> dict[SeedKey, Place]:
    """Return those of some keywords that an account has added itself, with where they belong.

    It reads all that accounts added: an index that begins with no account would cost each of their imports, and this is
    asked a few times a year.
    """
    rows = connection.execute(_CANDIDATES, _wanted(keys))
    return {(row.industry_sector_id, row.normalised): Place(row.industry_id, row.industry_sector_id) for row in rows}


def asked_before(connection: sa.Connection, by: str, request_id: str) -> sa.RowMapping | None:
    """Return the id and the body's hash of the change that a request of somebody made, or None."""
    mine = (CHANGE.c.created_by == by, CHANGE.c.request_id == request_id)
    found = sa.select(CHANGE.c.id, CHANGE.c.body_hash).where(*mine)
    return connection.execute(found).mappings().first()


def locked(connection: sa.Connection, change_id: UUID) -> sa.Row[Any] | None:
    """Return a change, which stays as it is until this transaction ends; None when there is none."""
    return connection.execute(sa.select(CHANGE).where(CHANGE.c.id == change_id).with_for_update()).first()


def record(
    connection: sa.Connection, values: Mapping[str, Any], changes: Iterable[Change], wrong: Iterable[WrongLine]
) -> UUID:
    """Store a change that is not applied yet, with all its lines; return its id."""
    change_id = new_id()
    connection.execute(sa.insert(CHANGE).values({"id": change_id, "status": "previewed", **values}))
    lines = sorted([*map(_changed, changes), *map(_wrong, wrong)], key=lambda line: line.line)
    copy_rows(connection, _COPY_LINES, ((new_id(), change_id, *line) for line in lines))
    return change_id


def count_outdated(connection: sa.Connection, change_id: UUID) -> int:
    """Return of how many lines the library's keyword is not what it was when they were compared with it."""
    return int(connection.execute(_OUTDATED, {"id": change_id}).scalar_one())


def apply(connection: sa.Connection, change_id: UUID, by: str) -> None:
    """Write a change's lines into the library, and on the change by whom."""
    connection.execute(_ADD, {"id": change_id})
    connection.execute(_UPDATE, {"id": change_id})
    applied = {"status": "applied", "applied_by": by, "apply_time": sa.func.now()}
    connection.execute(sa.update(CHANGE).where(CHANGE.c.id == change_id).values(applied))


def forget_previews(connection: sa.Connection) -> None:
    """Forget what was previewed a while ago and never applied."""
    connection.execute(_FORGET, {"days": PREVIEWS_KEPT_DAYS})


def _wanted(keys: Collection[SeedKey]) -> dict[str, Any]:
    return {"sectors": [sector for sector, _ in keys], "texts": [text for _, text in keys]}


class _Line(NamedTuple):
    """The columns of a line, in the order in which they are copied."""

    line: int
    outcome: str
    text: str
    normalised: str = ""
    reason: str = ""
    detail: str = ""
    industry_id: UUID | None = None
    industry_sector_id: UUID | None = None
    seed_keyword_id: UUID | None = None
    old_volume: int | None = None
    old_difficulty: float | None = None
    old_intent: str | None = None
    old_country: str = ""
    volume: int | None = None
    difficulty: float | None = None
    intent: str | None = None
    country: str = ""


def _changed(change: Change) -> _Line:
    row, old, new = change.row, change.old.figures if change.old else Figures(), change.new
    line = _Line(row.line, change.outcome.value, row.text, row.key[1])
    return line._replace(
        industry_id=row.place.industry_id,
        industry_sector_id=row.place.sector_id,
        seed_keyword_id=change.old.id if change.old else new_id(),
        **{f"old_{name}": value for name, value in vars(old).items()},
        **vars(new),
    )


def _wrong(wrong: WrongLine) -> _Line:
    return _Line(wrong.line, Outcome.WRONG.value, wrong.text, reason=wrong.reason, detail=wrong.detail)


_COPY_LINES = f"COPY library_change_line (id, library_change_id, {', '.join(_Line._fields)}) FROM STDIN"
_WANTED = "unnest(CAST(:sectors AS uuid[]), CAST(:texts AS text[])) AS l (industry_sector_id, normalised)"
_KEY = "s.industry_sector_id = l.industry_sector_id AND s.normalised = l.normalised"

_ALONE = sa.text("SELECT pg_advisory_xact_lock(hashtext('planner.library'))")
_STORED = sa.text(f"SELECT s.* FROM {_WANTED} JOIN seed_keyword s ON {_KEY}")  # noqa: S608 - a condition of ours
_CANDIDATES = sa.text(
    "SELECT DISTINCT s.industry_id, s.industry_sector_id, s.normalised"  # noqa: S608 - a condition of ours
    f" FROM {_WANTED} JOIN private_seed_keyword s ON {_KEY}"
)
_OUTDATED = sa.text(
    f"SELECT count(*) FROM library_change_line l LEFT JOIN seed_keyword s ON {_KEY}"  # noqa: S608 - a condition of ours
    " WHERE l.library_change_id = :id AND l.outcome <> 'wrong' AND CASE l.outcome WHEN 'new' THEN s.id IS NOT NULL"
    " ELSE (s.id, s.volume, s.difficulty, s.intent, s.country) IS DISTINCT FROM"
    " (l.seed_keyword_id, l.old_volume, l.old_difficulty, l.old_intent, l.old_country) END"
)
_ADD = sa.text(
    "INSERT INTO seed_keyword (id, industry_id, industry_sector_id, text, normalised, volume, difficulty, intent,"
    " country) SELECT seed_keyword_id, industry_id, industry_sector_id, text, normalised, volume, difficulty, intent,"
    " country FROM library_change_line WHERE library_change_id = :id AND outcome = 'new'"
)
_UPDATE = sa.text(
    "UPDATE seed_keyword s SET (volume, difficulty, intent, country) = (l.volume, l.difficulty, l.intent, l.country)"
    " FROM library_change_line l WHERE l.library_change_id = :id AND l.outcome = 'updated' AND s.id = l.seed_keyword_id"
)
_FORGET = sa.text(
    "DELETE FROM library_change WHERE status = 'previewed' AND create_time < now() - make_interval(days => :days)"
)
