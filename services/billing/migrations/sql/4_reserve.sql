-- Setting credits aside.

-- Pins credits of grants, counting on from a position: priority, soonest expiry, promotional before paid, oldest.
CREATE FUNCTION ledger_pin(p_account uuid, p_hold uuid, p_credits bigint, p_position integer) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    v_grant credit_grant;
    v_left bigint := p_credits;
    v_part bigint;
    v_position integer := p_position;
BEGIN
    FOR v_grant IN
        SELECT * FROM credit_grant g
        WHERE g.account_id = p_account AND NOT g.spent AND g.remaining > g.held
        ORDER BY g.priority, g.expire_time NULLS LAST, (g.kind = 'promotional') DESC, g.effective_time, g.id
    LOOP
        EXIT WHEN v_left = 0;
        v_part := least(v_left, v_grant.remaining - v_grant.held);
        v_position := v_position + 1;
        INSERT INTO hold_grant AS p (account_id, hold_id, grant_id, position, credits)
        VALUES (p_account, p_hold, v_grant.id, v_position, v_part)
        ON CONFLICT (account_id, hold_id, grant_id) DO UPDATE SET credits = p.credits + EXCLUDED.credits;
        UPDATE credit_grant g SET held = g.held + v_part WHERE g.account_id = p_account AND g.id = v_grant.id;
        v_left := v_left - v_part;
    END LOOP;
    IF v_left > 0 THEN  -- the balance says that there is enough: this is no refusal, the books are wrong
        RAISE EXCEPTION 'The grants of the account hold less than its balance.' USING ERRCODE = 'data_corrupted';
    END IF;
END
$$;

-- What a site has used of its day, which began at p_day_start, and what it holds.
CREATE FUNCTION ledger_captured_since(p_account uuid, p_site uuid, p_day_start timestamptz) RETURNS bigint
LANGUAGE sql STABLE AS $$
    SELECT coalesce(sum(u.credits), 0)::bigint FROM credit_usage u
    WHERE u.account_id = p_account AND u.site_id = p_site AND u.create_time >= p_day_start
$$;

CREATE FUNCTION ledger_held(p_account uuid, p_site uuid) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT coalesce(sum(q.held_credits), 0)::bigint FROM quote q
    WHERE q.account_id = p_account AND q.site_id = p_site AND q.holding
$$;

-- Whether so many more credits fit: into the run's quote, into the site's day, into what is available. The site's day is
-- counted anew, since only its caller knows when a day begins there; a limit of 0 or NULL is none.
CREATE FUNCTION ledger_room(
    p_quote quote, p_needed bigint, p_day_limit bigint, p_day_start timestamptz, p_now timestamptz
) RETURNS ledger_answer LANGUAGE plpgsql AS $$
DECLARE
    v_answer ledger_answer;
BEGIN
    PERFORM ledger_begin(p_quote.account_id, p_now);
    PERFORM ledger_lapse(p_quote.account_id, p_now);
    SELECT a.posted - a.held, a.held INTO v_answer.available, v_answer.held
    FROM credit_account a WHERE a.account_id = p_quote.account_id;
    v_answer.code := 'ok';
    v_answer.needed := p_needed;
    v_answer.limit_credits := p_quote.limit_credits;
    v_answer.quote_captured := p_quote.captured_credits;
    v_answer.quote_held := p_quote.held_credits;
    IF p_quote.captured_credits + p_quote.held_credits + p_needed > p_quote.limit_credits THEN
        v_answer.code := 'quote_exhausted';
        RETURN v_answer;
    END IF;
    IF p_day_limit > 0 THEN
        v_answer.day_captured := ledger_captured_since(p_quote.account_id, p_quote.site_id, p_day_start);
        v_answer.day_held := ledger_held(p_quote.account_id, p_quote.site_id);
        IF v_answer.day_captured + v_answer.day_held + p_needed > p_day_limit THEN
            v_answer.code := 'daily_limit_reached';
            v_answer.limit_credits := p_day_limit;
            RETURN v_answer;
        END IF;
    END IF;
    IF v_answer.available < p_needed THEN
        v_answer.code := 'insufficient_credits';
    END IF;
    RETURN v_answer;
END
$$;

-- Books credits that a hold has set aside. Its own row is its caller's.
CREATE FUNCTION ledger_set_aside(p_hold hold, p_credits bigint, p_position integer, p_now timestamptz) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM ledger_pin(p_hold.account_id, p_hold.id, p_credits, p_position);
    UPDATE credit_account a SET held = a.held + p_credits, update_time = p_now WHERE a.account_id = p_hold.account_id;
    UPDATE quote q SET held_credits = q.held_credits + p_credits
    WHERE q.account_id = p_hold.account_id AND q.id = p_hold.quote_id;
END
$$;

-- The fallback is the price to take where the catalogue has none; NULL where there is no such constant either.
CREATE FUNCTION ledger_reserve(
    p_account uuid, p_site uuid, p_id uuid, p_key text, p_quote uuid, p_run uuid, p_step uuid, p_operation text,
    p_quantity bigint, p_fallback_unit_size bigint, p_fallback_unit_credits bigint, p_now timestamptz,
    p_day_limit bigint DEFAULT NULL, p_day_start timestamptz DEFAULT NULL
) RETURNS ledger_answer LANGUAGE plpgsql AS $$
DECLARE
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
    ELSIF v_quote.replace_time IS NOT NULL THEN
        RETURN ledger_refusal('quote_replaced');
    END IF;
    SELECT * INTO v_cost FROM credit_cost c WHERE c.operation = p_operation AND c.active;
    v_hold.unit_size := coalesce(v_cost.unit_size, p_fallback_unit_size);
    v_hold.unit_credits := coalesce(v_cost.credits, p_fallback_unit_credits);
    IF v_hold.unit_credits IS NULL THEN
        RETURN ledger_refusal('unknown_operation');
    END IF;
    v_answer := ledger_room(
        v_quote, ledger_price(p_quantity, v_hold.unit_size, v_hold.unit_credits), p_day_limit, p_day_start, p_now
    );
    IF v_answer.code <> 'ok' THEN
        RETURN v_answer;
    END IF;

    INSERT INTO hold (
        account_id, site_id, id, key, state, quote_id, run_id, step_id, operation, quantity, credit_cost_id, unit_size,
        unit_credits, credits, create_time
    ) VALUES (
        p_account, p_site, p_id, p_key, 'open', p_quote, v_quote.run_id, p_step, p_operation, p_quantity, v_cost.id,
        v_hold.unit_size, v_hold.unit_credits, v_answer.needed, p_now
    ) RETURNING * INTO v_hold;
    PERFORM ledger_set_aside(v_hold, v_hold.credits, 0, p_now);
    RETURN ledger_hold_answer(v_hold, true);
END
$$;

-- An open hold asks for more, at the price it has: what is begun costs a whole unit once, however often it is extended.
CREATE FUNCTION ledger_extend(
    p_account uuid, p_site uuid, p_id uuid, p_key text, p_extension_key text, p_quantity bigint, p_now timestamptz,
    p_day_limit bigint DEFAULT NULL, p_day_start timestamptz DEFAULT NULL
) RETURNS ledger_answer LANGUAGE plpgsql AS $$
DECLARE
    v_quote quote;
    v_hold hold;
    v_known hold_extension;
    v_answer ledger_answer;
    v_quantity bigint;
    v_position integer;
BEGIN
    PERFORM 1 FROM credit_account a WHERE a.account_id = p_account FOR UPDATE;
    SELECT * INTO v_hold FROM hold h WHERE h.account_id = p_account AND h.site_id = p_site AND h.key = p_key;
    IF NOT FOUND THEN
        RETURN ledger_refusal('hold_not_found');
    END IF;
    SELECT * INTO v_known FROM hold_extension e
    WHERE e.account_id = p_account AND e.site_id = p_site AND e.key = p_extension_key;
    IF FOUND THEN
        IF (v_known.hold_id, v_known.quantity) IS DISTINCT FROM (v_hold.id, p_quantity) THEN
            RETURN ledger_refusal('key_reused');
        END IF;
        RETURN ledger_hold_answer(v_hold, false);
    ELSIF v_hold.state <> 'open' THEN
        v_answer := ledger_hold_answer(v_hold, false);
        v_answer.code := 'hold_closed';
        RETURN v_answer;
    END IF;
    SELECT * INTO STRICT v_quote FROM quote q WHERE q.account_id = p_account AND q.id = v_hold.quote_id;
    IF v_quote.replace_time IS NOT NULL THEN
        RETURN ledger_refusal('quote_replaced');
    END IF;
    v_quantity := v_hold.quantity + v_hold.extended_quantity + p_quantity;
    v_answer := ledger_room(
        v_quote, ledger_price(v_quantity, v_hold.unit_size, v_hold.unit_credits) - v_hold.credits, p_day_limit,
        p_day_start, p_now
    );
    IF v_answer.code <> 'ok' THEN
        RETURN v_answer;
    END IF;

    INSERT INTO hold_extension (account_id, site_id, id, hold_id, key, quantity, credits, create_time)
    VALUES (p_account, p_site, p_id, v_hold.id, p_extension_key, p_quantity, v_answer.needed, p_now);
    SELECT coalesce(max(p.position), 0) INTO STRICT v_position FROM hold_grant p  -- a hold of nothing pins nothing
    WHERE p.account_id = p_account AND p.hold_id = v_hold.id;
    PERFORM ledger_set_aside(v_hold, v_answer.needed, v_position, p_now);
    UPDATE hold h
    SET extended_quantity = h.extended_quantity + p_quantity, credits = h.credits + v_answer.needed
    WHERE h.account_id = p_account AND h.id = v_hold.id
    RETURNING * INTO v_hold;
    RETURN ledger_hold_answer(v_hold, true);
END
$$;
