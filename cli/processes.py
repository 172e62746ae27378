"""The processes of one installation and what each is told: the one table of environment variables.

| variable                       | who gets it                   | what it says                                   |
|--------------------------------|-------------------------------|------------------------------------------------|
| <SVC>_LISTEN                   | the service                   | where it serves gRPC                           |
| <SVC>_DATABASE_URL, _SWEEP_URL | the service, its worker       | its database, under two of its roles           |
| <SVC>_OWNER_URL                | migrations, operator-key      | the same under the role that owns the tables   |
| <SVC>_ADDRESS                  | who calls it                  | where it is                                    |
| PASSPORT_TRUST                 | every service                 | whose passports it believes, with which scopes |
| PASSPORT_KEY                   | who mints passports           | its own private key                            |
| SESSION_KEY                    | identity                      | signs people's sessions                        |
| SECRETS_KEYS                   | integration                   | encrypts stored credentials                    |
| OBJECTS_URL                    | gateway and three services    | uploads and pictures                           |
| REDIS_URL                      | orchestrator, worker          | doorbells                                      |
| RUNS_DIR                       | orchestrator, worker          | run directories                                |
| SITES_ROOT, _LISTEN, _BASE_URL | integration, sites            | published pages: where they lie and are seen   |
| GATEWAY_LISTEN                 | gateway                       | where REST is served                           |
| OUTBOUND_ALLOW_LOOPBACK        | integration                   | whether users' addresses may be this machine's |

What the user's environment says goes through to every process, AI_BASE_URL, AI_API_KEY and AI_MODEL among it, and wins
where it names a database, a Redis or LOG_LEVEL. WORKERS is read by `igny8 up` itself: how many worker processes it
keeps, 1 when not set.
"""

import json
import os
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from chassis.embedded.program import Program
from chassis.embedded.roles import ServiceUrls
from cli.errors import SettingsWrong
from cli.home import Home
from cli.keys import Keys
from cli.ports import HOST

SERVICES = ("identity", "planner", "writer", "ai", "billing", "integration", "orchestrator")
# Who asks is stopped before who answers; those of one round do not need each other.
FRONT_ROUND, SERVICES_ROUND, SERVERS_ROUND = 0, 1, 2
ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Installation:
    """Everything that the processes' variables are made of.

    Args:
        home: the data directory.
        keys: what is signed and encrypted with.
        ports: service name, "gateway" or "sites" -> port on this machine.
        databases: service -> its three URLs.
        redis_url: doorbells and rate limits.
    """

    home: Home
    keys: Keys = field(repr=False)
    ports: Mapping[str, int]
    databases: Mapping[str, ServiceUrls] = field(repr=False)
    redis_url: str = field(repr=False)

    def address(self, name: str) -> str:
        """Return where a process listens."""
        return f"{HOST}:{self.ports[name]}"

    @property
    def api_url(self) -> str:
        """Where REST is served."""
        return f"http://{self.address('gateway')}"

    @property
    def sites_url(self) -> str:
        """Where published pages are seen."""
        return f"http://{self.address('sites')}"


@dataclass(frozen=True)
class Process:
    """One row of the table.

    Args:
        name: what people call it.
        module: what `python -m` runs.
        verb: its argument; none when empty.
        owner: the service whose database it uses; none when empty.
        needs: groups of variables, beside what every process gets.
        calls: the services it calls.
        stop_round: 0 first.
    """

    name: str
    module: str
    verb: str
    owner: str
    needs: tuple[str, ...]
    calls: tuple[str, ...]
    stop_round: int

    @property
    def argv(self) -> tuple[str, ...]:
        """The command."""
        return (sys.executable, "-m", self.module, *((self.verb,) if self.verb else ()))


def _service(name: str, *needs: str, calls: tuple[str, ...] = ()) -> Process:
    return Process(name, f"services.{name}", "serve", name, ("listen", "trust", *needs), calls, SERVICES_ROUND)


_ENGINE = ("identity", "planner", "writer", "ai", "billing", "integration")
PROCESSES = (
    _service("identity", "session"),
    _service("planner", "passport", "objects", calls=("ai",)),
    _service("writer", "passport", calls=("planner",)),
    _service("ai", "objects"),
    _service("billing"),
    _service("integration", "passport", "secrets", "objects", "sites", "outbound", calls=("writer",)),
    _service("orchestrator", "passport", "redis", "runs", calls=_ENGINE),
    Process(
        "worker",
        "services.orchestrator",
        "work",
        "orchestrator",
        ("listen", "trust", "passport", "redis", "runs"),
        _ENGINE,
        FRONT_ROUND,
    ),
    Process("sites", "services.integration", "sites", "", ("sites",), (), FRONT_ROUND),
    Process("gateway", "gateway", "", "", ("gateway", "passport", "objects"), SERVICES, FRONT_ROUND),
)
WORKERS_MOST = 32


def replicated(environ: Mapping[str, str]) -> list[Process]:
    """Return the processes that are to run: the table, with as many workers as WORKERS says.

    Raises:
        SettingsWrong: it is no number from 1 to 32.
    """
    said = environ.get("WORKERS") or "1"
    if not said.isdecimal() or not 1 <= int(said) <= WORKERS_MOST:
        raise SettingsWrong(f"WORKERS must be a whole number from 1 to {WORKERS_MOST}, not {said!r}.")
    worker = next(process for process in PROCESSES if process.name == "worker")
    return [*PROCESSES, *(replace(worker, name=f"worker-{number}") for number in range(2, int(said) + 1))]


_GROUPS: dict[str, Callable[[Process, Installation], dict[str, str]]] = {
    "listen": lambda p, i: {f"{p.owner.upper()}_LISTEN": i.address(p.owner)},
    "trust": lambda p, i: {"PASSPORT_TRUST": json.dumps(i.keys.trust(p.owner))},
    "passport": lambda p, i: {"PASSPORT_KEY": i.keys.passports[p.owner or p.name][0]},
    "session": lambda _, i: {"SESSION_KEY": i.keys.session},
    "secrets": lambda _, i: {"SECRETS_KEYS": json.dumps(i.keys.encryption)},
    "objects": lambda _, i: {"OBJECTS_URL": i.home.objects.as_uri()},
    "redis": lambda _, i: {"REDIS_URL": i.redis_url},
    "runs": lambda _, i: {"RUNS_DIR": str(i.home.runs)},
    "sites": lambda _, i: {
        "SITES_ROOT": str(i.home.sites),
        "SITES_LISTEN": i.address("sites"),
        "SITES_BASE_URL": i.sites_url,
    },
    "gateway": lambda _, i: {"GATEWAY_LISTEN": i.address("gateway")},
    "outbound": lambda *_: {"OUTBOUND_ALLOW_LOOPBACK": os.environ.get("OUTBOUND_ALLOW_LOOPBACK", "true")},
}


def environment(process: Process, installation: Installation) -> dict[str, str]:
    """Return the variables that a process gets beside the user's own."""
    variables = {"LOG_LEVEL": os.environ.get("LOG_LEVEL", "INFO")}
    if process.owner:
        urls = installation.databases[process.owner]
        prefix = process.owner.upper()
        variables |= {f"{prefix}_DATABASE_URL": urls.app, f"{prefix}_SWEEP_URL": urls.sweep}
    for group in process.needs:
        variables |= _GROUPS[group](process, installation)
    for called in process.calls:
        variables[f"{called.upper()}_ADDRESS"] = installation.address(called)
    return variables


def owner_environment(service: str, installation: Installation) -> dict[str, str]:
    """Return what a service's one-off commands need: its own variables, and its database under the owner role."""
    process = next(process for process in PROCESSES if process.name == service)
    urls = installation.databases[service]
    return {**environment(process, installation), f"{service.upper()}_OWNER_URL": urls.owner}


def program(process: Process, installation: Installation) -> Program:
    """Return a process as the supervisor runs it."""
    return Program(
        name=process.name,
        argv=process.argv,
        cwd=ROOT,
        stop_signal=signal.SIGTERM,
        env=environment(process, installation),
    )
