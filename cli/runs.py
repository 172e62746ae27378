"""Which run is meant, and what failed in one."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cli.api import Json
from cli.connection import Connection
from cli.errors import CommandError
from cli.words import stage_name

_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
ACTIVE = ("running", "paused")
FAILED_SHOWN = 1000


def find_run(connection: Connection, named: str, statuses: Sequence[str] = ()) -> str:
    """Return the id of the run that somebody means.

    Args:
        connection: names the site, where a name has to be looked up.
        named: an id, a name as `igny8 runs` shows it, or nothing for the only one.
        statuses: how the run stands that is meant when nothing is named; the newest of all when empty.

    Raises:
        CommandError: there is none or more than one, listing them.
    """
    if _ID.fullmatch(named):
        return named
    where = f'name = "{named}"' if named else " OR ".join(f'status = "{status}"' for status in statuses)
    size = 10 if where else 1
    found: list[Json] = connection.api.get(
        f"/v1/sites/{connection.site()}/runs", filter=where, page_size=size, order_by="create_time desc"
    )["runs"]
    if len(found) == 1:
        return str(found[0]["id"])
    if not found:
        what = f"is called {named!r}" if named else f"is {' or '.join(statuses)}" if statuses else "was ever started"
        raise CommandError(f"No run of the site {what}. `igny8 runs` lists them.")
    listed = "\n".join(f"  {run['id']}  {run['name']}  {run['status']}" for run in found)
    raise CommandError(f"Several runs could be meant; name one by its id:\n{listed}")


@dataclass
class FailedGroup:
    """Steps of a run that failed for one reason.

    Args:
        function: what they were.
        stage: its number.
        reason: for programs.
        count: how many.
        label: what one of them was about.
        error: why that one failed, in words.
    """

    function: str
    stage: int
    reason: str
    count: int
    label: str
    error: str


def failed_groups(steps: Sequence[Mapping[str, object]]) -> list[FailedGroup]:
    """Return failed steps by function and reason, the most frequent first."""
    groups: dict[tuple[str, str], FailedGroup] = {}
    for step in steps:
        key = (str(step["function"]), str(step["error_reason"]))
        if key in groups:
            groups[key].count += 1
        else:
            stage = int(str(step["stage"]))
            groups[key] = FailedGroup(key[0], stage, key[1], 1, str(step["label"]), str(step["error"]))
    return sorted(groups.values(), key=lambda group: -group.count)


def failed_lines(run: Json, steps: Sequence[Json]) -> list[str]:
    """Return what people read about failed steps of a run: how many, why, and the command that does them again."""
    groups = failed_groups([step for step in steps if not step["replay_run_id"]])
    lines = []
    for group in groups:
        at_least = "at least " if len(steps) == FAILED_SHOWN else ""
        name = stage_name({"function": group.function, "stage": group.stage})
        lines.append(f"{at_least}{group.count} failed in {name} ({group.reason}), for example {group.label}:")
        lines.append(f"    {group.error}")
    functions = dict.fromkeys(group.function for group in groups if group.function != "plan_stage")
    return lines + [f"Do them again with `igny8 replay {run['name']} --function {name}`." for name in functions]
