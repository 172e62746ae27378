-- Opening an account, giving it credits, and what the time does to them: they begin, and they end.

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

-- Writes down a grant and, where its time has come, posts it: p_change says why, and what it was for.
CREATE FUNCTION ledger_give(p_grant credit_grant, p_change credit_transaction, p_now timestamptz) RETURNS uuid
LANGUAGE plpgsql AS $$
DECLARE
    v_begun boolean := p_grant.effective_time <= p_now;
BEGIN
    INSERT INTO credit_grant (
        account_id, id, key, kind, priority, credits, remaining, description, effective_time, expire_time, change_kind,
        post_time, create_time
    ) VALUES (
        p_grant.account_id, p_grant.id, p_grant.key, p_grant.kind, p_grant.priority, p_grant.credits,
        CASE WHEN v_begun THEN p_grant.credits ELSE 0 END, p_grant.description, p_grant.effective_time,
        p_grant.expire_time, p_change.kind, CASE WHEN v_begun THEN p_now END, p_now
    );
    IF NOT v_begun THEN
        RETURN NULL;
    END IF;
    p_change.account_id := p_grant.account_id;
    p_change.amount := p_grant.credits;
    p_change.description := p_grant.description;
    p_change.grant_id := p_grant.id;
    RETURN ledger_post(p_change, p_now);
END
$$;

-- p_change_kind is why the balance changes: 'subscription', 'purchase', 'promotion'. The date of an end belongs to the
-- parameters only where the caller chose it: a period's end is worked out anew by every call (p_expires_by_choice).
-- Credits whose time is yet to come change no balance until then.
CREATE FUNCTION ledger_grant(
    p_account uuid, p_id uuid, p_key text, p_kind text, p_change_kind text, p_credits bigint, p_priority integer,
    p_expire_time timestamptz, p_expires_by_choice boolean, p_description text, p_now timestamptz,
    p_effective_time timestamptz DEFAULT NULL
) RETURNS ledger_answer LANGUAGE plpgsql AS $$
DECLARE
    v_grant credit_grant;
    v_change credit_transaction;
    v_answer ledger_answer;
BEGIN
    PERFORM 1 FROM credit_account a WHERE a.account_id = p_account FOR UPDATE;
    IF NOT FOUND THEN
        RETURN ledger_refusal('no_credit_account');
    END IF;
    v_answer.code := 'ok';
    v_answer.fresh := false;
    SELECT * INTO v_grant FROM credit_grant g WHERE g.account_id = p_account AND g.key = p_key;
    IF FOUND THEN
        IF (v_grant.kind, v_grant.priority, v_grant.credits, v_grant.description, v_grant.effective_time)
            IS DISTINCT FROM (p_kind, p_priority, p_credits, p_description, coalesce(p_effective_time, v_grant.create_time))
            OR (p_expires_by_choice AND v_grant.expire_time IS DISTINCT FROM p_expire_time)
        THEN
            RETURN ledger_refusal('key_reused');
        END IF;
        v_answer.id := v_grant.id;
        v_answer.credits := v_grant.credits;
        RETURN v_answer;
    END IF;
    v_grant.effective_time := coalesce(p_effective_time, p_now);
    IF p_expire_time <= greatest(p_now, v_grant.effective_time) THEN
        RETURN ledger_refusal('expired');
    END IF;
    v_grant.account_id := p_account;
    v_grant.id := p_id;
    v_grant.key := p_key;
    v_grant.kind := p_kind;
    v_grant.priority := p_priority;
    v_grant.credits := p_credits;
    v_grant.description := p_description;
    v_grant.expire_time := p_expire_time;
    v_change.kind := p_change_kind;
    PERFORM ledger_give(v_grant, v_change, p_now);
    v_answer.fresh := true;
    v_answer.id := p_id;
    v_answer.credits := p_credits;
    RETURN v_answer;
END
$$;

-- Posts the grants whose time has come; returns their credits.
CREATE FUNCTION ledger_begin(p_account uuid, p_now timestamptz) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    v_grant credit_grant;
    v_change credit_transaction;
    v_total bigint := 0;
BEGIN
    FOR v_grant IN
        SELECT * FROM credit_grant g
        WHERE g.account_id = p_account AND g.post_time IS NULL AND g.effective_time <= p_now
        ORDER BY g.effective_time, g.id
    LOOP
        UPDATE credit_grant g SET remaining = g.credits, post_time = p_now
        WHERE g.account_id = p_account AND g.id = v_grant.id;
        v_change.account_id := p_account;
        v_change.kind := v_grant.change_kind;
        v_change.amount := v_grant.credits;
        v_change.description := v_grant.description;
        v_change.grant_id := v_grant.id;
        PERFORM ledger_post(v_change, p_now);
        v_total := v_total + v_grant.credits;
    END LOOP;
    RETURN v_total;
END
$$;

-- Ends what is free of grants past their date; what open holds pin stays, and ends when it is freed. Returns how much.
CREATE FUNCTION ledger_lapse(p_account uuid, p_now timestamptz) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    v_grant credit_grant;
    v_change credit_transaction;
    v_total bigint := 0;
BEGIN
    FOR v_grant IN
        SELECT * FROM credit_grant g
        WHERE g.account_id = p_account AND NOT g.spent AND g.remaining > g.held AND g.expire_time <= p_now
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

-- What the time has done to an account since somebody last looked: `taken_credits` of the answer ended, `credits` began.
CREATE FUNCTION ledger_keep_time(p_account uuid, p_now timestamptz) RETURNS ledger_answer LANGUAGE plpgsql AS $$
DECLARE
    v_answer ledger_answer;
BEGIN
    PERFORM 1 FROM credit_account a WHERE a.account_id = p_account FOR UPDATE;
    IF NOT FOUND THEN
        RETURN ledger_refusal('no_credit_account');
    END IF;
    v_answer.code := 'ok';
    v_answer.credits := ledger_begin(p_account, p_now);
    v_answer.taken_credits := ledger_lapse(p_account, p_now);
    v_answer.fresh := v_answer.credits > 0 OR v_answer.taken_credits > 0;
    RETURN v_answer;
END
$$;

-- What the release before calls while it is being replaced: `credits` of the answer is what ended.
CREATE FUNCTION ledger_expire_grants(p_account uuid, p_now timestamptz) RETURNS ledger_answer LANGUAGE plpgsql AS $$
DECLARE
    v_answer ledger_answer := ledger_keep_time(p_account, p_now);
BEGIN
    v_answer.credits := v_answer.taken_credits;
    RETURN v_answer;
END
$$;
