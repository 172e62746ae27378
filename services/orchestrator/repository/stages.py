"""Queries over the stages of runs: how far they are, how fast, and what those of the past did."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from chassis.database import Transaction
from chassis.ids import new_id
from services.orchestrator.domain.estimates import Past
from services.orchestrator.repository.tables import RunKey, of_run, stage

PACE_OVER = 100  # ends
PAST_STAGES = 10


def read_stages(tx: Transaction, run_ids: Sequence[UUID]) -> Sequence[sa.Row[Any]]:
    """Return the stages of some runs in their order."""
    return tx.all(sa.select(stage).where(stage.c.run_id.in_(run_ids)).order_by(stage.c.run_id, stage.c.place))


def insert_stages(connection: sa.Connection, key: RunKey, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert a run's stages."""
    connection.execute(sa.insert(stage).values([{**key.columns, "id": new_id(), **row} for row in rows]))


def counted(ends: int = 1) -> dict[str, sa.ColumnElement[Any]]:
    """Return what the end of items changes in their stage's pace: seconds between two ends, later ones weighing more.

    The mean of all gaps until there are PACE_OVER of them, then a moving one: many steps are under way at once and end
    in bursts, which a shorter memory would follow up and down. Several that end together share one gap. The database's
    clock, read under the run's lock.
    """
    ended = stage.c.succeeded + stage.c.failed + stage.c.cancelled + ends
    now = sa.func.clock_timestamp()
    gap = sa.extract("epoch", now - sa.func.coalesce(stage.c.counted_time, stage.c.start_time, now))
    weight = sa.func.least(1.0, ends / sa.cast(sa.func.least(ended, PACE_OVER), sa.Float))
    pace = sa.func.coalesce(stage.c.pace_s, 0.0) * (1.0 - weight) + sa.cast(gap, sa.Float) / ends * weight
    return {"pace_s": sa.func.greatest(pace, 0.0), "counted_time": now}


def count_on(connection: sa.Connection, key: RunKey) -> None:
    """Have the pace of a run's open stage go on from now, as if the run had not been paused."""
    target = (*of_run(stage, key), stage.c.state == "open")
    connection.execute(sa.update(stage).where(*target).values(counted_time=sa.func.clock_timestamp()))


def read_past(tx: Transaction, site_id: UUID, functions: Sequence[str]) -> dict[str, Past]:
    """Return what the site's last closed stages of some functions did, by function."""
    rows = tx.execute(_PAST, {"site": site_id, "functions": list(functions), "stages": PAST_STAGES}).all()
    return {row.function: Past(row.succeeded, row.made, row.quantity, row.asked, row.pace_s) for row in rows}


_PAST = sa.text(
    """
    SELECT f.name AS function, sum(s.succeeded)::bigint AS succeeded, sum(s.made)::bigint AS made,
           sum(s.quantity)::bigint AS quantity, sum(s.succeeded * s.asked)::bigint AS asked,
           (sum(s.pace_s * s.ended) / nullif(sum(s.ended) FILTER (WHERE s.pace_s IS NOT NULL), 0))::float8 AS pace_s
    FROM unnest(CAST(:functions AS text[])) AS f (name), LATERAL (
        SELECT s.succeeded, s.made, s.quantity, s.pace_s, s.succeeded + s.failed AS ended, CASE f.name
                   WHEN 'generate_ideas' THEN (r.plan -> 'options' ->> 'ideas_per_cluster')::int
                   WHEN 'generate_image_prompts' THEN (r.plan -> 'options' ->> 'images_per_article')::int
                   ELSE 0 END AS asked
        FROM run_stage s JOIN run r ON r.account_id = s.account_id AND r.id = s.run_id
        WHERE s.site_id = :site AND s.function = f.name AND s.state = 'closed' AND s.succeeded > 0
        ORDER BY s.id DESC LIMIT :stages
    ) AS s
    GROUP BY f.name
    """
)
