-- Sums that lists are filtered and ordered by, kept beside what they are sums of.
--
-- A cluster's sums are made anew under its lock whenever one of its rows changes: a cluster has a few dozen keywords,
-- and a sum that is made anew cannot drift. The lock comes first and the sum is a statement of its own, so it sees what
-- whoever held the lock before has committed. NO KEY UPDATE: the foreign keys of our own inserts hold KEY SHARE on it.

CREATE FUNCTION refresh_cluster_keywords(cluster_ids uuid[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM cluster WHERE id = ANY(cluster_ids) ORDER BY id FOR NO KEY UPDATE;
    UPDATE cluster SET keyword_count = sums.keyword_count, volume = sums.volume, difficulty = sums.difficulty
    FROM (
        SELECT c.account_id, c.id, count(k.id) AS keyword_count,
            coalesce(sum(coalesce(k.volume, s.volume, p.volume)), 0)::bigint AS volume,
            avg(coalesce(k.difficulty, s.difficulty, p.difficulty)) AS difficulty
        FROM cluster c
        LEFT JOIN keyword k ON k.account_id = c.account_id AND k.cluster_id = c.id AND k.delete_time IS NULL
        LEFT JOIN seed_keyword s ON s.id = k.seed_keyword_id
        LEFT JOIN private_seed_keyword p ON p.account_id = k.account_id AND p.id = k.private_seed_keyword_id
        WHERE c.id = ANY(cluster_ids)
        GROUP BY c.account_id, c.id
    ) sums
    WHERE cluster.account_id = sums.account_id AND cluster.id = sums.id;
END $$;

-- An account's keywords are counted by differences: the count of 100,000 is not made anew for one.
CREATE FUNCTION count_account_keywords(account uuid, difference bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF difference <> 0 THEN
        INSERT INTO account_limit (account_id, keyword_count) VALUES (account, difference)
        ON CONFLICT (account_id) DO UPDATE SET keyword_count = account_limit.keyword_count + difference;
    END IF;
END $$;

CREATE FUNCTION keyword_inserted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM count_account_keywords(account_id, count(*)) FROM new_rows WHERE delete_time IS NULL GROUP BY account_id;
    RETURN NULL;
END $$;

CREATE FUNCTION keyword_updated() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    touched uuid[];
BEGIN
    PERFORM count_account_keywords(account_id, sum(difference)::bigint) FROM (
        SELECT account_id, 1 AS difference FROM new_rows WHERE delete_time IS NULL
        UNION ALL SELECT account_id, -1 FROM old_rows WHERE delete_time IS NULL
    ) changes GROUP BY account_id;
    SELECT array_agg(cluster_id) INTO touched FROM (
        SELECT cluster_id FROM new_rows WHERE cluster_id IS NOT NULL
        UNION SELECT cluster_id FROM old_rows WHERE cluster_id IS NOT NULL
    ) clusters;
    IF touched IS NOT NULL THEN
        PERFORM refresh_cluster_keywords(touched);
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION keyword_deleted() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    touched uuid[];
BEGIN
    PERFORM count_account_keywords(account_id, -count(*)) FROM old_rows WHERE delete_time IS NULL GROUP BY account_id;
    SELECT array_agg(DISTINCT cluster_id) INTO touched FROM old_rows WHERE cluster_id IS NOT NULL;
    IF touched IS NOT NULL THEN
        PERFORM refresh_cluster_keywords(touched);
    END IF;
    RETURN NULL;
END $$;

-- Rows that arrive with a cluster are few; an import's 100,000 arrive without one and pay only for the condition.
CREATE FUNCTION keyword_inserted_mapped() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM refresh_cluster_keywords(ARRAY[NEW.cluster_id]);
    RETURN NULL;
END $$;

CREATE TRIGGER keyword_inserted AFTER INSERT ON keyword
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION keyword_inserted();
CREATE TRIGGER keyword_inserted_mapped AFTER INSERT ON keyword
    FOR EACH ROW WHEN (NEW.cluster_id IS NOT NULL) EXECUTE FUNCTION keyword_inserted_mapped();
CREATE TRIGGER keyword_updated AFTER UPDATE ON keyword
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION keyword_updated();
CREATE TRIGGER keyword_deleted AFTER DELETE ON keyword
    REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION keyword_deleted();
