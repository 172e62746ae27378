"""Steps of every kind, ready to be carried: each function's subjects are made by the one before it."""

import json
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from uuid import UUID

import sqlalchemy as sa
from igny8.common.v1 import events_pb2, events_service_pb2, functions_service_pb2
from igny8.orchestrator.v1 import orchestrator_pb2
from igny8.planner.v1 import planner_pb2, planner_service_pb2

from chassis.ids import new_id
from chassis.objects import FolderStore
from services.orchestrator.domain.stages import FUNCTIONS
from tests.house import House
from tests.integration.orchestrator.conftest import Owner, new_owner
from tests.integration.orchestrator.workers import Worker
from tests.lives import Life

MAKERS = {
    "generate_ideas": ("cluster_keywords", 2),
    "create_tasks": ("generate_ideas", 2),
    "generate_content": ("create_tasks", 1),
    "generate_image_prompts": ("generate_content", 1),
    "generate_image": ("generate_image_prompts", 1),
    "approve_content": ("generate_content", 1),
    "publish_content": ("approve_content", 1),
}
"""What makes a function's subjects, and about how many of one of its own."""
_ROUNDS = 10  # of making subjects: some clusters have too few keywords for three ideas
_SECTORS = 5  # of the site, the subjects of clustering; no other function's are scarce
KEYWORDS = 10  # of a sector, to be clustered at once; they become a few clusters
OPTIONS = {"ideas_per_cluster": 3, "images_per_article": 1, "auto_approve": True}


@dataclass
class Supply:
    """A site with work for every function.

    Args:
        owner: whose it is, with credits, five sectors and a destination.
        letters: the keywords are drawn from.
    """

    owner: Owner
    letters: random.Random = field(default_factory=lambda: random.Random(1))  # noqa: S311 - the same words every time

    def runs(self, function: str, lives: Sequence[Life]) -> Iterator[tuple[orchestrator_pb2.Run, list[Life]]]:
        """Start one run after another until there was a step for each life; the next when the last was used up."""
        most = _SECTORS if function == "cluster_keywords" else len(lives)
        for first in range(0, len(lives), most):
            some = list(lives[first : first + most])
            yield self.start(function, len(some)), some

    def start(self, function: str, count: int) -> orchestrator_pb2.Run:
        """Start a run with so many steps, and plan it; none of them is claimed yet."""
        run = self.start_unplanned(function, self.subjects(function, count))
        assert Worker(self.owner.house).round() == 1
        (stage,) = self.owner.read(run.id).stages
        assert stage.planned == count, f"{function}: {stage.planned} of {count} planned"
        return run

    def start_unplanned(self, function: str, subjects: Sequence[str]) -> orchestrator_pb2.Run:
        """Start a run on some subjects."""
        plan: dict[str, object] = {"function": function, "subject_ids": subjects, "images_per_article": 1}
        if function == "import_keywords":
            plan |= {"options_json": json.dumps(self._upload())}
        if FUNCTIONS[function].operation:
            quote = self.owner.quote(**plan)
            self._widen(quote.id)
            return self.owner.start(quote.id)
        return self.owner.start(plan=orchestrator_pb2.RunPlan(**plan))  # type: ignore[arg-type]  # as named above

    def subjects(self, function: str, count: int) -> list[str]:
        """Return rows that a function could be run on, made where there are too few."""
        if function == "import_keywords":
            return [str(new_id()) for _ in range(count)]
        if function == "cluster_keywords":
            return self._sectors(count)
        maker, makes = MAKERS[function]
        for _ in range(_ROUNDS):
            ready = self.waiting(function, count)
            if len(ready) == count:
                return ready
            self.make(maker, -(-(count - len(ready)) // makes))
        raise AssertionError(f"never {count} subjects for {function}")

    def make(self, function: str, count: int, *, told: bool = True) -> None:
        """Run a function on so many subjects to the end, and let the other services be told."""
        most = _SECTORS if function == "cluster_keywords" else count
        for first in range(0, count, most):
            run = self.start(function, min(most, count - first))
            self.owner.house.work()
            assert self.owner.read(run.id).status == orchestrator_pb2.Run.STATUS_COMPLETED
        if told:
            self.owner.house.relay()

    def waiting(self, function: str, count: int) -> list[str]:
        """Return what the owner of a function would have it run on."""
        request = functions_service_pb2.SelectWorkRequest(
            function=function, limit=count, options_json=json.dumps(OPTIONS | {"auto_publish": True})
        )
        remote, path = self.owner.house.remotes[FUNCTIONS[function].owner], "/igny8.common.v1.FunctionsService/"
        answer = functions_service_pb2.SelectWorkResponse
        found = remote.call_path(path + "SelectWork", request, answer, self.owner.passport, deadline_s=10.0)
        return [item.subject_id for item in found.items]

    def _widen(self, quote_id: str) -> None:
        """Let every step of a run hold its worst price at once; a quote has room for what is expected and one more."""
        urls, account_id = self.owner.house.databases, self.owner.passport.account_id
        with _connected(urls["orchestrator"].sweep) as runs, _connected(urls["billing"].owner) as books:
            read = sa.text("SELECT billing_quote_id FROM run_quote WHERE id = :id")
            billing_id = runs.execute(read, {"id": UUID(quote_id)}).scalar_one()
            books.execute(sa.text("SELECT set_config('app.account', :account, true)"), {"account": str(account_id)})
            widen = sa.text("UPDATE quote SET limit_credits = limit_credits * 10 WHERE id = :id")
            assert books.execute(widen, {"id": billing_id}).rowcount == 1

    def _sectors(self, count: int) -> list[str]:
        sectors = self.owner.site.sectors[:count]
        for sector in sectors:
            if str(sector.id) not in self.waiting("cluster_keywords", 5):
                self._add_keywords(sector.id)
        return [str(sector.id) for sector in sectors]

    def _add_keywords(self, sector_id: UUID) -> None:
        path = "/igny8.planner.v1.PlannerService/CreateKeyword"
        for _ in range(KEYWORDS):
            keyword = planner_pb2.Keyword(sector_id=str(sector_id), text=self._word(), volume=100)
            request = planner_service_pb2.CreateKeywordRequest(site_id=str(self.owner.site.id), keyword=keyword)
            self.owner.house.call(path, request, planner_pb2.Keyword, self.owner.passport)

    def _word(self) -> str:
        return "".join(self.letters.choices("abcdefghijklmnopqrstuvwxyz", k=9))

    def _upload(self) -> dict[str, str]:
        key = f"imports/{self.owner.passport.account_id}/{new_id()}.csv"
        FolderStore(self.owner.house.folder / "objects").put(key, f"keyword,volume\n{self._word()},10\n".encode())
        return {"object_key": key, "filename": "few.csv", "sector_id": str(self.owner.site.sectors[0].id)}


def open_supply(house: House) -> Supply:
    """Sign somebody up whose account may have more keywords than a free one, with a destination."""
    house.work()  # what other tests have left
    owner = new_owner(house, credits=1_000_000, sectors=_SECTORS)
    owner.connect_sites()
    plan, account_id = json.dumps({"plan": "Big", "max_keywords": 100_000}), str(owner.passport.account_id)
    fact = events_pb2.Event(id=str(new_id()), kind="billing.plan_changed", account_id=account_id, payload_json=plan)
    request, answer = events_service_pb2.DeliverEventRequest(event=fact), events_service_pb2.DeliverEventResponse
    path = "/igny8.common.v1.InboxService/DeliverEvent"
    house.remotes["planner"].call_path(path, request, answer, owner.passport, deadline_s=5.0)
    return Supply(owner)


@contextmanager
def _connected(url: str) -> Iterator[sa.Connection]:
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        yield connection
    engine.dispose()
