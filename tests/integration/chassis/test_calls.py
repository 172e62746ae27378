"""Calls that travel together: each answered as if it had come alone, and refused as if it had come alone."""

import asyncio
import json
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast
from uuid import UUID

import grpc
import pytest
from igny8.common.v1 import (
    calls_service_pb2,
    calls_service_pb2_grpc,
    functions_service_pb2,
    functions_service_pb2_grpc,
)

from chassis.aio import SMALL_BYTES, SOON_S, AsyncRemote
from chassis.errors import FailedPrecondition, Fault, Kind
from chassis.ids import new_id
from chassis.passport import Passport
from chassis.server import Offer
from chassis.tenancy import Tenant
from chassis.testing.service import Running, a_passport, a_site, serving
from chassis.work import Answer, Applied, Job, JobKind, Selection, Work
from chassis.work_servicer import FunctionsServicer

PREPARE = "/igny8.common.v1.FunctionsService/PrepareWork"
MAKE_CALLS = "/igny8.common.v1.CallsService/MakeCalls"
CALLERS = 40


class Owner:
    """A function that says in its job's template which account asked; "refused" refuses, "broken" breaks."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.together = threading.Barrier(2)
        self.long_text = ""
        self.may_end = threading.Event()

    def prepare(self, name: str, work: Work) -> Job:
        self.seen.append(name)
        if name == "refused":
            raise FailedPrecondition("Not now.", metadata={"why": "never"}, retry_after_s=2.5)
        if name == "broken":
            raise ValueError("broken")
        if name == "meets another":
            self.together.wait(5)
        if name == "slow":
            self.may_end.wait(10)
        if name == "takes a while":
            time.sleep(0.3)
        if name == "cannot be sent":
            return Job(JobKind.TEXT, "x", {}, limit_quantity=1, prompt_override=cast("Any", 7))
        return Job(JobKind.TEXT, str(work.tenant.account_id), {"text": self.long_text}, limit_quantity=1)

    def offers(self) -> list[Offer]:
        names = (
            "generate_ideas",
            "first",
            "last",
            "refused",
            "broken",
            "meets another",
            "slow",
            "takes a while",
            "cannot be sent",
        )
        servicer = FunctionsServicer({name: Named(name, self) for name in names})
        add = functions_service_pb2_grpc.add_FunctionsServiceServicer_to_server
        return [Offer("igny8.common.v1.FunctionsService", add, servicer)]


@dataclass(frozen=True)
class Named:
    """One of the owner's functions."""

    name: str
    owner: Owner

    def select(self, tenant: Tenant, ids: Sequence[UUID], limit: int, options: Any) -> Selection:
        raise NotImplementedError

    def prepare(self, work: Work) -> Job:
        return self.owner.prepare(self.name, work)

    def apply(self, work: Work, answer: Answer | None) -> Applied:
        raise NotImplementedError

    def abandon(self, work: Work, error: str, *, failed: bool) -> None:
        raise NotImplementedError


@pytest.fixture
def owner() -> Owner:
    return Owner()


def a_request(function: str = "generate_ideas", options: str = "") -> functions_service_pb2.PrepareWorkRequest:
    return functions_service_pb2.PrepareWorkRequest(
        step_id=str(new_id()), subject_id=str(new_id()), function=function, options_json=options
    )


class Wire(grpc.aio.UnaryUnaryClientInterceptor):
    """Remembers which calls went over the wire."""

    def __init__(self) -> None:
        self.paths: list[str] = []

    async def intercept_unary_unary(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        self.paths.append(client_call_details.method.decode())
        return await continuation(client_call_details, request)


class Older(Wire):
    """Leads to a server that does not know calls which travel together."""

    async def intercept_unary_unary(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        async def unknowing(details: Any, request: Any) -> Any:
            unknown = details.method.decode() == MAKE_CALLS
            return await continuation(details._replace(method=b"/x.Unknown/X") if unknown else details, request)

        return await super().intercept_unary_unary(unknowing, client_call_details, request)


Ask = Callable[[AsyncRemote], Awaitable[Any]]


def outcomes(running: Running, *asks: Ask, wire: Wire | None = None) -> tuple[list[Any], list[str]]:
    """Ask all at once; return what came of each, and the calls that went over the wire."""
    seen = wire or Wire()

    async def act() -> tuple[list[Any], list[str]]:
        remote = AsyncRemote(running.remote.name, running.address, running.remote._issuer)
        await remote.channel.close()
        remote.channel = grpc.aio.insecure_channel(running.address, interceptors=[seen])
        try:
            return await asyncio.gather(*(ask(remote) for ask in asks), return_exceptions=True), seen.paths
        finally:
            await remote.close()

    return asyncio.run(act())


def prepare(passport: Passport, function: str = "generate_ideas", *, deadline_s: float = 5.0, options: str = "") -> Ask:
    def ask(remote: AsyncRemote) -> Awaitable[Any]:
        answer = functions_service_pb2.PrepareWorkResponse
        return remote.call(PREPARE, a_request(function, options), answer, passport, deadline_s=deadline_s)

    return ask


def accounts(answers: Sequence[Any]) -> list[str]:
    return [answer.job.template for answer in answers]


def test_each_hears_his_own_answer_of_one_call(owner: Owner) -> None:
    passports = [a_passport(site=a_site()) for _ in range(CALLERS)]
    with serving("planner", owner.offers()) as running:
        answers, paths = outcomes(running, *(prepare(passport) for passport in passports))
    assert accounts(answers) == [str(passport.account_id) for passport in passports]
    assert paths == [MAKE_CALLS]


def test_one_that_has_no_company_goes_alone(owner: Owner) -> None:
    with serving("planner", owner.offers()) as running:
        _, paths = outcomes(running, prepare(a_passport(site=a_site())))
    assert paths == [PREPARE]


def test_one_that_fails_fails_alone_and_says_why_in_full(owner: Owner) -> None:
    passport = a_passport(site=a_site())
    with serving("planner", owner.offers()) as running:
        told, _ = outcomes(running, *(prepare(passport, name) for name in ("first", "refused", "broken", "last")))
    assert accounts([told[0], told[3]]) == [str(passport.account_id)] * 2
    refused, broken = told[1], told[2]
    assert isinstance(refused, Fault)
    assert isinstance(broken, Fault)
    assert (refused.code, refused.message) == (Kind.FAILED_PRECONDITION, "Not now.")
    assert (refused.metadata, refused.retry_after_s) == ({"why": "never"}, 2.5)
    assert broken.code is Kind.INTERNAL
    assert "broken" not in broken.message  # what broke is for our log


def test_each_is_let_in_by_its_own_passport(owner: Owner) -> None:
    site = a_site()
    passports = [
        a_passport(site=site),
        a_passport(site=site, scopes=["read"]),
        a_passport(site=None),
        Passport(frozenset({"engine"})),
    ]
    with serving("planner", owner.offers()) as running:
        told, paths = outcomes(running, *(prepare(passport) for passport in passports))
    assert paths == [MAKE_CALLS]
    assert accounts(told[:1]) == [str(passports[0].account_id)]
    assert [fault.code for fault in told[1:]] == [Kind.PERMISSION_DENIED, Kind.NOT_FOUND, Kind.UNAUTHENTICATED]
    assert len(owner.seen) == 1


def test_calls_run_side_by_side(owner: Owner) -> None:
    passport = a_passport(site=a_site())
    with serving("planner", owner.offers()) as running:
        told, _ = outcomes(running, *[prepare(passport, "meets another")] * 2)
    assert accounts(told) == [str(passport.account_id)] * 2


def test_who_takes_his_time_keeps_nobody_waiting_and_is_asked_again_alone(owner: Owner) -> None:
    passport = a_passport(site=a_site())
    with serving("planner", owner.offers()) as running:

        def quick(remote: AsyncRemote) -> Awaitable[Any]:
            async def then_end() -> Any:
                try:
                    return await prepare(passport)(remote)
                finally:
                    owner.may_end.set()

            return then_end()

        told, paths = outcomes(running, prepare(passport, "slow"), quick)
    assert accounts(told) == [str(passport.account_id)] * 2
    assert paths == [MAKE_CALLS, PREPARE]
    assert owner.seen.count("slow") == 2


def test_one_that_begins_when_its_caller_has_given_up_is_not_made(owner: Owner) -> None:
    passport = a_passport(site=a_site())
    with serving("planner", owner.offers(), threads=1) as running:
        told, _ = outcomes(running, *[prepare(passport, "takes a while", deadline_s=0.5)] * 4)
        time.sleep(0.5)  # for those that would be made behind their callers' backs
    assert isinstance(told[-1], Fault)
    assert told[-1].code in {Kind.DEADLINE_EXCEEDED, Kind.UNAVAILABLE}
    assert owner.seen.count("takes a while") <= 2  # they would begin at 0, .3, .6 and .9 s


def test_an_answer_that_cannot_be_sent_concerns_nobody_else(owner: Owner) -> None:
    passport = a_passport(site=a_site())
    with serving("planner", owner.offers()) as running:
        told, _ = outcomes(running, *(prepare(passport, name) for name in ("first", "cannot be sent", "last")))
    assert accounts([told[0], told[2]]) == [str(passport.account_id)] * 2
    assert told[1].code is Kind.INTERNAL


def test_who_is_cancelled_takes_nobody_with_him(owner: Owner) -> None:
    passport = a_passport(site=a_site())
    with serving("planner", owner.offers()) as running:

        def gone(remote: AsyncRemote) -> Awaitable[Any]:
            return asyncio.wait_for(prepare(passport, "takes a while")(remote), 0.05)

        told, _ = outcomes(running, gone, prepare(passport, "takes a while"))
    assert isinstance(told[0], TimeoutError)
    assert accounts(told[1:]) == [str(passport.account_id)]


def test_a_server_with_one_thread_answers_all(owner: Owner) -> None:
    passport = a_passport(site=a_site())
    with serving("planner", owner.offers(), threads=1) as running:
        told, _ = outcomes(running, *[prepare(passport)] * CALLERS)
    assert accounts(told) == [str(passport.account_id)] * CALLERS


@pytest.mark.parametrize(
    ("deadline_s", "options"),
    [(SOON_S + 1, ""), (5.0, json.dumps({"more": "x" * SMALL_BYTES}))],
    ids=["may take long", "is large"],
)
def test_alone_goes_what_others_would_wait_for(owner: Owner, deadline_s: float, options: str) -> None:
    passport = a_passport(site=a_site())
    with serving("planner", owner.offers()) as running:
        asks = [prepare(passport), prepare(passport, deadline_s=deadline_s, options=options), prepare(passport)]
        told, paths = outcomes(running, *asks)
    assert accounts(told) == [str(passport.account_id)] * 3
    assert sorted(paths) == [MAKE_CALLS, PREPARE]


def test_answers_that_do_not_fit_into_one_message_are_asked_for_one_by_one(owner: Owner) -> None:
    owner.long_text = "x" * (3 << 20)  # two are more than the 4 MiB of a channel that says nothing else
    passport = a_passport(site=a_site())
    with serving("planner", owner.offers()) as running:
        told, paths = outcomes(running, *[prepare(passport)] * 2)
    assert accounts(told) == [str(passport.account_id)] * 2
    assert paths == [MAKE_CALLS, PREPARE, PREPARE]


def test_an_older_release_that_knows_nothing_of_it_is_asked_one_by_one(owner: Owner) -> None:
    passport = a_passport(site=a_site())
    with serving("planner", owner.offers()) as running:
        told, paths = outcomes(running, *[prepare(passport)] * 2, wire=Older())
    assert accounts(told) == [str(passport.account_id)] * 2
    assert paths == [MAKE_CALLS, PREPARE, PREPARE]


def test_all_hear_that_the_server_is_gone(owner: Owner) -> None:
    with serving("planner", owner.offers()) as running:
        pass
    told, _ = outcomes(running, *[prepare(a_passport(site=a_site()))] * 3)
    assert [fault.code for fault in told] == [Kind.UNAVAILABLE] * 3


class TestOnTheWire:
    """What a caller that is not ours may send."""

    def make(self, running: Running, *calls: calls_service_pb2.Call) -> list[Kind | str]:
        stub = calls_service_pb2_grpc.CallsServiceStub(running.channel)
        request = calls_service_pb2.MakeCallsRequest(calls=calls)
        response = running.caller(Passport(frozenset({"engine"}))).call(stub.MakeCalls, request)
        return [
            "answered" if outcome.WhichOneof("end") == "response" else outcome.error.message
            for outcome in response.outcomes
        ]

    def a_call(self, running: Running, **changed: Any) -> calls_service_pb2.Call:
        token = running.remote._issuer.mint(a_passport(site=a_site()), "planner")
        made = calls_service_pb2.Call(method=PREPARE, passport=token, request=a_request().SerializeToString())
        made.timeout.FromSeconds(5)
        made.MergeFrom(calls_service_pb2.Call(**changed))
        return made

    @pytest.mark.parametrize(
        ("changed", "message"),
        [
            ({}, "answered"),
            ({"method": "/igny8.common.v1.FunctionsService/Dance"}, "is not offered"),
            ({"method": MAKE_CALLS}, "is not offered"),
            ({"method": "/grpc.health.v1.Health/Check"}, "is not offered"),
            ({"request": b"\xff\xff"}, "is no request of"),
            ({"passport": "x.y.z"}, "not valid for this service"),
        ],
        ids=["as it should be", "unknown", "itself", "another's", "garbage", "forged"],
    )
    def test_it_is_refused_by_name(self, owner: Owner, changed: dict[str, Any], message: str) -> None:
        with serving("planner", owner.offers()) as running:
            said = self.make(running, self.a_call(running), self.a_call(running, **changed))
        assert said[0] == "answered"
        assert message in str(said[1])

    def test_one_without_a_passport_or_time_is_refused(self, owner: Owner) -> None:
        with serving("planner", owner.offers()) as running:
            unknown, late = self.a_call(running), self.a_call(running)
            unknown.ClearField("passport")
            late.ClearField("timeout")
            said = self.make(running, unknown, late)
        assert "no passport" in str(said[0])
        assert "no time" in str(said[1])
        assert owner.seen == []

    def test_no_calls_have_no_outcomes(self, owner: Owner) -> None:
        with serving("planner", owner.offers()) as running:
            assert self.make(running) == []

    def test_more_than_a_hundred_are_refused(self, owner: Owner) -> None:
        with serving("planner", owner.offers()) as running, pytest.raises(Fault, match="at most 100"):
            self.make(running, *[self.a_call(running)] * 101)

    def test_a_passport_that_may_not_carry_runs_makes_none(self, owner: Owner) -> None:
        with serving("planner", owner.offers()) as running:
            make = calls_service_pb2_grpc.CallsServiceStub(running.channel).MakeCalls
            request = calls_service_pb2.MakeCallsRequest(calls=[self.a_call(running)])
            with pytest.raises(Fault, match="engine"):
                running.caller(a_passport(scopes=["read", "write"])).call(make, request)
        assert owner.seen == []
