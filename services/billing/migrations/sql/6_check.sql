-- Compares the books with each other: what each row says, and what it is when it is counted anew. One statement, so one
-- moment. Rows that count differences have 0 in the books. What belongs together is summed first and joined then: looked
-- up row by row, the check of a large account would take hours.

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
    ), change_of_grant AS (
        SELECT c.grant_id, -sum(c.amount) FILTER (WHERE c.kind = 'expiry') AS ended,
            sum(c.amount) FILTER (WHERE c.amount > 0) AS posted
        FROM change c GROUP BY c.grant_id
    ), pin_of_grant AS (
        SELECT p.grant_id, sum(p.captured_credits) AS taken,
            sum(p.credits - p.captured_credits) FILTER (WHERE p.state = 'open') AS pinned
        FROM pin p GROUP BY p.grant_id
    ), taken_back AS (
        SELECT * FROM transaction_grant t WHERE t.account_id = p_account
    ), taken_back_of_grant AS (
        SELECT t.grant_id, sum(t.credits) AS credits FROM taken_back t GROUP BY t.grant_id
    ), taken_back_by AS (
        SELECT t.transaction_id, sum(t.credits) AS credits FROM taken_back t GROUP BY t.transaction_id
    ), given_back AS (
        SELECT c.reversal_of, sum(c.amount) AS credits FROM change c
        WHERE c.reversal_of IS NOT NULL GROUP BY c.reversal_of
    ), pinned AS (
        SELECT p.hold_id, sum(p.credits) AS credits, sum(p.captured_credits) AS captured FROM pin p GROUP BY p.hold_id
    ), used AS (
        SELECT u.hold_id, sum(u.quantity) AS quantity, sum(u.credits) AS credits
        FROM credit_usage u WHERE u.account_id = p_account GROUP BY u.hold_id
    ), extended AS (
        SELECT e.hold_id, sum(e.quantity) AS quantity
        FROM hold_extension e WHERE e.account_id = p_account GROUP BY e.hold_id
    ), of_hold AS (
        SELECT h.*, coalesce(p.credits, 0) AS pinned, coalesce(p.captured, 0) AS taken,
            coalesce(u.quantity, 0) AS used_quantity, coalesce(u.credits, 0) AS used_credits,
            coalesce(e.quantity, 0) AS asked
        FROM hold h
        LEFT JOIN pinned p ON p.hold_id = h.id
        LEFT JOIN used u ON u.hold_id = h.id
        LEFT JOIN extended e ON e.hold_id = h.id
        WHERE h.account_id = p_account
    ), of_grant AS (
        SELECT g.*, CASE WHEN g.post_time IS NULL THEN 0 ELSE g.credits END AS given,
            coalesce(p.pinned, 0) AS pinned, coalesce(p.taken, 0) AS taken, coalesce(c.ended, 0) AS ended,
            coalesce(c.posted, 0) AS posted, coalesce(t.credits, 0) AS withdrawn
        FROM credit_grant g
        LEFT JOIN pin_of_grant p ON p.grant_id = g.id
        LEFT JOIN change_of_grant c ON c.grant_id = g.id
        LEFT JOIN taken_back_of_grant t ON t.grant_id = g.id
        WHERE g.account_id = p_account
    ), of_quote AS (
        SELECT q.*,
            coalesce(sum(h.credits - h.captured_credits) FILTER (WHERE h.state = 'open'), 0) AS open_credits,
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
        (SELECT coalesce(sum(credits - captured_credits), 0) FROM of_hold WHERE state = 'open')
    UNION ALL SELECT 'held and what grants have pinned', (SELECT held FROM account),
        (SELECT coalesce(sum(held), 0) FROM of_grant)
    UNION ALL SELECT 'holds that pin other than their credits', 0,
        (SELECT count(*) FROM of_hold WHERE pinned <> credits)
    UNION ALL SELECT 'holds that took other than they captured', 0,
        (SELECT count(*) FROM of_hold WHERE taken <> captured_credits)
    UNION ALL SELECT 'holds whose use is not the sum of their captures', 0,
        (SELECT count(*) FROM of_hold WHERE used_quantity <> captured_quantity OR used_credits <> captured_credits)
    UNION ALL SELECT 'holds whose credits are not the price of what they asked for and captured', 0, (
        SELECT count(*) FROM of_hold WHERE asked <> extended_quantity
            OR credits <> ledger_price(quantity + extended_quantity, unit_size, unit_credits)
            OR captured_credits <> ledger_price(captured_quantity, unit_size, unit_credits)
    )
    UNION ALL SELECT 'grants whose pinned credits are not those of their open holds', 0,
        (SELECT count(*) FROM of_grant WHERE held <> pinned)
    UNION ALL SELECT 'grants whose rest is not what was given less what was taken and what ended', 0,
        (SELECT count(*) FROM of_grant WHERE remaining <> given - taken - ended - withdrawn)
    UNION ALL SELECT 'grants and the transactions that posted them', 0,
        (SELECT count(*) FROM of_grant WHERE given <> posted)
    UNION ALL SELECT 'captures of holds and deductions', (SELECT coalesce(sum(captured_credits), 0) FROM of_hold),
        (SELECT coalesce(-sum(amount), 0) FROM change WHERE kind = 'deduction')
    UNION ALL SELECT 'captures of holds and usage', (SELECT coalesce(sum(captured_credits), 0) FROM of_hold),
        (SELECT coalesce(sum(u.credits), 0) FROM credit_usage u WHERE u.account_id = p_account)
    UNION ALL SELECT 'usage whose deduction is another', 0, (
        SELECT count(*) FROM credit_usage u LEFT JOIN change c ON c.id = u.transaction_id
        WHERE u.account_id = p_account AND u.credits <> coalesce(-c.amount, 0)
    )
    UNION ALL SELECT 'deductions of which more was given back than was taken', 0, (
        SELECT count(*) FROM change c JOIN given_back g ON g.reversal_of = c.id
        WHERE c.kind = 'deduction' AND g.credits > -c.amount
    )
    UNION ALL SELECT 'transactions that took back other than their grants gave', 0, (
        SELECT count(*) FROM change c LEFT JOIN taken_back_by t ON t.transaction_id = c.id
        WHERE c.kind IN ('adjustment', 'reversal') AND greatest(-c.amount, 0) <> coalesce(t.credits, 0)
    )
    UNION ALL SELECT 'quotes whose use is not that of their holds', 0,
        (SELECT count(*) FROM of_quote WHERE held_credits <> open_credits OR captured_credits <> taken)
$$;
