"""The platform's periodic work, for its operators: what it found last, and having it done now."""

import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from cli.api import Api, Json
from cli.errors import CommandError
from cli.home import Home, read_json

TASKS = "/v1/maintenance-tasks"
POLL_S = 0.3


def operator(data: Path, api_url: str, key: str) -> Api:
    """Return the gateway under an operator's key: the one named, or that of the installation in the data directory.

    Raises:
        CommandError: no address or no key is known.
    """
    home = Home(data.absolute())
    url = api_url or str(read_json(home.state).get("api_url", ""))
    if not url:
        raise CommandError(f"Nothing runs in {data}. Start it with `igny8 up`, or name a gateway with --api.")
    if not key and not api_url and home.operator_key.exists():  # it is never sent to another address
        key = home.operator_key.read_text().strip()
    if not key:
        raise CommandError("Name an operator's key with --operator-key or IGNY8_OPERATOR_KEY.")
    return Api(url, key)


def listed(api: Api) -> dict[str, Json]:
    """Return the periodic work by name."""
    return {task["name"]: task for task in api.get(TASKS)["maintenance_tasks"]}


def show(api: Api, console: Console) -> None:
    """Print all periodic work with its times and what was wrong the last time."""
    table = Table()
    for heading in ("task", "last", "next", "what was wrong"):
        table.add_column(heading, no_wrap=heading != "what was wrong")
    for task in listed(api).values():
        last, following = (str(task[name] or "never")[:19].replace("T", " ") for name in ("last_end_time", "next_time"))
        table.add_row(task["name"], last, following, task["last_error"] or "nothing")
    console.print(table)


def run(
    api: Api,
    name: str,
    timeout_s: float,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Json:
    """Have a periodic work done now and wait for its end; the task as it is then.

    Raises:
        CommandError: it did not end in time; it goes on.
    """
    asked = datetime.fromisoformat(api.post(f"{TASKS}/{name}:run")["next_time"])
    until = clock() + timeout_s
    while True:
        task = listed(api)[name]
        started, ended = task["last_start_time"], task["last_end_time"]
        if started and ended and asked <= datetime.fromisoformat(started) <= datetime.fromisoformat(ended):
            return task
        if clock() > until:
            raise CommandError(f"{name} has not ended within {timeout_s:.0f} s; it goes on: `igny8 admin tasks`.")
        sleep(POLL_S)


def reconcile(api: Api, console: Console, timeout_s: float) -> bool:
    """Compare all books now, and print what was compared and every difference; whether nothing differs.

    Raises:
        CommandError: it could not be done, or not in time.
    """
    task = run(api, "reconcile", timeout_s)
    result = task["last_result"]
    if not result.get("compared"):
        raise CommandError(f"The books could not be compared: {task['last_error']}")
    console.print(_compared(result))
    for difference in result["differences"]:
        line = "{what}: {subject}: booked {booked}, counted {counted} (account {account_id})".format(**difference)
        console.print(line, highlight=False, markup=False)
    count = int(result["difference_count"])
    if count > len(result["differences"]):
        console.print(f"... and {count - len(result['differences'])} more: the orchestrator's log has all.")
    if result["ended_credits"]:
        console.print(f"{result['ended_credits']} credits that ended steps still held are free now.")
    console.print("Nothing differs." if not count else f"{count} differences.", highlight=False)
    return not count


def _compared(result: Json) -> Table:
    table = Table()
    table.add_column("compared")
    table.add_column("how many", justify="right")
    table.add_column("differences", justify="right")
    for row in result["compared"]:
        table.add_row(row["what"], f"{row['count']:,}", str(row["differences"]))
    return table
