-- Prices of the catalogue: a version is never changed, the next one takes its place.

-- Writes the next version of an operation's price. What is NULL stays as it was; p_active false takes the operation out of
-- the catalogue, and the constant of domain.py, if there is one, is its price from then on. p_request is what the key is
-- used with.
CREATE FUNCTION ledger_set_cost(
    p_id uuid, p_key text, p_request jsonb, p_operation text, p_display_name text, p_unit text, p_credits bigint,
    p_active boolean, p_changed_by text, p_reason text, p_now timestamptz
) RETURNS ledger_answer LANGUAGE plpgsql AS $$
DECLARE
    v_last credit_cost;
    v_cost credit_cost;
    v_answer ledger_answer;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('credit_cost', 0));  -- there may be no row yet to lock
    v_answer.code := 'ok';
    v_answer.fresh := false;
    SELECT * INTO v_cost FROM credit_cost c WHERE c.key = p_key;
    IF FOUND THEN
        IF v_cost.request IS DISTINCT FROM p_request THEN
            RETURN ledger_refusal('key_reused');
        END IF;
        v_answer.id := v_cost.id;
        RETURN v_answer;
    END IF;
    SELECT * INTO v_last FROM credit_cost c WHERE c.operation = p_operation ORDER BY c.version DESC LIMIT 1;
    v_cost.unit := coalesce(p_unit, v_last.unit);
    v_cost.credits := coalesce(p_credits, v_last.credits);
    IF v_cost.unit IS NULL OR v_cost.credits IS NULL THEN
        RETURN ledger_refusal('no_price_before');
    END IF;
    UPDATE credit_cost c SET active = false WHERE c.operation = p_operation AND c.active;
    INSERT INTO credit_cost (
        id, key, request, operation, display_name, unit, unit_size, credits, version, active, previous_credits,
        changed_by, change_reason, create_time
    ) VALUES (
        p_id, p_key, p_request, p_operation, coalesce(p_display_name, v_last.display_name, p_operation), v_cost.unit,
        CASE v_cost.unit WHEN '100_words' THEN 100 WHEN '200_words' THEN 200 WHEN '20_keywords' THEN 20 ELSE 1 END,
        v_cost.credits, coalesce(v_last.version, 0) + 1, p_active, v_last.credits, p_changed_by, p_reason, p_now
    );
    v_answer.id := p_id;
    v_answer.fresh := true;
    RETURN v_answer;
END
$$;
