"""The daily work over REST: importing, quoting, running, steering."""

from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote as quote_url

from rich.console import Console

from cli.api import Api, Json
from cli.connection import Connection
from cli.errors import CommandError
from cli.follow import follow, is_over, is_over_here, wait_for_the_rest
from cli.progress import RunProgress
from cli.runs import FAILED_SHOWN, failed_lines
from cli.screen import quote_notes, quote_table, say, stage_notes, stages_table
from cli.words import moment, what_now

SKIPPED_SHOWN = 20
HELD_BACK = 'verdict != "write" AND status = "new" AND overruled_by = ""'
FREE = frozenset({"create_tasks", "approve_content", "publish_content"})
"""Functions without a price: they start without a quote."""


def import_file(connection: Connection, file: Path, sector: str, console: Console) -> None:
    """Upload a keyword file, follow its run, and report what was skipped by line and reason.

    Raises:
        CommandError: the sector is not clear, or the import was refused.
    """
    site = connection.site()
    sector = sector or connection.sector("")["id"]
    before = {row["id"] for row in connection.api.all(f"/v1/sites/{site}/keyword-imports", "keyword_imports")}
    run = connection.api.upload(f"/v1/sites/{site}/keyword-imports", file, filename=file.name, sector_id=sector)
    run = watch(connection.api, run["id"], console)
    reports = connection.api.all(f"/v1/sites/{site}/keyword-imports", "keyword_imports")
    for report in (report for report in reports if report["id"] not in before and report["filename"] == file.name):
        _show_import(connection.api, site, report, console)
    if run["status"] != "completed":
        raise CommandError(f"The import is {run['status']}: {run['error'] or run['pause_reason']}")


def _show_import(api: Api, site: str, report: Json, console: Console) -> None:
    console.print(
        f"{report['filename']} ({report['layout']}): {report['line_count']} lines, {report['created_count']} new, "
        f"{report['updated_count']} updated, {report['unchanged_count']} unchanged, {report['skipped_count']} skipped.",
        highlight=False,
    )
    if not report["skipped_count"]:
        return
    page = api.get(
        f"/v1/sites/{site}/import-skipped-lines",
        filter=f'keyword_import_id = "{report["id"]}"',
        page_size=SKIPPED_SHOWN,
    )
    for line in page["import_skipped_lines"]:
        text = f"  line {line['line']}: {line['reason']}: {line['text']}"
        console.print(text, highlight=False, markup=False, overflow="ellipsis", no_wrap=True)
    if page["next_page_token"]:
        console.print(f"  ... and more: GET /v1/sites/{site}/import-skipped-lines", highlight=False)


def quote(connection: Connection, plan: Json, console: Console) -> Json:
    """Print what a run would do and cost, without starting it; the quote."""
    made = connection.api.post(f"/v1/sites/{connection.site()}/runs:quote", {"plan": plan})
    show_quote(made, console)
    return made


def show_quote(made: Json, console: Console) -> None:
    """Print a quote, and whether the account has the credits for it."""
    console.print(quote_table(made))
    for note in quote_notes(made):
        say(console, note)
    available, limit = made["available_credits"], made["limit_credits"]
    say(console, f"{available} credits are available. Valid until {moment(made['expire_time'])}.")
    if limit < made["expected_credits"]:
        say(console, f"Capped at {limit} credits, it pauses before all of that is done, and asks again.")
    if limit > available:
        say(
            console,
            f"It may need {limit - available} more than that, so it cannot start: add credits, or cap it with "
            f"--max-articles, --max-clusters, --cap STAGE=ITEMS or --max-credits {available}.",
        )


def start(
    connection: Connection, plan: Json, quote_id: str, console: Console, agree: Callable[[], bool]
) -> Json | None:
    """Start a run with a quote, made and agreed to when none was named; None when it was not agreed to.

    Work without a price needs no quote.

    Raises:
        CommandError: the account has too few credits.
    """
    path = f"/v1/sites/{connection.site()}/runs"
    if plan.get("function") in FREE and not quote_id:
        return connection.api.post(path, {"plan": plan})
    if not quote_id:
        made = quote(connection, plan, console)
        if not any(line["items"] for line in made["lines"]):
            say(console, "There is nothing to do.")
            return None
        if made["limit_credits"] > made["available_credits"]:
            raise CommandError("The run was not started: the account has too few credits for it.")
        if not agree():
            return None
        quote_id = made["id"]
    return connection.api.post(path, {"quote_id": quote_id})


def watch(api: Api, run_id: str, console: Console, agree: Callable[[], bool] | None = None) -> Json:
    """Show a run until it has ended; its last state. Ctrl-C leaves the run going and says how to go on.

    On a terminal a paused run is waited for, since somebody may resume it elsewhere, and one whose quote is used up is
    offered another. Elsewhere a pause is the end.

    Args:
        api: where it runs.
        run_id: which.
        console: where to.
        agree: asks whether to go on with a quote; None where nobody can be asked.

    Raises:
        CommandError: it failed, was cancelled, or is paused.
    """
    asked = agree if console.is_terminal else None
    while True:
        run = _show(api, run_id, console)
        if run["status"] == "cancelled":
            run = wait_for_the_rest(api, run)
        why = _sum_up(api, run, console)
        if run["status"] != "paused":
            break
        say(console, what_now(run))
        if asked is None or run["pause_reason"] != "quote_exhausted" or not _go_on(api, run, console, asked):
            raise CommandError(f"{run['name']} is not finished.")
    if run["status"] == "failed":
        raise CommandError(f"{run['name']} failed." if why else f"{run['name']} failed: {run['error']}")
    if run["status"] == "cancelled":
        raise CommandError(f"{run['name']} was cancelled; what was made is kept and paid.")
    return run


def _show(api: Api, run_id: str, console: Console) -> Json:
    run: Json = {}
    try:
        with RunProgress(console) as progress:
            for run in follow(api, run_id, until=is_over_here if console.is_terminal else is_over):
                progress.show(run)
    except KeyboardInterrupt:
        name = run.get("name", run_id)
        say(
            console,
            f"The run goes on. Follow it with `igny8 run --follow {name}`; "
            f"`igny8 pause {name}`, `igny8 resume {name}` and `igny8 cancel {name}` steer it.",
        )
        raise
    return run


def _sum_up(api: Api, run: Json, console: Console) -> bool:
    """Print what a run came to; return whether it was said why something failed."""
    console.print(stages_table(run))
    for note in [*stage_notes(run), *_held_back(api, run)]:
        say(console, note)
    if run["status"] != "failed" and not any(stage["failed"] for stage in run["stages"]):
        return False
    where = f'run_id = "{run["id"]}" AND status = "failed"'
    page = api.get(f"/v1/sites/{run['site_id']}/steps", filter=where, page_size=FAILED_SHOWN)
    lines = failed_lines(run, page["steps"])
    say(console, *lines)
    return bool(lines)


def _held_back(api: Api, run: Json) -> list[str]:
    """Return how many ideas of the site wait for a person, after a run that made ideas or would have used them."""
    if not any(stage["function"] in {"generate_ideas", "create_tasks"} for stage in run["stages"]):
        return []
    held = api.count(f"/v1/sites/{run['site_id']}/ideas", HELD_BACK)
    if not held:
        return []
    return [
        f"{held} ideas are held back, since a page that there is or will be answers them. "
        f"GET /v1/sites/{run['site_id']}/ideas?filter={quote_url(HELD_BACK)} has each with its reason; "
        "POST .../ideas/ID:overrule decides otherwise."
    ]


def _go_on(api: Api, run: Json, console: Console, agree: Callable[[], bool]) -> bool:
    """Go on with a run whose quote is used up, when what is left of it is agreed to."""
    made = api.post(f"/v1/sites/{run['site_id']}/runs:quote", {"run_id": run["id"]})
    show_quote(made, console)
    if not agree():
        return False
    api.post(f"/v1/runs/{run['id']}:resume", {"quote_id": made["id"]})
    return True


def resume(api: Api, run_id: str, quote_id: str, console: Console, agree: Callable[[], bool]) -> None:
    """Go on with a paused run; when its quote is used up and none is named, with one for what is left, if agreed to."""
    run = api.get(f"/v1/runs/{run_id}")
    if run["pause_reason"] == "quote_exhausted" and not quote_id:
        if not _go_on(api, run, console, agree):
            say(console, what_now(run))
            return
    else:
        api.post(f"/v1/runs/{run_id}:resume", {"quote_id": quote_id})
    say(console, f"{run['name']} goes on. Follow it with `igny8 run --follow {run['name']}`.")


def replay(
    connection: Connection, run_id: str, function: str, console: Console, agree: Callable[[], bool]
) -> Json | None:
    """Start a run that does failed steps of another one again, when its quote is agreed to; None when it is not."""
    site = connection.site()
    made = connection.api.post(f"/v1/sites/{site}/steps:quoteReplay", {"run_id": run_id, "function": function})
    show_quote(made, console)
    if not agree():
        return None
    return connection.api.post(f"/v1/sites/{site}/runs", {"quote_id": made["id"]})


def steer(api: Api, run_id: str, verb: str, console: Console) -> None:
    """Pause or cancel a run, and say what becomes of it."""
    run = api.post(f"/v1/runs/{run_id}:{verb}")
    if run["status"] == "paused":
        say(console, f"{run['name']} is paused. Go on with `igny8 resume {run['name']}`.")
    else:
        say(console, f"{run['name']} is {run['status']}; what was made is kept and paid, everything else is released.")
