"""A whole installation as a user has it: `igny8 up` in a folder of its own, called over REST, killed at will."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import requests

from cli.api import Api, Json, Refused
from cli.errors import CommandError

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "home_coffee_semrush.csv"
START_S, STOP_S = 90.0, 30.0
T = TypeVar("T")


@dataclass(frozen=True)
class Installation:
    """A running installation.

    Args:
        data: its data directory.
        api_url: its gateway.
        supervisor: the `igny8 up` process.
    """

    data: Path
    api_url: str
    supervisor: int

    @property
    def operator_key(self) -> str:
        return (self.data / "operator.key").read_text().strip()

    def processes(self, command: str) -> list[int]:
        """Return the processes of the installation whose command line has these words."""
        return [pid for pid in _descendants(self.supervisor) if command in _command(pid)]

    def kill(self, command: str) -> int:
        """Kill every such process with SIGKILL; return how many."""
        found = self.processes(command)
        for pid in found:
            os.kill(pid, signal.SIGKILL)
        return len(found)


@dataclass(frozen=True)
class Customer:
    """An account with a site, as its owner sees it; `secret` is the owner's API key."""

    api: Api
    secret: str
    account: str
    site: str
    sector: str

    def path(self, rest: str) -> str:
        return f"/v1/sites/{self.site}/{rest}"

    def upload(self, file: Path, **query: str) -> Json:
        run = self.api.upload(
            self.path("keyword-imports"), file, filename=file.name, **{"sector_id": self.sector, **query}
        )
        return self.wait(run["id"])

    def patch(self, rest: str, body: Json) -> Json:
        """Change a row; the `igny8` command never does, so its client has no way to."""
        headers = {"Authorization": f"Bearer {self.secret}"}
        answer = requests.patch(self.api.url + self.path(rest), json=body, headers=headers, timeout=30)
        assert answer.ok, answer.text
        changed: Json = answer.json()
        return changed

    def quote(self, **plan: Any) -> Json:
        return self.api.post(self.path("runs:quote"), {"plan": plan})

    def start(self, **plan: Any) -> Json:
        return self.api.post(self.path("runs"), {"quote_id": self.quote(**plan)["id"]})

    def wait(self, run_id: str, timeout_s: float = 120.0) -> Json:
        """Wait until a run has ended or is paused, through any outage of the gateway."""
        return wait_for(lambda: self._over(run_id), f"run {run_id} to end", timeout_s)

    def _over(self, run_id: str) -> Json | None:
        run = self.api.get(f"/v1/runs/{run_id}")
        return None if run["status"] == "running" else run

    def steps(self, run_id: str) -> list[Json]:
        return list(self.api.all(self.path("steps"), "steps", filter=f'run_id = "{run_id}"'))


@contextmanager
def running(data: Path) -> Iterator[Installation]:
    """Run `igny8 up` for the length of a `with` block; it must end by itself when it is asked to."""
    data.mkdir(parents=True, exist_ok=True)
    log = (data / "up.log").open("wb")
    command = [str(Path(sys.executable).with_name("igny8")), "up", "--data", str(data)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT)  # its output is read on failure
    try:
        state = wait_for(lambda: _state(data, process), "igny8 up", START_S)
        yield Installation(data, state["api_url"], process.pid)
    except AssertionError as error:
        raise AssertionError(f"{error}\n{(data / 'up.log').read_text()[-3000:]}") from error
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(STOP_S)
        log.close()


def a_customer(
    installation: Installation,
    name: str,
    *,
    plan: str = "growth",
    max_keywords: int = 0,
    platforms: tuple[str, ...] = ("sites",),
) -> Customer:
    """Sign somebody up on a plan, with a coffee site that is published by the built-in renderer, or by nobody yet."""
    body = {"email": f"{name}@example.com", "password": "correct horse battery", "account_name": name}
    signed = Api(installation.api_url).post("/v1/signup", body)
    person = Api(installation.api_url, signed["session"]["access_token"])
    account = signed["account"]["id"]
    secret = person.post("/v1/api-keys", {"name": "test", "scopes": ["read", "write", "manage"]})["secret"]
    api = Api(installation.api_url, secret)
    operator = Api(installation.api_url, installation.operator_key, account=account)
    wait_for(lambda: _answer(lambda: operator.get("/v1/billing/balance")), "the credit account", 20)
    if plan != "free":
        operator.post("/v1/billing/plan:assign", {"plan": plan, "reason": "test", "max_keywords": max_keywords})
        wait_for(lambda: api.get("/v1/account")["plan"] == plan or None, "the plan's limits", 20)
    return a_site(Customer(api, secret, account, "", ""), name, platforms=platforms)


def a_site(customer: Customer, name: str, *, platforms: tuple[str, ...] = ("sites",)) -> Customer:
    """Give a customer one more coffee site; return them as they work on that one."""
    site = customer.api.post("/v1/sites", _site(customer.api, name))["id"]
    for platform in platforms:
        customer.api.post(f"/v1/sites/{site}/integrations", {"platform": platform})
    sector = next(customer.api.all(f"/v1/sites/{site}/sectors", "sectors"))
    return replace(customer, site=site, sector=sector["id"])


def wait_for(look: Callable[[], T | None], what: str, timeout_s: float) -> T:
    """Return what a look finds once it finds something; a gateway that is away for a while is waited for."""
    until = time.monotonic() + timeout_s
    while True:
        try:
            found = look()
        except CommandError as error:
            found = None
            last = str(error)
        else:
            last = "nothing yet"
        if found is not None:
            return found
        assert time.monotonic() < until, f"waited {timeout_s:.0f} s for {what}: {last}"
        time.sleep(0.05)


def _site(api: Api, name: str) -> Json:
    industry = api.get("/v1/industries", filter='slug = "food-and-drink"')["industries"][0]["id"]
    sector = api.get("/v1/industry-sectors", filter='slug = "coffee-equipment"')["industry_sectors"][0]["id"]
    site = {"name": name, "domain": f"{name}.example", "industry_id": industry, "platform": "sites", "language": "en"}
    return {"site": site, "industry_sector_ids": [sector]}


def _answer(ask: Callable[[], Json]) -> Json | None:
    try:
        return ask()
    except Refused:
        return None


def _state(data: Path, process: subprocess.Popen[bytes]) -> Json | None:
    assert process.poll() is None, f"igny8 up ended with {process.returncode}"
    path = data / "up.json"
    state: Json | None = json.loads(path.read_text()) if path.exists() else None
    return state


def _descendants(root: int) -> list[int]:
    parents = {int(p.name): _parent(int(p.name)) for p in Path("/proc").iterdir() if p.name.isdigit()}
    found, queue = [], [root]
    while queue:
        parent = queue.pop()
        children = [pid for pid, its in parents.items() if its == parent]
        found += children
        queue += children
    return found


def _parent(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except (OSError, ValueError, IndexError):  # it ended while we looked
        return -1


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:  # it ended while we looked
        return ""
