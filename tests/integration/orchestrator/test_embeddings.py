"""Keywords of a house with an embedding model: grouped by what it says they mean, each asked for once; and without."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pytest
from igny8.orchestrator.v1 import orchestrator_pb2, orchestrator_service_pb2
from igny8.planner.v1 import planner_service_pb2

from chassis.testing.model_server import ModelServer, embeddings, failure, model_server
from chassis.testing.postgres import TemplateDatabases
from tests.house import House, open_house
from tests.integration.orchestrator.conftest import Owner, new_owner

_LIST = "/igny8.planner.v1.PlannerService/ListKeywords"
# Words that have nothing to do with each other, of two kinds that only the model knows.
FIRST = ("walnut", "harbour", "velvet", "comet", "saddle", "lantern")
SECOND = ("granite", "pepper", "violin", "meadow", "anchor", "biscuit")


@dataclass(frozen=True)
class Office:
    """A house whose keywords mean what a test wants them to."""

    house: House
    model: ModelServer

    def will_know(self, texts: Sequence[str]) -> None:
        """Have the model answer the next call, which is for these texts in their order."""
        self.model.will(embeddings([vector(text) for text in sorted(texts)]))


def vector(text: str) -> list[float]:
    """Return a vector near its kind's."""
    kind = 0 if text.split(maxsplit=1)[0] in FIRST else 1
    noise = [((sum(text.encode()) * (n + 3)) % 17 - 8) / 80 for n in range(14)]
    return [float(kind == 0), float(kind == 1), *noise]


@pytest.fixture(scope="module")
def office(databases: TemplateDatabases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    with model_server() as model:
        settings = {"AI_EMBEDDING_MODEL": "stub-embed-1", "AI_EMBEDDING_BASE_URL": model.base_url}
        with open_house(databases, tmp_path_factory.mktemp("office"), **settings) as house:
            yield Office(house, model)


@pytest.fixture
def owner(office: Office) -> Owner:
    return new_owner(office.house)


def cluster(owner: Owner) -> tuple[orchestrator_pb2.Run, set[frozenset[str]]]:
    """Cluster what waits; return the run when it has ended well, and the texts of each cluster that there is."""
    run = owner.start(owner.quote(stages=[1]).id)
    owner.house.work()
    ended = owner.read(run.id)
    assert (ended.status, ended.stages[0].succeeded) == (orchestrator_pb2.Run.STATUS_COMPLETED, 1)
    asked = planner_service_pb2.ListKeywordsRequest(site_id=str(owner.site.id), page_size=100)
    found: dict[str, set[str]] = {}
    for keyword in owner.house.call(_LIST, asked, planner_service_pb2.ListKeywordsResponse, owner.passport).keywords:
        found.setdefault(keyword.cluster_id, set()).add(keyword.text)
    return ended, {frozenset(texts) for cluster_id, texts in found.items() if cluster_id}


class TestEmbeddings:
    def test_keywords_are_grouped_by_what_the_model_says_they_mean(self, office: Office, owner: Owner) -> None:
        owner.add_keywords((*FIRST, *SECOND))
        office.will_know([*FIRST, *SECOND])
        _, found = cluster(owner)
        assert found == {frozenset(FIRST), frozenset(SECOND)}

    def test_a_text_is_asked_for_once(self, office: Office, owner: Owner) -> None:
        owner.add_keywords((*FIRST, *SECOND))
        office.will_know([*FIRST, *SECOND])
        cluster(owner)
        new = ("walnut oil", "comet tail", "velvet sofa", "granite top", "pepper mill")
        owner.add_keywords(new)
        office.will_know(new)
        asked = len(office.model.asked)
        _, found = cluster(owner)
        assert [each.body["input"] for each in office.model.asked[asked:]] == [sorted(new)]
        assert found == {frozenset([*FIRST, *new[:3]]), frozenset([*SECOND, *new[3:]])}

    def test_a_model_that_refuses_is_told_and_the_word_table_takes_its_place(
        self, office: Office, owner: Owner
    ) -> None:
        owner.add_keywords((*FIRST, *SECOND))
        office.model.will(failure(401, "Incorrect API key provided"))
        run, found = cluster(owner)
        assert frozenset().union(*found) == {*FIRST, *SECOND}
        request = orchestrator_service_pb2.ListRunEventsRequest(run_id=run.id)
        page = owner.run("ListRunEvents", request, orchestrator_service_pb2.ListRunEventsResponse)
        (done,) = [event for event in page.run_events if event.kind == "step_succeeded"]
        assert "The embedding model did not say what the keywords mean" in done.payload_json

    def test_the_next_run_asks_a_model_anew_that_had_refused(self, office: Office, owner: Owner) -> None:
        owner.add_keywords((*FIRST, *SECOND))
        office.model.will(failure(401, "Incorrect API key provided"))
        cluster(owner)
        asked = len(office.model.asked)
        office.will_know([*FIRST, *SECOND])
        run = owner.start(owner.quote(function="recluster_keywords").id)
        owner.house.work()
        assert owner.read(run.id).status == orchestrator_pb2.Run.STATUS_COMPLETED
        assert [each.body["input"] for each in office.model.asked[asked:]] == [sorted([*FIRST, *SECOND])]
