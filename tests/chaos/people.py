"""The people of a chaos run: each asks over REST, and asks again under the same key until there is an answer."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import requests

from tests.chaos.script import Act, Life, Round

Json = dict[str, Any]
PATIENCE_S = 120.0
CALL_S = 12.0
POLL_S = 0.3
GIFT = 10
LEAD_S = 3  # before a full minute: a schedule that is set later than that means the next one
ENDED = frozenset({"cancelled", "completed", "failed"})


class Refused(Exception):
    """An answer that asking again would not change."""

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        super().__init__(f"{status} {problem.get('reason')}: {problem.get('detail')}")
        self.status, self.reason = status, str(problem.get("reason", ""))
        self.facts: Mapping[str, str] = problem.get("metadata") or {}


class NoAnswer(Exception):
    """Nobody answered for as long as one may wait."""


@dataclass(frozen=True)
class Person:
    """Somebody with a credential.

    Args:
        url: the gateway.
        credential: a token, an API key, or nothing.
        account: for an operator, the account to act for.
    """

    url: str
    credential: str = field(default="", repr=False)
    account: str = ""

    def ask(self, method: str, path: str, body: Any = None, **query: Any) -> Json:
        """Return the answer, asked for again and again under one key.

        Raises:
            Refused: it is a refusal.
            NoAnswer: there was none within two minutes.
        """
        headers = {"Idempotency-Key": str(uuid.uuid4())}
        headers |= {"Authorization": f"Bearer {self.credential}"} if self.credential else {}
        headers |= {"X-Igny8-Account": self.account} if self.account else {}
        sent: Json = {"data": body, "headers": {**headers, "Content-Type": "text/csv"}}
        if not isinstance(body, bytes):
            sent = {"json": body, "headers": headers}
        until, last = time.monotonic() + PATIENCE_S, "nothing"
        while time.monotonic() < until:
            try:
                answer = requests.request(method, self.url + path, params=query, timeout=CALL_S, **sent)
            except requests.RequestException as error:
                last = type(error).__name__
            else:
                if answer.ok:
                    found: Json = answer.json()
                    return found
                if answer.status_code < 500 and answer.status_code != 429:
                    raise Refused(answer.status_code, answer.json())
                last = answer.text[:300]
            time.sleep(0.2)
        raise NoAnswer(f"{method} {path}: {last}")

    def get(self, path: str, **query: Any) -> Json:
        """Read."""
        return self.ask("GET", path, None, **query)

    def post(self, path: str, body: Any = None, **query: Any) -> Json:
        """Write."""
        return self.ask("POST", path, body if body is not None else {}, **query)


@dataclass(frozen=True)
class Account:
    """An account: its owner, and the operator who acts for it."""

    id: str
    owner: Person
    operator: Person

    def give(self, credits: int) -> None:
        """Have the operator give it credits."""
        self.operator.post("/v1/billing/credits:grant", {"credits": credits, "reason": "chaos"})


def open_account(url: str, operator_key: str, name: str, *, poor: bool) -> Account:
    """Sign somebody up; who is poor stays on the free plan, everybody else gets one with room and many credits."""
    body = {"email": f"{name}@example.com", "password": "correct horse battery", "account_name": name}
    signed = Person(url).post("/v1/signup", body)
    person = Person(url, signed["session"]["access_token"])
    secret = person.post("/v1/api-keys", {"name": "chaos", "scopes": ["read", "write", "manage"]})["secret"]
    account = Account(
        signed["account"]["id"], Person(url, secret), Person(url, operator_key, account=signed["account"]["id"])
    )
    _until(lambda: _answered(lambda: account.operator.get("/v1/billing/balance")), "the credit account")
    plan = {"plan": "free" if poor else "scale", "reason": "chaos", "max_keywords": 100_000}
    account.operator.post("/v1/billing/plan:assign", plan)
    _until(lambda: account.owner.get("/v1/account")["plan"] == plan["plan"] or None, "the plan")
    if not poor:
        account.give(100_000)
    return account


def _until(look: Callable[[], Any], what: str) -> Any:
    until = time.monotonic() + PATIENCE_S
    while True:
        found = look()
        if found is not None:
            return found
        if time.monotonic() > until:
            raise NoAnswer(what)
        time.sleep(0.1)


def _answered(ask: Callable[[], Json]) -> Json | None:
    try:
        return ask()
    except Refused:
        return None


@dataclass
class Started:
    """A run that somebody started, and what is still to be done with it."""

    run: str
    acts: list[Act] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)


@dataclass
class Living:
    """One site's life, in a thread.

    Args:
        account: whose it is.
        life: what is to be done.
        calm: set when no more rounds are to begin.
        complain: told what went wrong.
        runs: the runs that were started.
        site: where, once it is settled.
        sector: of the site.
    """

    account: Account
    life: Life
    calm: threading.Event
    complain: Callable[[str], None]
    runs: list[str] = field(default_factory=list)
    site: str = ""
    sector: str = ""

    def settle(self) -> None:
        """Make the site, with the built-in destination."""
        owner = self.account.owner
        industry = owner.get("/v1/industries", filter='slug = "food-and-drink"')["industries"][0]["id"]
        sector = owner.get("/v1/industry-sectors", filter='slug = "coffee-equipment"')["industry_sectors"][0]["id"]
        name = self.life.name
        site = {"name": name, "domain": f"{name}.example", "industry_id": industry, "platform": "sites"}
        body = {"site": {**site, "language": "en"}, "industry_sector_ids": [sector]}
        self.site = owner.post("/v1/sites", body)["id"]
        owner.post(self._path("integrations"), {"platform": "sites"})
        self.sector = owner.get(self._path("sectors"))["sectors"][0]["id"]

    def live(self) -> None:
        """Go through the rounds until it is calm."""
        for number, turn in enumerate(self.life.rounds):
            if self.calm.is_set():
                return
            try:
                if self.life.scheduled and number == 0:
                    self._go_by_schedule(turn)
                else:
                    self._go(turn)
            except (Refused, NoAnswer, KeyError) as error:
                self.complain(f"{self.life.name}: {error!r}")

    def _import(self, turn: Round) -> None:
        listed = "".join(f"{keyword}\n" for keyword in ("Keyword", *turn.keywords)).encode()
        query = {"sector_id": self.sector, "filename": "chaos.csv"}
        self._follow(Started(self.account.owner.post(self._path("keyword-imports"), listed, **query)["id"]))

    def _go_by_schedule(self, turn: Round) -> None:
        """Have the schedule start the run at the next full minute; it must come, and come once."""
        self._import(turn)
        found = _until(self._scheduled, f"{self.life.name}: the run of {self._schedule():%H:%M}")
        self.account.owner.ask("PATCH", self._path("automation"), {"enabled": False})
        self._follow(*[Started(run["id"]) for run in found])

    def _schedule(self) -> datetime:
        """Set the schedule to the next full minute and return that; again where the answer came when it was over."""
        plan = {"ideas_per_cluster": 3, "images_per_article": 1, "auto_approve": True, "auto_publish": True}
        while True:
            due = datetime.now(UTC) + timedelta(minutes=1, seconds=LEAD_S)
            when = {"frequency": "daily", "local_time": f"{due:%H:%M}", "time_zone": "UTC", "catch_up": "once"}
            body = {"enabled": True, "plan": plan, **when}
            told = self.account.owner.ask("PATCH", self._path("automation"), body)
            if datetime.fromisoformat(told["next_run_time"]) <= due:
                return due

    def _scheduled(self) -> list[Json] | None:
        runs: list[Json] = self.account.owner.get(self._path("runs"), filter='trigger = "scheduled"')["runs"]
        return runs or None

    def _go(self, turn: Round) -> None:
        self._import(turn)
        for plan, acts in zip(turn.plans, turn.acts, strict=True):
            if not self.calm.is_set():
                self._follow(self._start(plan, acts))
        if not self.calm.is_set():
            self._pictures() if self.life.poor else self._mend()

    def _mend(self) -> None:
        """Have what was left over or failed written, by hand."""
        wanted = 'status = "failed" OR status = "queued"'
        tasks = [task["id"] for task in self.account.owner.get(self._path("tasks"), filter=wanted)["tasks"]][:4]
        if tasks:
            self._follow(self._start({"function": "generate_content", "subject_ids": tasks}, ()))

    def _pictures(self) -> None:
        """Have pictures made by two runs at once: there are credits for the larger one only, so both run dry."""
        found = self.account.owner.get(self._path("images"), filter='status = "pending"')["images"]
        pictures = [picture["id"] for picture in found]
        halves = [half for half in (pictures[::2], pictures[1::2]) if half]
        self._follow(*[self._start({"function": "generate_image", "subject_ids": half}, ()) for half in halves])
        if not self.calm.is_set():
            self._follow(self._start({"stages": [7], "auto_approve": True, "auto_publish": True}, ()))

    def _start(self, plan: Mapping[str, Any], acts: Sequence[Act]) -> Started:
        """Start a run; who has too few credits for it is given what is missing."""
        while True:
            quote = self._quote(plan)
            try:
                run = self.account.owner.post(self._path("runs"), {"quote_id": quote})
            except Refused as refused:
                if refused.reason != "INSUFFICIENT_CREDITS":
                    raise
                self._lend(refused)
            else:
                return Started(str(run["id"]), list(acts))

    def _quote(self, plan: Mapping[str, Any]) -> str:
        return str(self.account.owner.post(self._path("runs:quote"), {"plan": plan})["id"])

    def _follow(self, *started: Started) -> None:
        """Watch runs to their ends, do what the script says, and help those that have run dry."""
        self.runs += [one.run for one in started]
        going = list(started)
        while going:
            going = [one for one in going if not self._look(one)]
            time.sleep(POLL_S)

    def _look(self, one: Started) -> bool:
        """Look after a run once; return whether it has ended."""
        run = self.account.owner.get(f"/v1/runs/{one.run}")
        paused = run["status"] == "paused"
        if run["status"] in ENDED:
            return True
        if one.acts and time.monotonic() - one.began >= one.acts[0].after_s:
            self._act(one.run, one.acts.pop(0).verb)
        elif paused and run["pause_reason"] != "paused_by_user":
            self._help(run)
        elif paused and not one.acts:
            self._act(one.run, "resume")  # the pause was answered late, after its resume
        return False

    def _act(self, run_id: str, verb: str, body: Json | None = None) -> None:
        try:
            self.account.owner.post(f"/v1/runs/{run_id}:{verb}", body)
        except Refused as refused:
            if refused.reason == "INSUFFICIENT_CREDITS":
                self._lend(refused)
            elif refused.reason != "WRONG_STATE":  # it has ended meanwhile
                raise

    def _help(self, run: Json) -> None:
        """Give a run that has run dry what it lacks: a quote for the rest of it, or credits."""
        if run["pause_reason"] == "quote_exhausted":
            rest = self.account.owner.post(self._path("runs:quote"), {"run_id": run["id"]})
            self._act(run["id"], "resume", {"quote_id": rest["id"]})
        else:
            self.account.give(GIFT)
            self._act(run["id"], "resume")

    def _lend(self, refused: Refused) -> None:
        self.account.give(int(refused.facts["needed"]) - int(refused.facts["available"]))

    def _path(self, rest: str) -> str:
        return f"/v1/sites/{self.site}/{rest}"
