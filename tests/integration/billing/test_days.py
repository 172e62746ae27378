"""A site's limit of the day: what it captured since the day began, what it holds, and what is asked for, together."""

from datetime import timedelta

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from chassis.errors import Kind
from chassis.tenancy import Tenant
from chassis.testing.clock import FakeClock
from chassis.testing.service import Caller, a_site
from services.billing.domain import DayLimit
from tests.integration.billing.books import Books
from tests.integration.billing.calls import S, Stub, accepted, line, refused, wanted


@pytest.fixture
def rich(books: Books) -> Books:
    books.give(1000)
    return books


def today(books: Books, credits_: int) -> DayLimit:
    return DayLimit(credits_, books.clock.now() - timedelta(hours=8))


class TestRoom:
    def test_what_was_captured_and_what_is_held_counts(self, rich: Books) -> None:
        quote_id = rich.quote()
        rich.reserve(quote_id, 6, key="done")
        rich.capture("done", 4)
        rich.reserve(quote_id, 3, key="open")
        refusal = rich.reserve(quote_id, 4, key="next", day=today(rich, 10))
        assert (refusal.code, refusal.needed, refusal.limit_credits) == ("daily_limit_reached", 4, 10)
        assert (refusal.day_captured, refusal.day_held) == (4, 3)
        assert rich.reserve(quote_id, 3, key="next", day=today(rich, 10)).code == "ok"

    def test_another_day_begins_at_nothing(self, rich: Books) -> None:
        quote_id, before = rich.quote(), today(rich, 5)
        rich.reserve(quote_id, 5, key="done")
        rich.capture("done", 5)
        assert rich.reserve(quote_id, 1, day=before).code == "daily_limit_reached"
        rich.clock.move(hours=1)
        assert rich.reserve(quote_id, 5, day=DayLimit(5, rich.clock.now())).code == "ok"

    def test_what_was_captured_at_the_second_the_day_began_is_of_that_day(self, rich: Books) -> None:
        quote_id = rich.quote()
        rich.reserve(quote_id, 5, key="done")
        rich.capture("done", 5)
        assert rich.reserve(quote_id, 1, day=DayLimit(5, rich.clock.now())).code == "daily_limit_reached"

    def test_another_site_has_a_day_of_its_own(self, rich: Books) -> None:
        rich.reserve(rich.quote(), 5)
        neighbour = Books(rich.database, Tenant(rich.tenant.account_id, a_site()), rich.clock)
        assert neighbour.reserve(neighbour.quote(), 5, day=today(rich, 5)).code == "ok"

    @pytest.mark.parametrize("credits_", [0, 10])
    def test_without_a_limit_and_within_it_nothing_changes(self, rich: Books, credits_: int) -> None:
        assert rich.reserve(rich.quote(), 10, day=today(rich, credits_)).code == "ok"

    def test_a_repeat_answers_whatever_the_limit_is_by_now(self, rich: Books) -> None:
        quote_id = rich.quote()
        first = rich.reserve(quote_id, 5, key="a", day=today(rich, 5))
        assert rich.reserve(quote_id, 5, key="a", day=today(rich, 1)).id == first.id

    def test_a_used_up_quote_is_named_before_the_day_and_the_day_before_the_credits(self, rich: Books) -> None:
        assert rich.reserve(rich.quote(limit=5), 6, day=today(rich, 1)).code == "quote_exhausted"
        assert rich.reserve(rich.quote(), 2000, day=today(rich, 1)).code == "daily_limit_reached"
        assert rich.reserve(rich.quote(), 2000, day=today(rich, 3000)).code == "insufficient_credits"


class TestOverTheWire:
    def test_the_refusal_says_whether_waiting_helps(self, stub: Stub, caller: Caller, clock: FakeClock) -> None:
        quote, start = accepted(caller, stub, line("content", 2_000)), Timestamp()
        start.FromDatetime(clock.now())
        request = wanted(quote, 1_000, "a")
        request.day_limit_credits = 12
        request.day_start_time.CopyFrom(start)
        caller.call(stub.Reserve, request)
        request.key, request.quantity = "b", 300
        fault = refused(caller, stub.Reserve, request)
        assert (fault.code, fault.reason) == (Kind.RESOURCE_EXHAUSTED, "DAILY_LIMIT_REACHED")
        assert fault.metadata == {"needed": "3", "limit": "12", "captured": "0", "held": "10", "held_by_others": "10"}
        caller.call(stub.Capture, S.CaptureRequest(key="a", quantity=1_000))
        fault = refused(caller, stub.Reserve, request)
        assert (fault.metadata["captured"], fault.metadata["held_by_others"]) == ("10", "0")
        assert "Wait for tomorrow, or raise the site's daily limit" in fault.message

    @pytest.mark.parametrize(("credits_", "field"), [(-1, "day_limit_credits"), (1, "day_start_time")])
    def test_a_day_that_makes_no_sense_is_named(self, stub: Stub, caller: Caller, credits_: int, field: str) -> None:
        request = wanted(accepted(caller, stub, line("content", 100)), 100)
        request.day_limit_credits = credits_
        assert [v.field for v in refused(caller, stub.Reserve, request).violations] == [field]
