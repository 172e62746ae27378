"""How the command says things: stages, times, states, and what to do about a run that does not go on."""

from collections.abc import Mapping
from datetime import datetime

from cli.api import Json

STAGES: Mapping[str, str] = {
    "import_keywords": "keywords from the file",
    "cluster_keywords": "keywords to clusters",
    "recluster_keywords": "clustering again",
    "generate_ideas": "clusters to ideas",
    "create_tasks": "ideas to tasks",
    "generate_content": "tasks to content",
    "generate_image_prompts": "content to image prompts",
    "generate_image": "image prompts to images",
    "approve_content": "review",
    "publish_content": "publication",
    "plan_stage": "planning",
}
_MINUTE_S, _HOUR_S = 60, 3600


def stage_name(line: Json) -> str:
    """Return what people call a stage of a run or a line of a quote: "4 tasks to content"."""
    words = STAGES.get(line["function"], line["function"])
    return f"{line['stage']} {words}" if line["stage"] else words


def seconds_of(timed: Json) -> float | None:
    """Return how long a run or stage took; None while it has not ended."""
    start, end = timed.get("start_time") or timed.get("create_time"), timed.get("end_time")
    if not start or not end:
        return None
    return (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()


def about(seconds: float) -> str:
    """Return a length of time as one says it: "about 40 s", "about 12 min", "about 3 h"."""
    if seconds < 1:
        return "about a second"
    if seconds < 2 * _MINUTE_S:
        return f"about {seconds:.0f} s"
    if seconds < 2 * _HOUR_S:
        return f"about {seconds / _MINUTE_S:.0f} min"
    return f"about {seconds / _HOUR_S:.0f} h"


def moment(text: str | None) -> str:
    """Return a moment in the local time of whoever reads it: "11-22 08:00"; empty for none."""
    return f"{datetime.fromisoformat(text).astimezone():%m-%d %H:%M}" if text else ""


def how_far(run: Json) -> str:
    """Return how far a run is: "14 of 57 items, 34 of 184 credits, about 2 min left"."""
    parts = [f"{run['items_done']} of {max(run['items_expected'], run['items_done'])} items"]
    if run["quoted_credits"]:
        parts.append(f"{run['captured_credits']} of {run['quoted_credits']} credits")
    if run["status"] == "running" and run["remaining_s"]:
        parts.append(f"{about(run['remaining_s'])} left")
    return ", ".join(parts)


def what_now(run: Json) -> str:
    """Return why a run is paused, and what goes on with it."""
    name, reason = run["name"], run["pause_reason"]
    if reason == "quote_exhausted":
        used = f"{run['captured_credits']} of {run['quoted_credits']} credits"
        return (
            f"Paused: the quote is used up ({used}). "
            f"`igny8 resume {name}` asks for a quote for what is left, and goes on when you agree to it."
        )
    if reason == "paused_insufficient_credits":
        return (
            "Paused: the account has too few credits for the next piece of work. "
            "The run goes on by itself when there are more: choose another plan, or have an operator grant some "
            "(POST /v1/billing/credits:grant)."
        )
    if reason == "daily_limit_reached":
        return (
            f"Paused: the site's credits of the day are used up. The run goes on by itself at "
            f"{moment(run['resume_time'])}; for more today raise daily_credits "
            f"(PATCH /v1/sites/{run['site_id']}/automation), then `igny8 resume {name}`."
        )
    return f"Paused by somebody. Go on with `igny8 resume {name}`."
