-- A cluster's sums are made of what is stored with each keyword; otherwise as in 0001_keyword_sums.sql.

CREATE OR REPLACE FUNCTION refresh_cluster_keywords(cluster_ids uuid[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM cluster WHERE id = ANY(cluster_ids) ORDER BY id FOR NO KEY UPDATE;
    UPDATE cluster SET keyword_count = sums.keyword_count, volume = sums.volume, difficulty = sums.difficulty
    FROM (
        SELECT c.account_id, c.id, count(k.id) AS keyword_count,
            coalesce(sum(k.applying_volume), 0)::bigint AS volume, avg(k.applying_difficulty) AS difficulty
        FROM cluster c
        LEFT JOIN keyword k ON k.account_id = c.account_id AND k.cluster_id = c.id AND k.delete_time IS NULL
        WHERE c.id = ANY(cluster_ids)
        GROUP BY c.account_id, c.id
    ) sums
    WHERE cluster.account_id = sums.account_id AND cluster.id = sums.id;
END $$;
