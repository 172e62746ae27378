"""The daily work over REST: importing, quoting, running, looking."""

from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.table import Table

from cli.api import Api, Json
from cli.connection import Connection
from cli.errors import CommandError
from cli.follow import ENDED, follow
from cli.screen import RunProgress, quote_table, stages_table

SKIPPED_SHOWN = 20
RUNS_SHOWN = 5


def import_file(connection: Connection, file: Path, sector: str, console: Console) -> None:
    """Upload a keyword file, follow its run, and report what was skipped by line and reason.

    Raises:
        CommandError: the sector is not clear, or the import was refused.
    """
    site = connection.site()
    sector = sector or _only_sector(connection.api, site)
    before = {row["id"] for row in connection.api.all(f"/v1/sites/{site}/keyword-imports", "keyword_imports")}
    run = connection.api.upload(f"/v1/sites/{site}/keyword-imports", file, filename=file.name, sector_id=sector)
    run = watch(connection.api, run["id"], console)
    reports = connection.api.all(f"/v1/sites/{site}/keyword-imports", "keyword_imports")
    for report in (report for report in reports if report["id"] not in before and report["filename"] == file.name):
        _show_import(connection.api, site, report, console)
    if run["status"] != "completed":
        raise CommandError(f"The import is {run['status']}: {run['error'] or run['pause_reason']}")


def _only_sector(api: Api, site: str) -> str:
    sectors = list(api.all(f"/v1/sites/{site}/sectors", "sectors"))
    if len(sectors) == 1:
        return str(sectors[0]["id"])
    known = "\n".join(f"  {sector['id']}  {sector['name']}" for sector in sectors) or "  none yet"
    raise CommandError(f"Name the sector with --sector. The site's sectors:\n{known}")


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
    console.print(quote_table(made))
    console.print(
        f"{made['available_credits']} credits are available. Valid until {made['expire_time']}.", highlight=False
    )
    return made


def start(
    connection: Connection, plan: Json, quote_id: str, console: Console, agree: Callable[[], bool]
) -> Json | None:
    """Start a run with a quote, made and agreed to when none was named; None when it was not agreed to."""
    if not quote_id:
        quote_id = quote(connection, plan, console)["id"]
        if not agree():
            return None
    return connection.api.post(f"/v1/sites/{connection.site()}/runs", {"quote_id": quote_id})


def watch(api: Api, run_id: str, console: Console) -> Json:
    """Show a run until it ends or pauses; its last state. Ctrl-C leaves the run going and says how to go on."""
    run: Json = {}
    try:
        with RunProgress(console) as progress:
            for run in follow(api, run_id):
                progress.show(run)
    except KeyboardInterrupt:
        console.print(
            f"The run goes on. Follow it with `igny8 run --follow {run_id}`; "
            f"`igny8 pause {run_id}`, `igny8 resume {run_id}` and `igny8 cancel {run_id}` steer it.",
            highlight=False,
        )
        raise
    console.print(stages_table(run))
    if run["status"] == "paused":
        console.print(f"Paused: {run['pause_reason']}. Go on with `igny8 resume {run_id}`.", highlight=False)
    elif run["status"] == "failed":
        raise CommandError(f"The run failed: {run['error']}")
    return run


def status(connection: Connection, console: Console) -> None:
    """Print the account's credits, its sites, and their last runs."""
    balance = connection.api.get("/v1/billing/balance")
    console.print(
        f"Plan {balance['plan']}: {balance['available']} credits available, {balance['held']} held.", highlight=False
    )
    if connection.site_named:
        sites = [connection.api.get(f"/v1/sites/{connection.site_named}")]
    else:
        sites = list(connection.api.all("/v1/sites", "sites"))
    for site in sites:
        console.print(_runs_table(connection.api, site))


def _runs_table(api: Api, site: Json) -> Table:
    table = Table(title=f"{site['name']} ({site['domain']}), site {site['id']}", title_justify="left")
    table.add_column("run", no_wrap=True)
    for heading in ("started", "status", "stage"):
        table.add_column(heading)
    table.add_column("credits", justify="right")
    page = api.get(f"/v1/sites/{site['id']}/runs", page_size=RUNS_SHOWN, order_by="create_time desc")
    for run in page["runs"]:
        state = run["status"] + (f" ({run['pause_reason']})" if run["pause_reason"] else "")
        place = str(run["current_stage"]) if run["status"] not in ENDED else ""
        spent = f"{run['captured_credits']} of {run['quoted_credits']}"
        table.add_row(run["id"], run["create_time"][5:16].replace("T", " "), state, place, spent)
    return table
