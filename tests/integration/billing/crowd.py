"""Many accounts with a history, written at once by a role that no policy holds: what a service has after a while."""

from typing import NamedTuple
from uuid import UUID

import psycopg

from chassis.passport import SiteClaim

PLENTY = 10**9

# Consistent in itself: a grant, an accepted quote, and holds of one credit each that were captured.
_SEED = """
CREATE TEMP TABLE made AS
    SELECT gen_random_uuid() AS account, gen_random_uuid() AS site, gen_random_uuid() AS industry,
        gen_random_uuid() AS granted, gen_random_uuid() AS quote, gen_random_uuid() AS run
    FROM generate_series(1, %(accounts)s);
CREATE TEMP TABLE used AS
    SELECT m.*, n, gen_random_uuid() AS hold, gen_random_uuid() AS change
    FROM made m, generate_series(1, %(holds)s) AS n;
INSERT INTO account_ref SELECT account FROM made;
INSERT INTO site_ref SELECT account, site, industry FROM made;
INSERT INTO credit_account (account_id, posted, transaction_count)
    SELECT account, %(plenty)s - %(holds)s, %(holds)s + 1 FROM made;
INSERT INTO credit_grant (account_id, id, key, kind, priority, credits, remaining, effective_time, post_time)
    SELECT account, granted, 'seed', 'bonus', 100, %(plenty)s, %(plenty)s - %(holds)s, now(), now() FROM made;
INSERT INTO credit_transaction (account_id, id, number, kind, amount, balance_after, grant_id)
    SELECT account, gen_random_uuid(), 1, 'purchase', %(plenty)s, %(plenty)s, granted FROM made;
INSERT INTO quote (account_id, site_id, id, key, request, expected_credits, limit_credits, captured_credits, run_id,
        accept_time, expire_time)
    SELECT account, site, quote, 'seed', '{}', %(plenty)s, %(plenty)s, %(holds)s, run, now(), now() + interval '1 day'
    FROM made;
INSERT INTO hold (account_id, site_id, id, key, state, quote_id, run_id, operation, quantity, unit_credits, credits,
        captured_credits, captured_quantity, close_time)
    SELECT account, site, hold, 'seed ' || n, 'captured', quote, run, 'image_prompt', 1, 1, 1, 1, 1, now() FROM used;
INSERT INTO hold_grant SELECT account, hold, granted, 1, 1, 1 FROM used;
INSERT INTO credit_transaction (account_id, id, number, kind, amount, balance_after, site_id, run_id, hold_id)
    SELECT account, change, 1 + n, 'deduction', -1, %(plenty)s - n, site, run, hold FROM used;
INSERT INTO credit_usage (account_id, site_id, id, hold_id, key, operation, quantity, credits, run_id, transaction_id)
    SELECT account, site, gen_random_uuid(), hold, 'seed ' || n, 'image_prompt', 1, 1, run, change FROM used;
"""


class Somebody(NamedTuple):
    """An account of the crowd, its site, and the quote that its run has."""

    account_id: UUID
    site: SiteClaim
    quote_id: UUID
    run_id: UUID


def crowd(admin_url: str, owner_url: str, *, accounts: int, holds: int) -> list[Somebody]:
    """Write accounts with so many holds each.

    Args:
        admin_url: the superuser's.
        owner_url: of billing's database.
        accounts: how many.
        holds: of each.
    """
    database = psycopg.conninfo.conninfo_to_dict(owner_url.replace("+psycopg", ""))["dbname"]
    with psycopg.connect(admin_url, dbname=database) as admin:
        values = {"accounts": accounts, "holds": holds, "plenty": PLENTY}
        for statement in _SEED.split(";\n"):
            admin.execute(statement, values if "%(" in statement else None)
        rows = admin.execute("SELECT account, site, industry, quote, run FROM made").fetchall()
    with psycopg.connect(admin_url, dbname=database, autocommit=True) as admin:
        admin.execute("VACUUM ANALYZE")  # as PostgreSQL does by itself after a while
    return [Somebody(account, SiteClaim(site, industry), quote, run) for account, site, industry, quote, run in rows]
