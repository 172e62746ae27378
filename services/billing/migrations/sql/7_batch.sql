-- Many operations on the holds of one account in one transaction, for its caller's micro-batcher.

-- One of them: {"function": "ledger_reserve", "site": ..., "key": ...}, with the parameters of that function by name.
CREATE TYPE ledger_operation AS (
    function text, site uuid, id uuid, key text, now timestamptz, quantity bigint,
    quote uuid, run uuid, step uuid, operation text, fallback_unit_size bigint, fallback_unit_credits bigint,
    day_limit bigint, day_start timestamptz, extension_key text,
    object_kind text, object_id uuid, provider text, model text, input_tokens bigint, output_tokens bigint,
    capture_key text, final boolean, cost_usd_micro bigint
);

CREATE FUNCTION ledger_do(p_account uuid, o ledger_operation) RETURNS ledger_answer LANGUAGE plpgsql AS $$
BEGIN
    CASE o.function
    WHEN 'ledger_reserve' THEN
        RETURN ledger_reserve(
            p_account, o.site, o.id, o.key, o.quote, o.run, o.step, o.operation, o.quantity, o.fallback_unit_size,
            o.fallback_unit_credits, o.now, o.day_limit, o.day_start
        );
    WHEN 'ledger_capture' THEN
        RETURN ledger_capture(
            p_account, o.site, o.id, o.key, o.quantity, o.object_kind, o.object_id, o.provider, o.model,
            o.input_tokens, o.output_tokens, o.now, o.capture_key, o.final, o.cost_usd_micro
        );
    WHEN 'ledger_release' THEN
        RETURN ledger_release(p_account, o.site, o.id, o.key, o.now);
    WHEN 'ledger_extend' THEN
        RETURN ledger_extend(
            p_account, o.site, o.id, o.key, o.extension_key, o.quantity, o.now, o.day_limit, o.day_start
        );
    WHEN 'ledger_expire_hold' THEN
        RETURN ledger_expire_hold(p_account, o.site, o.id, o.key, o.now);
    END CASE;
END
$$;

-- Does operations and returns an answer each, in their order. A later one sees what an earlier one did, so the same key
-- twice is answered twice and fresh once; what is wanted of several sites is done site after site. A refusal is an answer
-- and concerns only its operation; an exception undoes them all.
--
-- It names the tenant itself, so that it is a whole transaction in one round trip. One batch may hold operations of
-- several sites, whose callers may each see one site only; so the policies are held to the site of each operation while
-- it is done, and they and the functions let nobody reach another site's hold through a batch. What the function is
-- told of sites must come from the passports of the callers.
CREATE FUNCTION ledger_batch(p_account uuid, p_operations jsonb) RETURNS SETOF ledger_answer LANGUAGE plpgsql AS $$
DECLARE
    v_operations ledger_operation[];
    v_answers ledger_answer[] := '{}';
    v_group record;
    v_set text := set_config('app.account', p_account::text, true);
BEGIN
    SELECT array_agg(o) INTO v_operations FROM jsonb_populate_recordset(NULL::ledger_operation, p_operations) AS o;
    IF cardinality(v_operations) = 1 THEN
        v_set := set_config('app.site', v_operations[1].site::text, true);
        RETURN NEXT ledger_do(p_account, v_operations[1]);
        RETURN;
    END IF;
    -- An operation may be done together with those around it when no other has its key, and it is no extension.
    FOR v_group IN
        WITH listed AS (
            SELECT o.ordinality AS n, o.site, o.function <> 'ledger_extend'
                AND count(*) OVER (PARTITION BY o.site, o.key) = 1
                AND count(*) OVER (PARTITION BY o.site, coalesce(nullif(o.capture_key, ''), o.key)) = 1 AS apart
            FROM unnest(v_operations) WITH ORDINALITY AS o
        ), numbered AS (
            SELECT l.*, count(*) FILTER (WHERE NOT l.apart) OVER (PARTITION BY l.site ORDER BY l.n) AS number FROM listed l
        )
        SELECT d.site, array_agg(d.n ORDER BY d.n) AS places FROM numbered d
        GROUP BY d.site, d.apart, d.number
        ORDER BY d.site, min(d.n)
    LOOP
        v_set := set_config('app.site', v_group.site::text, true);
        v_answers := ledger_together(p_account, v_group.site, v_operations, v_group.places, v_answers);
    END LOOP;
    RETURN QUERY SELECT * FROM unnest(v_answers);
END
$$;
