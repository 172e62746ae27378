"""A model provider that is down or answers garbage: said in words a person understands, nothing stored or charged."""

import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from igny8.orchestrator.v1 import orchestrator_pb2
from igny8.planner.v1 import planner_pb2, planner_service_pb2

from chassis.testing.model_server import ModelServer, Reply, chat, failure, model_server
from chassis.testing.postgres import TemplateDatabases
from services.orchestrator.domain.failures import GARBAGE_ATTEMPTS_MAX, TRANSIENT_ATTEMPTS_MAX
from tests.house import House, open_house
from tests.integration.orchestrator.conftest import TOPICS, Owner, new_owner

Run, Step = orchestrator_pb2.Run, orchestrator_pb2.Step
_PLANNER = "/igny8.planner.v1.PlannerService/"
KEY = "sk-canary-91b2"
SECTION = {"heading": "What to look for", "points": ["Size", "Price"]}
IDEA = {
    "content_type": "post",
    "content_structure": "guide",
    "primary_keyword": TOPICS[0],
    "keywords": list(TOPICS),
    "outline": [SECTION],
}
GOOD = chat(json.dumps({"ideas": [IDEA | {"title": f"How to choose well, part {n}"} for n in range(3)]}))
CUT = chat('{"ideas": [{"title": "How to', finish_reason="length")
PROSE = chat("Sure! Here are some great ideas for your blog:\n1. Burr grinders")
ANOTHER_SHAPE = chat('{"articles": []}')
NO_IDEA_FITS = chat(
    json.dumps({"ideas": [IDEA | {"title": "Tents", "primary_keyword": "tents", "keywords": ["tents"]}]})
)
BUSY = failure(429, "Rate limit reached", headers={"Retry-After": "0"})
BROKEN = failure(500, "The server had an error")
NO_API = Reply(b"<html>Welcome to nginx!</html>", headers={"Content-Type": "text/html"})
WRONG_KEY = failure(401, f"Incorrect API key provided: {KEY}")


@dataclass(frozen=True)
class Office:
    """A house whose texts come from a provider that says what a test wants said."""

    house: House
    provider: ModelServer


@pytest.fixture(scope="module")
def office(databases: TemplateDatabases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    folder = tmp_path_factory.mktemp("office")
    with model_server() as provider:
        settings = {"AI_MODEL": "stub-text-1", "AI_API_KEY": KEY, "AI_BASE_URL": provider.base_url}
        with open_house(databases, folder, AI_TIMEOUT_S="1", **settings) as house:
            yield Office(house, provider)


@pytest.fixture(scope="module")
def unlucky(office: Office) -> Owner:
    """Somebody whose every call fails, so that their clusters wait for ideas for ever."""
    return with_clusters(office.house)


def with_clusters(house: House) -> Owner:
    owner = new_owner(house)
    owner.add_keywords()
    owner.start(owner.quote(stages=[1]).id)
    house.work()
    assert clusters(owner)
    return owner


def clusters(owner: Owner) -> list[planner_pb2.Cluster]:
    request, answer = planner_service_pb2.ListClustersRequest, planner_service_pb2.ListClustersResponse
    asked = request(site_id=str(owner.site.id), order_by="name")
    return list(owner.house.call(_PLANNER + "ListClusters", asked, answer, owner.passport).clusters)


def ideas(owner: Owner) -> list[planner_pb2.ContentIdea]:
    request, answer = planner_service_pb2.ListContentIdeasRequest, planner_service_pb2.ListContentIdeasResponse
    asked = request(site_id=str(owner.site.id))
    return list(owner.house.call(_PLANNER + "ListContentIdeas", asked, answer, owner.passport).content_ideas)


def ask_for_ideas(owner: Owner) -> tuple[orchestrator_pb2.Run, orchestrator_pb2.Step]:
    """Ask for ideas for the cluster of the first topic; return the run and its step when nothing is left to do."""
    (cluster,) = [row for row in clusters(owner) if "grinder" in row.name.lower()]
    quote = owner.quote(function="generate_ideas", subject_ids=[cluster.id], ideas_per_cluster=3)
    run = owner.start(quote.id)
    owner.house.work()
    (step,) = owner.steps(run.id, function="generate_ideas")
    return owner.read(run.id), step


def nothing_came_of_it(owner: Owner, run: orchestrator_pb2.Run, step: orchestrator_pb2.Step, posted: int) -> None:
    """The run failed with its step's words; nothing was stored, charged or kept aside."""
    assert (run.status, step.status) == (Run.STATUS_FAILED, Step.STATUS_FAILED)
    assert run.error == step.error
    assert KEY not in step.error
    assert ideas(owner) == []
    assert run.captured_credits == step.credits == 0
    assert (owner.balance().posted, owner.balance().held) == (posted, 0)
    assert owner.ledger().ok, owner.ledger().differences


@pytest.mark.parametrize(
    ("reply", "calls", "reason", "says"),
    [
        (CUT, GARBAGE_ATTEMPTS_MAX, "ANSWER_TRUNCATED", "cut off"),
        (PROSE, GARBAGE_ATTEMPTS_MAX, "ANSWER_MALFORMED", "JSON"),
        (ANOTHER_SHAPE, GARBAGE_ATTEMPTS_MAX, "ANSWER_MALFORMED", "ideas"),
        (NO_IDEA_FITS, GARBAGE_ATTEMPTS_MAX, "UNUSABLE_ANSWER", "none of the cluster's keywords"),
        (BUSY, TRANSIENT_ATTEMPTS_MAX, "PROVIDER_RATE_LIMITED", "asks to wait"),
        (BROKEN, TRANSIENT_ATTEMPTS_MAX, "PROVIDER_UNAVAILABLE", "failed with 500"),
        (NO_API, TRANSIENT_ATTEMPTS_MAX, "PROVIDER_UNAVAILABLE", "AI_BASE_URL"),
        (WRONG_KEY, 1, "PROVIDER_REFUSED", "Check AI_API_KEY"),
    ],
    ids=["cut off", "prose", "another shape", "no idea fits", "busy", "broken", "another server", "a wrong key"],
)
def test_a_provider_that_stays_bad_fails_the_step_in_words(
    office: Office, unlucky: Owner, reply: Reply, calls: int, reason: str, says: str
) -> None:
    posted, asked = unlucky.balance().posted, len(office.provider.asked)
    office.provider.will(*[reply] * calls)
    run, step = ask_for_ideas(unlucky)
    assert (step.error_reason, len(office.provider.asked) - asked, office.provider.unsaid) == (reason, calls, 0)
    assert says in step.error
    assert (f"It was tried {calls} times. When the cause is gone, replay" in step.error) == (calls > 1)
    nothing_came_of_it(unlucky, run, step, posted)


@pytest.mark.parametrize(
    "bad",
    [[CUT, PROSE], [NO_IDEA_FITS], [BUSY, BROKEN, NO_API], [Reply(b"", after_s=3.0)]],
    ids=["garbage", "ideas that do not fit", "trouble", "silence"],
)
def test_a_provider_that_recovers_is_paid_for_the_good_answer_alone(office: Office, bad: list[Reply]) -> None:
    owner = with_clusters(office.house)
    posted = owner.balance().posted
    office.provider.will(*bad, GOOD)
    run, step = ask_for_ideas(owner)
    assert (run.status, step.status, step.error) == (Run.STATUS_COMPLETED, Step.STATUS_SUCCEEDED, "")
    assert office.provider.unsaid == 0
    assert len(ideas(owner)) == 3
    assert run.captured_credits == step.credits == posted - owner.balance().posted > 0
    assert owner.balance().held == 0
    assert owner.ledger().ok, owner.ledger().differences


def test_every_try_has_an_idempotency_key_of_its_own(office: Office, unlucky: Owner) -> None:
    asked = len(office.provider.asked)
    office.provider.will(*[PROSE] * GARBAGE_ATTEMPTS_MAX)
    ask_for_ideas(unlucky)
    keys = [call.headers["idempotency-key"] for call in office.provider.asked[asked:]]
    assert len(set(keys)) == len(keys) == GARBAGE_ATTEMPTS_MAX


def test_a_provider_that_is_down_is_said_to_be(
    databases: TemplateDatabases, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with socket.socket() as unheard:  # bound and not listening: whoever connects is refused, and nobody else gets it
        unheard.bind(("127.0.0.1", 0))
        settings = {"AI_MODEL": "m", "AI_BASE_URL": f"http://127.0.0.1:{unheard.getsockname()[1]}/v1"}
        with open_house(databases, tmp_path_factory.mktemp("down"), **settings) as house:
            owner = with_clusters(house)
            posted = owner.balance().posted
            run, step = ask_for_ideas(owner)
            assert step.error_reason == "PROVIDER_UNAVAILABLE"
            assert "cannot be reached" in step.error
            assert "AI_BASE_URL" in step.error
            nothing_came_of_it(owner, run, step, posted)
