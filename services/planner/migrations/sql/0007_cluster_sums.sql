-- A cluster's sums with the intents of its keywords and the contents that are mapped to it; its primary keyword is always
-- one of its own. As in 0001: the lock first, then the sum anew.

CREATE OR REPLACE FUNCTION refresh_cluster_keywords(cluster_ids uuid[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM cluster WHERE id = ANY(cluster_ids) ORDER BY id FOR NO KEY UPDATE;
    UPDATE cluster SET keyword_count = sums.keyword_count, volume = sums.volume, difficulty = sums.difficulty,
        informational_count = sums.informational, navigational_count = sums.navigational,
        commercial_count = sums.commercial, transactional_count = sums.transactional,
        planned_count = least(cluster.planned_count, sums.keyword_count),  -- those that left are counted no longer
        primary_keyword_id = CASE WHEN sums.has_primary THEN cluster.primary_keyword_id ELSE sums.most_searched END
    FROM (
        SELECT c.account_id, c.id, count(k.id) AS keyword_count,
            coalesce(sum(k.applying_volume), 0)::bigint AS volume, avg(k.applying_difficulty) AS difficulty,
            count(*) FILTER (WHERE coalesce(k.intent, k.derived_intent) = 'informational') AS informational,
            count(*) FILTER (WHERE coalesce(k.intent, k.derived_intent) = 'navigational') AS navigational,
            count(*) FILTER (WHERE coalesce(k.intent, k.derived_intent) = 'commercial') AS commercial,
            count(*) FILTER (WHERE coalesce(k.intent, k.derived_intent) = 'transactional') AS transactional,
            coalesce(bool_or(k.id = c.primary_keyword_id), false) AS has_primary,
            (array_agg(k.id ORDER BY k.applying_volume DESC NULLS LAST, length(k.text), k.normalised))[1]
                AS most_searched
        FROM cluster c
        LEFT JOIN keyword k ON k.account_id = c.account_id AND k.cluster_id = c.id AND k.delete_time IS NULL
        WHERE c.id = ANY(cluster_ids)
        GROUP BY c.account_id, c.id
    ) sums
    WHERE cluster.account_id = sums.account_id AND cluster.id = sums.id;
END $$;

-- An idea goes from one cluster to another when clusters are merged.
CREATE OR REPLACE FUNCTION content_idea_updated() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM refresh_cluster_ideas(array_agg(DISTINCT changes.cluster_id)) FROM (
        SELECT unnest(ARRAY[n.cluster_id, o.cluster_id]) AS cluster_id FROM new_rows n JOIN old_rows o
        USING (account_id, id)
        WHERE (n.delete_time IS NULL) <> (o.delete_time IS NULL) OR n.cluster_id <> o.cluster_id
    ) changes HAVING count(*) > 0;
    RETURN NULL;
END $$;

CREATE FUNCTION refresh_cluster_contents(cluster_ids uuid[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM cluster WHERE id = ANY(cluster_ids) ORDER BY id FOR NO KEY UPDATE;
    UPDATE cluster SET content_count = (
        SELECT count(*) FROM cluster_content m WHERE m.account_id = cluster.account_id AND m.cluster_id = cluster.id
    )
    WHERE id = ANY(cluster_ids);
END $$;

CREATE FUNCTION cluster_content_inserted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM refresh_cluster_contents(array_agg(DISTINCT cluster_id)) FROM new_rows;
    RETURN NULL;
END $$;

CREATE FUNCTION cluster_content_updated() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM refresh_cluster_contents(array_agg(DISTINCT touched.cluster_id))
    FROM (SELECT cluster_id FROM new_rows UNION SELECT cluster_id FROM old_rows) touched;
    RETURN NULL;
END $$;

CREATE FUNCTION cluster_content_deleted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM refresh_cluster_contents(array_agg(DISTINCT cluster_id)) FROM old_rows;
    RETURN NULL;
END $$;

CREATE TRIGGER cluster_content_inserted AFTER INSERT ON cluster_content
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION cluster_content_inserted();
CREATE TRIGGER cluster_content_updated AFTER UPDATE ON cluster_content
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT
    EXECUTE FUNCTION cluster_content_updated();
CREATE TRIGGER cluster_content_deleted AFTER DELETE ON cluster_content
    REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION cluster_content_deleted();
