"""`igny8 schedule`: when a site's runs start by themselves, and what became of the last start."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from cli.api import Api, Json
from cli.errors import CommandError
from cli.options import ApiOption, DataOption, KeyOption, SiteOption
from cli.screen import wide_console

PANEL = "Over REST"
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
console = wide_console()


def schedule(  # noqa: PLR0913 - one parameter an option
    every: Annotated[str, typer.Option(help="day, a weekday such as monday, or a day of the month such as 31.")] = "",
    at: Annotated[str, typer.Option(help="Local time, for example 02:00.")] = "",
    zone: Annotated[
        str, typer.Option(help="Whose local time, for example Asia/Karachi; `account` for the account's.")
    ] = "",
    missed: Annotated[str, typer.Option(help="What becomes of missed starts: once (one run, late) or skip.")] = "",
    daily_credits: Annotated[
        int | None, typer.Option(help="What the site's runs may use a day; 0 for no limit.")
    ] = None,
    plan: Annotated[str, typer.Option(help="What a run does, a JSON object: '{\"max_articles\": 3}'.")] = "",
    *,
    data: DataOption = Path(".igny8"),
    api: ApiOption = "",
    key: KeyOption = "",
    site: SiteOption = "",
    on: Annotated[bool | None, typer.Option("--on/--off", help="Whether runs start by themselves.")] = None,
    reset: Annotated[bool, typer.Option("--reset", help="Go back to the platform's settings first.")] = False,
) -> None:
    """Show when a site's runs start by themselves, or change it: `igny8 schedule --on --every monday --at 02:00`."""
    from cli import connection  # noqa: PLC0415 - `--help` should not wait for an HTTP library

    said = {"local_time": at, "catch_up": missed, "daily_credits": daily_credits, "enabled": on, "plan": _plan(plan)}
    changes = asked(every, zone, said)
    link = connection.connect(data, api, key, site)
    show(apply(link.api, f"/v1/sites/{link.site()}/automation", changes, reset=reset), console)


def asked(every: str, zone: str, said: Mapping[str, Any]) -> Json:
    """Return the settings that options change; what was not said is empty or None. Raises CommandError."""
    changes = _when(every) | {name: value for name, value in said.items() if value is not None and value != ""}
    return changes | ({"time_zone": "" if zone == "account" else zone} if zone else {})


def apply(api: Api, path: str, changes: Json, *, reset: bool) -> Json:
    """Change a site's settings, after a reset if asked for; the settings as they are then.

    Raises:
        Refused, Unreachable: a value is wrong, or nobody answers.
    """
    if reset:
        api.post(f"{path}:reset")
    return api.patch(path, changes) if changes else api.get(path)


def show(settings: Json, screen: Console) -> None:
    """Print when runs start, what they may use, and what became of the last start."""
    table = Table(show_header=False, box=None, pad_edge=False)
    for name, value in _lines(settings):
        table.add_row(name, value)
    screen.print(table, highlight=False, markup=False)


def _lines(settings: Json) -> list[tuple[str, str]]:
    zone = settings["time_zone"] or "the account's time zone"
    starts = f"{_days(settings)} at {settings['local_time']}, {zone}"
    following, last = (
        str(settings[name] or "never")[:19].replace("T", " ") for name in ("next_run_time", "last_run_time")
    )
    return [
        ("runs start by themselves", "yes" if settings["enabled"] else "no; switch it on with --on"),
        ("when", starts),
        ("next start (UTC)", following),
        ("last start (UTC)", last),
        ("last outcome", settings["last_outcome"] or "none yet"),
        ("missed starts", "one run, late" if settings["catch_up"] == "once" else "are left out"),
        ("credits a day", str(settings["daily_credits"] or "no limit")),
    ]


def _days(settings: Json) -> str:
    if settings["frequency"] == "weekly":
        return f"every {DAYS[int(settings['weekday']) - 1]}"
    if settings["frequency"] == "monthly":
        return f"every month on day {settings['month_day']}, or its last"
    return "every day"


def _when(every: str) -> dict[str, Any]:
    if not every:
        return {}
    if every == "day":
        return {"frequency": "daily"}
    if every.isdecimal():
        return {"frequency": "monthly", "month_day": int(every)}
    weekdays = [number for number, day in enumerate(DAYS, start=1) if day.lower() == every.lower()]
    if not weekdays:
        raise CommandError(f"--every {every} is no day: use day, a weekday such as monday, or a day of the month.")
    return {"frequency": "weekly", "weekday": weekdays[0]}


def _plan(text: str) -> Json | None:
    if not text:
        return None
    try:
        plan = json.loads(text)
    except ValueError as error:
        raise CommandError(f"--plan is no JSON: {error}") from error
    if not isinstance(plan, dict):
        raise CommandError('--plan must be a JSON object such as {"max_articles": 3}.')
    return plan


def add_to(app: typer.Typer) -> None:
    """Add the command to an app."""
    app.command(rich_help_panel=PANEL)(schedule)
