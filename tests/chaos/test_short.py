"""The short form of `make chaos`."""

import json

import pytest

from tests.chaos.__main__ import judged, say
from tests.chaos.play import Played, Stage
from tests.chaos.script import Script


@pytest.mark.slow
def test_nothing_is_lost_and_nothing_is_done_twice(stage: Stage, played: Played, script: Script) -> None:
    verdict = judged(stage, played.accounts, played.blows)
    say(json.dumps(verdict.line(seeds=1, kills=played.kills, pauses=played.pauses)))
    assert verdict.clean, verdict.findings
    assert played.complaints == []
    assert (played.kills, played.pauses) == (script.sizes.kills, script.sizes.pauses)
    assert verdict.steps >= 40
    assert verdict.waits
