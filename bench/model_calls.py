"""What a worker needs to keep a model busy: `python -m bench.model_calls`.

1,000 steps of `generate_content`, each with one model call of a second, 200 of them in flight, carried by one worker
child over a real PostgreSQL and real gRPC; the other services are stand-ins that answer at once (`bench._peers`).

The baseline is the ideal: 200 calls a second. The steady state is from the moment the model is first full until the
last call begins. The worker's CPU is its process's, from the first claim to the end, by step.
"""

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from chassis import migrate
from chassis.embedded.redis import EmbeddedRedis
from chassis.embedded.roles import ServiceUrls
from chassis.ids import new_id
from chassis.passport import generate_key
from chassis.testing.postgres import postgres_server

CALLS, IN_FLIGHT, CALL_S = 1000, 200, 1.0
WALL_RATIO_GOAL, CPU_MS_GOAL = 1.3, 3.0
PEERS = ("identity", "planner", "writer", "ai", "billing", "integration")
_CHILD = "child"


def main() -> int:
    """Print both figures beside their goals; 1 when one is missed."""
    with postgres_server() as server, _redis() as redis_url, _peers() as peers:
        urls = server.bootstrap(["orchestrator"])["orchestrator"]
        migrate.upgrade(
            "services.orchestrator", urls.owner, app_role="orchestrator_app", sweep_role="orchestrator_sweep"
        )
        _make_steps(urls, CALLS)
        child = _carry(urls, redis_url, peers.address)
        seen = peers.seen()
        done = _done(urls)
    assert done == CALLS, f"{done} of {CALLS} steps succeeded"
    ratio, peak = _steady(seen["began"], seen["ended"])
    cpu_ms = child["cpu_s"] * 1000 / CALLS
    print(
        f"{ratio:5.2f} x the ideal wall time in the steady state (goal <= {WALL_RATIO_GOAL}): {CALLS} calls of "
        f"{CALL_S:.0f} s, {IN_FLIGHT} in flight, peak {peak}, {child['wall_s']:.1f} s in all"
    )
    print(f"{cpu_ms:5.2f} ms of worker CPU a step (goal <= {CPU_MS_GOAL})")
    return 0 if ratio <= WALL_RATIO_GOAL and cpu_ms <= CPU_MS_GOAL else 1


def _steady(began: list[float], ended: list[float]) -> tuple[float, int]:
    """Return (time needed / ideal time, most in flight) between the first fullness and the last beginning."""
    moments = sorted([(at, 1) for at in began] + [(at, -1) for at in ended])
    flying, peak, full_at = 0, 0, 0.0
    for at, change in moments:
        flying += change
        peak = max(peak, flying)
        if flying >= IN_FLIGHT * 0.95 and not full_at:
            full_at = at
    assert full_at, f"the model was never full: at most {peak} calls were in flight"
    last = max(began)
    within = sum(full_at < at <= last for at in began)
    return (last - full_at) / (within * CALL_S / IN_FLIGHT), peak


def _make_steps(urls: ServiceUrls, count: int) -> None:
    engine = sa.create_engine(urls.sweep, poolclass=sa.NullPool)
    account, site, run = new_id(), new_id(), new_id()
    names = {"account": account, "site": site, "run": run, "industry": new_id(), "quote": new_id(), "count": count}
    plan = {"functions": ["generate_content"], "options": {}, "subject_ids": [], "by_hand": True}
    owner = sa.create_engine(urls.app, poolclass=sa.NullPool)
    with owner.begin() as connection:
        connection.execute(sa.text("SELECT set_config('app.account', :account, true)"), {"account": str(account)})
        for statement in (
            "INSERT INTO account_ref VALUES (:account)",
            "INSERT INTO site_ref VALUES (:account, :site, :industry)",
        ):
            connection.execute(sa.text(statement), names)
    with engine.begin() as connection:
        for statement in (
            "INSERT INTO run (account_id, site_id, id, name, plan, by_hand, trigger, billing_quote_id, quoted_credits)"
            " VALUES (:account, :site, :run, 'bench', CAST(:plan AS jsonb), true, 'manual', :quote, 100000)",
            "INSERT INTO run_stage (account_id, site_id, id, run_id, place, stage, function, state, planned)"
            " VALUES (:account, :site, gen_random_uuid(), :run, 1, 4, 'generate_content', 'open', :count)",
            "INSERT INTO step (account_id, site_id, id, run_id, place, stage, function, subject_id, subject_kind, lane,"
            " label, limit_quantity) SELECT :account, :site, gen_random_uuid(), :run, 1, 4, 'generate_content',"
            " gen_random_uuid(), 'task', 'text', 'An article about coffee ' || n, 1200"
            " FROM generate_series(1, :count) AS n",
        ):
            connection.execute(sa.text(statement), names | {"plan": json.dumps(plan)})


def _done(urls: ServiceUrls) -> int:
    engine = sa.create_engine(urls.sweep, poolclass=sa.NullPool)
    with engine.connect() as connection:
        return int(connection.execute(sa.text("SELECT count(*) FROM step WHERE status = 'succeeded'")).scalar_one())


def _carry(urls: ServiceUrls, redis_url: str, peers: str) -> dict[str, float]:
    """Run the worker's own drain in a process of its own; return its wall and CPU seconds."""
    environment = {f"{name.upper()}_ADDRESS": peers for name in PEERS} | {
        "ORCHESTRATOR_LISTEN": "127.0.0.1:0",
        "ORCHESTRATOR_DATABASE_URL": urls.app,
        "ORCHESTRATOR_SWEEP_URL": urls.sweep,
        "PASSPORT_KEY": generate_key()[0],
        "REDIS_URL": redis_url,
        "WORKER_ROOM_TEXT": str(IN_FLIGHT),
        "WORKER_SITE_ROOM_TEXT": str(2 * IN_FLIGHT),
        "PATH": "/usr/bin:/bin",
    }
    command = [sys.executable, "-m", "bench.model_calls", _CHILD]
    result = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True, timeout=300)
    measured: dict[str, float] = json.loads(result.stdout.splitlines()[-1])
    return measured


def _child() -> None:
    from services.orchestrator import worker  # noqa: PLC0415 - only the child needs it

    _import_all()
    before, began = resource.getrusage(resource.RUSAGE_SELF), time.monotonic()
    worker.drain("text")
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(json.dumps({"cpu_s": cpu_s, "wall_s": time.monotonic() - began}))


def _import_all() -> None:
    """Import what a worker's child imports once in its life, so that it is not counted with the steps."""
    import services.orchestrator.bells  # noqa: PLC0415 - see above
    import services.orchestrator.config  # noqa: PLC0415 - see above
    import services.orchestrator.engine.carry  # noqa: PLC0415 - see above
    import services.orchestrator.engine.drain  # noqa: F401, PLC0415 - see above


class _Peers:
    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        self._process = process
        self.address = process.stdout.readline().strip()

    def seen(self) -> dict[str, Any]:
        said: dict[str, Any] = json.loads(self._process.communicate("\n", timeout=30)[0])
        return said


@contextmanager
def _peers() -> Iterator[_Peers]:
    command = [sys.executable, "-m", "bench._peers", str(CALL_S)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield _Peers(process)
        finally:
            process.kill()


@contextmanager
def _redis() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="igny8-bench-") as folder:
        server = EmbeddedRedis(Path(folder), port=_free_port())
        server.start()
        try:
            yield server.url
        finally:
            server.stop()


def _free_port() -> int:
    import socket  # noqa: PLC0415 - for this line only

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    if sys.argv[1:] == [_CHILD]:
        _child()
        sys.exit(0)
    sys.exit(main())
