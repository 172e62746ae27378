"""Looking over REST: credits, runs, their logs, and what the stages of a site have before them."""

from datetime import UTC, datetime

from rich.console import Console

from cli.api import Api
from cli.connection import Connection
from cli.follow import follow
from cli.screen import pipeline_table, runs_table, say, work_table
from cli.words import stage_name

RUNS_SHOWN = 5
LINES_MAX = 1000


def show_log(api: Api, run_id: str, lines: int, console: Console, *, on: bool) -> None:
    """Print the last lines of a run's log, and with `on` those that follow until the run ends or pauses."""
    tail = api.get(f"/v1/runs/{run_id}/log", lines=lines)
    say(console, *tail["lines"])
    if not on:
        return
    position = tail["position"]
    for _ in follow(api, run_id):
        behind = api.get(f"/v1/runs/{run_id}/log", lines=LINES_MAX)
        new = behind["position"] - position
        say(console, *(behind["lines"][-new:] if new else []))
        position = behind["position"]


def show_runs(connection: Connection, filter_text: str, count: int, console: Console) -> None:
    """Print a site's runs, the newest first."""
    site = connection.site()
    page = connection.api.get(
        f"/v1/sites/{site}/runs", page_size=count, order_by="create_time desc", filter=filter_text
    )
    console.print(runs_table("Runs", page["runs"]))
    if page["next_page_token"]:
        say(console, "There are more: --count shows them.")


def show_pipeline(connection: Connection, console: Console) -> None:
    """Print what each stage of a site has before it and behind it, and what is being worked on."""
    site = connection.site()
    stages = connection.api.get(f"/v1/sites/{site}/pipeline")["stages"]
    console.print(pipeline_table("Pipeline", stages))
    for stage in stages:
        if stage["skip_reason"] and not stage["waiting"]:
            say(console, f"{stage_name(stage)}: {stage['skip_reason']}")
    at_work = connection.api.get(f"/v1/sites/{site}/processing")
    if at_work["runs"]:
        console.print(runs_table("Under way", at_work["runs"]))
    if at_work["steps"]:
        console.print(work_table("At this moment", at_work["steps"], datetime.now(UTC)))


def show_status(connection: Connection, console: Console) -> None:
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
        page = connection.api.get(f"/v1/sites/{site['id']}/runs", page_size=RUNS_SHOWN, order_by="create_time desc")
        title = f"{site['name']} ({site['domain']}), site {site['id']}"
        console.print(runs_table(title, page["runs"]))
