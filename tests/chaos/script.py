"""What happens in a run of chaos, drawn from a seed: who is hit when and how, who works on what, and who interferes.

The same seed and sizes are the same script. What then becomes of it also depends on how fast the machine is.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["kill", "pause", "flush"]
SERVICES = ("identity", "planner", "writer", "ai", "billing", "integration", "orchestrator")
WORKER, WORKER_CHILD = "worker", "worker child"
BACKEND = "postgres backend"
SUPERVISOR = "supervisor"
REDIS_GONE_EVERY, REDIS_GONE_S = 7, 60.0
SEVERAL = frozenset({WORKER, WORKER_CHILD, BACKEND})
FIRST_S = 2.0  # everybody has begun by then
TRIES = 30
SUPERVISOR_EVERY = 3  # one seed in so many loses `igny8 up` itself, and with it everything at once
ACCOUNTS = 2  # beside the poor one
BEFORE_PICTURES = [1, 2, 3, 4, 5]

KILLS: Mapping[str, int] = {
    WORKER_CHILD: 8,
    WORKER: 4,
    **dict.fromkeys(SERVICES, 2),
    "gateway": 1,
    "postgres": 1,
    BACKEND: 1,
    "redis": 1,
    "flush": 2,
}
"""How often each is killed, in proportion; `flush` empties Redis."""
PAUSES: Mapping[str, int] = {
    WORKER_CHILD: 6,
    WORKER: 3,
    **dict.fromkeys(SERVICES, 1),
    **dict.fromkeys(("gateway", "redis", "postgres"), 1),
}
"""How often each is frozen, in proportion."""


@dataclass(frozen=True)
class Blow:
    """Something done to a process.

    Args:
        at_s: seconds after the beginning.
        kind: SIGKILL, SIGSTOP for a while, or Redis emptied.
        victim: a service, "worker", "worker child", "gateway", "postgres", "postgres backend", "redis", "supervisor".
        pick: which of several, from 0 to 1.
        for_s: how long a pause is.
    """

    at_s: float
    kind: Kind
    victim: str
    pick: float = 0.0
    for_s: float = 0.0

    def __str__(self) -> str:
        lasting = f" for {self.for_s:.1f} s" if self.kind == "pause" else ""
        return f"{self.kind:5} {self.victim}{lasting} at {self.at_s:.1f} s"


@dataclass(frozen=True)
class Act:
    """What a person does with a run, so many seconds after it began."""

    after_s: float
    verb: Literal["pause", "resume", "cancel"]


@dataclass(frozen=True)
class Round:
    """A list of keywords, the runs that work on it, and what people do meanwhile.

    Args:
        keywords: what is imported.
        plans: one run after the other.
        acts: for each run.
    """

    keywords: Sequence[str]
    plans: Sequence[Mapping[str, Any]]
    acts: Sequence[Sequence[Act]]


@dataclass(frozen=True)
class Life:
    """What is done with one site, round after round until the blows are over.

    Args:
        name: of the site.
        account: of which account it is, counted from 0.
        poor: its account is on the free plan and gets no more credits than it needs to begin, so that runs dry up.
        scheduled: its first run is started by its schedule.
        rounds: one after the other.
    """

    name: str
    account: int
    poor: bool
    scheduled: bool
    rounds: Sequence[Round]


@dataclass(frozen=True)
class Sizes:
    """How large a script is.

    Args:
        seconds: how long blows fall.
        kills: how many of them kill, or empty Redis.
        pauses: how many of them freeze for longer than the lease.
        sites: how many sites work at once.
        rounds: the most rounds of a site.
        lease_s: the lease of a step; every pause is longer.
        scheduled: whether one site's first run is started by its schedule, at a full minute.
    """

    seconds: float = 50.0
    kills: int = 24
    pauses: int = 4
    sites: int = 6
    rounds: int = 20
    lease_s: float = 4.0
    scheduled: bool = True


@dataclass(frozen=True)
class Script:
    """Everything that is done."""

    seed: int
    sizes: Sizes
    blows: Sequence[Blow]
    lives: Sequence[Life]


def draw(seed: int, sizes: Sizes) -> Script:
    """Return the script of a seed."""
    blows_of, lives_of = random.Random(f"{seed} blows"), random.Random(f"{seed} lives")  # noqa: S311 - can be replayed
    pauses = list(_pauses(blows_of, sizes))
    kills = list(_kills(blows_of, sizes, pauses))
    if seed % SUPERVISOR_EVERY == 0:
        kills += _free(blows_of, sizes, pauses, SUPERVISOR)
    if seed % REDIS_GONE_EVERY == 0:  # last, so that nothing else holds up what is to go on when it is back
        pauses.append(Blow(sizes.seconds, "pause", "redis", for_s=REDIS_GONE_S))
    lives = [_life(lives_of, seed, number, sizes) for number in range(sizes.sites)]
    return Script(seed, sizes, sorted([*kills, *pauses], key=lambda blow: blow.at_s), lives)


def _pauses(chance: random.Random, sizes: Sizes) -> Iterator[Blow]:
    """Pauses of one victim follow each other; of workers and their children there are several to choose from."""
    until: dict[str, float] = {}
    for victim in chance.choices(list(PAUSES), list(PAUSES.values()), k=sizes.pauses):
        for_s = sizes.lease_s * chance.uniform(1.15, 1.8)
        at_s = max(chance.uniform(FIRST_S, max(FIRST_S, sizes.seconds - for_s)), until.get(victim, 0.0))
        if victim not in SEVERAL:
            until[victim] = at_s + for_s
        yield Blow(at_s, "pause", victim, chance.random(), for_s)


def _kills(chance: random.Random, sizes: Sizes, pauses: Sequence[Blow]) -> Iterator[Blow]:
    for victim in chance.choices(list(KILLS), list(KILLS.values()), k=sizes.kills):
        yield from _free(chance, sizes, pauses, victim)


def _free(chance: random.Random, sizes: Sizes, pauses: Sequence[Blow], victim: str) -> Iterator[Blow]:
    """Return a kill in a moment in which its victim is not frozen, if one is found: a pause is to last."""
    for _ in range(TRIES):
        at_s = chance.uniform(FIRST_S, sizes.seconds)
        frozen = {pause.victim for pause in pauses if pause.at_s - 1 <= at_s <= pause.at_s + pause.for_s + 1}
        if victim not in frozen - SEVERAL and not (victim == SUPERVISOR and frozen):
            flushed = victim == "flush"
            yield Blow(at_s, "flush" if flushed else "kill", "redis" if flushed else victim, chance.random())
            return


def _life(chance: random.Random, seed: int, number: int, sizes: Sizes) -> Life:
    """Two accounts share the sites; the last one has an account of its own, which is poor."""
    poor = number == sizes.sites - 1
    rounds = [_round(chance, f"{number}{chr(97 + turn)}", poor=poor) for turn in range(sizes.rounds)]
    scheduled = sizes.scheduled and number == 1 and not poor
    return Life(f"chaos-{seed}-{number}", ACCOUNTS if poor else number % ACCOUNTS, poor, scheduled, rounds)


_PARTS = ("ba", "ke", "li", "mo", "nu", "pa", "ri", "so", "tu", "ve", "za", "do", "fi", "gu")
_SORTS = ("", "best ", "cheap ", "how to clean ", "how to choose ")
_ENDS = (" guide", " review", " for beginners")


def _round(chance: random.Random, mark: str, *, poor: bool) -> Round:
    words = ["".join(chance.choices(_PARTS, k=3)) for _ in range(chance.randint(3, 6))]
    keywords = [f"{sort}{word} maker{end}" for word in words for sort in _SORTS for end in ("", chance.choice(_ENDS))]
    whole: dict[str, Any] = {
        "ideas_per_cluster": 3,
        "images_per_article": chance.choice((1, 1, 2)),
        "auto_approve": True,
        "auto_publish": True,
        "max_articles": chance.choice((0, 0, 6)),
    }
    plans: list[Mapping[str, Any]] = [whole]
    drawn = chance.random()
    if poor:
        plans = [{**whole, "images_per_article": 2, "stages": BEFORE_PICTURES}]
    elif drawn < 0.25:  # stage by stage
        plans = [{**whole, "stages": [stage]} for stage in range(1, 8)]
    elif drawn < 0.4:  # a budget that ends in the middle
        plans = [{**whole, "max_credits": chance.randint(10, 60)}]
    return Round([f"{keyword} {mark}" for keyword in dict.fromkeys(keywords)], plans, [_acts(chance) for _ in plans])


def _acts(chance: random.Random) -> Sequence[Act]:
    drawn, first = chance.random(), chance.uniform(0.5, 8.0)
    if drawn < 0.25:
        return [Act(first, "pause"), Act(first + chance.uniform(0.5, 4.0), "resume")]
    if drawn < 0.35:
        return [Act(first, "cancel")]
    if drawn < 0.45:
        return [Act(first, "pause"), Act(first + chance.uniform(0.2, 3.0), "cancel")]
    return []
