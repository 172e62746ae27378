"""The whole house on one machine: opened, kept alive and closed by one process.

Opening: take the data lock, clean up after a killed predecessor, start PostgreSQL and Redis (or use those that the
environment names), make roles and databases, migrate, start everything else at once, write down where it all is.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Any

from chassis.embedded.postgres import EmbeddedPostgres
from chassis.embedded.program import EmbeddedServerError
from chassis.embedded.redis import EmbeddedRedis
from chassis.embedded.roles import ServiceUrls
from cli import keys, ports, processes, supervisor
from cli.errors import SettingsIncomplete, StartFailed
from cli.health import GrpcHealth, http_answers
from cli.home import DataLock, Home, write_json
from cli.processes import Installation

SERVERS_TIMEOUT_S = 60.0
MIGRATIONS_TIMEOUT_S = 180.0
PROCESSES_TIMEOUT_S = 90.0
COMMAND_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 9.0
DEFAULT_PORT, DEFAULT_SITES_PORT = 8080, 8090


@dataclass(frozen=True)
class Figures:
    """How long opening took, in seconds."""

    servers: float
    databases: float
    processes: float
    each: Mapping[str, float]

    @property
    def total(self) -> float:
        """From taking the lock to the last process being ready."""
        return self.servers + self.databases + self.processes


@dataclass
class House:
    """One installation that is up.

    Args:
        installation: where everything is.
        supervisor: keeps it alive.
        figures: how long it took to open.
        embedded: which of PostgreSQL and Redis are our own.
    """

    installation: Installation
    supervisor: supervisor.Supervisor
    figures: Figures
    embedded: tuple[str, ...]


@contextmanager
def opened(
    home: Home,
    *,
    port: int = DEFAULT_PORT,
    sites_port: int = DEFAULT_SITES_PORT,
    say: Callable[[str], None],
) -> Iterator[House | None]:
    """Open the house, and close it on the way out, however that is.

    SIGINT, SIGTERM and SIGHUP ask the supervisor to stop; while opening, they end it with None.

    Raises:
        AlreadyRunning: another process holds the data directory.
        StartFailed: something did not come up; what had started is stopped again.
        SettingsIncomplete: the environment names only some of a service's URLs.
        SettingsWrong: WORKERS is no number of processes.
    """
    with ExitStack() as stack:
        stack.enter_context(DataLock(home))
        home.state.unlink(missing_ok=True)  # of a predecessor that was killed
        keeper = supervisor.Supervisor(home.logs, str(home.data), say)
        stack.enter_context(_signals_stop(keeper))
        stack.callback(_close, home, keeper, say)
        yield _open(home, keeper, port, sites_port, say)


def _close(home: Home, keeper: supervisor.Supervisor, say: Callable[[str], None]) -> None:
    home.state.unlink(missing_ok=True)
    killed = keeper.stop(STOP_TIMEOUT_S)
    if killed:
        say(f"Killed, as they did not stop in time: {', '.join(killed)}.")


@contextmanager
def _signals_stop(keeper: supervisor.Supervisor) -> Iterator[None]:
    def stop(number: int, frame: FrameType | None) -> None:
        del number, frame
        keeper.stopping.set()

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, stop) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _open(
    home: Home, keeper: supervisor.Supervisor, port: int, sites_port: int, say: Callable[[str], None]
) -> House | None:
    began = time.monotonic()
    wanted = processes.replicated(os.environ)
    try:
        given = external_databases(os.environ)
        servers = _Servers.prepared(home, keeper.mark, given)
        chosen = _ports(home, port, sites_port, say)
        redis_url = servers.start(keeper, chosen["redis"], say)
        at_servers = time.monotonic()
        if keeper.stopping.is_set():
            return None
        installation = Installation(
            home=home,
            keys=keys.load(home.secrets),
            ports=chosen,
            databases=servers.databases(given),
            redis_url=redis_url,
        )
        _migrate(installation)
    except (EmbeddedServerError, TimeoutError, LookupError) as error:
        raise StartFailed(str(error)) from error
    at_databases = time.monotonic()
    each = keeper.start(_jobs(wanted, installation), timeout_s=PROCESSES_TIMEOUT_S)
    if keeper.stopping.is_set():
        return None
    figures = Figures(at_servers - began, at_databases - at_servers, time.monotonic() - at_databases, each)
    _make_operator_key(installation)
    house = House(installation, keeper, figures, servers.names)
    write_state(house)
    return house


def external_databases(environ: Mapping[str, str]) -> dict[str, ServiceUrls]:
    """Return the databases that the environment names, by service.

    Raises:
        SettingsIncomplete: it names one or two of a service's three URLs.
    """
    found = {}
    for service in processes.SERVICES:
        names = [f"{service.upper()}_{kind}_URL" for kind in ("DATABASE", "OWNER", "SWEEP")]
        values = [environ.get(name, "") for name in names]
        missing = [name for name, value in zip(names, values, strict=True) if not value]
        if not missing:
            found[service] = ServiceUrls(*values)
        elif len(missing) < len(names):
            raise SettingsIncomplete(
                f"Set {' and '.join(missing)} too, or none of {', '.join(names)}: a service has three roles."
            )
    return found


def _ports(home: Home, port: int, sites_port: int, say: Callable[[str], None]) -> dict[str, int]:
    chooser = ports.Ports(home.ports, ports.is_free)
    chosen = chooser.inner((*processes.SERVICES, "redis"))
    chosen |= {"gateway": chooser.outer("gateway", port), "sites": chooser.outer("sites", sites_port)}
    for line in chooser.said:
        say(line)
    return chosen


@dataclass
class _Servers:
    """The embedded servers that are needed; None where the environment names another."""

    home: Home
    postgres: EmbeddedPostgres | None
    redis_wanted: bool

    @classmethod
    def prepared(cls, home: Home, mark: str, given: Mapping[str, ServiceUrls]) -> "_Servers":
        """Clean up what a killed predecessor left behind, and make PostgreSQL's data directory."""
        postgres = None if len(given) == len(processes.SERVICES) else EmbeddedPostgres(home.data / "postgres")
        redis_wanted = not os.environ.get("REDIS_URL")
        if postgres is not None:
            postgres.stop_leftover()
        if redis_wanted:  # it writes its title over its environment, where the sweep would look
            EmbeddedRedis(home.data / "redis").stop_leftover()
        supervisor.sweep(mark)
        if postgres is not None:
            postgres.initialise()
        return cls(home, postgres, redis_wanted)

    @property
    def names(self) -> tuple[str, ...]:
        return (*(("postgres",) if self.postgres else ()), *(("redis",) if self.redis_wanted else ()))

    def start(self, keeper: supervisor.Supervisor, redis_port: int, say: Callable[[str], None]) -> str:
        """Start what is embedded and wait for it; the URL of Redis."""
        jobs = []
        redis_url = os.environ.get("REDIS_URL", "")
        if self.postgres is not None:
            jobs.append(
                supervisor.Job(
                    self.postgres.program(),
                    processes.SERVERS_ROUND,
                    self.postgres.is_ready,
                    # PostgreSQL's immediate shutdown: no last checkpoint, which may take seconds on a slow disk; the
                    # next start reads the log again. Killed, it would leave shared memory behind.
                    last_signal=signal.SIGQUIT,
                )
            )
        else:
            say("Using the databases that the environment names.")
        if self.redis_wanted:
            redis = EmbeddedRedis(self.home.data / "redis", port=redis_port)
            redis_url = redis.url
            jobs.append(supervisor.Job(redis.program(), processes.SERVERS_ROUND, redis.is_ready))
        else:
            say("Using the Redis that REDIS_URL names.")
        keeper.start(jobs, timeout_s=SERVERS_TIMEOUT_S)
        return redis_url

    def databases(self, given: Mapping[str, ServiceUrls]) -> dict[str, ServiceUrls]:
        """Return every service's URLs; roles and databases of the embedded ones are made."""
        wanted = [service for service in processes.SERVICES if service not in given]
        return {**given, **(self.postgres.bootstrap(wanted) if self.postgres is not None else {})}


def _migrate(installation: Installation) -> None:
    variables: dict[str, str] = {}
    for service in processes.SERVICES:
        variables |= processes.owner_environment(service, installation)
    _run_once(("-m", "cli.migrations"), variables, MIGRATIONS_TIMEOUT_S, "The migrations failed")


def _make_operator_key(installation: Installation) -> None:
    path = installation.home.operator_key
    if path.exists():
        return
    _run_once(
        ("-m", "services.identity", "operator-key", "--name", "local", "--key-file", str(path)),
        processes.owner_environment("identity", installation),
        COMMAND_TIMEOUT_S,
        "The operator key could not be made",
    )


def _run_once(arguments: tuple[str, ...], variables: Mapping[str, str], timeout_s: float, failure: str) -> None:
    try:
        result = subprocess.run(
            [sys.executable, *arguments],
            cwd=processes.ROOT,
            env={**os.environ, **variables},
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise StartFailed(f"{failure}: not done within {timeout_s:.0f} s.") from error
    if result.returncode != 0:
        raise StartFailed(f"{failure}:\n{result.stderr.strip()[-3000:]}")


def _jobs(wanted: Sequence[processes.Process], installation: Installation) -> list[supervisor.Job]:
    return [
        supervisor.Job(processes.program(row, installation), row.stop_round, readiness(row.name, installation))
        for row in wanted
    ]


def readiness(name: str, installation: Installation) -> Callable[[], bool] | None:
    """Return how to ask a process whether it does its work; None for the worker, which nobody calls."""
    if name in processes.SERVICES:
        return GrpcHealth(installation.address(name))
    if name == "gateway":
        return http_answers(installation.address(name), "/readyz", below=400)
    if name == "sites":
        return http_answers(installation.address(name), "/", below=500)  # an empty site is "not found"
    return None


def write_state(house: House) -> None:
    """Write down what runs where, for the commands that look for it."""
    installation, children = house.installation, house.supervisor.children
    state: dict[str, Any] = {
        "pid": os.getpid(),
        "api_url": installation.api_url,
        "sites_url": installation.sites_url,
        "operator_key": str(installation.home.operator_key),
        "embedded": list(house.embedded),
        "start_s": {
            "servers": round(house.figures.servers, 2),
            "databases": round(house.figures.databases, 2),
            "processes": round(house.figures.processes, 2),
            "total": round(house.figures.total, 2),
        },
        "ports": dict(installation.ports),
        "processes": sorted(children),
    }
    write_json(installation.home.state, state)
