-- Ending a hold: by capture, by release, or by the orchestrator's word.

-- Closes an open hold: takes p_captured out of what it pins, in the order of use, and frees the rest.
CREATE FUNCTION ledger_close(p_hold hold, p_state text, p_captured bigint, p_now timestamptz) RETURNS hold
LANGUAGE plpgsql AS $$
DECLARE
    v_pin hold_grant;
    v_left bigint := p_captured;
    v_part bigint;
BEGIN
    FOR v_pin IN
        SELECT * FROM hold_grant p WHERE p.account_id = p_hold.account_id AND p.hold_id = p_hold.id ORDER BY p.position
    LOOP
        v_part := least(v_left, v_pin.credits);
        v_left := v_left - v_part;
        UPDATE hold_grant p SET captured_credits = v_part
        WHERE p.account_id = p_hold.account_id AND p.hold_id = p_hold.id AND p.grant_id = v_pin.grant_id;
        UPDATE credit_grant g SET held = g.held - v_pin.credits, remaining = g.remaining - v_part
        WHERE g.account_id = p_hold.account_id AND g.id = v_pin.grant_id;
    END LOOP;
    UPDATE credit_account a SET held = a.held - p_hold.credits, update_time = p_now
    WHERE a.account_id = p_hold.account_id;
    UPDATE quote q
    SET held_credits = q.held_credits - p_hold.credits, captured_credits = q.captured_credits + p_captured
    WHERE q.account_id = p_hold.account_id AND q.id = p_hold.quote_id;
    UPDATE hold h SET state = p_state, captured_credits = p_captured, close_time = p_now
    WHERE h.account_id = p_hold.account_id AND h.id = p_hold.id
    RETURNING * INTO p_hold;
    RETURN p_hold;
END
$$;

-- p_usage says what was used: quantity, object, provider, model, tokens; the rest of it comes from the hold.
CREATE FUNCTION ledger_capture_again(p_hold hold, p_usage credit_usage) RETURNS ledger_answer LANGUAGE plpgsql AS $$
DECLARE
    v_known credit_usage;
BEGIN
    SELECT * INTO STRICT v_known FROM credit_usage u WHERE u.account_id = p_hold.account_id AND u.hold_id = p_hold.id;
    IF (v_known.quantity, v_known.object_kind, v_known.object_id, v_known.provider, v_known.model,
            v_known.input_tokens, v_known.output_tokens)
        IS DISTINCT FROM (p_usage.quantity, p_usage.object_kind, p_usage.object_id, p_usage.provider, p_usage.model,
            p_usage.input_tokens, p_usage.output_tokens)
    THEN
        RETURN ledger_refusal('key_reused');
    END IF;
    RETURN ledger_hold_answer(p_hold, false);
END
$$;

CREATE FUNCTION ledger_capture(
    p_account uuid, p_site uuid, p_id uuid, p_key text, p_quantity bigint, p_object_kind text, p_object_id uuid,
    p_provider text, p_model text, p_input_tokens bigint, p_output_tokens bigint, p_now timestamptz
) RETURNS ledger_answer LANGUAGE plpgsql AS $$
DECLARE
    v_hold hold;
    v_usage credit_usage;
    v_change credit_transaction;
    v_answer ledger_answer;
BEGIN
    PERFORM 1 FROM credit_account a WHERE a.account_id = p_account FOR UPDATE;
    SELECT * INTO v_hold FROM hold h WHERE h.account_id = p_account AND h.site_id = p_site AND h.key = p_key;
    IF NOT FOUND THEN
        RETURN ledger_refusal('hold_not_found');
    END IF;
    v_usage.quantity := p_quantity;
    v_usage.object_kind := p_object_kind;
    v_usage.object_id := p_object_id;
    v_usage.provider := p_provider;
    v_usage.model := p_model;
    v_usage.input_tokens := p_input_tokens;
    v_usage.output_tokens := p_output_tokens;
    IF v_hold.state = 'captured' THEN
        RETURN ledger_capture_again(v_hold, v_usage);
    ELSIF v_hold.state <> 'open' THEN
        v_answer := ledger_hold_answer(v_hold, false);
        v_answer.code := 'hold_closed';
        RETURN v_answer;
    END IF;
    v_usage.credits := ledger_price(p_quantity, v_hold.unit_size, v_hold.unit_credits);
    IF v_usage.credits > v_hold.credits THEN
        v_answer := ledger_hold_answer(v_hold, false);
        v_answer.code := 'capture_above_hold';
        v_answer.needed := v_usage.credits;
        RETURN v_answer;
    END IF;

    v_hold := ledger_close(v_hold, 'captured', v_usage.credits, p_now);
    IF v_usage.credits > 0 THEN
        v_change.account_id := p_account;
        v_change.kind := 'deduction';
        v_change.amount := -v_usage.credits;
        v_change.operation := v_hold.operation;
        v_change.description := 'Used for ' || v_hold.operation || ', quantity ' || p_quantity;
        v_change.site_id := p_site;
        v_change.run_id := v_hold.run_id;
        v_change.step_id := v_hold.step_id;
        v_change.hold_id := v_hold.id;
        v_change.credit_cost_id := v_hold.credit_cost_id;
        PERFORM ledger_post(v_change, p_now);
    END IF;
    INSERT INTO credit_usage (
        account_id, site_id, id, hold_id, operation, quantity, credits, credit_cost_id, run_id, step_id, object_kind,
        object_id, provider, model, input_tokens, output_tokens, create_time
    ) VALUES (
        p_account, p_site, p_id, v_hold.id, v_hold.operation, p_quantity, v_usage.credits, v_hold.credit_cost_id,
        v_hold.run_id, v_hold.step_id, p_object_kind, p_object_id, p_provider, p_model, p_input_tokens,
        p_output_tokens, p_now
    );
    PERFORM ledger_lapse(p_account, p_now);
    RETURN ledger_hold_answer(v_hold, true);
END
$$;

-- Frees a hold; `credits` of the answer is what this call freed. A hold that was never made is remembered as closed, so
-- that a reservation that was under way when its caller gave up cannot set credits aside for ever.
CREATE FUNCTION ledger_free(
    p_account uuid, p_site uuid, p_id uuid, p_key text, p_state text, p_now timestamptz
) RETURNS ledger_answer LANGUAGE plpgsql AS $$
DECLARE
    v_hold hold;
    v_answer ledger_answer;
BEGIN
    PERFORM 1 FROM credit_account a WHERE a.account_id = p_account FOR UPDATE;
    IF NOT FOUND THEN
        RETURN ledger_refusal('no_credit_account');
    END IF;
    SELECT * INTO v_hold FROM hold h WHERE h.account_id = p_account AND h.site_id = p_site AND h.key = p_key;
    IF NOT FOUND THEN
        INSERT INTO hold (account_id, site_id, id, key, state, close_time, create_time)
        VALUES (p_account, p_site, p_id, p_key, p_state, p_now, p_now)
        RETURNING * INTO v_hold;
        RETURN ledger_hold_answer(v_hold, true);
    END IF;
    IF v_hold.state = 'open' THEN
        v_hold := ledger_close(v_hold, p_state, 0, p_now);
        PERFORM ledger_lapse(p_account, p_now);
        RETURN ledger_hold_answer(v_hold, true);
    END IF;
    v_answer := ledger_hold_answer(v_hold, false);
    v_answer.code := CASE WHEN v_hold.state = 'captured' THEN 'hold_closed' ELSE 'ok' END;
    v_answer.credits := 0;
    RETURN v_answer;
END
$$;

CREATE FUNCTION ledger_release(p_account uuid, p_site uuid, p_id uuid, p_key text, p_now timestamptz)
RETURNS ledger_answer LANGUAGE sql AS $$
    SELECT ledger_free(p_account, p_site, p_id, p_key, 'released', p_now)
$$;

-- The orchestrator's word that the step is terminal: never a timer's alone.
CREATE FUNCTION ledger_expire_hold(p_account uuid, p_site uuid, p_id uuid, p_key text, p_now timestamptz)
RETURNS ledger_answer LANGUAGE sql AS $$
    SELECT ledger_free(p_account, p_site, p_id, p_key, 'expired', p_now)
$$;
