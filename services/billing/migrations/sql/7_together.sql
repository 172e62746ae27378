-- Operations of a batch that need not wait for each other, done together: what the function of one operation does in a
-- dozen statements for each, one statement does for all.
--
-- Together are done reservations of new keys, when there is room for all of them, and captures of open holds under new
-- keys. Everything else, and with it every refusal, is left to the functions of one operation. The answers are those of
-- one by one: what fits when nothing has been freed yet fits in any order, and no other answer depends on the order.

-- Does the operations of one site at some places of a batch and returns the answers with theirs.
CREATE FUNCTION ledger_together(
    p_account uuid, p_site uuid, p_operations ledger_operation[], p_places bigint[], p_answers ledger_answer[]
) RETURNS ledger_answer[] LANGUAGE plpgsql AS $$
DECLARE
    v_place bigint;
BEGIN
    IF cardinality(p_places) >= 4 THEN  -- for fewer it would take longer
        PERFORM 1 FROM credit_account a WHERE a.account_id = p_account FOR UPDATE;
        p_answers := ledger_charge_together(p_account, p_site, p_operations, p_places, p_answers);
    END IF;
    FOREACH v_place IN ARRAY p_places LOOP
        IF p_answers[v_place] IS NULL THEN
            p_answers[v_place] := ledger_do(p_account, p_operations[v_place]);
        END IF;
    END LOOP;
    RETURN p_answers;
END
$$;

-- Reserves and captures what can be done together, each of a key of its own, and answers it; nothing of it when there is
-- no room for all reservations, or credits begin or end now. The account, a grant and a quote are written once each.
--
-- The statement is planned once for all accounts, most of which are small, and in a join the planner would take reading
-- all that an account ever did for as good as a look-up. So every look-up is one of a row by its whole key (OFFSET 0 keeps
-- it from being joined freely), and what was looked up is updated by its place in the table (ctid): it stays there as long
-- as the account is locked. Other joins and the reading of whole tables are switched off, so that a plan made when tables
-- were small does not read them when they are large. Which index it takes is still PostgreSQL's choice: without statistics,
-- in the first moments of an installation, it may take one that begins with the account alone.
CREATE FUNCTION ledger_charge_together(
    p_account uuid, p_site uuid, p_operations ledger_operation[], p_places bigint[], p_answers ledger_answer[]
) RETURNS ledger_answer[] LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan SET enable_hashjoin = off SET enable_mergejoin = off SET enable_seqscan = off
AS $$
DECLARE
    v_places bigint[];
    v_made ledger_answer[];
    v_placed bigint;
    v_pinned bigint;
BEGIN
    WITH given AS MATERIALIZED (
        SELECT o.*, coalesce(nullif(o.capture_key, ''), o.key) AS own_key
        FROM unnest(p_operations) WITH ORDINALITY AS o WHERE o.ordinality = ANY(p_places)
    ),

    -- Reservations: what is asked for, whether it fits, what it pins.
    wanted AS MATERIALIZED (
        SELECT o.ordinality AS n, o.id, o.key, o.step, o.operation, o.quantity, o.now, o.day_limit, o.day_start,
            q.id AS quote_id, q.run_id, q.limit_credits - q.captured_credits - q.held_credits AS quote_room,
            c.id AS credit_cost_id, p.unit_size, p.unit_credits,
            ledger_price(o.quantity, p.unit_size, p.unit_credits) AS needed
        FROM given o
        CROSS JOIN LATERAL (
            SELECT * FROM quote q WHERE q.account_id = p_account AND q.site_id = p_site AND q.id = o.quote OFFSET 0
        ) AS q
        LEFT JOIN credit_cost c ON c.operation = o.operation AND c.active
        CROSS JOIN LATERAL (
            SELECT coalesce(c.unit_size, o.fallback_unit_size) AS unit_size,
                coalesce(c.credits, o.fallback_unit_credits) AS unit_credits
        ) AS p
        WHERE o.function = 'ledger_reserve' AND q.replace_time IS NULL AND q.run_id = coalesce(o.run, q.run_id)
            AND p.unit_credits IS NOT NULL
            AND (
                SELECT h.id FROM hold h
                WHERE h.account_id = p_account AND h.site_id = p_site AND h.key = o.key
            ) IS NULL
    ), room AS MATERIALIZED (
        SELECT (
                t.needed IS NULL
                OR t.needed <= (SELECT a.posted - a.held FROM credit_account a WHERE a.account_id = p_account)
            )
            AND NOT EXISTS (SELECT FROM wanted w GROUP BY w.quote_id, w.quote_room HAVING sum(w.needed) > w.quote_room)
            AND NOT EXISTS (
                SELECT FROM wanted w WHERE w.day_limit > 0 GROUP BY w.day_limit, w.day_start
                HAVING t.needed + ledger_captured_since(p_account, p_site, w.day_start) + ledger_held(p_account, p_site)
                    > w.day_limit
            )
            AND NOT EXISTS (  -- credits that begin or end now do so first, also those that a capture lets go of
                SELECT FROM credit_grant g
                WHERE g.account_id = p_account AND g.post_time IS NULL AND g.effective_time <= t.now
            )
            AND NOT EXISTS (
                SELECT FROM credit_grant g WHERE g.account_id = p_account AND NOT g.spent AND g.expire_time <= t.now
            ) AS fits
        FROM (SELECT (SELECT sum(w.needed) FROM wanted w)::bigint AS needed, max(o.now) AS now FROM given o) AS t
    ), placed AS MATERIALIZED (
        SELECT w.*, (sum(w.needed) OVER (ORDER BY w.n))::bigint AS upto FROM wanted w WHERE (SELECT r.fits FROM room r)
    ), free AS MATERIALIZED (  -- as ledger_pin: both sides laid end to end, each hold pins what lies over it
        SELECT g.id, g.remaining - g.held AS credits, (sum(g.remaining - g.held) OVER (
            ORDER BY g.priority, g.expire_time NULLS LAST, (g.kind = 'promotional') DESC, g.effective_time, g.id
        ))::bigint AS upto
        FROM credit_grant g WHERE g.account_id = p_account AND NOT g.spent AND g.remaining > g.held
    ), pin AS MATERIALIZED (
        SELECT w.id AS hold_id, f.id AS grant_id, row_number() OVER (PARTITION BY w.id ORDER BY f.upto) AS position,
            least(w.upto, f.upto) - greatest(w.upto - w.needed, f.upto - f.credits) AS credits
        FROM placed w JOIN free f ON f.upto > w.upto - w.needed AND f.upto - f.credits < w.upto
        WHERE w.needed > 0
    ),

    -- Captures: what is asked of open holds, what it takes, what of their pins is taken and let go of.
    asked AS MATERIALIZED (
        SELECT o.ordinality AS n, o.id, o.quantity, o.now, o.object_kind, o.object_id, o.provider, o.model,
            o.input_tokens, o.output_tokens, o.cost_usd_micro, o.final, o.own_key AS key, h.place, h.id AS hold_id,
            h.operation, h.quote_id, h.run_id, h.step_id, h.credit_cost_id, h.credits, h.captured_credits,
            h.captured_quantity,
            CASE WHEN o.final OR h.captured_quantity + o.quantity >= h.quantity + h.extended_quantity
                THEN 'captured' ELSE 'open' END AS state,
            ledger_price(h.captured_quantity + o.quantity, h.unit_size, h.unit_credits) - h.captured_credits
                AS taken
        FROM given o CROSS JOIN LATERAL (
            SELECT h.*, h.ctid AS place FROM hold h
            WHERE h.account_id = p_account AND h.site_id = p_site AND h.key = o.key OFFSET 0
        ) AS h
        WHERE o.function = 'ledger_capture' AND h.state = 'open' AND (SELECT r.fits FROM room r)
            AND (
                SELECT u.id FROM credit_usage u
                WHERE u.account_id = p_account AND u.site_id = p_site AND u.key = o.own_key
            ) IS NULL
    ), used AS MATERIALIZED (
        SELECT a.*, CASE WHEN a.state = 'open' THEN a.taken ELSE a.credits - a.captured_credits END AS let_go,
            CASE WHEN a.taken > 0 THEN ledger_id(a.now) END AS transaction_id,
            count(*) FILTER (WHERE a.taken > 0) OVER (ORDER BY a.n) AS number,
            (sum(a.taken) OVER (ORDER BY a.n))::bigint AS upto
        FROM asked a WHERE a.taken <= a.credits - a.captured_credits
    ), unpin AS MATERIALIZED (  -- as ledger_settle: what was taken lies over a hold's pins in the order of use
        SELECT p.place, p.grant_id, least(p.free, greatest(w.taken - p.before, 0)) AS taken,
            CASE WHEN w.state = 'open' THEN least(p.free, greatest(w.taken - p.before, 0)) ELSE p.free END AS let_go
        FROM used w CROSS JOIN LATERAL (
            SELECT g.ctid AS place, g.grant_id, g.credits - g.captured_credits AS free,
                (sum(g.credits - g.captured_credits) OVER (ORDER BY g.position))::bigint
                    - (g.credits - g.captured_credits) AS before
            FROM hold_grant g
            WHERE g.account_id = p_account AND g.hold_id = w.hold_id AND g.credits > g.captured_credits
        ) AS p
    ),

    -- What becomes of it in each table.
    held AS (
        INSERT INTO hold (
            account_id, site_id, id, key, state, quote_id, run_id, step_id, operation, quantity, credit_cost_id,
            unit_size, unit_credits, credits, create_time
        )
        SELECT p_account, p_site, w.id, w.key, 'open', w.quote_id, w.run_id, w.step, w.operation, w.quantity,
            w.credit_cost_id, w.unit_size, w.unit_credits, w.needed, w.now
        FROM placed w
    ), settled AS (
        UPDATE hold h
        SET state = w.state, captured_credits = w.captured_credits + w.taken,
            captured_quantity = w.captured_quantity + w.quantity,
            close_time = CASE WHEN w.state <> 'open' THEN w.now END
        FROM used w WHERE h.ctid = w.place
    ), pinned AS (
        INSERT INTO hold_grant (account_id, hold_id, grant_id, position, credits)
        SELECT p_account, p.hold_id, p.grant_id, p.position, p.credits FROM pin p
    ), unpinned AS (
        UPDATE hold_grant g SET captured_credits = g.captured_credits + p.taken
        FROM unpin p WHERE g.ctid = p.place AND p.taken > 0
    ), charged AS (
        INSERT INTO credit_transaction (
            account_id, id, number, kind, amount, balance_after, operation, description, site_id, run_id, step_id,
            hold_id, credit_cost_id, create_time
        )
        SELECT p_account, w.transaction_id, a.transaction_count + w.number, 'deduction', -w.taken,
            a.posted - w.upto, w.operation, ledger_deduction(w.operation, w.quantity), p_site, w.run_id, w.step_id,
            w.hold_id, w.credit_cost_id, w.now
        FROM used w JOIN credit_account a ON a.account_id = p_account
        WHERE w.taken > 0
    ), noted AS (
        INSERT INTO credit_usage (
            account_id, site_id, id, key, hold_id, operation, quantity, credits, credit_cost_id, run_id, step_id,
            object_kind, object_id, provider, model, input_tokens, output_tokens, cost_usd_micro, final,
            transaction_id, create_time
        )
        SELECT p_account, p_site, w.id, w.key, w.hold_id, w.operation, w.quantity, w.taken, w.credit_cost_id,
            w.run_id, w.step_id, w.object_kind, w.object_id, w.provider, w.model, w.input_tokens, w.output_tokens,
            w.cost_usd_micro, w.final, w.transaction_id, w.now
        FROM used w
    ), granted AS (
        UPDATE credit_grant g SET held = g.held + s.held, remaining = g.remaining - s.taken
        FROM (
            SELECT p.grant_id, sum(p.held)::bigint AS held, sum(p.taken)::bigint AS taken
            FROM (
                SELECT p.grant_id, p.credits AS held, 0 AS taken FROM pin p
                UNION ALL SELECT p.grant_id, -p.let_go, p.taken FROM unpin p
            ) AS p GROUP BY p.grant_id
        ) AS s
        CROSS JOIN LATERAL (
            SELECT g.ctid AS place FROM credit_grant g WHERE g.account_id = p_account AND g.id = s.grant_id OFFSET 0
        ) AS p
        WHERE g.ctid = p.place
    ), done AS MATERIALIZED (
        SELECT w.n, w.quote_id, w.needed AS held, 0 AS taken, 0 AS number, w.now, ROW(
                'ok', true, w.id, 'open', w.needed, 0, w.credit_cost_id,
                NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
            )::ledger_answer AS answer
        FROM placed w
        UNION ALL
        SELECT w.n, w.quote_id, -w.let_go, w.taken, w.number, w.now, ROW(
                'ok', true, w.hold_id, w.state, w.credits, w.captured_credits + w.taken, w.credit_cost_id,
                NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, w.taken, w.transaction_id
            )::ledger_answer
        FROM used w
    ), booked AS (
        UPDATE credit_account a
        SET held = a.held + s.held, posted = a.posted - s.taken, transaction_count = a.transaction_count + s.number,
            update_time = s.now
        FROM (
            SELECT sum(d.held)::bigint AS held, sum(d.taken)::bigint AS taken, max(d.number) AS number, max(d.now) AS now
            FROM done d
        ) AS s
        WHERE a.account_id = p_account AND s.now IS NOT NULL
    ), quoted AS (
        UPDATE quote q
        SET held_credits = q.held_credits + s.held, captured_credits = q.captured_credits + s.taken
        FROM (
            SELECT d.quote_id, sum(d.held)::bigint AS held, sum(d.taken)::bigint AS taken FROM done d GROUP BY d.quote_id
        ) AS s
        CROSS JOIN LATERAL (
            SELECT q.ctid AS place FROM quote q WHERE q.account_id = p_account AND q.id = s.quote_id OFFSET 0
        ) AS p
        WHERE q.ctid = p.place
    )
    SELECT (SELECT sum(w.needed) FROM placed w), (SELECT sum(p.credits) FROM pin p),
        array_agg(d.n), array_agg(d.answer)
    INTO v_placed, v_pinned, v_places, v_made
    FROM done d;
    IF v_placed <> coalesce(v_pinned, 0) THEN  -- the balance says that there is enough: the books are wrong
        RAISE EXCEPTION 'The grants of the account hold less than its balance.' USING ERRCODE = 'data_corrupted';
    END IF;
    FOR n IN 1 .. coalesce(cardinality(v_places), 0) LOOP
        p_answers[v_places[n]] := v_made[n];
    END LOOP;
    RETURN p_answers;
END
$$;
