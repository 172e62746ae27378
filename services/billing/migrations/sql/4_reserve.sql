-- Setting credits aside.

-- Pins credits of grants: priority, soonest expiry, promotional before paid, oldest.
CREATE FUNCTION ledger_pin(p_account uuid, p_hold uuid, p_credits bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_grant credit_grant;
    v_left bigint := p_credits;
    v_part bigint;
    v_position integer := 0;
BEGIN
    FOR v_grant IN
        SELECT * FROM credit_grant g
        WHERE g.account_id = p_account AND g.remaining > g.held
        ORDER BY g.priority, g.expire_time NULLS LAST, (g.kind = 'promotional') DESC, g.effective_time, g.id
    LOOP
        EXIT WHEN v_left = 0;
        v_part := least(v_left, v_grant.remaining - v_grant.held);
        v_position := v_position + 1;
        INSERT INTO hold_grant (account_id, hold_id, grant_id, position, credits)
        VALUES (p_account, p_hold, v_grant.id, v_position, v_part);
        UPDATE credit_grant g SET held = g.held + v_part WHERE g.account_id = p_account AND g.id = v_grant.id;
        v_left := v_left - v_part;
    END LOOP;
    IF v_left > 0 THEN  -- the balance says that there is enough: this is no refusal, the books are wrong
        RAISE EXCEPTION 'The grants of the account hold less than its balance.' USING ERRCODE = 'data_corrupted';
    END IF;
END
$$;

-- The fallback is the price to take where the catalogue has none; NULL where there is no such constant either.
CREATE FUNCTION ledger_reserve(
    p_account uuid, p_site uuid, p_id uuid, p_key text, p_quote uuid, p_run uuid, p_step uuid, p_operation text,
    p_quantity bigint, p_fallback_unit_size bigint, p_fallback_unit_credits bigint, p_now timestamptz
) RETURNS ledger_answer LANGUAGE plpgsql AS $$
DECLARE
    v_account credit_account;
    v_quote quote;
    v_hold hold;
    v_cost credit_cost;
    v_answer ledger_answer;
BEGIN
    PERFORM 1 FROM credit_account a WHERE a.account_id = p_account FOR UPDATE;
    IF NOT FOUND THEN
        RETURN ledger_refusal('no_credit_account');
    END IF;
    SELECT * INTO v_hold FROM hold h WHERE h.account_id = p_account AND h.site_id = p_site AND h.key = p_key;
    IF FOUND THEN
        IF v_hold.quote_id IS NULL THEN
            RETURN ledger_refusal('hold_closed');  -- released before it was made
        ELSIF (v_hold.quote_id, v_hold.operation, v_hold.quantity, v_hold.step_id)
            IS DISTINCT FROM (p_quote, p_operation, p_quantity, p_step)
            OR v_hold.run_id <> p_run  -- not when the caller named none
        THEN
            RETURN ledger_refusal('key_reused');
        END IF;
        RETURN ledger_hold_answer(v_hold, false);
    END IF;

    SELECT * INTO v_quote FROM quote q WHERE q.account_id = p_account AND q.site_id = p_site AND q.id = p_quote;
    IF NOT FOUND THEN
        RETURN ledger_refusal('quote_not_found');
    ELSIF v_quote.run_id IS NULL THEN
        RETURN ledger_refusal('quote_not_accepted');
    ELSIF v_quote.run_id <> p_run THEN
        RETURN ledger_refusal('quote_of_another_run');
    END IF;
    SELECT * INTO v_cost FROM credit_cost c WHERE c.operation = p_operation AND c.active;
    v_hold.unit_size := coalesce(v_cost.unit_size, p_fallback_unit_size);
    v_hold.unit_credits := coalesce(v_cost.credits, p_fallback_unit_credits);
    IF v_hold.unit_credits IS NULL THEN
        RETURN ledger_refusal('unknown_operation');
    END IF;

    PERFORM ledger_lapse(p_account, p_now);
    SELECT * INTO v_account FROM credit_account a WHERE a.account_id = p_account;
    v_answer.needed := ledger_price(p_quantity, v_hold.unit_size, v_hold.unit_credits);
    v_answer.available := v_account.posted - v_account.held;
    v_answer.held := v_account.held;
    v_answer.limit_credits := v_quote.limit_credits;
    v_answer.quote_captured := v_quote.captured_credits;
    v_answer.quote_held := v_quote.held_credits;
    IF v_quote.captured_credits + v_quote.held_credits + v_answer.needed > v_quote.limit_credits THEN
        v_answer.code := 'quote_exhausted';
        RETURN v_answer;
    ELSIF v_answer.available < v_answer.needed THEN
        v_answer.code := 'insufficient_credits';
        RETURN v_answer;
    END IF;

    INSERT INTO hold (
        account_id, site_id, id, key, state, quote_id, run_id, step_id, operation, quantity, credit_cost_id, unit_size,
        unit_credits, credits, create_time
    ) VALUES (
        p_account, p_site, p_id, p_key, 'open', p_quote, v_quote.run_id, p_step, p_operation, p_quantity, v_cost.id,
        v_hold.unit_size, v_hold.unit_credits, v_answer.needed, p_now
    ) RETURNING * INTO v_hold;
    PERFORM ledger_pin(p_account, p_id, v_hold.credits);
    UPDATE credit_account a SET held = a.held + v_hold.credits, update_time = p_now WHERE a.account_id = p_account;
    UPDATE quote q SET held_credits = q.held_credits + v_hold.credits
    WHERE q.account_id = p_account AND q.id = p_quote;
    RETURN ledger_hold_answer(v_hold, true);
END
$$;
