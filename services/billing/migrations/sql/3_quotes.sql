-- Quotes: what a run may use. The lines are priced by domain.py and kept as they were shown.

CREATE FUNCTION quote_create(
    p_account uuid, p_site uuid, p_id uuid, p_key text, p_request jsonb, p_lines jsonb, p_expected bigint,
    p_limit bigint, p_max bigint, p_expire_time timestamptz, p_now timestamptz
) RETURNS ledger_answer LANGUAGE plpgsql AS $$
DECLARE
    v_known quote;
    v_answer ledger_answer;
BEGIN
    PERFORM 1 FROM credit_account a WHERE a.account_id = p_account FOR UPDATE;
    IF NOT FOUND THEN
        RETURN ledger_refusal('no_credit_account');
    END IF;
    v_answer.code := 'ok';
    SELECT * INTO v_known FROM quote q WHERE q.account_id = p_account AND q.site_id = p_site AND q.key = p_key;
    IF FOUND THEN
        IF v_known.request IS DISTINCT FROM p_request THEN
            RETURN ledger_refusal('key_reused');
        END IF;
        v_answer.fresh := false;
        v_answer.id := v_known.id;
        RETURN v_answer;
    END IF;
    INSERT INTO quote (
        account_id, site_id, id, key, request, expected_credits, limit_credits, max_credits, expire_time, create_time
    ) VALUES (p_account, p_site, p_id, p_key, p_request, p_expected, p_limit, p_max, p_expire_time, p_now);
    INSERT INTO quote_line (
        account_id, site_id, id, quote_id, position, stage, operation, expected_quantity, limit_quantity, pieces,
        expected_credits, limit_credits, credit_cost_id, unit, unit_credits, create_time
    )
    SELECT p_account, p_site, l.id, p_id, l.position, l.stage, l.operation, l.expected_quantity, l.limit_quantity,
        l.pieces, l.expected_credits, l.limit_credits, l.credit_cost_id, coalesce(l.unit, ''),
        coalesce(l.unit_credits, 0), p_now
    FROM jsonb_to_recordset(p_lines) AS l(
        id uuid, position integer, stage integer, operation text, expected_quantity bigint, limit_quantity bigint,
        pieces bigint, expected_credits bigint, limit_credits bigint, credit_cost_id uuid, unit text, unit_credits bigint
    );
    v_answer.fresh := true;
    v_answer.id := p_id;
    RETURN v_answer;
END
$$;

-- A quote belongs to one run; the run is the key. It takes the place of the one that the run had: nothing more is set
-- aside under that, so that the run costs at most what the others have captured and hold now, and this one's limit.
CREATE FUNCTION quote_accept(p_account uuid, p_site uuid, p_quote uuid, p_run uuid, p_now timestamptz)
RETURNS ledger_answer LANGUAGE plpgsql AS $$
DECLARE
    v_account credit_account;
    v_quote quote;
    v_answer ledger_answer;
BEGIN
    PERFORM 1 FROM credit_account a WHERE a.account_id = p_account FOR UPDATE;
    IF NOT FOUND THEN
        RETURN ledger_refusal('quote_not_found');
    END IF;
    SELECT * INTO v_quote FROM quote q WHERE q.account_id = p_account AND q.site_id = p_site AND q.id = p_quote;
    IF NOT FOUND THEN
        RETURN ledger_refusal('quote_not_found');
    END IF;
    v_answer.id := p_quote;
    IF v_quote.run_id IS NOT NULL THEN
        v_answer.code := CASE WHEN v_quote.run_id = p_run THEN 'ok' ELSE 'quote_of_another_run' END;
        v_answer.fresh := false;
        RETURN v_answer;
    END IF;
    IF v_quote.expire_time <= p_now THEN
        RETURN ledger_refusal('quote_expired');
    END IF;
    PERFORM ledger_begin(p_account, p_now);
    PERFORM ledger_lapse(p_account, p_now);
    SELECT * INTO v_account FROM credit_account a WHERE a.account_id = p_account;
    v_answer.needed := v_quote.limit_credits;
    v_answer.available := v_account.posted - v_account.held;
    v_answer.held := v_account.held;
    IF v_answer.available < v_answer.needed THEN
        v_answer.code := 'insufficient_credits';
        RETURN v_answer;
    END IF;
    UPDATE quote q SET replace_time = p_now
    WHERE q.account_id = p_account AND q.run_id = p_run AND q.replace_time IS NULL;
    UPDATE quote q SET run_id = p_run, accept_time = p_now
    WHERE q.account_id = p_account AND q.id = p_quote;
    v_answer.code := 'ok';
    v_answer.fresh := true;
    RETURN v_answer;
END
$$;
