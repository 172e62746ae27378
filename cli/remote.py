"""The commands that talk to a gateway: what can be said on the command line; `work` does it."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from cli.options import ApiOption, DataOption, KeyOption, RunArgument, SiteOption

PANEL = "Over REST"
console = Console()
HERE = Path(".igny8")

Stages = Annotated[str, typer.Option(help="Only these stages, for example 1,2; all by default.")]
MaxClusters = Annotated[int, typer.Option(help="At most so many clusters get ideas; 0 for no cap.")]
Ideas = Annotated[int, typer.Option(help="Ideas a cluster, 3 to 7.")]
MaxArticles = Annotated[int, typer.Option(help="At most so many articles are written; 0 for no cap.")]
Images = Annotated[int, typer.Option(help="Pictures an article, 0 to 5.")]
MaxCredits = Annotated[int, typer.Option(help="The run may not cost more; 0 for no cap of its own.")]
Approve = Annotated[bool, typer.Option("--approve", help="Approve without a person.")]
Publish = Annotated[bool, typer.Option("--publish", help="Publish what is approved.")]


def import_(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A keyword export, CSV or TSV.")],
    sector: Annotated[str, typer.Option(help="Id of the sector; not needed when the site has one.")] = "",
    data: DataOption = HERE,
    api: ApiOption = "",
    key: KeyOption = "",
    site: SiteOption = "",
) -> None:
    """Import a keyword file, and list what was skipped."""
    from cli import connection, work  # noqa: PLC0415 - `--help` should not wait for an HTTP library

    work.import_file(connection.connect(data, api, key, site), file, sector, console)


def quote(  # noqa: PLR0913 - one parameter an option
    stages: Stages = "",
    max_clusters: MaxClusters = 0,
    ideas: Ideas = 3,
    max_articles: MaxArticles = 0,
    images: Images = 3,
    max_credits: MaxCredits = 0,
    *,
    approve: Approve = False,
    publish: Publish = False,
    data: DataOption = HERE,
    api: ApiOption = "",
    key: KeyOption = "",
    site: SiteOption = "",
) -> None:
    """Tell what a run would do and cost, without starting it."""
    from cli import connection, work  # noqa: PLC0415 - see import_

    plan = plan_of(stages, max_clusters, ideas, max_articles, images, max_credits, approve=approve, publish=publish)
    made = work.quote(connection.connect(data, api, key, site), plan, console)
    console.print(f"Start it with `igny8 run --quote {made['id']}`.", highlight=False)


def run(  # noqa: PLR0913 - one parameter an option
    follow: Annotated[str, typer.Option("--follow", help="Only watch a run that goes on.", metavar="RUN")] = "",
    quote_id: Annotated[str, typer.Option("--quote", help="Start with this quote.", metavar="QUOTE")] = "",
    stages: Stages = "",
    max_clusters: MaxClusters = 0,
    ideas: Ideas = 3,
    max_articles: MaxArticles = 0,
    images: Images = 3,
    max_credits: MaxCredits = 0,
    *,
    approve: Approve = False,
    publish: Publish = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask whether the quote is agreed to.")] = False,
    data: DataOption = HERE,
    api: ApiOption = "",
    key: KeyOption = "",
    site: SiteOption = "",
) -> None:
    """Quote a run, start it and show its progress; Ctrl-C leaves it going."""
    from cli import connection, work  # noqa: PLC0415 - see import_

    link = connection.connect(data, api, key, site)
    if not follow:
        plan = plan_of(stages, max_clusters, ideas, max_articles, images, max_credits, approve=approve, publish=publish)
        started = work.start(link, plan, quote_id, console, lambda: yes or typer.confirm("Start it?"))
        if started is None:
            return
        follow = started["id"]
    work.watch(link.api, follow, console)


def status(data: DataOption = HERE, api: ApiOption = "", key: KeyOption = "", site: SiteOption = "") -> None:
    """Show credits, sites and their last runs."""
    from cli import connection, work  # noqa: PLC0415 - see import_

    work.status(connection.connect(data, api, key, site), console)


def pause(run: RunArgument, data: DataOption = HERE, api: ApiOption = "", key: KeyOption = "") -> None:
    """Stop a run for now; what was made is kept and paid."""
    _steer(run, "pause", {}, (data, api, key))


def resume(
    run: RunArgument,
    quote_id: Annotated[str, typer.Option("--quote", help="A new quote, when the old one is used up.")] = "",
    data: DataOption = HERE,
    api: ApiOption = "",
    key: KeyOption = "",
) -> None:
    """Go on with a paused run."""
    _steer(run, "resume", {"quote_id": quote_id}, (data, api, key))


def cancel(run: RunArgument, data: DataOption = HERE, api: ApiOption = "", key: KeyOption = "") -> None:
    """Stop a run for good; what was made is kept and paid."""
    _steer(run, "cancel", {}, (data, api, key))


def _steer(run_id: str, verb: str, body: dict[str, str], place: tuple[Path, str, str]) -> None:
    from cli import connection  # noqa: PLC0415 - see import_

    answer = connection.connect(*place, "").api.post(f"/v1/runs/{run_id}:{verb}", dict(body))
    console.print(f"{answer['name']} is {answer['status']}.", highlight=False)


def plan_of(
    stages: str,
    max_clusters: int,
    ideas: int,
    max_articles: int,
    images: int,
    max_credits: int,
    *,
    approve: bool,
    publish: bool,
) -> dict[str, Any]:
    """Return what the options say, as the API takes it.

    Raises:
        typer.BadParameter: the stages are not numbers.
    """
    numbers = [part.strip() for part in stages.split(",") if part.strip()]
    if not all(number.isdecimal() for number in numbers):
        raise typer.BadParameter("--stages takes numbers from 1 to 7 with commas between them, for example 1,2")
    return {
        "stages": [int(number) for number in numbers],
        "max_clusters": max_clusters,
        "ideas_per_cluster": ideas,
        "max_articles": max_articles,
        "images_per_article": images,
        "max_credits": max_credits,
        "auto_approve": approve,
        "auto_publish": publish,
    }


def add_to(app: typer.Typer) -> None:
    """Add the commands to an app."""
    app.command("import", rich_help_panel=PANEL)(import_)
    for command in (quote, run, status, pause, resume, cancel):
        app.command(rich_help_panel=PANEL)(command)
