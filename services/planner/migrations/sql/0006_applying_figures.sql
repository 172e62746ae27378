-- The figures that apply to a keyword, its own or else the library's, stored: a list is ordered by them from an index.
--
-- They change with the keyword's row and with the library's, and the two can happen at once. A keyword that comes to
-- depend on a row of the library therefore shares that row's lock first: it reads what a change under way commits, or
-- the change waits and sees the keyword. One that depends on it already takes no lock: the change waits for the
-- keyword's row, and each would wait for the other.
--
-- SECURITY DEFINER: a library's figure is that of keywords of every tenant, or of every site of an account. The owner
-- has policies of its own for this, and these functions are triggers only.

CREATE FUNCTION keyword_figures_inserted() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    PERFORM 1 FROM new_rows
    WHERE volume IS NULL OR difficulty IS NULL
        OR (applying_volume, applying_difficulty) IS DISTINCT FROM (volume, difficulty)
    LIMIT 1;
    IF NOT FOUND THEN  -- an import's 100,000 that state both
        RETURN NULL;
    END IF;
    PERFORM 1 FROM seed_keyword WHERE id IN (
        SELECT seed_keyword_id FROM new_rows WHERE volume IS NULL OR difficulty IS NULL
    ) ORDER BY id FOR SHARE;
    PERFORM 1 FROM private_seed_keyword WHERE (account_id, id) IN (
        SELECT account_id, private_seed_keyword_id FROM new_rows WHERE volume IS NULL OR difficulty IS NULL
    ) ORDER BY id FOR SHARE;
    UPDATE keyword k SET applying_volume = right_ones.volume, applying_difficulty = right_ones.difficulty
    FROM (
        SELECT n.account_id, n.id, n.applying_volume, n.applying_difficulty,
            coalesce(n.volume, s.volume, p.volume) AS volume,
            coalesce(n.difficulty, s.difficulty, p.difficulty) AS difficulty
        FROM new_rows n
        LEFT JOIN seed_keyword s ON s.id = n.seed_keyword_id
        LEFT JOIN private_seed_keyword p ON p.account_id = n.account_id AND p.id = n.private_seed_keyword_id
    ) right_ones
    WHERE k.account_id = right_ones.account_id AND k.id = right_ones.id
        AND (right_ones.applying_volume, right_ones.applying_difficulty)
            IS DISTINCT FROM (right_ones.volume, right_ones.difficulty);
    RETURN NULL;
END $$;

CREATE FUNCTION keyword_figures_changed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    NEW.applying_volume := NEW.volume;
    NEW.applying_difficulty := NEW.difficulty;
    IF NEW.volume IS NOT NULL AND NEW.difficulty IS NOT NULL THEN
        RETURN NEW;
    END IF;
    IF (OLD.volume IS NOT NULL AND OLD.difficulty IS NOT NULL)
        OR (OLD.seed_keyword_id, OLD.private_seed_keyword_id)
            IS DISTINCT FROM (NEW.seed_keyword_id, NEW.private_seed_keyword_id)
    THEN
        PERFORM 1 FROM seed_keyword WHERE id = NEW.seed_keyword_id FOR SHARE;
        PERFORM 1 FROM private_seed_keyword
        WHERE account_id = NEW.account_id AND id = NEW.private_seed_keyword_id FOR SHARE;
    END IF;
    SELECT coalesce(NEW.volume, s.volume, p.volume), coalesce(NEW.difficulty, s.difficulty, p.difficulty)
    INTO NEW.applying_volume, NEW.applying_difficulty
    FROM (VALUES (NEW.seed_keyword_id, NEW.private_seed_keyword_id)) tie (seed_keyword_id, private_seed_keyword_id)
    LEFT JOIN seed_keyword s ON s.id = tie.seed_keyword_id
    LEFT JOIN private_seed_keyword p ON p.account_id = NEW.account_id AND p.id = tie.private_seed_keyword_id;
    RETURN NEW;
END $$;

-- The keywords are locked in the order of their ids first, as who changes many at once locks them.
CREATE FUNCTION seed_figures_changed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    changed uuid[];
BEGIN
    SELECT array_agg(n.id) INTO changed FROM new_rows n JOIN old_rows o ON o.id = n.id
    WHERE (n.volume, n.difficulty) IS DISTINCT FROM (o.volume, o.difficulty);
    IF changed IS NULL THEN
        RETURN NULL;
    END IF;
    PERFORM 1 FROM keyword
    WHERE seed_keyword_id = ANY (changed) AND (volume IS NULL OR difficulty IS NULL)
    ORDER BY id FOR NO KEY UPDATE;
    UPDATE keyword k
    SET applying_volume = coalesce(k.volume, n.volume), applying_difficulty = coalesce(k.difficulty, n.difficulty)
    FROM new_rows n
    WHERE n.id = ANY (changed) AND k.seed_keyword_id = n.id AND (k.volume IS NULL OR k.difficulty IS NULL);
    RETURN NULL;
END $$;

CREATE FUNCTION private_seed_figures_changed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    changed uuid[];
BEGIN
    SELECT array_agg(n.id) INTO changed FROM new_rows n JOIN old_rows o ON o.account_id = n.account_id AND o.id = n.id
    WHERE (n.volume, n.difficulty) IS DISTINCT FROM (o.volume, o.difficulty);
    IF changed IS NULL THEN
        RETURN NULL;
    END IF;
    PERFORM 1 FROM keyword k JOIN new_rows n ON n.account_id = k.account_id AND n.id = k.private_seed_keyword_id
    WHERE n.id = ANY (changed) AND (k.volume IS NULL OR k.difficulty IS NULL)
    ORDER BY k.id FOR NO KEY UPDATE OF k;
    UPDATE keyword k
    SET applying_volume = coalesce(k.volume, n.volume), applying_difficulty = coalesce(k.difficulty, n.difficulty)
    FROM new_rows n
    WHERE n.id = ANY (changed) AND k.account_id = n.account_id AND k.private_seed_keyword_id = n.id
        AND (k.volume IS NULL OR k.difficulty IS NULL);
    RETURN NULL;
END $$;

CREATE TRIGGER keyword_figures_inserted AFTER INSERT ON keyword
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION keyword_figures_inserted();
CREATE TRIGGER keyword_figures_changed
    BEFORE UPDATE OF volume, difficulty, seed_keyword_id, private_seed_keyword_id ON keyword
    FOR EACH ROW EXECUTE FUNCTION keyword_figures_changed();
CREATE TRIGGER seed_figures_changed AFTER UPDATE ON seed_keyword
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION seed_figures_changed();
CREATE TRIGGER private_seed_figures_changed AFTER UPDATE ON private_seed_keyword
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION private_seed_figures_changed();
