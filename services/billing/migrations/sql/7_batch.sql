-- Many operations on the holds of one account in one transaction, for its caller's micro-batcher.

-- Does operations in their order and returns an answer each: {"function": "ledger_reserve", "site": ..., "key": ...},
-- with the parameters of that function by name. A later one sees what an earlier one did, so the same key twice is
-- answered twice and fresh once. A refusal is an answer and concerns only its operation; an exception undoes them all.
--
-- It names the tenant itself, so that it is a whole transaction in one round trip. One batch may hold operations of
-- several sites, whose callers may each see one site only; so the policies are held to the site of each operation while
-- it is done, and they and the functions let nobody reach another site's hold through a batch. What the function is
-- told of sites must come from the passports of the callers.
CREATE FUNCTION ledger_batch(p_account uuid, p_operations jsonb) RETURNS SETOF ledger_answer LANGUAGE plpgsql AS $$
DECLARE
    o record;
    v_set text := set_config('app.account', p_account::text, true);
BEGIN
    FOR o IN
        SELECT * FROM jsonb_to_recordset(p_operations) AS o(
            function text, site uuid, id uuid, key text, now timestamptz, quantity bigint,
            quote uuid, run uuid, step uuid, operation text, fallback_unit_size bigint, fallback_unit_credits bigint,
            day_limit bigint, day_start timestamptz, extension_key text,
            object_kind text, object_id uuid, provider text, model text, input_tokens bigint, output_tokens bigint,
            capture_key text, final boolean, cost_usd_micro bigint
        )
    LOOP
        v_set := set_config('app.site', o.site::text, true);
        CASE o.function
        WHEN 'ledger_reserve' THEN
            RETURN NEXT ledger_reserve(
                p_account, o.site, o.id, o.key, o.quote, o.run, o.step, o.operation, o.quantity, o.fallback_unit_size,
                o.fallback_unit_credits, o.now, o.day_limit, o.day_start
            );
        WHEN 'ledger_capture' THEN
            RETURN NEXT ledger_capture(
                p_account, o.site, o.id, o.key, o.quantity, o.object_kind, o.object_id, o.provider, o.model,
                o.input_tokens, o.output_tokens, o.now, o.capture_key, o.final, o.cost_usd_micro
            );
        WHEN 'ledger_release' THEN
            RETURN NEXT ledger_release(p_account, o.site, o.id, o.key, o.now);
        WHEN 'ledger_extend' THEN
            RETURN NEXT ledger_extend(
                p_account, o.site, o.id, o.key, o.extension_key, o.quantity, o.now, o.day_limit, o.day_start
            );
        WHEN 'ledger_expire_hold' THEN
            RETURN NEXT ledger_expire_hold(p_account, o.site, o.id, o.key, o.now);
        END CASE;
    END LOOP;
END
$$;
