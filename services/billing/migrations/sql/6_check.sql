-- Compares the books with each other: what each row says, and what it is when it is counted anew. One statement, so one
-- moment. Rows that count differences have 0 in the books.

CREATE FUNCTION ledger_check(p_account uuid) RETURNS TABLE (what text, booked bigint, counted bigint)
LANGUAGE sql STABLE AS $$
    WITH account AS (
        SELECT * FROM credit_account a WHERE a.account_id = p_account
    ), change AS (
        SELECT t.*, sum(t.amount) OVER (ORDER BY t.number) AS running, row_number() OVER (ORDER BY t.number) AS place
        FROM credit_transaction t WHERE t.account_id = p_account
    ), pin AS (
        SELECT p.*, h.state FROM hold_grant p JOIN hold h ON h.account_id = p.account_id AND h.id = p.hold_id
        WHERE p.account_id = p_account
    ), of_hold AS (
        SELECT h.*, coalesce(sum(p.credits), 0) AS pinned, coalesce(sum(p.captured_credits), 0) AS taken
        FROM hold h LEFT JOIN hold_grant p ON p.account_id = h.account_id AND p.hold_id = h.id
        WHERE h.account_id = p_account GROUP BY h.account_id, h.id
    ), of_grant AS (
        SELECT g.*,
            coalesce((SELECT sum(p.credits) FROM pin p WHERE p.grant_id = g.id AND p.state = 'open'), 0) AS pinned,
            coalesce((SELECT sum(p.captured_credits) FROM pin p WHERE p.grant_id = g.id), 0) AS taken,
            coalesce((SELECT -sum(c.amount) FROM change c WHERE c.grant_id = g.id AND c.kind = 'expiry'), 0) AS ended
        FROM credit_grant g WHERE g.account_id = p_account
    ), of_quote AS (
        SELECT q.*, coalesce(sum(h.credits) FILTER (WHERE h.state = 'open'), 0) AS open_credits,
            coalesce(sum(h.captured_credits), 0) AS taken
        FROM quote q LEFT JOIN hold h ON h.account_id = q.account_id AND h.quote_id = q.id
        WHERE q.account_id = p_account GROUP BY q.account_id, q.id
    )
    SELECT 'balance and sum of transactions', (SELECT posted FROM account), (SELECT coalesce(sum(amount), 0) FROM change)
    UNION ALL SELECT 'number of transactions', (SELECT transaction_count FROM account), (SELECT count(*) FROM change)
    UNION ALL SELECT 'transactions whose number or balance does not follow from the one before', 0,
        (SELECT count(*) FROM change WHERE balance_after <> running OR number <> place)
    UNION ALL SELECT 'balance and what remains of grants', (SELECT posted FROM account),
        (SELECT coalesce(sum(remaining), 0) FROM of_grant)
    UNION ALL SELECT 'held and sum of open holds', (SELECT held FROM account),
        (SELECT coalesce(sum(credits), 0) FROM of_hold WHERE state = 'open')
    UNION ALL SELECT 'held and what grants have pinned', (SELECT held FROM account),
        (SELECT coalesce(sum(held), 0) FROM of_grant)
    UNION ALL SELECT 'holds that pin other than their credits', 0,
        (SELECT count(*) FROM of_hold WHERE pinned <> credits)
    UNION ALL SELECT 'holds that took other than they captured', 0,
        (SELECT count(*) FROM of_hold WHERE taken <> captured_credits)
    UNION ALL SELECT 'grants whose pinned credits are not those of their open holds', 0,
        (SELECT count(*) FROM of_grant WHERE held <> pinned)
    UNION ALL SELECT 'grants whose rest is not what was given less what was taken and what ended', 0,
        (SELECT count(*) FROM of_grant WHERE remaining <> credits - taken - ended)
    UNION ALL SELECT 'captures of holds and deductions', (SELECT coalesce(sum(captured_credits), 0) FROM of_hold),
        (SELECT coalesce(-sum(amount), 0) FROM change WHERE kind = 'deduction')
    UNION ALL SELECT 'captures of holds and usage', (SELECT coalesce(sum(captured_credits), 0) FROM of_hold),
        (SELECT coalesce(sum(u.credits), 0) FROM credit_usage u WHERE u.account_id = p_account)
    UNION ALL SELECT 'quotes whose use is not that of their holds', 0,
        (SELECT count(*) FROM of_quote WHERE held_credits <> open_credits OR captured_credits <> taken)
$$;
