-- What every function of the ledger stands on.
--
-- Each of them locks the account's row first, so that the changes of one account happen one after the other; then looks
-- its key up, checks, inserts, updates. A refusal is a returned code, never an exception and never stored. They run
-- with the caller's rights, so row level security holds inside them too. p_now is the caller's clock.

CREATE TYPE ledger_answer AS (
    code text,               -- 'ok', or why not
    fresh boolean,           -- false when the key had been used before and this is what was stored
    id uuid,
    state text,
    credits bigint,
    captured_credits bigint,
    credit_cost_id uuid,
    needed bigint,           -- the rest explains a refusal
    available bigint,
    held bigint,
    limit_credits bigint,
    quote_captured bigint,
    quote_held bigint
);

-- A UUIDv7 (RFC 9562): the four bits of the version turn from 4 to 7. PostgreSQL has uuidv7() from 18 on only.
CREATE FUNCTION ledger_id(p_now timestamptz) RETURNS uuid LANGUAGE sql AS $$
    SELECT encode(
        set_bit(set_bit(
            overlay(uuid_send(gen_random_uuid())
                PLACING substring(int8send(floor(extract(epoch FROM p_now) * 1000)::bigint) FROM 3) FROM 1 FOR 6),
            52, 1), 53, 1), 'hex')::uuid
$$;

-- Credits for a quantity: a part of a unit costs a whole one. domain.Price.credits is the same rule.
CREATE FUNCTION ledger_price(p_quantity bigint, p_unit_size bigint, p_unit_credits bigint) RETURNS bigint
LANGUAGE sql IMMUTABLE AS $$
    SELECT (p_quantity + p_unit_size - 1) / p_unit_size * p_unit_credits
$$;

CREATE FUNCTION ledger_refusal(p_code text) RETURNS ledger_answer LANGUAGE plpgsql AS $$
DECLARE
    v_answer ledger_answer;
BEGIN
    v_answer.code := p_code;
    v_answer.fresh := false;
    RETURN v_answer;
END
$$;

CREATE FUNCTION ledger_hold_answer(p_hold hold, p_fresh boolean) RETURNS ledger_answer LANGUAGE plpgsql AS $$
DECLARE
    v_answer ledger_answer;
BEGIN
    v_answer.code := 'ok';
    v_answer.fresh := p_fresh;
    v_answer.id := p_hold.id;
    v_answer.state := p_hold.state;
    v_answer.credits := p_hold.credits;
    v_answer.captured_credits := p_hold.captured_credits;
    v_answer.credit_cost_id := p_hold.credit_cost_id;
    RETURN v_answer;
END
$$;

-- Changes the balance and writes down why. p_change gives kind, amount and what it was for; id, number, balance and
-- time are set here.
CREATE FUNCTION ledger_post(p_change credit_transaction, p_now timestamptz) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE credit_account a
    SET posted = a.posted + p_change.amount, transaction_count = a.transaction_count + 1, update_time = p_now
    WHERE a.account_id = p_change.account_id
    RETURNING a.transaction_count, a.posted INTO p_change.number, p_change.balance_after;
    INSERT INTO credit_transaction (
        account_id, id, number, kind, amount, balance_after, operation, description, site_id, run_id, step_id, hold_id,
        grant_id, credit_cost_id, create_time
    ) VALUES (
        p_change.account_id, ledger_id(p_now), p_change.number, p_change.kind, p_change.amount, p_change.balance_after,
        coalesce(p_change.operation, ''), p_change.description, p_change.site_id, p_change.run_id, p_change.step_id,
        p_change.hold_id, p_change.grant_id, p_change.credit_cost_id, p_now
    );
END
$$;

-- Ends what is free of grants past their date; what open holds pin stays, and ends when it is freed.
CREATE FUNCTION ledger_lapse(p_account uuid, p_now timestamptz) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    v_grant credit_grant;
    v_change credit_transaction;
    v_total bigint := 0;
BEGIN
    FOR v_grant IN
        SELECT * FROM credit_grant g
        WHERE g.account_id = p_account AND g.remaining > g.held AND g.expire_time <= p_now
        ORDER BY g.expire_time, g.id
    LOOP
        UPDATE credit_grant g SET remaining = g.held WHERE g.account_id = p_account AND g.id = v_grant.id;
        v_change.account_id := p_account;
        v_change.kind := 'expiry';
        v_change.amount := v_grant.held - v_grant.remaining;
        v_change.description := 'Ended unused: ' || v_grant.description;
        v_change.grant_id := v_grant.id;
        PERFORM ledger_post(v_change, p_now);
        v_total := v_total - v_change.amount;
    END LOOP;
    RETURN v_total;
END
$$;

-- A transaction is never changed, by nobody. For each statement, not each row: row level security hides every row from
-- an owner who names no tenant, and a trigger for each row would then say nothing.
CREATE FUNCTION ledger_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'A row of this table never changes: write another one that sets it right.'
        USING ERRCODE = 'restrict_violation';
END
$$;

CREATE TRIGGER credit_transaction_never_changes BEFORE UPDATE OR DELETE OR TRUNCATE ON credit_transaction
FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change();

-- A price version is only ever replaced: all that changes of it is that it stops being the price.
CREATE TRIGGER credit_cost_never_changes BEFORE UPDATE OF
    id, operation, display_name, description, unit, unit_size, credits, version, previous_credits, changed_by,
    change_reason, create_time
ON credit_cost FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change();

CREATE TRIGGER credit_cost_never_goes BEFORE DELETE OR TRUNCATE ON credit_cost
FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change();
