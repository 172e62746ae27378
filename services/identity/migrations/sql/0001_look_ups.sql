-- What must be answered before a tenant is known. Each function tells the little that its caller needs; the app role
-- may execute them and reads none of these tables across tenants itself.

CREATE FUNCTION find_login(wanted_email text)
RETURNS TABLE (
    user_id uuid, password_hash text, sign_up_request_id text, sign_up_time timestamptz,
    account_id uuid, account_status text
)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
    SELECT u.id, u.password_hash, u.sign_up_request_id, u.create_time, a.account_id, a.status
    FROM app_user u
    LEFT JOIN membership m ON m.user_id = u.id
    LEFT JOIN account a ON a.account_id = m.account_id AND a.id = m.account_id
    WHERE u.email = wanted_email
    ORDER BY m.create_time, m.id
$$;

-- False when the address is taken; waits for a sign-up of the same address that has not ended yet.
CREATE FUNCTION add_user(new_id uuid, new_email text, new_password_hash text, new_request_id text)
RETURNS boolean
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
    WITH added AS (
        INSERT INTO app_user (id, email, password_hash, sign_up_request_id)
        VALUES (new_id, new_email, new_password_hash, new_request_id)
        ON CONFLICT (email) DO NOTHING
        RETURNING 1
    )
    SELECT EXISTS (SELECT 1 FROM added)
$$;

CREATE FUNCTION find_refresh_token(wanted_hash bytea)
RETURNS TABLE (account_id uuid, id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
    SELECT t.account_id, t.id FROM refresh_token t WHERE t.token_hash = wanted_hash
$$;

CREATE FUNCTION find_operator_key(wanted_hash bytea)
RETURNS TABLE (id uuid, name text, revoke_time timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
    SELECT k.id, k.name, k.revoke_time FROM operator_key k WHERE k.key_hash = wanted_hash
$$;

CREATE FUNCTION account_status(wanted_id uuid)
RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
    SELECT a.status FROM account a WHERE a.account_id = wanted_id AND a.id = wanted_id
$$;
