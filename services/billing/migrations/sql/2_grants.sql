-- Opening an account, giving it credits, and ending those past their date.

CREATE FUNCTION ledger_open(p_account uuid, p_now timestamptz) RETURNS ledger_answer LANGUAGE plpgsql AS $$
DECLARE
    v_answer ledger_answer;
BEGIN
    INSERT INTO credit_account (account_id, create_time, update_time) VALUES (p_account, p_now, p_now)
    ON CONFLICT (account_id) DO NOTHING;
    v_answer.code := 'ok';
    v_answer.fresh := FOUND;
    RETURN v_answer;
END
$$;

-- p_change_kind is why the balance changes: 'subscription', 'purchase', 'promotion'. The date of an end belongs to the
-- parameters only where the caller chose it: a period's end is worked out anew by every call (p_expires_by_choice).
CREATE FUNCTION ledger_grant(
    p_account uuid, p_id uuid, p_key text, p_kind text, p_change_kind text, p_credits bigint, p_priority integer,
    p_expire_time timestamptz, p_expires_by_choice boolean, p_description text, p_now timestamptz
) RETURNS ledger_answer LANGUAGE plpgsql AS $$
DECLARE
    v_known credit_grant;
    v_change credit_transaction;
    v_answer ledger_answer;
BEGIN
    PERFORM 1 FROM credit_account a WHERE a.account_id = p_account FOR UPDATE;
    IF NOT FOUND THEN
        RETURN ledger_refusal('no_credit_account');
    END IF;
    v_answer.code := 'ok';
    v_answer.fresh := false;
    SELECT * INTO v_known FROM credit_grant g WHERE g.account_id = p_account AND g.key = p_key;
    IF FOUND THEN
        IF (v_known.kind, v_known.credits, v_known.description) IS DISTINCT FROM (p_kind, p_credits, p_description)
            OR (p_expires_by_choice AND v_known.expire_time IS DISTINCT FROM p_expire_time)
        THEN
            RETURN ledger_refusal('key_reused');
        END IF;
        v_answer.id := v_known.id;
        v_answer.credits := v_known.credits;
        RETURN v_answer;
    END IF;
    IF p_expire_time <= p_now THEN
        RETURN ledger_refusal('expired');
    END IF;
    INSERT INTO credit_grant (
        account_id, id, key, kind, priority, credits, remaining, description, effective_time, expire_time, create_time
    ) VALUES (
        p_account, p_id, p_key, p_kind, p_priority, p_credits, p_credits, p_description, p_now, p_expire_time, p_now
    );
    v_change.account_id := p_account;
    v_change.kind := p_change_kind;
    v_change.amount := p_credits;
    v_change.description := p_description;
    v_change.grant_id := p_id;
    PERFORM ledger_post(v_change, p_now);
    v_answer.fresh := true;
    v_answer.id := p_id;
    v_answer.credits := p_credits;
    RETURN v_answer;
END
$$;

CREATE FUNCTION ledger_expire_grants(p_account uuid, p_now timestamptz) RETURNS ledger_answer LANGUAGE plpgsql AS $$
DECLARE
    v_answer ledger_answer;
BEGIN
    PERFORM 1 FROM credit_account a WHERE a.account_id = p_account FOR UPDATE;
    IF NOT FOUND THEN
        RETURN ledger_refusal('no_credit_account');
    END IF;
    v_answer.code := 'ok';
    v_answer.credits := ledger_lapse(p_account, p_now);
    v_answer.fresh := v_answer.credits > 0;
    RETURN v_answer;
END
$$;
