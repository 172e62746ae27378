"""Runs and stages as the API gives them."""

from typing import Any


def stage(number: int, function: str, **more: object) -> dict[str, Any]:
    names = ("planned", "expected", "waiting_at_start", "succeeded", "failed", "cancelled", "credits", "made", "left")
    times = {"start_time": "2026-11-22T08:00:00Z", "end_time": "2026-11-22T08:00:02.500000Z"}
    zero = dict.fromkeys(names, 0)
    return {"stage": number, "function": function, "state": "closed", "skip_reason": "", **zero, **times, **more}


def run(*stages: dict[str, Any], **more: object) -> dict[str, Any]:
    base: dict[str, Any] = {
        "id": "0197a1b2-0000-7000-8000-000000000000",
        "name": "run_1",
        "site_id": "site",
        "status": "running",
        "pause_reason": "",
        "error": "",
        "current_stage": 0,
        "quoted_credits": 100,
        "captured_credits": 22,
        "items_done": 0,
        "items_expected": 0,
        "remaining_s": None,
        "resume_time": None,
        "create_time": "2026-11-22T08:00:00Z",
        "end_time": None,
    }
    return {**base, "stages": list(stages), **more}
