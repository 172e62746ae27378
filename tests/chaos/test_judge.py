"""The judge on a run that is clean, with one thing changed behind its back: it must say so, under the right number.

The changes are made in transactions that are rolled back, on the rows of a real run; a database that would refuse them
loses its constraints first.
"""

# ruff: noqa: S608 - the statements are made of the constants of this file

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.rows import DictRow

from tests.chaos import judge as judge_package
from tests.chaos.judge import Evidence, Hit, Verdict, judge, open_databases
from tests.chaos.judge.interface import findings as over_rest
from tests.chaos.judge.pace import waits
from tests.chaos.judge.verdict import percentile
from tests.chaos.play import Played, Stage

pytestmark = pytest.mark.slow
NEW = "'id', gen_random_uuid()"
_CONSTRAINTS = "SELECT conname FROM pg_constraint WHERE conrelid = %s::regclass AND contype IN ('p', 'u', 'c', 'f')"
_GENERATED = "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attgenerated <> ''"
_INDEXES = "SELECT indexrelid::regclass::text AS name FROM pg_index WHERE indrelid = %s::regclass AND indisunique"


@dataclass(frozen=True)
class Forgery:
    """A change of one row that must be seen.

    Args:
        database: whose.
        table: of the row.
        sql: the change.
        finds: the numbers under which something must be found, and no others.
    """

    database: str
    table: str
    sql: str
    finds: str


def change(database: str, table: str, values: str, where: str = "true", *, finds: str) -> Forgery:
    """One row with other values."""
    row = f"(SELECT ctid FROM {table} WHERE {where} ORDER BY ctid LIMIT 1)"
    return Forgery(database, table, f"UPDATE {table} SET {values} WHERE ctid = {row}", finds)


def remove(database: str, table: str, where: str = "true", *, finds: str) -> Forgery:
    """One row less."""
    row = f"(SELECT ctid FROM {table} WHERE {where} ORDER BY ctid LIMIT 1)"
    return Forgery(database, table, f"DELETE FROM {table} WHERE ctid = {row}", finds)


def copy(database: str, table: str, values: str = NEW, where: str = "true", *, finds: str) -> Forgery:
    """One row more: a copy, with other values as pairs of name and value."""
    other = f"jsonb_populate_record(row, jsonb_build_object({values}))"
    fresh = f"SELECT {other} AS fresh FROM {table} row WHERE {where} ORDER BY row.ctid LIMIT 1"
    generated = f"INSERT INTO {table} OVERRIDING SYSTEM VALUE SELECT (fresh).* FROM ({fresh}) AS one"
    return Forgery(database, table, generated, finds)


WROTE = "function = 'generate_content' AND status = 'succeeded'"
PRICED = "kind = 'deduction'"
LAST_OF_ITS_SITE = (
    "(SELECT max(other.external_id) FROM publication other"
    " WHERE other.site_integration_id = publication.site_integration_id)"
)
FORGERIES = {
    "a step is under way": change(
        "orchestrator", "step", "status = 'running'", "function = 'plan_stage' AND status = 'succeeded'", finds="lost"
    ),
    "a run is under way": change("orchestrator", "run", "status = 'running'", "status = 'completed'", finds="lost"),
    "an item was planned and has no step": change("orchestrator", "run_stage", "planned = planned + 1", finds="lost"),
    "a step is gone": remove(
        "orchestrator", "step", "function = 'approve_content' AND status = 'succeeded'", finds="lost"
    ),
    "a stage counts one too many": change("orchestrator", "run_stage", "succeeded = succeeded + 1", finds="lost"),
    "a completed run has an open stage": change(
        "orchestrator",
        "run_stage",
        "state = 'open'",
        "run_id IN (SELECT id FROM run WHERE status = 'completed')",
        finds="lost",
    ),
    "an owner knows nothing of a step": remove("writer", "applied_step", "function = 'approve_content'", finds="lost"),
    "an article is gone": remove("writer", "content", finds="lost"),  # whichever: seldom is one left in draft
    "a picture was never made": change("writer", "image", "status = 'pending'", "status = 'generated'", finds="lost"),
    "a task looks busy": change("writer", "task", "status = 'running'", finds="lost"),
    "a publication looks busy": change("integration", "publication", "status = 'publishing'", finds="lost"),
    "an import has not ended": change("planner", "keyword_import", "status = 'running'", finds="lost"),
    "a fact was never told": Forgery(
        "writer",
        "outbox",
        "INSERT INTO outbox (account_id, id, kind, payload)"
        " SELECT account_id, gen_random_uuid(), 'writer.task_created', '{}' FROM task LIMIT 1",
        "lost",
    ),
    "an end was never told": remove("orchestrator", "run_event", "kind = 'step_succeeded'", finds="lost"),
    "an end was told twice": copy(
        "orchestrator", "run_event", f"{NEW}, 'position', 1000", "kind = 'step_succeeded'", finds="applied_twice lost"
    ),
    "a schedule started two runs": Forgery(
        "orchestrator",
        "run",
        "WITH two AS (SELECT ctid FROM run WHERE site_id = (SELECT site_id FROM run GROUP BY site_id"
        " HAVING count(*) > 1 LIMIT 1) ORDER BY id LIMIT 2)"
        " UPDATE run SET schedule_time = '2026-11-01 02:00+00' WHERE ctid IN (SELECT ctid FROM two)",
        "applied_twice",
    ),
    "an article is there twice": copy("writer", "content", NEW, "task_id IS NOT NULL", finds="applied_twice"),
    "a task is there twice": copy("writer", "task", finds="applied_twice"),
    "a picture is there twice": copy("writer", "image", finds="applied_twice"),
    "a publication is there twice": copy("integration", "publication", finds="applied_twice published_twice"),
    "a keyword is there twice": copy("planner", "keyword", finds="applied_twice"),
    "an idea is there that nobody made": copy(
        "planner", "content_idea", f"{NEW}, 'step_id', gen_random_uuid()", finds="applied_twice"
    ),
    "a cluster has an idea too many": copy("planner", "content_idea", finds="applied_twice"),
    "a step was applied twice": copy("writer", "applied_step", "'function', function", finds="applied_twice"),
    "a subject has two steps": copy("orchestrator", "step", NEW, "function = 'plan_stage'", finds="applied_twice"),
    "a deduction is there twice": copy(
        "billing", "credit_transaction", f"{NEW}, 'number', number + 1000000", PRICED, finds="billed_twice drift"
    ),
    "a usage is there twice": copy("billing", "credit_usage", finds="billed_twice drift"),
    "work was cheaper than what it cost": change(
        "writer",
        "applied_step",
        "result = result || '{\"actual_quantity\": 0}'",
        "function = 'generate_content'",
        finds="billed_twice",
    ),
    "a step that failed was billed": change(
        "orchestrator",
        "step",
        "status = 'failed'",
        "credits > 0 AND function = 'generate_image'",
        finds="billed_twice lost",
    ),
    "a hold has a price of its own": change(
        "billing", "hold", "unit_credits = 7", "state = 'captured'", finds="billed_twice"
    ),
    "two contents have one place": change(
        "integration",
        "publication",
        f"external_id = {LAST_OF_ITS_SITE}",
        f"external_id < {LAST_OF_ITS_SITE} AND external_id <> ''",
        finds="published_twice",
    ),
    "a balance is too high": change("billing", "credit_account", "posted = posted + 1", "posted > 0", finds="drift"),
    "a transaction does not follow": change(
        "billing", "credit_transaction", "balance_after = balance_after + 1", finds="drift"
    ),
    "a transaction is gone": remove("billing", "credit_transaction", PRICED, finds="drift"),
    "a grant has lost a credit": change(
        "billing", "credit_grant", "remaining = remaining - 1", "remaining > 1", finds="drift"
    ),
    "a quote counts too much": change("billing", "quote", "captured_credits = captured_credits + 1", finds="drift"),
    "a run counts too much": change("orchestrator", "run", "captured_credits = captured_credits + 1", finds="drift"),
    "a step counts too much": change("orchestrator", "step", "credits = credits + 1", WROTE, finds="drift"),
    "credits are still set aside": change("billing", "credit_account", "held = 3", "posted > 3", finds="drift held"),
}


@contextmanager
def forged(forgery: Forgery, connection: psycopg.Connection[DictRow]) -> Iterator[None]:
    """Change a row for the length of a `with` block."""
    table, quoted = forgery.table, (forgery.table,)
    with connection.transaction(force_rollback=True):
        connection.execute("SET LOCAL session_replication_role = replica")  # no triggers, no references
        for row in connection.execute(_CONSTRAINTS, quoted).fetchall():
            connection.execute(f'ALTER TABLE {table} DROP CONSTRAINT IF EXISTS "{row["conname"]}" CASCADE'.encode())
        for row in connection.execute(_GENERATED, quoted).fetchall():
            connection.execute(f"ALTER TABLE {table} ALTER COLUMN {row['attname']} DROP EXPRESSION".encode())
        for row in connection.execute(_INDEXES, quoted).fetchall():
            connection.execute(f"DROP INDEX {row['name']}".encode())
        assert connection.execute(forgery.sql.encode()).rowcount >= 1
        yield


def look(stage: Stage, played: Played, connections: dict[str, psycopg.Connection[DictRow]]) -> Verdict:
    return judge(Evidence.read(connections, stage.house.data / "sites", played.accounts))


@pytest.mark.parametrize("forgery", FORGERIES.values(), ids=FORGERIES.keys())
def test_a_forgery_is_seen(stage: Stage, played: Played, forgery: Forgery) -> None:
    with open_databases(stage.house.admin_url) as connections, forged(forgery, connections[forgery.database]):
        verdict = look(stage, played, connections)
    assert not verdict.clean
    found = {*verdict.counts, *(("held",) if verdict.held else ())}
    assert found == set(forgery.finds.split()), verdict.findings


def test_the_judge_shares_no_code_with_what_it_judges() -> None:
    for file in Path(judge_package.__file__).parent.glob("*.py"):
        imported = set(re.findall(r"^ *(?:from|import) (\w+)", file.read_text(), re.MULTILINE))
        assert not imported & {"services", "gateway", "cli", "chassis", "igny8"}, file


def test_the_run_as_it_is_is_clean(stage: Stage, played: Played) -> None:
    with open_databases(stage.house.admin_url) as connections:
        verdict = look(stage, played, connections)
    assert verdict.clean, verdict.findings
    assert verdict.steps > 0


class TestPlaces:
    @pytest.fixture
    def sites(self, stage: Stage, played: Played, tmp_path: Path) -> Path:
        """A copy of everything that was published."""
        assert played.accounts
        return shutil.copytree(stage.house.data / "sites", tmp_path / "sites", symlinks=True)

    def look(self, stage: Stage, played: Played, sites: Path) -> set[str]:
        with open_databases(stage.house.admin_url) as connections:
            return set(judge(Evidence.read(connections, sites, played.accounts)).counts)

    def test_a_page_that_is_gone_is_lost(self, stage: Stage, played: Played, sites: Path) -> None:
        state, shown = a_site(sites)
        shutil.rmtree(shown / state["cards"][0]["slug"])
        assert self.look(stage, played, sites) == {"lost"}

    def test_a_page_that_nobody_lists_is_published_twice(self, stage: Stage, played: Played, sites: Path) -> None:
        state, shown = a_site(sites)
        shutil.copytree(shown / state["cards"][0]["slug"], shown / "another-address")
        assert self.look(stage, played, sites) == {"published_twice"}

    def test_a_content_that_is_listed_twice_is_published_twice(self, stage: Stage, played: Played, sites: Path) -> None:
        state, shown = a_site(sites)
        state["cards"].append(state["cards"][0])
        (shown.parents[1] / "state" / f"{shown.name}.json").write_text(json.dumps(state))
        assert self.look(stage, played, sites) == {"published_twice"}


def a_site(sites: Path) -> tuple[dict[str, Any], Path]:
    """Return the state of a site with articles, and the folder of what it shows."""
    for current in sorted(sites.glob("*/current")):
        shown = current.resolve()
        state = json.loads((shown.parents[1] / "state" / f"{shown.name}.json").read_text())
        if state["cards"]:
            return state, shown
    raise AssertionError("nothing was published in the short run")


def test_what_the_interface_says_is_compared_with_the_rows(stage: Stage, played: Played) -> None:
    house = stage.house.installation
    with open_databases(stage.house.admin_url) as connections:
        evidence = Evidence.read(connections, house.data / "sites", played.accounts)
        assert over_rest(evidence, house.api_url, house.operator_key) == []
        with raised(connections["billing"], played.accounts[0]):
            found = over_rest(evidence, house.api_url, house.operator_key)
    assert [finding.number for finding in found] == ["drift", "drift"]  # another balance, and books that say so


@contextmanager
def raised(connection: psycopg.Connection[DictRow], account: str) -> Iterator[None]:
    """Have an account hold a credit more for the length of a `with` block, for everybody to see."""
    change = "UPDATE credit_account SET posted = posted + %s WHERE account_id = %s"
    connection.execute(change, (1, account))
    connection.commit()
    try:
        yield
    finally:
        connection.execute(change, (-1, account))
        connection.commit()


class TestPace:
    BEGAN = datetime(2026, 11, 1, tzinfo=UTC)

    def evidence(self, *steps: tuple[str, float, float], paused: tuple[float, float] = (1e6, 1e6)) -> Evidence:
        """One run with steps (lane, from, to), paused from and to a second."""
        rows = [
            {"lane": lane, "run_id": 1, "status": "succeeded", "create_time": self.at(a), "update_time": self.at(b)}
            for lane, a, b in steps
        ]
        turns = [("run_started", 0.0), ("run_paused", paused[0]), ("run_resumed", paused[1])]
        said = [{"run_id": 1, "kind": kind, "create_time": self.at(second)} for kind, second in turns]
        return Evidence({"steps": rows, "turns": said}, {}, [], {}, [])

    def at(self, second: float) -> datetime:
        return self.BEGAN + timedelta(seconds=second)

    @pytest.mark.parametrize(
        ("steps", "paused", "expected"),
        [
            ([("text", 1, 20)], (900, 901), [10.0]),
            ([("text", 1, 20), ("text", 1, 13)], (900, 901), [3.0]),
            ([("text", 1, 20), ("local", 1, 12)], (900, 901), [10.0, 2.0]),
            ([("text", 1, 9), ("text", 11, 20)], (900, 901), []),
            ([("text", 1, 20)], (5, 15), []),
        ],
        ids=["one step", "the next end counts", "each lane", "nothing was open", "its run was paused"],
    )
    def test_a_blow_is_followed_by_the_next_end_in_each_lane_at_work(
        self, steps: list[tuple[str, float, float]], paused: tuple[float, float], expected: list[float]
    ) -> None:
        found = waits(self.evidence(*steps, paused=paused), [Hit(self.at(10).timestamp(), "kill")])
        assert [wait.seconds for wait in found] == pytest.approx(expected)

    @pytest.mark.parametrize(
        ("values", "expected"), [([], None), ([3.0], 3.0), (range(1, 101), 95.0), (range(1, 21), 19.0)]
    )
    def test_the_percentile_is_a_value_that_was_measured(self, values: Sequence[float], expected: float) -> None:
        assert percentile(list(values), 95) == expected
