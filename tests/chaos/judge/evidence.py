"""What the judge looks at: rows, read by its own SQL, and the folder of published pages."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg.rows import DictRow, dict_row

Row = DictRow
Connections = Mapping[str, "psycopg.Connection[DictRow]"]
DATABASES = ("orchestrator", "planner", "writer", "integration", "billing", "identity", "ai")
OWNERS = ("planner", "writer", "integration")

_OF_ACCOUNTS = " WHERE account_id = ANY(%(accounts)s)"
_QUERIES: Mapping[str, Mapping[str, str]] = {
    "orchestrator": {
        "runs": "SELECT id, account_id, site_id, status, captured_credits, plan, schedule_time FROM run",
        "stages": "SELECT run_id, place, function, planned, succeeded, failed, cancelled, credits, state"
        " FROM run_stage",
        "steps": "SELECT id, account_id, run_id, place, function, lane, subject_id, status, credits, create_time,"
        " update_time FROM step",
        "ends": "SELECT run_id, step_id FROM (SELECT * FROM run_event WHERE kind = 'step_succeeded') AS finish",
        "tales": "SELECT run_id, told, first, last FROM (SELECT account_id, run_id, count(*) AS told,"
        " min(position) AS first, max(position) AS last FROM run_event GROUP BY account_id, run_id) AS tale",
        "turns": "SELECT run_id, kind, create_time FROM (SELECT * FROM run_event WHERE kind IN"
        " ('run_started', 'run_resumed', 'run_paused', 'run_completed', 'run_failed', 'run_cancelled')) AS turn",
    },
    "planner": {
        "clusters": "SELECT id, step_id FROM cluster",
        "ideas": "SELECT id, cluster_id, step_id FROM content_idea",
        "imports": "SELECT id, status FROM keyword_import",
        "keywords": "SELECT id, sector_id, normalised, delete_time FROM keyword",
    },
    "writer": {
        "tasks": "SELECT id, content_idea_id, status FROM task",
        "contents": "SELECT id, task_id, site_id, status FROM content",
        "images": "SELECT id, content_id, kind, position, status, object_key FROM image",
    },
    "integration": {
        "publications": "SELECT id, content_id, site_integration_id, site_id, platform, status, external_id"
        " FROM publication",
    },
    "billing": {
        "accounts": "SELECT account_id, posted, held, transaction_count FROM credit_account",
        "grants": "SELECT id, account_id, credits, remaining, held FROM credit_grant",
        "changes": "SELECT id, account_id, number, kind, amount, balance_after, step_id, hold_id, grant_id"
        " FROM credit_transaction",
        "holds": "SELECT id, account_id, state, quote_id, run_id, step_id, operation, quantity, credit_cost_id,"
        " unit_size, unit_credits, credits, captured_credits FROM hold",
        "pins": "SELECT account_id, hold_id, grant_id, credits, captured_credits FROM hold_grant",
        "usages": "SELECT id, account_id, hold_id, step_id, quantity, credits FROM credit_usage",
        "quotes": "SELECT id, account_id, limit_credits, captured_credits, held_credits FROM quote",
    },
}
# A row without a result only says which worker a step belongs to.
_APPLIED = "SELECT id, function, result FROM (SELECT * FROM applied_step WHERE result IS NOT NULL) AS record"


@dataclass(frozen=True)
class Place:
    """A site at the built-in destination, as it lies on disk: which articles its state lists, which pages are there.

    Args:
        site: its id.
        listed: for each article of the shown version, its content's id and its address.
        pages: the addresses of the articles' pages that are really there.
    """

    site: str
    listed: Sequence[tuple[str, str]]
    pages: Sequence[str]


@dataclass(frozen=True)
class Evidence:
    """Everything about some accounts.

    Args:
        rows: by name, as the queries above call them.
        applied: the owners' records of applied steps, by owner.
        undelivered: facts that still lie in outboxes, as (service, kind).
        costs: price versions by id, as (unit_size, credits).
        places: sites at the built-in destination.
    """

    rows: Mapping[str, Sequence[Row]]
    applied: Mapping[str, Sequence[Row]]
    undelivered: Sequence[tuple[str, str]]
    costs: Mapping[Any, tuple[int, int]]
    places: Sequence[Place]

    def __getitem__(self, name: str) -> Sequence[Row]:
        """Return rows by their name."""
        return self.rows[name]

    @classmethod
    def read(cls, connections: Connections, sites: Path, accounts: Sequence[str]) -> Evidence:
        """Read everything about some accounts; about all that have credits when none is named."""
        chosen = list(accounts) or [
            row["account_id"] for row in connections["billing"].execute("SELECT account_id FROM credit_account")
        ]
        said = {"accounts": [str(account) for account in chosen]}

        def read(database: str, query: str) -> list[Row]:
            return connections[database].execute((query + _OF_ACCOUNTS).encode(), said).fetchall()

        rows = {name: read(database, query) for database, some in _QUERIES.items() for name, query in some.items()}
        costs = connections["billing"].execute("SELECT id, unit_size, credits FROM credit_cost").fetchall()
        mine = {str(row["site_id"]) for row in rows["contents"]}
        return cls(
            rows=rows,
            applied={owner: read(owner, _APPLIED) for owner in OWNERS},
            undelivered=[
                (service, row["kind"])
                for service in connections
                for row in connections[service].execute((_OUTBOX + _OF_ACCOUNTS).encode(), said)
            ],
            costs={row["id"]: (row["unit_size"], row["credits"]) for row in costs},
            places=[place for place in read_places(sites) if place.site in mine],
        )


_OUTBOX = "SELECT kind FROM outbox"


@contextmanager
def open_databases(admin_url: str) -> Iterator[dict[str, psycopg.Connection[DictRow]]]:
    """Connect to every service's database as the superuser, who sees every tenant's rows."""
    with ExitStack() as stack:
        yield {
            name: stack.enter_context(psycopg.connect(_of(admin_url, name), row_factory=dict_row, connect_timeout=10))
            for name in DATABASES
        }


def _of(admin_url: str, database: str) -> str:
    parts = urlsplit(admin_url)
    return urlunsplit(parts._replace(path=f"/{database}"))


def read_places(sites: Path) -> list[Place]:
    """Return every site below the folder of published pages."""
    return [_place(folder) for folder in sorted(sites.iterdir()) if (folder / "current").is_symlink()]


def _place(folder: Path) -> Place:
    version = (folder / "current").readlink().name
    state = json.loads((folder / "state" / f"{version}.json").read_text("utf-8"))
    moved = set(state["redirects"])
    own = {"category", "images", "page", "assets"}
    pages = [page.parent.name for page in (folder / "versions" / version).glob("*/index.html")]
    return Place(
        site=folder.name,
        listed=[(card["content_id"], card["slug"]) for card in state["cards"]],
        pages=[page for page in pages if page not in moved | own],
    )
