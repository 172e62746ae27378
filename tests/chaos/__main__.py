"""`python -m tests.chaos`: seeds of chaos on one installation, judged after each, and one line of JSON at the end."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from chassis.testing.model_provider import ModelProvider, Rates, model_provider
from tests.chaos.answers import answer
from tests.chaos.house import running
from tests.chaos.judge import Evidence, Hit, Verdict, judge, open_databases
from tests.chaos.judge.interface import findings as over_rest
from tests.chaos.play import Stage
from tests.chaos.script import Sizes, draw
from tests.chaos.victims import Victims

RATES = Rates(slow=0.12, limited=0.03, failed=0.04, dropped=0.03, cut=0.02, truncated=0.02, broken=0.03, repeated=0.02)
PRODUCT_LEASE_S = 15
REDIS_BACK_S = 30  # after Redis was gone for a minute, work goes on within so many seconds of its return
OWN_LEASE_EVERY = 5  # one seed in so many is played at the product's own lease
FINDINGS_SHOWN, WAITS_SHOWN = 40, 3
MEMORY_BYTES = 4 << 30


@dataclass
class Total:
    """What all seeds came to."""

    verdict: Verdict
    seeds: int = 0
    kills: int = 0
    pauses: int = 0
    complaints: int = 0

    @property
    def clean(self) -> bool:
        """Whether everything that must be 0 is, and people could work."""
        return self.verdict.clean and not self.complaints

    def line(self) -> str:
        """Return the line that is printed."""
        return json.dumps(self.verdict.line(seeds=self.seeds, kills=self.kills, pauses=self.pauses))


def say(line: str) -> None:
    """Tell people; the figures alone go to the standard output."""
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {line}\n")
    sys.stderr.flush()


@contextmanager
def opened(data: Path, provider: ModelProvider, lease_s: float) -> Iterator[Stage]:
    """Run an installation whose leases are short and whose models are `provider`."""
    variables = {
        "AI_BASE_URL": provider.base_url,
        "AI_MODEL": "chaos-text",
        "AI_IMAGE_MODEL": "chaos-image",
        "AI_TIMEOUT_S": "4",
        "AI_CALL_LEASE_S": "9",
        "PUBLICATION_LEASE_S": "5",
        "STEP_LEASE_S": str(round(lease_s)),
        "WORKERS": "2",
        "GATEWAY_CALLS_PER_MINUTE": "60000",
        "GATEWAY_SIGN_INS_PER_MINUTE": "6000",
    }
    with running(data, variables) as house:
        yield Stage(house, Victims(house), say)


def judged(stage: Stage, accounts: Sequence[str], blows: Sequence[Hit] = ()) -> Verdict:
    """Return the judge's verdict on some accounts; on all when none is named."""
    house = stage.house.installation
    with open_databases(stage.house.admin_url) as databases:
        evidence = Evidence.read(databases, house.data / "sites", accounts)
    return judge(evidence, blows, over_rest(evidence, house.api_url, house.operator_key))


def play(seeds: Sequence[int], sizes: Sizes, data: Path, out: Path | None) -> Total:
    """Play seeds one after the other on one installation, which is started again where the lease is another one."""
    total = Total(Verdict())
    own = [seed for seed in seeds if seed % OWN_LEASE_EVERY == 0]
    groups = [(sizes, [seed for seed in seeds if seed not in own])]
    groups.append((replace(sizes, lease_s=PRODUCT_LEASE_S, pauses=min(sizes.pauses, 1)), own))
    with model_provider(answer, RATES, seeds[0]) as provider:
        for chosen, group in groups:
            if group:
                with opened(data, provider, chosen.lease_s) as stage:
                    for seed in group:
                        _play_one(stage, seed, chosen, total, out)
                    _look_again(stage, total)
        counted = provider.counted
        say(f"the model was asked {counted.requests} times, {counted.repeats} of them again: {dict(counted.by_mood)}")
    return total


def _play_one(stage: Stage, seed: int, sizes: Sizes, total: Total, out: Path | None) -> None:
    began = time.monotonic()
    played = stage.play(draw(seed, sizes))
    verdict = judged(stage, played.accounts, played.blows)
    for finding in verdict.findings[:FINDINGS_SHOWN]:
        say(f"seed {seed}  FOUND {finding.number}: {finding.what}")
    if played.redis_back is not None:
        late = [wait for wait in verdict.waits if wait.what == played.redis_back.what and wait.seconds > REDIS_BACK_S]
        played.complaints.extend(f"work did not go on within {REDIS_BACK_S} s: {wait}" for wait in late)
    for complaint in played.complaints:
        say(f"seed {seed}  COMPLAINT {complaint}")
    total.complaints += len(played.complaints)
    slowest = sorted(verdict.waits, reverse=True)[:WAITS_SHOWN]
    say(f"seed {seed}  the longest waits: {'; '.join(map(str, slowest))}")
    total.verdict.add(verdict)
    total.seeds, total.kills, total.pauses = total.seeds + 1, total.kills + played.kills, total.pauses + played.pauses
    line = json.dumps({"seed": seed} | verdict.line(seeds=1, kills=played.kills, pauses=played.pauses))
    say(f"{line}  ({time.monotonic() - began:.0f} s, of which {played.rested_s:.0f} s to come to rest)")
    if out is not None:
        with out.open("a") as file:
            file.write(f"{line}\n")


def _look_again(stage: Stage, total: Total) -> None:
    """Judge everybody at once: a later seed must not have changed what an earlier one left."""
    known = set(total.verdict.findings)
    late = [finding for finding in judged(stage, ()).findings if finding not in known]
    for finding in late[:FINDINGS_SHOWN]:
        say(f"afterwards  FOUND {finding.number}: {finding.what}")
    total.verdict.findings += late


def main(arguments: Sequence[str]) -> int:
    """Play what the command line says; return 1 unless everything that must be 0 is."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    usual = Sizes()
    parser.add_argument("--seeds", type=int, default=5, help="how many seeds are played")
    parser.add_argument("--from-seed", type=int, default=1, help="the first of them")
    parser.add_argument("--seconds", type=float, default=usual.seconds, help="how long blows fall in each")
    parser.add_argument("--kills", type=int, default=usual.kills, help="kills in each")
    parser.add_argument("--pauses", type=int, default=usual.pauses, help="pauses beyond the lease in each")
    parser.add_argument("--sites", type=int, default=usual.sites, help="sites at work at once")
    parser.add_argument("--lease", type=int, default=round(usual.lease_s), help="seconds of a step's lease")
    parser.add_argument("--data", type=Path, help="the data directory, kept afterwards; a temporary one when absent")
    parser.add_argument("--out", type=Path, help="a file to which each seed's line is appended")
    parser.add_argument("--list", action="store_true", help="only print what would be done to whom")
    said = parser.parse_args(arguments)
    sizes = Sizes(said.seconds, said.kills, said.pauses, said.sites, usual.rounds, said.lease)
    seeds = range(said.from_seed, said.from_seed + said.seeds)
    if said.list:
        for seed in seeds:
            sys.stdout.write("".join(f"seed {seed}  {blow}\n" for blow in draw(seed, sizes).blows))
        return 0
    with _data(said.data) as data:
        total = play(seeds, sizes, data, said.out)
    sys.stdout.write(f"{total.line()}\n")
    return 0 if total.clean else 1


@contextmanager
def _data(named: Path | None) -> Iterator[Path]:
    if named is not None:
        yield named
        return
    with tempfile.TemporaryDirectory(prefix="igny8-chaos-", dir=_memory()) as folder:
        Path(folder).chmod(0o755)  # under root, PostgreSQL runs as somebody who must be able to walk there
        yield Path(folder) / "igny8"


def _memory() -> Path | None:
    """Return a folder in memory with room, if there is one: processes are killed and not the machine, so nothing is
    proved by waiting for a disk, and PostgreSQL writes all it has whenever it is started again."""
    folder = Path("/dev/shm")  # noqa: S108 - a folder of our own is made in it
    return folder if folder.is_dir() and shutil.disk_usage(folder).free > MEMORY_BYTES else None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
