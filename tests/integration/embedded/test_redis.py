from __future__ import annotations

import importlib.util
import os
import signal
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from chassis.embedded import redis as embedded
from chassis.embedded.program import EmbeddedServerError
from chassis.embedded.redis import EmbeddedRedis


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedRedis]:
    started = EmbeddedRedis(tmp_path / "redis")
    started.start()
    yield started
    started.stop()


@pytest.fixture
def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class TestLife:
    def test_answers_over_its_socket(self, server: EmbeddedRedis) -> None:
        with redis.Redis.from_url(server.url) as client:
            assert client.set("bell", "text")
            assert client.get("bell") == b"text"

    def test_answers_over_its_port(self, tmp_path: Path, free_port: int) -> None:
        started = EmbeddedRedis(tmp_path / "redis", port=free_port)
        started.start()
        try:
            with redis.Redis.from_url(started.url) as client:
                assert client.ping()
        finally:
            started.stop()

    def test_comes_back_after_a_kill_9(self, server: EmbeddedRedis) -> None:
        assert server.pid
        os.kill(server.pid, signal.SIGKILL)
        server.stop()
        server.start()
        assert server.is_ready()

    def test_stop_leaves_no_process(self, server: EmbeddedRedis) -> None:
        pid = server.pid
        assert pid
        server.stop()
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)

    def test_stops_what_a_killed_supervisor_left_behind(self, server: EmbeddedRedis) -> None:
        after_the_kill = EmbeddedRedis(server.home)
        assert after_the_kill.stop_leftover()
        assert not server.is_ready()
        assert not after_the_kill.stop_leftover()

    def test_a_taken_port_is_told(self, tmp_path: Path) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            second = EmbeddedRedis(tmp_path / "redis", port=taken.getsockname()[1])
            with pytest.raises(EmbeddedServerError, match="in use"):
                second.start()


class TestSecrecy:
    def test_wants_the_password(self, server: EmbeddedRedis) -> None:
        with (
            redis.Redis(unix_socket_path=str(server.socket), retry=Retry(NoBackoff(), 0)) as client,
            pytest.raises(redis.AuthenticationError),
        ):
            client.ping()

    def test_the_password_is_in_private_files_only(self, server: EmbeddedRedis) -> None:
        for name in ("redis.conf", "credentials.json"):
            assert stat.S_IMODE((server.home / name).stat().st_mode) == 0o600
        command = Path(f"/proc/{server.pid}/cmdline")
        if command.exists():
            assert "requirepass" not in command.read_text()

    def test_writes_nothing_to_disk(self, server: EmbeddedRedis) -> None:
        with redis.Redis.from_url(server.url) as client:
            assert client.config_get("appendonly") == {"appendonly": "no"}
            assert client.config_get("save") == {"save": ""}


class TestExecutable:
    def test_none_is_an_error_that_says_what_to_install(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))
        monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
        with pytest.raises(EmbeddedServerError, match="valkey-server"):
            embedded.redis_executable()
