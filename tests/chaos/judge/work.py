"""Steps, runs and what they made: what is lost, and what is there twice."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from tests.chaos.judge.evidence import OWNERS, Evidence, Row
from tests.chaos.judge.finding import Finding

PLAN = "plan_stage"
OPEN = ("ready", "running")
ENDED = ("cancelled", "completed", "failed")
OWNER_OF: Mapping[str, str] = {
    "import_keywords": "planner",
    "cluster_keywords": "planner",
    "generate_ideas": "planner",
    "create_tasks": "writer",
    "generate_content": "writer",
    "generate_image_prompts": "writer",
    "generate_image": "writer",
    "approve_content": "writer",
    "publish_content": "integration",
}
MAKERS = ("cluster_keywords", "generate_ideas", "create_tasks", "generate_content", "generate_image_prompts")
"""Functions that make rows which no other step can have made."""


def findings(evidence: Evidence) -> list[Finding]:
    """Return everything that is lost or there twice."""
    lost = [*_open_ends(evidence), *_unplanned(evidence), *_without_artefact(evidence), *_disowned(evidence)]
    lost += [*_busy(evidence), *_undelivered(evidence), *_untold(evidence)]
    twice = [*_twins(evidence), *_made_twice(evidence), *_too_many_ideas(evidence), *_told_twice(evidence)]
    return [*(Finding("lost", what) for what in lost), *(Finding("applied_twice", what) for what in twice)]


# ── lost ────────────────────────────────────────────────────────────────────────────────────────────────────────────
def _open_ends(evidence: Evidence) -> Iterator[str]:
    for step in evidence["steps"]:
        if step["status"] in OPEN:
            yield f"step {step['id']} ({step['function']}) is {step['status']}"
    for run in evidence["runs"]:
        if run["status"] not in ENDED:
            yield f"run {run['id']} is {run['status']}"


def _unplanned(evidence: Evidence) -> Iterator[str]:
    """Stages whose figures do not add up: planned, steps that exist, and how those ended."""
    steps: defaultdict[tuple[Any, int], Counter[str]] = defaultdict(Counter)
    for step in evidence["steps"]:
        if step["function"] != PLAN:
            steps[step["run_id"], step["place"]][step["status"]] += 1
    statuses = {run["id"]: run["status"] for run in evidence["runs"]}
    for stage in evidence["stages"]:
        there = steps[stage["run_id"], stage["place"]]
        name = f"stage {stage['place']} ({stage['function']}) of run {stage['run_id']}"
        if stage["planned"] != there.total():
            yield f"{name} planned {stage['planned']} steps and has {there.total()}"
        told = {status: stage[status] for status in ("succeeded", "failed", "cancelled")}
        if any(told[status] != there[status] for status in told):
            yield f"{name} counts {told}, its steps are {dict(there)}"
        if statuses[stage["run_id"]] == "completed" and stage["state"] != "closed":
            yield f"{name} is {stage['state']} although its run is completed"


def _without_artefact(evidence: Evidence) -> Iterator[str]:
    applied = {owner: {row["id"]: row["result"] for row in evidence.applied[owner]} for owner in OWNERS}
    there, shown = _artefacts(evidence), _subjects(evidence)
    for step in _done(evidence):
        result = applied[OWNER_OF[step["function"]]].get(step["id"])
        what = f"step {step['id']} ({step['function']}) succeeded"
        if result is None:
            yield f"{what} and {OWNER_OF[step['function']]} has no record of it"
            continue
        gone = [made for made in result["made"] if (made["kind"], made["id"]) not in there]
        if gone:
            yield f"{what}, and what it made is not there: {gone}"
        if step["function"] in shown and step["subject_id"] not in shown[step["function"]]:
            yield f"{what}, and {step['subject_id']} does not show it"


def _done(evidence: Evidence) -> Iterator[Row]:
    return (s for s in evidence["steps"] if s["status"] == "succeeded" and s["function"] != PLAN)


def _artefacts(evidence: Evidence) -> set[tuple[str, str]]:
    kinds = {
        "cluster": "clusters",
        "content_idea": "ideas",
        "keyword_import": "imports",
        "task": "tasks",
        "content": "contents",
        "image": "images",
        "publication": "publications",
    }
    return {(kind, str(row["id"])) for kind, name in kinds.items() for row in evidence[name]}


def _subjects(evidence: Evidence) -> Mapping[str, set[Any]]:
    """Return, for each function, the rows that show that it was done with them."""
    tasks, contents, images = evidence["tasks"], evidence["contents"], evidence["images"]
    published = {row["id"] for row in contents if row["status"] == "published"}
    return {
        "import_keywords": {row["id"] for row in evidence["imports"] if row["status"] == "completed"},
        "create_tasks": {row["content_idea_id"] for row in tasks},
        "generate_content": {row["task_id"] for row in contents}
        & {row["id"] for row in tasks if row["status"] == "completed"},
        "generate_image_prompts": {row["content_id"] for row in images},
        "generate_image": {row["id"] for row in images if row["status"] == "generated"},
        "approve_content": {row["id"] for row in contents if row["status"] == "approved"} | published,
        "publish_content": {row["content_id"] for row in evidence["publications"] if row["status"] == "published"}
        & published,
    }


def _disowned(evidence: Evidence) -> Iterator[str]:
    """Work that was applied for a step which does not say so: it is there, and nobody accounts for it."""
    done = {step["id"] for step in _done(evidence)}
    for owner in OWNERS:
        for row in evidence.applied[owner]:
            if row["id"] not in done:
                yield f"{owner} applied step {row['id']} ({row['function']}), which did not succeed"


def _busy(evidence: Evidence) -> Iterator[str]:
    for task in evidence["tasks"]:
        if task["status"] == "running":
            yield f"task {task['id']} looks as if somebody wrote it"
    for publication in evidence["publications"]:
        if publication["status"] == "publishing":
            yield f"publication {publication['id']} looks as if somebody sent it"


def _undelivered(evidence: Evidence) -> Iterator[str]:
    for service, kind in evidence.undelivered:
        yield f"{service} never got rid of {kind}"


def _untold(evidence: Evidence) -> Iterator[str]:
    """Steps whose end no event tells of, and runs whose events have gaps: whoever follows one would miss something."""
    told = {row["step_id"] for row in evidence["ends"]}
    for step in _done(evidence):
        if step["id"] not in told:
            yield f"step {step['id']} ({step['function']}) succeeded and no event says so"
    for tale in evidence["tales"]:
        if (tale["first"], tale["last"]) != (1, tale["told"]):
            yield f"run {tale['run_id']} has {tale['told']} events from {tale['first']} to {tale['last']}"


# ── twice ───────────────────────────────────────────────────────────────────────────────────────────────────────────
def _twins(evidence: Evidence) -> Iterator[str]:
    live = [row for row in evidence["keywords"] if row["delete_time"] is None]
    pairs = (
        ("steps", evidence["steps"], ("run_id", "place", "function", "subject_id")),
        ("runs", [row for row in evidence["runs"] if row["schedule_time"]], ("site_id", "schedule_time")),
        ("contents", [row for row in evidence["contents"] if row["task_id"]], ("task_id",)),
        ("tasks", [row for row in evidence["tasks"] if row["content_idea_id"]], ("content_idea_id",)),
        ("images", [row for row in evidence["images"] if row["content_id"]], ("content_id", "kind", "position")),
        ("publications", evidence["publications"], ("content_id", "site_integration_id")),
        ("keywords", live, ("sector_id", "normalised")),
        *((f"records of {owner}", evidence.applied[owner], ("id",)) for owner in OWNERS),
    )
    for name, rows, columns in pairs:
        counted = Counter(tuple(row[column] for column in columns) for row in rows)
        for key, count in counted.items():
            for _ in range(count - 1):
                yield f"{count} {name} for one {', '.join(columns)}: {', '.join(map(str, key))}"


def _told_twice(evidence: Evidence) -> Iterator[str]:
    for step, count in Counter(row["step_id"] for row in evidence["ends"]).items():
        for _ in range(count - 1):
            yield f"step {step} ended {count} times, say its run's events"


def _made_twice(evidence: Evidence) -> Iterator[str]:
    """Rows that two steps say they made, and rows that carry a step which does not say so."""
    makers = _makers(evidence)
    for (function, kind, artefact), steps in makers.items():
        if len(steps) > 1:
            yield f"{kind} {artefact} was made by {len(steps)} steps of {function}: {steps}"
    for function, kind, name in _CARRIERS:
        for row in evidence[name]:
            if row["step_id"] and row["step_id"] not in makers.get((function, kind, str(row["id"])), []):
                yield f"{kind} {row['id']} carries step {row['step_id']}, which does not say that it made it"


_CARRIERS = (("cluster_keywords", "cluster", "clusters"), ("generate_ideas", "content_idea", "ideas"))


def _makers(evidence: Evidence) -> Mapping[tuple[str, str, str], list[Any]]:
    """Return, for each row that was made, the steps that say so."""
    makers: defaultdict[tuple[str, str, str], list[Any]] = defaultdict(list)
    said = [row for owner in OWNERS for row in evidence.applied[owner] if row["function"] in MAKERS and row["result"]]
    for row in said:
        if row["result"]["actual_quantity"] > 0:  # a task that was there already is only pointed at
            for made in row["result"]["made"]:
                makers[row["function"], made["kind"], made["id"]].append(row["id"])
    return makers


def _too_many_ideas(evidence: Evidence) -> Iterator[str]:
    plans = {run["id"]: run["plan"]["options"].get("ideas_per_cluster") for run in evidence["runs"]}
    asked = {step["id"]: plans[step["run_id"]] for step in evidence["steps"] if step["function"] == "generate_ideas"}
    runs = {step["id"]: step["run_id"] for step in evidence["steps"]}
    sets: defaultdict[Any, Counter[Any]] = defaultdict(Counter)
    for idea in evidence["ideas"]:
        if idea["step_id"]:  # another run may ask again, for a cluster that has grown
            sets[idea["cluster_id"], runs.get(idea["step_id"])][idea["step_id"]] += 1
    for (cluster, _), steps in sets.items():
        if len(steps) > 1:
            yield f"cluster {cluster} has ideas of {len(steps)} steps of one run"
        for step, count in steps.items():
            wanted = asked.get(step)
            if wanted and count > wanted:
                yield f"step {step} made {count} ideas where {wanted} were wanted"
