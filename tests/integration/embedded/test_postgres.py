from __future__ import annotations

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from chassis.embedded import place
from chassis.embedded.postgres import EmbeddedPostgres
from chassis.embedded.program import EmbeddedServerError


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder that the server's user can reach; pytest's own are private."""
    folder = Path(tempfile.mkdtemp(prefix="igny8-test-"))
    folder.chmod(0o711)
    yield folder / "postgres"
    shutil.rmtree(folder)


@pytest.fixture
def server(home: Path) -> Iterator[EmbeddedPostgres]:
    started = EmbeddedPostgres(home)  # not fast: what was committed must survive a kill
    started.start()
    yield started
    started.stop()


class TestLife:
    def test_survives_a_kill_9_with_its_data(self, server: EmbeddedPostgres) -> None:
        with psycopg.connect(server.admin_url) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        assert server.pid
        os.kill(server.pid, signal.SIGKILL)
        server.stop()
        server.start()
        with psycopg.connect(server.admin_url) as connection:
            assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)

    def test_stop_leaves_no_process(self, server: EmbeddedPostgres) -> None:
        pid = server.pid
        assert pid
        with psycopg.connect(server.admin_url) as connection:
            backend = connection.info.backend_pid
            server.stop()
        assert not _alive(pid)
        assert not _alive(backend)
        assert not server.is_ready()

    def test_a_second_start_on_the_same_data_is_refused(self, server: EmbeddedPostgres, home: Path) -> None:
        assert server.is_ready()
        with pytest.raises(EmbeddedServerError, match="already"):
            EmbeddedPostgres(home).start()

    def test_stops_what_a_killed_supervisor_left_behind(self, server: EmbeddedPostgres, home: Path) -> None:
        after_the_kill = EmbeddedPostgres(home)
        assert after_the_kill.stop_leftover()
        assert not server.is_ready()
        assert not after_the_kill.stop_leftover()
        after_the_kill.start()
        after_the_kill.stop()

    def test_an_interrupted_initdb_is_done_again(self, home: Path) -> None:
        postgres = EmbeddedPostgres(home)
        half = postgres.place / "data.new"
        half.mkdir()
        (half / "PG_VERSION").write_text("18\n")
        postgres.start()
        try:
            assert postgres.is_ready()
            assert not half.exists()
        finally:
            postgres.stop()

    def test_lost_passwords_are_an_error_not_new_ones(self, server: EmbeddedPostgres, home: Path) -> None:
        server.stop()
        (server.place / "credentials.json").unlink()
        with pytest.raises(EmbeddedServerError, match=r"credentials\.json is missing"):
            EmbeddedPostgres(home).start()

    def test_a_wrong_password_does_not_get_in(self, server: EmbeddedPostgres) -> None:
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(server.url("postgres", "postgres", "guessed"))

    def test_a_server_that_cannot_start_tells_why(self, home: Path) -> None:
        postgres = EmbeddedPostgres(home, max_connections=0)
        with pytest.raises(EmbeddedServerError, match="max_connections"):
            postgres.start(timeout_s=5)


class TestUnderRoot:
    @pytest.fixture(autouse=True)
    def _as_root(self) -> None:
        if os.geteuid() != 0:
            pytest.skip("another OS user is taken under root only; as yourself there is nothing to reach")

    def test_runs_as_an_unprivileged_user(self, server: EmbeddedPostgres) -> None:
        assert server.pid
        assert Path(f"/proc/{server.pid}").stat().st_uid != 0

    def test_a_home_out_of_reach_gets_its_files_elsewhere(self, tmp_path: Path) -> None:
        tmp_path.chmod(0o700)
        home = tmp_path / "postgres"
        postgres = EmbeddedPostgres(home, fast=True)
        try:
            postgres.start()
            assert postgres.place != home
            assert (home / place.LINK_NAME).resolve() == postgres.place
            assert EmbeddedPostgres(home).place == postgres.place
        finally:
            postgres.stop()
            shutil.rmtree(postgres.place)

    def test_programs_out_of_reach_are_copied(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def reach_home_only(path: Path, user: place.OsUser | None) -> bool:
            return "site-packages" not in path.parts and user is not None

        monkeypatch.setattr(place, "reachable", reach_home_only)
        postgres = EmbeddedPostgres(home, fast=True)
        try:
            postgres.start()
            assert Path(postgres.program().argv[0]).is_relative_to(postgres.place)
        finally:
            postgres.stop()
