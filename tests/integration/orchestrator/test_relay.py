"""The relay: what one receiver cannot take, or is not there to take, holds up nobody else."""

import threading
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from igny8.billing.v1 import billing_pb2, billing_service_pb2
from igny8.identity.v1 import identity_service_pb2

from chassis.database import Database
from chassis.errors import DeadlineTooShort, Fault, Internal, InvalidArgument, Unavailable
from chassis.ids import new_id
from chassis.passport import Passport
from chassis.testing.clock import FakeClock
from services.orchestrator.clients import Call, Event, Peers
from services.orchestrator.relay import Relay
from tests.house import House, engine
from tests.integration.orchestrator.workers import sweeping

TASK, PLAN, OPENED = "writer.task_created", "billing.plan_changed", "identity.account_opened"


class Outboxes(Peers):
    """The outboxes and inboxes of all services, in memory.

    `faults` are what is raised for a fact, by its id, or for all facts of a receiver, by its name; `tried` and `taken`
    are deliveries, as (receiver, fact's id).
    """

    def __init__(self) -> None:
        self.facts: dict[str, list[Event]] = {}
        self.faults: dict[str, Fault] = {}
        self.taken: list[tuple[str, str]] = []
        self.tried: list[tuple[str, str]] = []

    def add(self, kind: str) -> str:
        event = Event(id=str(new_id()), kind=kind, account_id=str(new_id()))
        self.facts.setdefault(kind.split(".", maxsplit=1)[0], []).append(event)
        return event.id

    def send(self, call: Call[Any], passport: Passport, *, repeatable: bool = True) -> Any:
        del passport, repeatable
        method = call.path.rpartition("/")[2]
        if method == "PullEvents":
            later = [fact for fact in self.facts.get(call.peer, []) if fact.id > call.request.after]
            return later[: call.request.limit]
        if method == "AckEvents":
            gone = set(call.request.event_ids)
            self.facts[call.peer] = [event for event in self.facts[call.peer] if event.id not in gone]
            return None
        return self._take(call.peer, call.request.event.id)

    def _take(self, receiver: str, fact_id: str) -> None:
        self.tried.append((receiver, fact_id))
        for key in (receiver, fact_id):
            if key in self.faults:
                raise self.faults[key]
        self.taken.append((receiver, fact_id))


@pytest.fixture
def database(house: House) -> Iterator[Database]:
    with sweeping(house) as opened:
        yield opened


@pytest.fixture
def own(house: House) -> Iterator[Database]:
    opened = Database(house.databases["orchestrator"].app, pool_size=2)
    yield opened
    opened.close()


@pytest.fixture
def boxes() -> Outboxes:
    return Outboxes()


@pytest.fixture
def relay(database: Database, own: Database, boxes: Outboxes, clock: FakeClock) -> Relay:
    return Relay(database, boxes, own, clock)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


class TestRelay:
    def test_a_fact_that_nobody_can_digest_does_not_hold_up_the_others(self, relay: Relay, boxes: Outboxes) -> None:
        poison = [boxes.add(TASK) for _ in range(300)]
        boxes.faults = {fact: Internal("broken") for fact in poison}
        good = boxes.add(TASK)
        relay.round()
        assert boxes.taken == [("planner", good)]
        assert [event.id for event in boxes.facts["writer"]] == poison

    def test_not_even_when_there_are_more_of_them_than_a_page(self, relay: Relay, boxes: Outboxes) -> None:
        poison = [boxes.add(TASK) for _ in range(2500)]
        boxes.faults = {fact: Internal("broken") for fact in poison}
        good = [boxes.add(TASK) for _ in range(3)]
        relay.round()
        assert boxes.taken == [("planner", fact) for fact in good]
        late = boxes.add(TASK)
        relay.round()
        assert boxes.taken[-1] == ("planner", late)
        assert len(boxes.tried) == 2500 + 3 + 1

    def test_it_is_tried_again_more_and_more_rarely(self, relay: Relay, boxes: Outboxes, clock: FakeClock) -> None:
        poison = boxes.add(TASK)
        boxes.faults[poison] = Internal("broken")
        for _ in range(600):  # ten minutes
            relay.round()
            clock.move(seconds=1)
        assert 10 < len(boxes.tried) < 20
        boxes.faults.clear()
        clock.move(seconds=60)
        relay.round()
        assert boxes.taken == [("planner", poison)]
        assert not boxes.facts["writer"]

    def test_what_is_refused_as_wrong_is_forgotten(self, relay: Relay, boxes: Outboxes) -> None:
        boxes.faults[boxes.add(TASK)] = InvalidArgument("no such kind")
        relay.round()
        assert not boxes.facts["writer"]

    @pytest.mark.parametrize("fault", [Unavailable("down"), DeadlineTooShort("slow")])
    def test_a_receiver_that_is_away_is_asked_once_a_round_and_others_get_theirs(
        self, relay: Relay, boxes: Outboxes, fault: Fault
    ) -> None:
        boxes.faults["planner"] = fault
        waiting = [boxes.add(TASK) for _ in range(50)]
        opened = boxes.add(OPENED)
        relay.round()
        assert boxes.taken == [("billing", opened)]
        assert [receiver for receiver, _ in boxes.tried].count("planner") == 1
        assert len(boxes.facts["writer"]) == len(waiting)

    def test_when_it_is_back_it_gets_everything(self, relay: Relay, boxes: Outboxes) -> None:
        boxes.faults["planner"] = Unavailable("down")
        waiting = [boxes.add(TASK) for _ in range(5)]
        relay.round()
        del boxes.faults["planner"]
        relay.round()
        assert boxes.taken == [("planner", fact) for fact in waiting]

    def test_receivers_of_one_fact_get_it_in_their_order(self, relay: Relay, boxes: Outboxes) -> None:
        fact = boxes.add(PLAN)
        boxes.faults["planner"] = Unavailable("down")
        relay.round()
        assert not boxes.taken
        del boxes.faults["planner"]
        relay.round()
        assert boxes.taken == [("planner", fact), ("identity", fact)]

    def test_what_nobody_asked_for_is_forgotten(self, relay: Relay, boxes: Outboxes) -> None:
        boxes.add("writer.weather_changed")
        relay.round()
        assert not boxes.facts["writer"]
        assert not boxes.tried

    def test_a_second_relay_stays_out_while_one_is_at_work(self, database: Database, own: Database) -> None:
        other = Outboxes()
        other.add(TASK)
        second = Relay(database, other, own)
        entered, leave = threading.Event(), threading.Event()

        class Slow(Outboxes):
            def send(self, call: Call[Any], passport: Passport, *, repeatable: bool = True) -> Any:
                entered.set()
                leave.wait(timeout=10)
                return super().send(call, passport, repeatable=repeatable)

        first = threading.Thread(target=Relay(database, Slow(), own).round)
        first.start()
        assert entered.wait(timeout=5)
        second.round()
        assert not other.taken
        leave.set()
        first.join(timeout=10)
        second.round()
        assert len(other.taken) == 1


def test_relays_of_several_replicas_at_once_open_one_credit_account(house: House) -> None:
    request = identity_service_pb2.SignUpRequest(
        email=f"{new_id()}@example.com", password="correct horse battery", account_name="Twice"
    )
    answer = identity_service_pb2.SignUpResponse
    signed = house.call("/igny8.identity.v1.IdentityService/SignUp", request, answer, Passport(frozenset({"edge"})))
    relays = [threading.Thread(target=house.relay) for _ in range(3)]
    for thread in relays:
        thread.start()
    for thread in relays:
        thread.join(timeout=20)
    house.relay()
    account = engine(UUID(signed.account.id))
    path = "/igny8.billing.v1.BillingService/"
    balance = house.call(path + "GetBalance", billing_service_pb2.GetBalanceRequest(), billing_pb2.Balance, account)
    assert balance.available == balance.posted
    checked = billing_service_pb2.CheckLedgerResponse
    assert house.call(path + "CheckLedger", billing_service_pb2.CheckLedgerRequest(), checked, account).ok
