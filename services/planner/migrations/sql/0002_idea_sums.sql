-- A cluster's count of ideas, made anew under its lock as its other sums are (0001_keyword_sums.sql).

CREATE FUNCTION refresh_cluster_ideas(cluster_ids uuid[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM cluster WHERE id = ANY(cluster_ids) ORDER BY id FOR NO KEY UPDATE;
    UPDATE cluster SET idea_count = (
        SELECT count(*) FROM content_idea i
        WHERE i.account_id = cluster.account_id AND i.cluster_id = cluster.id AND i.delete_time IS NULL
    )
    WHERE id = ANY(cluster_ids);
END $$;

CREATE FUNCTION content_idea_inserted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM refresh_cluster_ideas(array_agg(DISTINCT cluster_id)) FROM new_rows;
    RETURN NULL;
END $$;

CREATE FUNCTION content_idea_updated() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM refresh_cluster_ideas(array_agg(DISTINCT cluster_id)) FROM (
        SELECT n.cluster_id FROM new_rows n JOIN old_rows o USING (account_id, id)
        WHERE (n.delete_time IS NULL) <> (o.delete_time IS NULL)
    ) changes HAVING count(*) > 0;
    RETURN NULL;
END $$;

CREATE FUNCTION content_idea_deleted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM refresh_cluster_ideas(array_agg(DISTINCT cluster_id)) FROM old_rows;
    RETURN NULL;
END $$;

CREATE TRIGGER content_idea_inserted AFTER INSERT ON content_idea
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION content_idea_inserted();
CREATE TRIGGER content_idea_updated AFTER UPDATE ON content_idea
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION content_idea_updated();
CREATE TRIGGER content_idea_deleted AFTER DELETE ON content_idea
    REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION content_idea_deleted();
