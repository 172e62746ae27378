"""A run's events as a stream."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson
import pytest
import requests

from gateway.app import Limits
from gateway.streams import PAGE
from tests.integration.gateway.conftest import House, gateway
from tests.integration.gateway.test_methods import refused


def url(house: House, run_id: str) -> str:
    return f"{house.url}/v1/runs/{run_id}/events:stream"


def a_run(house: House, events: int = 0, *, ended: bool = False) -> str:
    run_id = str(uuid4())
    house.orchestrator.events[run_id] = [f"event_{n + 1}" for n in range(events)]
    if ended:
        house.orchestrator.ended.add(run_id)
    return run_id


@contextmanager
def watching(address: str, *, last: int | None = None, credential: str = "owner") -> Iterator[Iterator[dict[str, str]]]:
    headers = {"Authorization": f"Bearer {credential}"} | ({} if last is None else {"Last-Event-ID": str(last)})
    with requests.get(address, headers=headers, stream=True, timeout=10) as answer:
        assert (answer.status_code, answer.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
        yield frames(answer)


def frames(answer: requests.Response) -> Iterator[dict[str, str]]:
    frame: dict[str, str] = {}
    for line in answer.iter_lines(chunk_size=1, decode_unicode=True):
        if line:
            name, _, value = line.partition(":")
            frame[name or "comment"] = value.strip()
        elif frame:
            yield frame
            frame = {}


def collect(stream: Iterator[dict[str, str]]) -> list[str]:
    return [frame["event"] for frame in stream if "event" in frame]


class TestStream:
    def test_events_come_as_they_happen_and_the_stream_ends_with_the_run(self, house: House) -> None:
        run_id = a_run(house, 2)
        with watching(url(house, run_id)) as stream:
            assert next(stream) == {"retry": "2000"}
            first = next(stream)
            assert (first["id"], first["event"]) == ("1", "event_1")
            assert orjson.loads(first["data"])["payload"] == {"n": 1}
            assert next(stream)["event"] == "event_2"
            house.orchestrator.events[run_id].append("run_completed")
            house.orchestrator.ended.add(run_id)
            assert collect(stream) == ["run_completed", "end"]

    def test_a_watcher_goes_on_where_it_was(self, house: House) -> None:
        run_id = a_run(house, 5, ended=True)
        with watching(url(house, run_id), last=3) as stream:
            assert collect(stream) == ["event_4", "event_5", "end"]
        with watching(url(house, run_id) + "?after_position=4") as stream:
            assert collect(stream) == ["event_5", "end"]

    def test_who_has_seen_the_end_is_told_to_stop_asking(self, house: House) -> None:
        headers = {"Authorization": "Bearer owner", "Last-Event-ID": "5"}
        answer = requests.get(url(house, a_run(house, 5, ended=True)), headers=headers, timeout=5)
        assert (answer.status_code, answer.content) == (204, b"")

    def test_silence_is_filled_with_comments(self, house: House) -> None:
        with watching(url(house, a_run(house))) as stream:
            next(stream)
            assert next(stream) == {"comment": "still here"}

    def test_more_events_than_a_page_come_whole_and_in_order(self, house: House) -> None:
        count = PAGE * 2 + 7
        with watching(url(house, a_run(house, count, ended=True))) as stream:
            assert collect(stream) == [f"event_{n + 1}" for n in range(count)] + ["end"]

    @pytest.mark.parametrize("last", ["x", "-1", "1.5", "9" * 30])
    def test_a_position_that_is_none_is_refused(self, house: House, last: str) -> None:
        headers = {"Authorization": "Bearer owner", "Last-Event-ID": last}
        refused(requests.get(url(house, a_run(house, 1)), headers=headers, timeout=5), 400, "INVALID_ARGUMENT")


class TestSharing:
    def test_many_watchers_are_one_reader(self, house: House) -> None:
        run_id = a_run(house)
        seen: list[list[str]] = []

        def watch() -> None:
            with watching(url(house, run_id)) as stream:
                seen.append(collect(stream))

        threads = [threading.Thread(target=watch) for _ in range(10)]
        for thread in threads:
            thread.start()
        time.sleep(0.5)
        before = house.orchestrator.calls.count("ListRunEvents")
        time.sleep(1.0)
        asked = house.orchestrator.calls.count("ListRunEvents") - before
        house.orchestrator.events[run_id] += ["one", "two"]
        house.orchestrator.ended.add(run_id)
        for thread in threads:
            thread.join(10)
        assert seen == [["one", "two", "end"]] * 10
        assert 5 <= asked <= 30  # one question in 0.05 s, not ten

    def test_a_watcher_from_further_back_catches_up_beside_others(self, house: House) -> None:
        run_id = a_run(house, 20)
        with watching(url(house, run_id), last=20) as late:
            next(late)
            with watching(url(house, run_id), last=10) as early:
                next(early)
                assert [next(early)["id"] for _ in range(10)] == [str(n) for n in range(11, 21)]
                house.orchestrator.events[run_id].append("last")
                house.orchestrator.ended.add(run_id)
                assert collect(early) == collect(late) == ["last", "end"]

    def test_nobody_reads_on_when_nobody_watches(self, house: House) -> None:
        with watching(url(house, a_run(house))) as stream:
            next(stream)
        time.sleep(0.5)
        before = house.orchestrator.calls.count("ListRunEvents")
        time.sleep(0.3)
        assert house.orchestrator.calls.count("ListRunEvents") == before


class TestAccess:
    def test_each_watcher_is_checked_also_when_others_watch(self, house: House) -> None:
        run_id = a_run(house)
        with watching(url(house, run_id)) as stream:
            next(stream)
            headers = {"Authorization": "Bearer stranger"}
            refused(requests.get(url(house, run_id), headers=headers, timeout=5), 404, "NOT_FOUND")
            refused(requests.get(url(house, run_id), timeout=5), 401, "UNAUTHENTICATED")


class TestStop:
    def test_a_gateway_that_stops_ends_its_streams_at_once(self, house: House, tmp_path: Path) -> None:
        run_id = a_run(house, 1)
        limits = Limits(stream_poll_s=0.05, stream_heartbeat_s=30)
        seen: list[Any] = []
        with gateway(house.addresses, house.issuer, tmp_path, limits) as (address, server):
            with watching(f"{address}/v1/runs/{run_id}/events:stream") as stream:
                seen += [next(stream), next(stream)]
                began = time.monotonic()
                server.should_exit = True
                assert list(stream) == []  # no "end": the run goes on, and the client comes back
            assert time.monotonic() - began < 2
