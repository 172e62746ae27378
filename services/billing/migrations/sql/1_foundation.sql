-- What every function of the ledger stands on.
--
-- Each of them locks the account's row first, so that the changes of one account happen one after the other; then looks
-- its key up, checks, inserts, updates. A refusal is a returned code, never an exception and never stored. They run
-- with the caller's rights, so row level security holds inside them too. p_now is the caller's clock.

CREATE TYPE ledger_answer AS (
    code text,               -- 'ok', or why not
    fresh boolean,           -- false when the key had been used before and this is what was stored
    id uuid,
    state text,              -- of the hold
    credits bigint,
    captured_credits bigint,
    credit_cost_id uuid,
    needed bigint,           -- the rest explains a refusal
    available bigint,
    held bigint,
    limit_credits bigint,
    quote_captured bigint,
    quote_held bigint,
    day_captured bigint,
    day_held bigint,
    taken_credits bigint,    -- by this capture, while captured_credits is the whole hold's
    transaction_id uuid
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

-- Changes the balance and writes down why; returns the transaction's id. p_change gives kind, amount, key and what it
-- was for; id, number, balance and time are set here. That more credits are there than before is a fact that others must
-- know: a run that ran dry goes on.
CREATE FUNCTION ledger_post(p_change credit_transaction, p_now timestamptz) RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
    v_available bigint;
BEGIN
    UPDATE credit_account a
    SET posted = a.posted + p_change.amount, transaction_count = a.transaction_count + 1, update_time = p_now
    WHERE a.account_id = p_change.account_id
    RETURNING a.transaction_count, a.posted, a.posted - a.held
    INTO p_change.number, p_change.balance_after, v_available;
    p_change.id := ledger_id(p_now);
    INSERT INTO credit_transaction (
        account_id, id, number, kind, amount, balance_after, operation, description, site_id, run_id, step_id, hold_id,
        grant_id, credit_cost_id, reversal_of, details, key, create_time
    ) VALUES (
        p_change.account_id, p_change.id, p_change.number, p_change.kind, p_change.amount, p_change.balance_after,
        coalesce(p_change.operation, ''), p_change.description, p_change.site_id, p_change.run_id, p_change.step_id,
        p_change.hold_id, p_change.grant_id, p_change.credit_cost_id, p_change.reversal_of,
        coalesce(p_change.details, '{}'), p_change.key, p_now
    );
    IF p_change.amount > 0 THEN
        INSERT INTO outbox (account_id, id, kind, payload) VALUES (
            p_change.account_id, ledger_id(clock_timestamp()), 'billing.credits_granted',
            jsonb_build_object('kind', p_change.kind, 'credits', p_change.amount, 'available', v_available)
        );
    END IF;
    RETURN p_change.id;
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
    change_reason, create_time, key, request
ON credit_cost FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change();

CREATE TRIGGER credit_cost_never_goes BEFORE DELETE OR TRUNCATE ON credit_cost
FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change();

-- A hold's quote and a transaction's site say whose it is, by their foreign keys. This is for the rows that have none;
-- that nobody may delete a reference row is seen to by the rights to it.
CREATE FUNCTION ledger_know_tenant() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM account_ref r WHERE r.account_id = NEW.account_id)
        OR NEW.site_id IS NOT NULL AND NOT EXISTS (
            SELECT FROM site_ref r WHERE r.account_id = NEW.account_id AND r.site_id = NEW.site_id
        )
    THEN
        RAISE EXCEPTION 'A row of % is of a tenant that is not known here.', TG_TABLE_NAME
            USING ERRCODE = 'foreign_key_violation', TABLE = TG_TABLE_NAME, CONSTRAINT = TG_NAME;
    END IF;
    RETURN NULL;
END
$$;

CREATE TRIGGER hold_knows_tenant AFTER INSERT OR UPDATE OF account_id, site_id, quote_id ON hold
FOR EACH ROW WHEN (NEW.quote_id IS NULL) EXECUTE FUNCTION ledger_know_tenant();

CREATE TRIGGER credit_transaction_knows_tenant AFTER INSERT ON credit_transaction
FOR EACH ROW WHEN (NEW.site_id IS NULL) EXECUTE FUNCTION ledger_know_tenant();
