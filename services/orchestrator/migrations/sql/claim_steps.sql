-- Claiming: which steps of a lane go to a worker that has room for so many.
--
-- Every account gets the same number of a lane's places while it has work for them, and every site of an account the
-- same number of the account's: among all that wait, the step comes first whose account would have the fewest steps
-- under way with it. Where accounts are level, they take turns: the walk over accounts begins behind the one that was
-- served last (lane_turn). The walk goes from one account's site to the next in step_fair_idx, and never reads what
-- lies behind the first few steps of a site, so that its cost grows with the accounts at work, not with their steps. Rows
-- are compared as wholes so that no other index looks as good to the planner, whatever it knows of the table.
--
-- A site has at most p_site_room steps of a lane under way, and never more in all lanes than its own settings say. Both
-- hold exactly however many workers claim at once: one claims at a time. The lock ends with this one statement, whatever
-- becomes of the worker that sent it. Each statement in here sees what was committed before it, so the counts are those
-- after the claim that was waited for.
--
-- Steps of runs that do not run are claimed too: whoever has them lets go of what they hold and puts them aside.

-- The steps that would be claimed now, best first: nth is how many of its account would be under way with it. When there
-- are none, one row without a step: the last account that was looked at.
CREATE OR REPLACE FUNCTION claimable_steps(
    p_lane text, p_count integer, p_site_room integer, p_now timestamptz, p_after uuid
)
RETURNS TABLE (account_id uuid, id uuid, nth bigint, place integer)
LANGUAGE plpgsql
-- The planner cannot know how short the walk is: of a long table it would read all instead, or plan anew each time.
SET plan_cache_mode = force_generic_plan
SET jit = off
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
AS $$
#variable_conflict use_column
DECLARE
    c_accounts_max constant integer := 64;  -- with something due; those behind them come first next time
    c_sites_max constant integer := 1000;  -- with or without
BEGIN
    RETURN QUERY
    WITH RECURSIVE walk (place, account_id, site_id, is_due, accounts, due_account, around) AS (
        SELECT 0, p_after, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid, false, 0, NULL::uuid, false
        UNION ALL
        SELECT w.place + 1, n.account_id, n.site_id, d.is_due,
               w.accounts + (d.is_due AND w.due_account IS DISTINCT FROM n.account_id)::integer,
               CASE WHEN d.is_due THEN n.account_id ELSE w.due_account END,
               n.around
        FROM walk w
        CROSS JOIN LATERAL (
            (
                SELECT s.account_id, s.site_id, s.due, w.around AS around FROM step s
                WHERE s.status IN ('ready', 'running') AND s.due < '9000-01-01 00:00:00+00'
                  AND (s.lane, s.account_id, s.site_id) > (p_lane, w.account_id, w.site_id) AND s.lane <= p_lane
                ORDER BY s.lane, s.account_id, s.site_id, s.due LIMIT 1
            )
            UNION ALL
            (
                SELECT s.account_id, s.site_id, s.due, true FROM step s
                WHERE s.status IN ('ready', 'running') AND s.due < '9000-01-01 00:00:00+00'
                  AND s.lane >= p_lane AND s.lane <= p_lane AND NOT w.around
                ORDER BY s.lane, s.account_id, s.site_id, s.due LIMIT 1
            )
            LIMIT 1
        ) n
        CROSS JOIN LATERAL (SELECT n.due <= p_now AS is_due OFFSET 0) d
        WHERE w.accounts < c_accounts_max AND w.place < c_sites_max AND NOT (n.around AND n.account_id > p_after)
    ),
    offered AS (
        SELECT w.place, w.account_id, s.id, s.due, b.of_account,
               b.of_site + row_number() OVER (PARTITION BY w.place ORDER BY s.due, s.id) AS nth_of_site
        FROM walk w
        LEFT JOIN automation_config c ON c.account_id = w.account_id AND c.site_id = w.site_id
        CROSS JOIN LATERAL (
            SELECT count(*) FILTER (WHERE r.lane = p_lane) AS of_account,
                   count(*) FILTER (WHERE r.lane = p_lane AND r.site_id = w.site_id) AS of_site,
                   count(*) FILTER (WHERE r.site_id = w.site_id) AS of_site_in_all
            FROM step r WHERE r.account_id = w.account_id AND r.status = 'running' AND r.due > p_now
        ) b
        CROSS JOIN LATERAL (
            SELECT o.id, o.due FROM step o
            WHERE o.status IN ('ready', 'running') AND o.due < '9000-01-01 00:00:00+00'
              AND (o.lane, o.account_id, o.site_id) >= (p_lane, w.account_id, w.site_id)
              AND (o.lane, o.account_id, o.site_id, o.due) <= (p_lane, w.account_id, w.site_id, p_now)
            ORDER BY o.lane, o.account_id, o.site_id, o.due, o.id
            LIMIT greatest(0, least(
                p_count, p_site_room - b.of_site, coalesce(nullif(c.max_concurrent, 0) - b.of_site_in_all, p_count)
            ))
        ) s
        WHERE w.is_due
    ),
    ranked AS (
        SELECT o.account_id, o.id, o.place,
               o.of_account + row_number() OVER (PARTITION BY o.account_id ORDER BY o.nth_of_site, o.due, o.id) AS nth
        FROM offered o
    ),
    best AS (SELECT r.account_id, r.id, r.nth, r.place FROM ranked r ORDER BY r.nth, r.place LIMIT p_count)
    (SELECT b.account_id, b.id, b.nth, b.place FROM best b ORDER BY b.nth, b.place)
    UNION ALL
    (
        SELECT w.account_id, NULL, NULL, NULL FROM walk w WHERE NOT EXISTS (SELECT FROM best)
        ORDER BY w.place DESC LIMIT 1
    );
END
$$;

-- Whether a step of a lane could be claimed p_late_s seconds ago: there may be none although steps are due, while all
-- that their sites may have under way is under way.
CREATE OR REPLACE FUNCTION lane_waits(p_lane text, p_site_room integer, p_late_s double precision) RETURNS boolean
LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan
SET jit = off
SET enable_seqscan = off
AS $$
DECLARE
    v_then timestamptz := clock_timestamp() - make_interval(secs => p_late_s);
    v_after uuid;
BEGIN
    IF NOT EXISTS (
        SELECT FROM step s
        WHERE s.lane = p_lane AND s.status IN ('ready', 'running') AND s.due <= v_then
          AND s.due < '9000-01-01 00:00:00+00'
    ) THEN
        RETURN false;
    END IF;
    SELECT t.served INTO v_after FROM lane_turn t WHERE t.lane = p_lane;
    RETURN EXISTS (
        SELECT FROM claimable_steps(
            p_lane, 1, p_site_room, v_then, coalesce(v_after, '00000000-0000-0000-0000-000000000000')
        ) c
        WHERE c.id IS NOT NULL
    );
END
$$;

CREATE OR REPLACE FUNCTION claim_steps(p_lane text, p_count integer, p_lease_s double precision, p_site_room integer)
RETURNS TABLE (claimed step, run_status text, run_plan jsonb, billing_quote_id uuid)
LANGUAGE plpgsql
SET lock_timeout = '2s'
SET plan_cache_mode = force_generic_plan
SET jit = off
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
AS $$
DECLARE
    v_now timestamptz := clock_timestamp();
    v_after uuid;
BEGIN
    IF NOT EXISTS (
        SELECT FROM step s
        WHERE s.lane = p_lane AND s.status IN ('ready', 'running') AND s.due <= v_now
          AND s.due < '9000-01-01 00:00:00+00'
    ) THEN
        RETURN;
    END IF;
    PERFORM pg_advisory_xact_lock(4312, 1);
    v_now := clock_timestamp();
    SELECT t.served INTO v_after FROM lane_turn t WHERE t.lane = p_lane;
    v_after := coalesce(v_after, '00000000-0000-0000-0000-000000000000');
    RETURN QUERY
    WITH best AS MATERIALIZED (
        SELECT c.account_id, c.id, c.nth, c.place FROM claimable_steps(p_lane, p_count, p_site_room, v_now, v_after) c
    ),
    turn AS (
        INSERT INTO lane_turn AS t (lane, served)
        SELECT p_lane, b.account_id FROM best b ORDER BY b.nth DESC, b.place DESC LIMIT 1
        ON CONFLICT (lane) DO UPDATE SET served = excluded.served
    ),
    locked AS (  -- by their keys alone: anything else said here would let the planner take another way to them
        SELECT s.account_id, s.id, s.status, s.due
        FROM best b JOIN step s ON s.account_id = b.account_id AND s.id = b.id
        FOR UPDATE OF s SKIP LOCKED
    ),
    still AS (  -- as they are under the lock
        SELECT l.account_id, l.id FROM locked l WHERE l.status IN ('ready', 'running') AND l.due <= v_now
    )
    UPDATE step s
    SET status = 'running', fence = s.fence + 1, due = v_now + make_interval(secs => p_lease_s), update_time = v_now
    FROM still l JOIN run r ON r.account_id = l.account_id
    WHERE s.account_id = l.account_id AND s.id = l.id AND r.site_id = s.site_id AND r.id = s.run_id
    RETURNING s, r.status,
              -- a plan may name thousands of rows, which only the step that plans needs
              CASE WHEN s.function = 'plan_stage' THEN r.plan ELSE jsonb_build_object('options', r.plan -> 'options') END,
              r.billing_quote_id;
END
$$;
