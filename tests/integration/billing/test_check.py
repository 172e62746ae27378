"""The comparison of the books finds every way in which they can be wrong."""

import pytest

from tests.integration.billing.books import Books

WRONGS = [
    ("UPDATE credit_account SET posted = posted + 1", "balance and sum of transactions"),
    ("UPDATE credit_account SET posted = posted + 1", "balance and what remains of grants"),
    ("UPDATE credit_account SET transaction_count = 9", "number of transactions"),
    ("UPDATE credit_account SET held = held + 1", "held and sum of open holds"),
    ("UPDATE credit_grant SET held = held - 1", "held and what grants have pinned"),
    ("UPDATE credit_grant SET held = held - 1", "grants whose pinned credits are not those of their open holds"),
    (
        "UPDATE credit_grant SET remaining = remaining - 1",
        "grants whose rest is not what was given less what was taken and what ended",
    ),
    ("UPDATE hold SET credits = credits + 1 WHERE state = 'open'", "holds that pin other than their credits"),
    ("UPDATE hold_grant SET captured_credits = 0", "holds that took other than they captured"),
    ("UPDATE hold SET captured_credits = 1 WHERE state = 'captured'", "captures of holds and deductions"),
    ("UPDATE hold SET captured_credits = 1 WHERE state = 'captured'", "captures of holds and usage"),
    ("UPDATE quote SET held_credits = held_credits + 1", "quotes whose use is not that of their holds"),
    (
        "UPDATE hold SET captured_quantity = captured_quantity + 1 WHERE state = 'captured'",
        "holds whose use is not the sum of their captures",
    ),
    (
        "UPDATE hold SET quantity = quantity + 1",
        "holds whose credits are not the price of what they asked for and captured",
    ),
    (
        "UPDATE hold SET extended_quantity = 1, quantity = quantity - 1 WHERE state = 'open'",
        "holds whose credits are not the price of what they asked for and captured",
    ),
    ("UPDATE credit_grant SET credits = credits + 1", "grants and the transactions that posted them"),
    (
        "INSERT INTO credit_transaction (account_id, id, number, kind, amount, balance_after, reversal_of)"
        " SELECT account_id, gen_random_uuid(), 9, 'refund', 5, 9, id FROM credit_transaction WHERE kind = 'deduction'",
        "deductions of which more was given back than was taken",
    ),
    (
        "INSERT INTO credit_transaction (account_id, id, number, kind, amount, balance_after)"
        " SELECT account_id, gen_random_uuid(), 9, 'adjustment', -5, 9 FROM credit_account",
        "transactions that took back other than their grants gave",
    ),
    (
        "INSERT INTO credit_usage (account_id, site_id, id, key, hold_id, operation, quantity, credits)"
        " SELECT account_id, site_id, gen_random_uuid(), 'x', id, 'content', 1, 1 FROM hold WHERE state = 'open'",
        "usage whose deduction is another",
    ),
    (
        "INSERT INTO transaction_grant (account_id, transaction_id, grant_id, credits)"
        " SELECT account_id, id, grant_id, 1 FROM credit_transaction WHERE kind = 'purchase'",
        "grants whose rest is not what was given less what was taken and what ended",
    ),
    (
        "INSERT INTO credit_transaction (account_id, id, number, kind, amount, balance_after)"
        " SELECT account_id, gen_random_uuid(), 7, 'purchase', 5, 9 FROM credit_account",
        "transactions whose number or balance does not follow from the one before",
    ),
]


@pytest.mark.parametrize(("wrong", "what"), WRONGS)
def test_a_wrong_row_is_found(books: Books, wrong: str, what: str) -> None:
    books.give(50)
    quote_id = books.quote()
    books.reserve(quote_id, 5, key="done")
    books.capture("done", 4)
    books.reserve(quote_id, 7, key="open")
    assert books.differences() == []
    books.rows(wrong + " RETURNING 1")
    assert what in [row.what for row in books.differences()]
