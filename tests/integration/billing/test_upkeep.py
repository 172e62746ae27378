"""The rounds over all accounts: credits that begin and end, books that are compared, captures of steps."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from chassis.errors import Kind
from chassis.ids import new_id
from chassis.testing.service import Caller
from services.billing import repository
from tests.integration.billing.calls import S, Stub, accepted, line, refused, wanted
from tests.integration.billing.conftest import Service


def lapse(service: Service, limit: int = 100) -> S.LapseCreditsResponse:
    answer: S.LapseCreditsResponse = service.caller.call(service.stub.LapseCredits, S.LapseCreditsRequest(limit=limit))
    return answer


class TestLapse:
    def test_what_is_past_its_date_ends_in_every_account_page_by_page(self, few_accounts: Service) -> None:
        accounts = [few_accounts.books() for _ in range(5)]
        for books in accounts[:3]:
            books.give(10, kind="plan", expires=books.clock.now() + timedelta(days=1))
        for books in accounts:
            books.give(3)
        assert lapse(few_accounts) == S.LapseCreditsResponse()
        few_accounts.clock.move(days=1)
        assert lapse(few_accounts, 2) == S.LapseCreditsResponse(accounts=2, ended_credits=20, more=True)
        assert lapse(few_accounts, 2) == S.LapseCreditsResponse(accounts=1, ended_credits=10)
        assert lapse(few_accounts, 2) == S.LapseCreditsResponse()
        assert [books.balance() for books in accounts] == [(3, 0)] * 5

    def test_what_a_hold_pins_ends_when_it_is_freed(self, few_accounts: Service) -> None:
        books = few_accounts.books()
        books.give(10, expires=books.clock.now() + timedelta(hours=1))
        books.reserve(books.quote(), 10, key="a")
        books.clock.move(hours=2)
        assert lapse(few_accounts) == S.LapseCreditsResponse()
        books.do(repository.expire_hold, "a")
        assert books.balance() == (0, 0)

    def test_credits_of_a_later_day_begin_and_others_are_told(self, few_accounts: Service) -> None:
        books = few_accounts.books()
        books.give(10, effective_time=books.clock.now() + timedelta(days=2))
        assert lapse(few_accounts) == S.LapseCreditsResponse()
        assert books.rows("SELECT payload FROM outbox") == []
        few_accounts.clock.move(days=2)
        assert lapse(few_accounts) == S.LapseCreditsResponse(accounts=1, began_credits=10)
        assert books.rows("SELECT kind, payload FROM outbox") == [
            ("billing.credits_granted", {"kind": "purchase", "credits": 10, "available": 10})
        ]

    def test_wrong_books_hold_up_nobody_else(self, few_accounts: Service) -> None:
        broken, sound = few_accounts.books(), few_accounts.books()
        for books in (broken, sound):
            books.give(10, expires=books.clock.now() + timedelta(days=1))
        broken.rows("UPDATE credit_account SET posted = 5 RETURNING 1")
        few_accounts.clock.move(days=1)
        assert lapse(few_accounts) == S.LapseCreditsResponse(accounts=1, ended_credits=10, failed_accounts=1)
        assert (broken.balance(), sound.balance()) == ((5, 0), (0, 0))

    @pytest.mark.parametrize("limit", [-1, 1001])
    def test_a_limit_that_makes_no_sense_is_named(self, few_accounts: Service, limit: int) -> None:
        fault = refused(few_accounts.caller, few_accounts.stub.LapseCredits, S.LapseCreditsRequest(limit=limit))
        assert [v.field for v in fault.violations] == ["limit"]


class TestReconcile:
    def test_every_difference_of_every_account_is_found(self, few_accounts: Service) -> None:
        accounts = [few_accounts.books() for _ in range(5)]
        for books in accounts:
            books.give(10)
            books.reserve(books.quote(), 4)
        wrong = accounts[3]
        wrong.rows("UPDATE credit_account SET held = 6 RETURNING 1")
        seen, found, token = 0, [], ""
        while True:
            request = S.ReconcileAccountsRequest(page_size=2, page_token=token)
            page = few_accounts.caller.call(few_accounts.stub.ReconcileAccounts, request)
            seen, token = seen + page.accounts, page.next_page_token
            found += [(d.account_id, d.what, d.booked, d.counted) for d in page.differences]
            if not token:
                break
        account = str(wrong.tenant.account_id)
        assert seen == 5
        assert found == [
            (account, "held and sum of open holds", 6, 4),
            (account, "held and what grants have pinned", 6, 4),
        ]

    def test_no_accounts_are_no_differences(self, few_accounts: Service) -> None:
        got = few_accounts.caller.call(few_accounts.stub.ReconcileAccounts, S.ReconcileAccountsRequest())
        assert got == S.ReconcileAccountsResponse()

    def test_a_token_of_another_list_is_refused(self, few_accounts: Service) -> None:
        request = S.ReconcileAccountsRequest(page_token="x")
        fault = refused(few_accounts.caller, few_accounts.stub.ReconcileAccounts, request)
        assert [v.field for v in fault.violations] == ["page_token"]


class TestStepCaptures:
    def pages(self, caller: Caller, stub: Stub, *run_ids: str) -> list[tuple[str, str, int, int, int]]:
        seen, token = [], ""
        while True:
            request = S.ListStepCapturesRequest(run_ids=run_ids, page_size=2, page_token=token)
            page = caller.call(stub.ListStepCaptures, request)
            seen += [
                (s.run_id, s.step_id, s.captured_credits, s.open_holds, s.held_credits) for s in page.step_captures
            ]
            token = page.next_page_token
            if not token:
                return seen

    def test_what_each_step_captured_and_holds(self, stub: Stub, caller: Caller) -> None:
        expected = []
        for _ in range(2):
            quote, steps = accepted(caller, stub, line("content", 2_000)), sorted(str(new_id()) for _ in range(2))
            for number, step in enumerate(steps):
                for key, captured in (("a", 200), ("b", 100 * number)):
                    request = wanted(quote, 300, f"{step}:{key}")
                    request.step_id = step
                    caller.call(stub.Reserve, request)
                    if captured:
                        caller.call(stub.Capture, S.CaptureRequest(key=f"{step}:{key}", quantity=captured))
            expected += [(quote.run_id, steps[0], 2, 1, 3), (quote.run_id, steps[1], 3, 0, 0)]
        assert self.pages(caller.at(None), stub) == expected
        assert self.pages(caller.at(None), stub, expected[2][0]) == expected[2:]
        assert self.pages(caller, stub, str(new_id())) == []

    def test_another_accounts_steps_are_not_seen(self, stub: Stub, caller: Caller, stranger: Caller) -> None:
        quote = accepted(caller, stub, line("content", 100))
        request = wanted(quote, 100)
        request.step_id = str(new_id())
        caller.call(stub.Reserve, request)
        assert self.pages(stranger.at(None), stub, quote.run_id) == []

    def test_too_many_runs_are_refused(self, stub: Stub, caller: Caller) -> None:
        request = S.ListStepCapturesRequest(run_ids=[str(new_id()) for _ in range(101)])
        fault = refused(caller, stub.ListStepCaptures, request)
        assert (fault.code, [v.field for v in fault.violations]) == (Kind.INVALID_ARGUMENT, ["run_ids"])


class TestTheSweepRole:
    def test_it_reads_what_it_needs_and_changes_nothing(self, few_accounts: Service) -> None:
        books = few_accounts.books()
        books.give(10)
        engine = sa.create_engine(few_accounts.urls.sweep, poolclass=sa.NullPool)
        with engine.connect() as connection:
            assert connection.execute(sa.text("SELECT remaining FROM credit_grant")).scalars().all() == [10]
        for statement in (
            "UPDATE credit_account SET posted = 1",
            "SELECT 1 FROM credit_transaction",
            "SELECT 1 FROM hold",
        ):
            with engine.connect() as connection, pytest.raises(sa.exc.DBAPIError, match="permission denied"):
                connection.execute(sa.text(statement))
