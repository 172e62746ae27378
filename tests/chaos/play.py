"""Plays a script on a running installation: the blows fall, the people work, and then everything comes to rest."""

from __future__ import annotations

import heapq
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import psycopg

from tests.chaos.house import House
from tests.chaos.judge import Hit, open_databases
from tests.chaos.people import Living, open_account
from tests.chaos.script import REDIS_GONE_S, SUPERVISOR, Blow, Script
from tests.chaos.victims import Frozen, Victims

LIVES_S = 240.0
REST_S = 90.0
Thaw = tuple[float, int, Blow, Frozen]  # when, told apart by a number, and what


@dataclass
class Played:
    """What was done.

    Args:
        accounts: of the people.
        kills: processes that were killed, and times that Redis was emptied.
        pauses: processes that were frozen for as long as the script says.
        blows: kills and the ends of pauses.
        rested_s: how long it took from the last blow until nothing was open any more.
        redis_back: when Redis was there again after a minute, if it was gone for one.
        complaints: of people who were refused what they may do, or had no answer within two minutes.
    """

    accounts: list[str] = field(default_factory=list)
    kills: int = 0
    pauses: int = 0
    blows: list[Hit] = field(default_factory=list)
    rested_s: float = 0.0
    redis_back: Hit | None = None
    complaints: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Stage:
    """Where scripts are played.

    Args:
        house: the running installation.
        victims: its processes.
        say: told what happens, for people.
    """

    house: House
    victims: Victims
    say: Callable[[str], None]

    def play(self, script: Script) -> Played:
        """Play a script to its end."""
        calm, played = threading.Event(), Played()
        with self._lives(script, calm, played):
            self._strike(script, played)
            calm.set()
        ended = time.monotonic()
        self._rest()
        played.rested_s += time.monotonic() - ended
        return played

    @contextmanager
    def _lives(self, script: Script, calm: threading.Event, played: Played) -> Iterator[None]:
        """Have the people work for the length of a `with` block, and wait for what they began to end."""
        wanted = sorted({(life.account, life.poor) for life in script.lives})
        house = self.house.installation
        key, url = house.operator_key, house.api_url
        accounts = {n: open_account(url, key, f"chaos-{script.seed}-{n}-{_mark()}", poor=poor) for n, poor in wanted}
        played.accounts += [account.id for account in accounts.values()]
        lives = [Living(accounts[life.account], life, calm, played.complaints.append) for life in script.lives]
        for living in lives:
            living.settle()
        threads = [threading.Thread(target=living.live, name=living.life.name, daemon=True) for living in lives]
        for thread in threads:
            thread.start()
        yield
        began = time.monotonic()
        for thread in threads:
            thread.join(max(0.0, LIVES_S - (time.monotonic() - began)))
            if thread.is_alive():
                played.complaints.append(f"{thread.name} has not come to an end within {LIVES_S:.0f} s")
        played.rested_s += time.monotonic() - began

    def _strike(self, script: Script, played: Played) -> None:
        """Have the blows fall, each in its moment, and let go of whoever was frozen."""
        began = time.monotonic()
        thaws: list[Thaw] = []
        for number, blow in enumerate(script.blows):
            self._thaw(thaws, began + blow.at_s, played)
            time.sleep(max(0.0, began + blow.at_s - time.monotonic()))
            self.say(f"seed {script.seed}  {blow}")
            if blow.kind == "pause":
                heapq.heappush(thaws, (time.monotonic() + blow.for_s, number, blow, self.victims.freeze(blow)))
                continue
            before = time.monotonic()
            if self._hit(blow):
                played.kills += 1
                played.blows.append(Hit(time.time(), str(blow)))
            if blow.victim == SUPERVISOR:
                began += time.monotonic() - before  # what follows is not to fall on one that is not up yet
        self._thaw(thaws, float("inf"), played)
        time.sleep(max(0.0, began + script.sizes.seconds - time.monotonic()))

    def _hit(self, blow: Blow) -> bool:
        return self.victims.flush() if blow.kind == "flush" else self.victims.kill(blow)

    def _thaw(self, thaws: list[Thaw], until: float, played: Played) -> None:
        while thaws and thaws[0][0] <= until:
            due, _, blow, frozen = heapq.heappop(thaws)
            time.sleep(max(0.0, due - time.monotonic()))
            if self.victims.thaw(frozen):
                played.pauses += 1
                played.blows.append(Hit(time.time(), str(blow)))
                played.redis_back = played.blows[-1] if blow.for_s == REDIS_GONE_S else played.redis_back

    def _rest(self) -> None:
        """Wait until no step is open and no fact is under way; what does not end in time is for the judge."""
        until = time.monotonic() + REST_S
        while time.monotonic() < until:
            try:
                if self._is_at_rest():
                    return
            except psycopg.OperationalError:  # PostgreSQL is just being started again
                pass
            time.sleep(0.5)
        self.say(f"not at rest within {REST_S:.0f} s")

    def _is_at_rest(self) -> bool:
        with open_databases(self.house.admin_url) as databases:
            left = [connection.execute("SELECT 1 FROM outbox LIMIT 1").fetchone() for connection in databases.values()]
            steps = databases["orchestrator"].execute("SELECT 1 FROM step WHERE status IN ('ready', 'running') LIMIT 1")
            return not any(left) and steps.fetchone() is None


def _mark() -> str:
    """Return what tells this playing of a seed from earlier ones in the same data."""
    return f"{time.time_ns():x}"
