"""What claiming steps costs when the table is long, the queue is long, or the tenants are many.

`python -m bench.claims`: each line is the median of many turns, and its ratio to the same on a table that has nothing
but the steps which are claimed. The databases take turns, so that what else the machine does falls on all of them.
"""

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import psycopg

from chassis import migrate
from chassis.embedded.roles import ServiceUrls
from chassis.testing.postgres import TemplateDatabases, postgres_server
from services.orchestrator.domain.stages import LANES
from services.orchestrator.engine import claims
from tests.integration.orchestrator.backlog import Backlog, open_backlog

FINISHED = 1_000_000
TURNS = 300
WARM_UP = 30
ROOM = 8  # steps a claim
NO_CAP = 1_000_000


def main() -> None:
    """Print each case."""
    with ExitStack() as stack:
        databases = stack.enter_context(_databases())
        print(f"medians of {TURNS} turns; {FINISHED:,} finished steps take a while to write")
        cases = {name: stack.enter_context(_opened(databases, fill)) for name, fill in _CASES.items()}
        for what, turn in (("claim", _claim), ("renew", _renew), ("due_lanes", _look)):
            _report(what, cases, turn)


class _Case:
    """A database and somebody in it whose steps are claimed."""

    def __init__(self, backlog: Backlog) -> None:
        self.backlog = backlog
        (self.tenant,) = backlog.account()


def _claim(case: _Case) -> float:
    """Return the seconds of one claim of as many steps as there is room for."""
    case.backlog.steps(case.tenant, ROOM)
    began = time.perf_counter()
    held = claims.claim(case.backlog.sweep, "text", ROOM, site_room=NO_CAP)
    took = time.perf_counter() - began
    assert len(held) == ROOM
    case.backlog.end([step.id for step in held])
    return took


def _renew(case: _Case) -> float:
    """Return the seconds of keeping the leases of some steps."""
    case.backlog.steps(case.tenant, ROOM)
    held = claims.claim(case.backlog.sweep, "text", ROOM, site_room=NO_CAP)
    began = time.perf_counter()
    claims.renew(case.backlog.sweep, held)
    took = time.perf_counter() - began
    case.backlog.end([step.id for step in held])
    return took


def _look(case: _Case) -> float:
    """Return the seconds of looking which lanes have work."""
    began = time.perf_counter()
    claims.due_lanes(case.backlog.sweep, LANES)
    return time.perf_counter() - began


def _nothing(_: _Case, __: ServiceUrls) -> None:
    return


def _finished(case: _Case, urls: ServiceUrls) -> None:
    run_id = case.backlog.steps(case.tenant, 1, status="succeeded")
    with psycopg.connect(urls.owner.replace("+psycopg", "")) as connection:
        connection.execute("SELECT set_config('app.account', %s, false)", [str(case.tenant.account_id)])
        connection.execute(
            "INSERT INTO step (account_id, site_id, run_id, id, place, stage, function, subject_id, subject_kind,"
            " lane, status, phase) SELECT %s, %s, %s, gen_random_uuid(), 1, 2, 'generate_ideas', gen_random_uuid(),"
            " 'cluster', 'text', 'succeeded', 'done' FROM generate_series(1, %s)",
            [case.tenant.account_id, case.tenant.site_id, run_id, FINISHED],
        )


def _long(case: _Case, _: ServiceUrls) -> None:
    (other,) = case.backlog.account()
    case.backlog.steps(other, 10_000)


def _many(case: _Case, _: ServiceUrls) -> None:
    for _number in range(1000):
        (other,) = case.backlog.account()
        case.backlog.steps(other, 10)


_CASES: dict[str, Callable[[_Case, ServiceUrls], None]] = {
    "nothing else in the table": _nothing,
    f"{FINISHED:,} finished steps": _finished,
    "10,000 open steps of one other tenant": _long,
    "10 open steps of each of 1,000 tenants": _many,
}


@contextmanager
def _databases() -> Iterator[TemplateDatabases]:
    def brought(service: str, owner_url: str) -> None:
        migrate.upgrade(f"services.{service}", owner_url, app_role=f"{service}_app", sweep_role=f"{service}_sweep")

    with postgres_server() as server:
        yield TemplateDatabases(server, brought)


@contextmanager
def _opened(databases: TemplateDatabases, fill: Callable[[_Case, ServiceUrls], None]) -> Iterator[_Case]:
    with databases.fresh("orchestrator") as urls:
        case = _Case(open_backlog(urls))
        fill(case, urls)
        for _ in range(WARM_UP):  # a table that was never used tells the planner nothing
            _claim(case)
        with psycopg.connect(urls.owner.replace("+psycopg", ""), autocommit=True) as connection:
            connection.execute("VACUUM ANALYZE step")  # as PostgreSQL does by itself after a while
        yield case
        case.backlog.close()


def _report(what: str, cases: dict[str, _Case], turn: Callable[[_Case], float]) -> None:
    taken: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(TURNS):
        for name, case in cases.items():
            taken[name].append(turn(case))
    medians = {name: statistics.median(times) for name, times in taken.items()}
    baseline = next(iter(medians.values()))
    for name, median in medians.items():
        print(f"{median / baseline:5.2f} x: {what}, {name} ({median * 1e6:.0f} us)")


if __name__ == "__main__":
    main()
