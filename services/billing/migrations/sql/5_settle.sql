-- Taking what was used out of a hold, and ending it: by its last capture, by release, or by the orchestrator's word.

-- Takes p_taken out of what a hold pins, in the order of use. Unless p_state is 'open' this ends the hold and frees the
-- rest.
CREATE FUNCTION ledger_settle(p_hold hold, p_state text, p_quantity bigint, p_taken bigint, p_now timestamptz)
RETURNS hold LANGUAGE plpgsql AS $$
DECLARE
    v_pin hold_grant;
    v_left bigint := p_taken;
    v_part bigint;
    v_let_go bigint := CASE WHEN p_state = 'open' THEN p_taken ELSE p_hold.credits - p_hold.captured_credits END;
BEGIN
    FOR v_pin IN
        SELECT * FROM hold_grant p
        WHERE p.account_id = p_hold.account_id AND p.hold_id = p_hold.id AND p.credits > p.captured_credits
        ORDER BY p.position
    LOOP
        EXIT WHEN v_left = 0 AND p_state = 'open';
        v_part := least(v_left, v_pin.credits - v_pin.captured_credits);
        v_left := v_left - v_part;
        UPDATE hold_grant p SET captured_credits = p.captured_credits + v_part
        WHERE p.account_id = p_hold.account_id AND p.hold_id = p_hold.id AND p.grant_id = v_pin.grant_id;
        UPDATE credit_grant g
        SET held = g.held - CASE WHEN p_state = 'open' THEN v_part ELSE v_pin.credits - v_pin.captured_credits END,
            remaining = g.remaining - v_part
        WHERE g.account_id = p_hold.account_id AND g.id = v_pin.grant_id;
    END LOOP;
    UPDATE credit_account a SET held = a.held - v_let_go, update_time = p_now
    WHERE a.account_id = p_hold.account_id;
    UPDATE quote q SET held_credits = q.held_credits - v_let_go, captured_credits = q.captured_credits + p_taken
    WHERE q.account_id = p_hold.account_id AND q.id = p_hold.quote_id;
    UPDATE hold h
    SET state = p_state, captured_credits = h.captured_credits + p_taken,
        captured_quantity = h.captured_quantity + p_quantity, close_time = CASE WHEN p_state <> 'open' THEN p_now END
    WHERE h.account_id = p_hold.account_id AND h.id = p_hold.id
    RETURNING * INTO p_hold;
    RETURN p_hold;
END
$$;

-- p_usage says what was used: key, hold, quantity, object, provider, model, tokens, cost, and whether it is the last.
CREATE FUNCTION ledger_capture_again(p_hold hold, p_known credit_usage, p_usage credit_usage) RETURNS ledger_answer
LANGUAGE plpgsql AS $$
DECLARE
    v_answer ledger_answer;
BEGIN
    IF (p_known.hold_id, p_known.quantity, p_known.object_kind, p_known.object_id, p_known.provider, p_known.model,
            p_known.input_tokens, p_known.output_tokens, p_known.cost_usd_micro, p_known.final)
        IS DISTINCT FROM (p_usage.hold_id, p_usage.quantity, p_usage.object_kind, p_usage.object_id, p_usage.provider,
            p_usage.model, p_usage.input_tokens, p_usage.output_tokens, p_usage.cost_usd_micro, p_usage.final)
    THEN
        RETURN ledger_refusal('key_reused');
    END IF;
    v_answer := ledger_hold_answer(p_hold, false);
    v_answer.taken_credits := p_known.credits;
    v_answer.transaction_id := p_known.transaction_id;
    RETURN v_answer;
END
$$;

-- What a deduction is for, in words.
CREATE FUNCTION ledger_deduction(p_operation text, p_quantity bigint) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT 'Used for ' || p_operation || ', quantity ' || p_quantity::text
$$;

-- Writes the deduction of a capture; p_usage has its quantity and credits.
CREATE FUNCTION ledger_deduct(p_hold hold, p_usage credit_usage, p_now timestamptz) RETURNS uuid
LANGUAGE plpgsql AS $$
DECLARE
    v_change credit_transaction;
BEGIN
    IF p_usage.credits = 0 THEN
        RETURN NULL;
    END IF;
    v_change.account_id := p_hold.account_id;
    v_change.kind := 'deduction';
    v_change.amount := -p_usage.credits;
    v_change.operation := p_hold.operation;
    v_change.description := ledger_deduction(p_hold.operation, p_usage.quantity);
    v_change.site_id := p_hold.site_id;
    v_change.run_id := p_hold.run_id;
    v_change.step_id := p_hold.step_id;
    v_change.hold_id := p_hold.id;
    v_change.credit_cost_id := p_hold.credit_cost_id;
    RETURN ledger_post(v_change, p_now);
END
$$;

-- A hold may be captured in parts, each under a key of its own (p_capture_key; the hold's own when empty). Their
-- quantities add up and are rounded up to whole units once, together: what was reserved for 200 words is enough for four
-- times 50. The hold ends with the part that is final, or with the one that reaches the quantity it was made for.
CREATE FUNCTION ledger_capture(
    p_account uuid, p_site uuid, p_id uuid, p_key text, p_quantity bigint, p_object_kind text, p_object_id uuid,
    p_provider text, p_model text, p_input_tokens bigint, p_output_tokens bigint, p_now timestamptz,
    p_capture_key text DEFAULT '', p_final boolean DEFAULT true, p_cost_usd_micro bigint DEFAULT NULL
) RETURNS ledger_answer LANGUAGE plpgsql AS $$
DECLARE
    v_hold hold;
    v_usage credit_usage;
    v_known credit_usage;
    v_answer ledger_answer;
BEGIN
    PERFORM 1 FROM credit_account a WHERE a.account_id = p_account FOR UPDATE;
    SELECT * INTO v_hold FROM hold h WHERE h.account_id = p_account AND h.site_id = p_site AND h.key = p_key;
    IF NOT FOUND THEN
        RETURN ledger_refusal('hold_not_found');
    END IF;
    v_usage.key := coalesce(nullif(p_capture_key, ''), p_key);
    v_usage.hold_id := v_hold.id;
    v_usage.quantity := p_quantity;
    v_usage.object_kind := p_object_kind;
    v_usage.object_id := p_object_id;
    v_usage.provider := p_provider;
    v_usage.model := p_model;
    v_usage.input_tokens := p_input_tokens;
    v_usage.output_tokens := p_output_tokens;
    v_usage.cost_usd_micro := p_cost_usd_micro;
    v_usage.final := p_final;
    SELECT * INTO v_known FROM credit_usage u
    WHERE u.account_id = p_account AND u.site_id = p_site AND u.key = v_usage.key;
    IF FOUND THEN
        RETURN ledger_capture_again(v_hold, v_known, v_usage);
    ELSIF v_hold.state <> 'open' THEN
        v_answer := ledger_hold_answer(v_hold, false);
        v_answer.code := 'hold_closed';
        RETURN v_answer;
    END IF;
    v_usage.credits := ledger_price(v_hold.captured_quantity + p_quantity, v_hold.unit_size, v_hold.unit_credits)
        - v_hold.captured_credits;
    IF v_usage.credits > v_hold.credits - v_hold.captured_credits THEN
        v_answer := ledger_hold_answer(v_hold, false);
        v_answer.code := 'capture_above_hold';
        v_answer.needed := v_usage.credits;
        RETURN v_answer;
    END IF;

    v_hold := ledger_settle(
        v_hold,
        CASE WHEN p_final OR v_hold.captured_quantity + p_quantity >= v_hold.quantity + v_hold.extended_quantity
            THEN 'captured' ELSE 'open' END,
        p_quantity, v_usage.credits, p_now
    );
    v_usage.transaction_id := ledger_deduct(v_hold, v_usage, p_now);
    INSERT INTO credit_usage (
        account_id, site_id, id, key, hold_id, operation, quantity, credits, credit_cost_id, run_id, step_id,
        object_kind, object_id, provider, model, input_tokens, output_tokens, cost_usd_micro, final, transaction_id,
        create_time
    ) VALUES (
        p_account, p_site, p_id, v_usage.key, v_hold.id, v_hold.operation, p_quantity, v_usage.credits,
        v_hold.credit_cost_id, v_hold.run_id, v_hold.step_id, p_object_kind, p_object_id, p_provider, p_model,
        p_input_tokens, p_output_tokens, p_cost_usd_micro, p_final, v_usage.transaction_id, p_now
    );
    PERFORM ledger_lapse(p_account, p_now);
    v_answer := ledger_hold_answer(v_hold, true);
    v_answer.taken_credits := v_usage.credits;
    v_answer.transaction_id := v_usage.transaction_id;
    RETURN v_answer;
END
$$;

-- Frees what is left of a hold; `credits` of the answer is what this call freed. A hold that was never made is remembered
-- as closed, so that a reservation that was under way when its caller gave up cannot set credits aside for ever.
CREATE FUNCTION ledger_free(
    p_account uuid, p_site uuid, p_id uuid, p_key text, p_state text, p_now timestamptz
) RETURNS ledger_answer LANGUAGE plpgsql AS $$
DECLARE
    v_hold hold;
    v_freed bigint := 0;
    v_open boolean;
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
    v_open := v_hold.state = 'open';
    IF v_open THEN
        v_freed := v_hold.credits - v_hold.captured_credits;
        v_hold := ledger_settle(v_hold, p_state, 0, 0, p_now);
        PERFORM ledger_lapse(p_account, p_now);
    END IF;
    v_answer := ledger_hold_answer(v_hold, v_open);
    v_answer.code := CASE WHEN v_hold.state = 'captured' THEN 'hold_closed' ELSE 'ok' END;
    v_answer.credits := v_freed;
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
