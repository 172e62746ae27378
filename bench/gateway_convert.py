"""How fast messages become JSON and back, against protobuf's own json_format in the same run.

`python -m bench.gateway_convert`: one line each way, the ratio first; more is better.
"""

import json
import time
from collections.abc import Callable
from typing import Any

import orjson
from google.protobuf import json_format
from igny8.planner.v1 import planner_pb2, planner_service_pb2

from gateway.convert import reader, writer
from gateway.convert.reading import Violations

ROWS = 200
ROUNDS = 9


def main() -> None:
    """Print both ratios."""
    page = _page()
    body = {"text": "espresso machine", "volume": 1200, "difficulty": 31.5, "intent": "commercial", "disabled": True}
    data = orjson.dumps(body)
    write = writer(page.DESCRIPTOR).write
    assert len(orjson.loads(orjson.dumps(write(page)))["keywords"]) == ROWS
    assert _read(data) == json_format.ParseDict(body | {"intent": planner_pb2.INTENT_COMMERCIAL}, planner_pb2.Keyword())
    _report(f"write a page of {ROWS} keywords", lambda: orjson.dumps(write(page)), lambda: _write_by_protobuf(page))
    _report("read a keyword", lambda: _read(data), lambda: _read_by_protobuf(data), repeat=ROWS)


def _page() -> planner_service_pb2.ListKeywordsResponse:
    page = planner_service_pb2.ListKeywordsResponse(next_page_token="x", total_size=ROWS)  # noqa: S106 - of a page
    for n in range(ROWS):
        keyword = page.keywords.add(
            id=f"0197a1b2-0000-7000-8000-{n:012}",
            text=f"espresso machine {n}",
            volume=n,
            attributes_json='{"brand": "x"}',
        )
        keyword.status = planner_pb2.MAPPING_STATUS_NEW
        keyword.create_time.FromSeconds(1_795_000_000 + n)
    return page


def _write_by_protobuf(page: Any) -> bytes:
    return json.dumps(
        json_format.MessageToDict(page, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)
    ).encode()


def _read(data: bytes) -> planner_pb2.Keyword:
    message, violations = planner_pb2.Keyword(), Violations()
    reader(message.DESCRIPTOR).read(message, orjson.loads(data), "", violations)
    violations.check()
    return message


def _read_by_protobuf(data: bytes) -> planner_pb2.Keyword:
    body = json.loads(data)
    return json_format.ParseDict(body | {"intent": planner_pb2.INTENT_COMMERCIAL}, planner_pb2.Keyword())


def _report(what: str, ours: Callable[[], object], theirs: Callable[[], object], *, repeat: int = 1) -> None:
    """Print how many times as fast ours is, from the best of several rounds that take turns."""
    best = {"ours": float("inf"), "theirs": float("inf")}
    for _ in range(ROUNDS):
        for name, call in (("ours", ours), ("theirs", theirs)):
            began = time.perf_counter()
            for _ in range(repeat):
                call()
            best[name] = min(best[name], (time.perf_counter() - began) / repeat)
    ratio = best["theirs"] / best["ours"]
    print(f"{ratio:5.1f} x json_format: {what} ({best['ours'] * 1e6:.0f} us against {best['theirs'] * 1e6:.0f} us)")


if __name__ == "__main__":
    main()
