"""The stage table: every function a run can have, who does it, and in which lane."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from services.orchestrator.errors import UnknownFunction

LEASE_S = 15  # a worker that says nothing for so long has died; its steps are claimed again
RENEWALS = 3  # of a lease, while its holder works: one that comes late loses nothing

Lane = Literal["local", "text", "image", "publish", "sync", "maintenance"]
LANES: tuple[Lane, ...] = ("local", "text", "image", "publish", "sync", "maintenance")
ROOM: Mapping[str, int] = {"local": 8, "text": 32, "image": 16, "publish": 4, "sync": 4, "maintenance": 2}
"""How many steps of each lane a drain carries at once and asks models for, where the environment says nothing else."""
SITE_ROOM: Mapping[str, int] = {"local": 8, "text": 24, "image": 12, "publish": 4, "sync": 4, "maintenance": 2}
"""How many steps of one site all workers together carry at once in a lane, where the environment says nothing else.
Less than one drain's room: a tenant who comes later would wait for a model's whole answer otherwise."""
ACTIVE = ("running", "paused")
ENDED = ("cancelled", "completed", "failed")


@dataclass(frozen=True)
class Function:
    """One row of the stage table.

    Args:
        name: the function.
        stage: 1 to 7; 0 for work that is only done by hand.
        subject: what it is run on, one of them.
        owner: the service that prepares and applies.
        lane: which workers carry it.
        operation: what it is priced as; "" for free work.
        model: "text", "image" or "" when it needs none.
        deadline_s: seconds that one Apply may take.
    """

    name: str
    stage: int
    subject: str
    owner: str
    lane: Lane
    operation: str = ""
    model: str = ""
    deadline_s: float = 15.0


STAGE_TABLE: tuple[Function, ...] = (
    Function("import_keywords", 0, "keyword import", "planner", "local", deadline_s=900),
    Function("recluster_keywords", 0, "sector", "planner", "local", operation="clustering", deadline_s=900),
    Function("cluster_keywords", 1, "sector", "planner", "local", operation="clustering", deadline_s=900),
    Function("generate_ideas", 2, "cluster", "planner", "text", operation="idea", model="text"),
    Function("create_tasks", 3, "idea", "writer", "local"),
    Function("generate_content", 4, "task", "writer", "text", operation="content", model="text"),
    Function("generate_image_prompts", 5, "content", "writer", "text", operation="image_prompt", model="text"),
    Function("generate_image", 6, "image", "writer", "image", operation="image", model="image"),
    Function("approve_content", 7, "content", "writer", "local"),
    Function("publish_content", 7, "content", "integration", "publish", deadline_s=180),
)
FUNCTIONS: Mapping[str, Function] = {function.name: function for function in STAGE_TABLE}
PLAN_STAGE = "plan_stage"  # the step that plans a stage; it has a lane of its own kind and no owner


def function_named(name: str) -> Function:
    """Return a row of the stage table.

    Raises:
        UnknownFunction: there is none of that name.
    """
    if name not in FUNCTIONS:
        known = ", ".join(FUNCTIONS)
        raise UnknownFunction.field("plan.function", f"{name!r} is unknown; use one of {known}")
    return FUNCTIONS[name]


def functions_of(stages: Sequence[int], *, publish: bool) -> tuple[str, ...]:
    """Return the functions of some stages in their order; all stages when none are named.

    Raises:
        UnknownFunction: a stage is not from 1 to 7.
    """
    wrong = [stage for stage in stages if not 1 <= stage <= 7]  # noqa: PLR2004 - the seven stages
    if wrong:
        raise UnknownFunction.field("plan.stages", f"{wrong[0]} is not a stage; stages are 1 to 7")
    chosen = set(stages) or set(range(1, 8))
    return tuple(f.name for f in STAGE_TABLE if f.stage in chosen and (publish or f.name != "publish_content"))
