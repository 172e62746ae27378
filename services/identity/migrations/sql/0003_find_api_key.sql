-- Who holds an API key, before a tenant is known.
CREATE FUNCTION find_api_key(wanted_hash bytea)
RETURNS TABLE (
    account_id uuid, id uuid, site_id uuid, scopes text[], expire_time timestamptz, revoke_time timestamptz,
    account_status text
)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
    SELECT k.account_id, k.id, k.site_id, k.scopes, k.expire_time, k.revoke_time, a.status
    FROM api_key k
    JOIN account a ON a.account_id = k.account_id AND a.id = k.account_id
    WHERE k.key_hash = wanted_hash
$$;
