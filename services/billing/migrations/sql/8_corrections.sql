-- Setting right what was done: nothing is ever changed, another transaction makes up for it. p_by is who did it.

-- Takes credits back from grants, one's own first and then in the order of use, and writes down from which.
CREATE FUNCTION ledger_withdraw(p_account uuid, p_transaction uuid, p_first uuid, p_credits bigint) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    v_grant credit_grant;
    v_left bigint := p_credits;
    v_part bigint;
BEGIN
    FOR v_grant IN
        SELECT * FROM credit_grant g
        WHERE g.account_id = p_account AND NOT g.spent AND g.remaining > g.held
        ORDER BY (g.id IS NOT DISTINCT FROM p_first) DESC, g.priority, g.expire_time NULLS LAST,
            (g.kind = 'promotional') DESC, g.effective_time, g.id
    LOOP
        EXIT WHEN v_left = 0;
        v_part := least(v_left, v_grant.remaining - v_grant.held);
        UPDATE credit_grant g SET remaining = g.remaining - v_part
        WHERE g.account_id = p_account AND g.id = v_grant.id;
        INSERT INTO transaction_grant (account_id, transaction_id, grant_id, credits)
        VALUES (p_account, p_transaction, v_grant.id, v_part);
        v_left := v_left - v_part;
    END LOOP;
    IF v_left > 0 THEN  -- the balance says that there is enough: this is no refusal, the books are wrong
        RAISE EXCEPTION 'The grants of the account hold less than its balance.' USING ERRCODE = 'data_corrupted';
    END IF;
END
$$;

-- Posts a correction. One that gives makes a grant, which never ends: what was wrongly taken may be past its date, and
-- giving it back must be of use. One that takes is refused where less is available: what is held belongs to work.
CREATE FUNCTION ledger_correct(p_change credit_transaction, p_id uuid, p_first uuid, p_now timestamptz)
RETURNS ledger_answer LANGUAGE plpgsql AS $$
DECLARE
    v_grant credit_grant;
    v_answer ledger_answer;
BEGIN
    PERFORM ledger_begin(p_change.account_id, p_now);
    PERFORM ledger_lapse(p_change.account_id, p_now);
    v_answer.code := 'ok';
    v_answer.fresh := true;
    v_answer.credits := p_change.amount;
    IF p_change.amount > 0 THEN
        v_grant.account_id := p_change.account_id;
        v_grant.id := p_id;
        v_grant.key := p_change.key;
        v_grant.kind := 'bonus';
        v_grant.priority := 100;  -- domain.GRANT_PRIORITY
        v_grant.credits := p_change.amount;
        v_grant.description := p_change.description;
        v_grant.effective_time := p_now;
        v_answer.transaction_id := ledger_give(v_grant, p_change, p_now);
        RETURN v_answer;
    END IF;
    SELECT a.posted - a.held, a.held INTO v_answer.available, v_answer.held
    FROM credit_account a WHERE a.account_id = p_change.account_id;
    v_answer.needed := -p_change.amount;
    IF v_answer.available < v_answer.needed THEN
        v_answer.code := 'insufficient_credits';
        v_answer.fresh := false;
        RETURN v_answer;
    END IF;
    v_answer.transaction_id := ledger_post(p_change, p_now);
    PERFORM ledger_withdraw(p_change.account_id, v_answer.transaction_id, p_first, v_answer.needed);
    RETURN v_answer;
END
$$;

-- What a key had made, if it was with the same parameters; a NULL code when it has made nothing yet.
CREATE FUNCTION ledger_corrected(p_change credit_transaction) RETURNS ledger_answer LANGUAGE plpgsql AS $$
DECLARE
    v_known credit_transaction;
    v_answer ledger_answer;
BEGIN
    SELECT * INTO v_known FROM credit_transaction t
    WHERE t.account_id = p_change.account_id AND t.key = p_change.key;
    IF NOT FOUND THEN
        RETURN v_answer;
    END IF;
    IF (v_known.kind, v_known.description, v_known.reversal_of)
        IS DISTINCT FROM (p_change.kind, p_change.description, p_change.reversal_of)
        OR v_known.amount <> p_change.amount  -- not when it follows from what is undone
    THEN
        RETURN ledger_refusal('key_reused');
    END IF;
    v_answer.code := 'ok';
    v_answer.fresh := false;
    v_answer.credits := v_known.amount;
    v_answer.transaction_id := v_known.id;
    RETURN v_answer;
END
$$;

-- Gives back, in part or whole, what a capture took.
CREATE FUNCTION ledger_refund(
    p_account uuid, p_id uuid, p_key text, p_target uuid, p_credits bigint, p_description text, p_by text, p_now timestamptz
) RETURNS ledger_answer LANGUAGE plpgsql AS $$
DECLARE
    v_target credit_transaction;
    v_change credit_transaction;
    v_answer ledger_answer;
BEGIN
    PERFORM 1 FROM credit_account a WHERE a.account_id = p_account FOR UPDATE;
    v_change.account_id := p_account;
    v_change.key := p_key;
    v_change.details := jsonb_build_object('by', p_by);
    v_change.kind := 'refund';
    v_change.amount := p_credits;
    v_change.description := p_description;
    v_change.reversal_of := p_target;
    v_answer := ledger_corrected(v_change);
    IF v_answer.code IS NOT NULL THEN
        RETURN v_answer;
    END IF;
    SELECT * INTO v_target FROM credit_transaction t WHERE t.account_id = p_account AND t.id = p_target;
    IF NOT FOUND THEN
        RETURN ledger_refusal('transaction_not_found');
    ELSIF v_target.kind <> 'deduction' THEN
        RETURN ledger_refusal('not_refundable');
    END IF;
    SELECT -v_target.amount - coalesce(sum(t.amount), 0) INTO v_answer.available FROM credit_transaction t
    WHERE t.account_id = p_account AND t.reversal_of = p_target;
    IF v_answer.available < p_credits THEN
        v_answer.code := 'refund_above_capture';
        v_answer.needed := p_credits;
        RETURN v_answer;
    END IF;
    v_change.operation := v_target.operation;
    v_change.site_id := v_target.site_id;
    v_change.run_id := v_target.run_id;
    v_change.step_id := v_target.step_id;
    v_change.hold_id := v_target.hold_id;
    v_change.credit_cost_id := v_target.credit_cost_id;
    RETURN ledger_correct(v_change, p_id, NULL, p_now);
END
$$;

-- Sets the balance right by so many credits, up or down.
CREATE FUNCTION ledger_adjust(
    p_account uuid, p_id uuid, p_key text, p_credits bigint, p_description text, p_by text, p_now timestamptz
) RETURNS ledger_answer LANGUAGE plpgsql AS $$
DECLARE
    v_change credit_transaction;
    v_answer ledger_answer;
BEGIN
    PERFORM 1 FROM credit_account a WHERE a.account_id = p_account FOR UPDATE;
    IF NOT FOUND THEN
        RETURN ledger_refusal('no_credit_account');
    END IF;
    v_change.account_id := p_account;
    v_change.key := p_key;
    v_change.details := jsonb_build_object('by', p_by);
    v_change.kind := 'adjustment';
    v_change.amount := p_credits;
    v_change.description := p_description;
    v_answer := ledger_corrected(v_change);
    IF v_answer.code IS NOT NULL THEN
        RETURN v_answer;
    END IF;
    RETURN ledger_correct(v_change, p_id, NULL, p_now);
END
$$;

-- Undoes a transaction, once and as a whole. What itself sets another right is not undone: adjust instead.
CREATE FUNCTION ledger_reverse(
    p_account uuid, p_id uuid, p_key text, p_target uuid, p_description text, p_by text, p_now timestamptz
) RETURNS ledger_answer LANGUAGE plpgsql AS $$
DECLARE
    v_target credit_transaction;
    v_change credit_transaction;
    v_answer ledger_answer;
BEGIN
    PERFORM 1 FROM credit_account a WHERE a.account_id = p_account FOR UPDATE;
    v_change.account_id := p_account;
    v_change.key := p_key;
    v_change.details := jsonb_build_object('by', p_by);
    v_change.kind := 'reversal';
    v_change.description := p_description;
    v_change.reversal_of := p_target;
    v_answer := ledger_corrected(v_change);
    IF v_answer.code IS NOT NULL THEN
        RETURN v_answer;
    END IF;
    SELECT * INTO v_target FROM credit_transaction t WHERE t.account_id = p_account AND t.id = p_target;
    IF NOT FOUND THEN
        RETURN ledger_refusal('transaction_not_found');
    ELSIF v_target.reversal_of IS NOT NULL THEN
        RETURN ledger_refusal('not_reversible');
    END IF;
    PERFORM 1 FROM credit_transaction t WHERE t.account_id = p_account AND t.reversal_of = p_target;
    IF FOUND THEN
        RETURN ledger_refusal('already_reversed');
    END IF;
    v_change.amount := -v_target.amount;
    v_change.operation := v_target.operation;
    v_change.site_id := v_target.site_id;
    v_change.run_id := v_target.run_id;
    v_change.step_id := v_target.step_id;
    v_change.hold_id := v_target.hold_id;
    v_change.credit_cost_id := v_target.credit_cost_id;
    RETURN ledger_correct(v_change, p_id, v_target.grant_id, p_now);
END
$$;
