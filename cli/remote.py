"""The commands that talk to a gateway: what can be said on the command line; `work` does it."""

from pathlib import Path
from typing import Annotated

import typer

from cli.options import ApiOption, DataOption, KeyOption, RunArgument, SiteOption
from cli.plans import PlanOptions
from cli.screen import say, wide_console

PANEL = "Over REST"
console = wide_console()
HERE = Path(".igny8")

Stages = Annotated[str, typer.Option(help="Only these stages, for example 1,2; all by default.")]
MaxClusters = Annotated[int, typer.Option(help="At most so many clusters get ideas; 0 for no cap.")]
Ideas = Annotated[int, typer.Option(help="Ideas a cluster, 3 to 7.")]
MaxArticles = Annotated[int, typer.Option(help="At most so many articles are written; 0 for no cap.")]
Images = Annotated[int, typer.Option(help="Pictures an article, 0 to 5.")]
MaxCredits = Annotated[int, typer.Option(help="The run may not cost more; 0 for no cap of its own.")]
Caps = Annotated[
    list[str] | None,
    typer.Option(
        "--cap", help="At most so many items of a stage, for example 6=20; once a stage.", metavar="STAGE=ITEMS"
    ),
]
Function = Annotated[str, typer.Option(help="A single action, for example generate_content, instead of stages.")]
Subjects = Annotated[str, typer.Option(help="What --function is done on, ids with commas; all that waits by default.")]
Options = Annotated[str, typer.Option(help="What --function is told beside that, a JSON object.")]
Granularity = Annotated[
    float, typer.Option(help="More than 1 makes more and smaller clusters, less fewer and larger ones.")
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask whether the quote is agreed to.")]
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


def seeds(  # noqa: PLR0913 - one parameter an option
    search: Annotated[str, typer.Argument(help="Words that they have.")] = "",
    filter_text: Annotated[str, typer.Option("--filter", help="Only those, for example 'volume >= 100'.")] = "",
    sector: Annotated[str, typer.Option(help="Id of the sector; not needed when the site has one.")] = "",
    count: Annotated[int, typer.Option(help="Show at most so many.", min=1, max=1000)] = 20,
    *,
    add: Annotated[bool, typer.Option("--add", help="Add all of them to the sector, instead of showing them.")] = False,
    data: DataOption = HERE,
    api: ApiOption = "",
    key: KeyOption = "",
    site: SiteOption = "",
) -> None:
    """Show the library's keywords for a sector, the most searched first, or add them to it."""
    from cli import connection  # noqa: PLC0415 - see import_
    from cli import seeds as library  # noqa: PLC0415 - the same

    link, wanted = connection.connect(data, api, key, site), library.Wanted(search, filter_text)
    if add:
        library.add(link, sector, wanted, console)
    else:
        library.show(link, sector, wanted, count, console)


def quote(  # noqa: PLR0913 - one parameter an option
    stages: Stages = "",
    max_clusters: MaxClusters = 0,
    ideas: Ideas = 3,
    max_articles: MaxArticles = 0,
    images: Images = 3,
    max_credits: MaxCredits = 0,
    *,
    cap: Caps = None,
    function: Function = "",
    subjects: Subjects = "",
    options: Options = "",
    granularity: Granularity = 1.0,
    approve: Approve = False,
    publish: Publish = False,
    data: DataOption = HERE,
    api: ApiOption = "",
    key: KeyOption = "",
    site: SiteOption = "",
) -> None:
    """Tell what a run would do and cost, without starting it."""
    from cli import connection, work  # noqa: PLC0415 - see import_

    asked = PlanOptions(
        stages, max_clusters, ideas, max_articles, images, max_credits, cap or (), approve, publish,
        function, subjects, options, granularity,
    )  # fmt: skip
    made = work.quote(connection.connect(data, api, key, site), asked.plan(), console)
    say(console, f"Start it with `igny8 run --quote {made['id']}`.")


def run(  # noqa: PLR0913 - one parameter an option
    follow: Annotated[
        str | None, typer.Option("--follow", help="Only watch a run: its name or id.", metavar="RUN")
    ] = None,
    quote_id: Annotated[str, typer.Option("--quote", help="Start with this quote.", metavar="QUOTE")] = "",
    stages: Stages = "",
    max_clusters: MaxClusters = 0,
    ideas: Ideas = 3,
    max_articles: MaxArticles = 0,
    images: Images = 3,
    max_credits: MaxCredits = 0,
    *,
    cap: Caps = None,
    function: Function = "",
    subjects: Subjects = "",
    options: Options = "",
    granularity: Granularity = 1.0,
    approve: Approve = False,
    publish: Publish = False,
    yes: Yes = False,
    data: DataOption = HERE,
    api: ApiOption = "",
    key: KeyOption = "",
    site: SiteOption = "",
) -> None:
    """Quote a run, start it and show its progress; Ctrl-C leaves it going.

    With --function it is a single action: `igny8 run --function generate_content --subjects ID,ID`.
    """
    from cli import connection, runs, work  # noqa: PLC0415 - see import_

    asked = PlanOptions(
        stages, max_clusters, ideas, max_articles, images, max_credits, cap or (), approve, publish,
        function, subjects, options, granularity,
    )  # fmt: skip
    link = connection.connect(data, api, key, site)
    if follow is not None:
        run_id = runs.find_run(link, follow, runs.ACTIVE)
    else:
        started = work.start(link, asked.plan(), quote_id, console, lambda: yes or typer.confirm("Start it?"))
        if started is None:
            return
        run_id = started["id"]
    work.watch(link.api, run_id, console, _agree)


def plan(  # noqa: PLR0913 - one parameter an option
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A keyword export, CSV or TSV.")],
    sector: Annotated[str, typer.Option(help="Id of the sector; not needed when the site has one.")] = "",
    ideas: Ideas = 3,
    max_clusters: MaxClusters = 0,
    granularity: Granularity = 1.0,
    out: Annotated[Path | None, typer.Option(help="Write all ideas to this CSV.", dir_okay=False)] = None,
    *,
    yes: Yes = False,
    data: DataOption = HERE,
    api: ApiOption = "",
    key: KeyOption = "",
    site: SiteOption = "",
) -> None:
    """From a keyword file to named clusters to ideas, in one go."""
    from cli import connection, planning  # noqa: PLC0415 - see import_

    asked = PlanOptions(stages="1,2", ideas=ideas, max_clusters=max_clusters, granularity=granularity).plan()
    link = connection.connect(data, api, key, site)
    planning.plan_file(link, file, sector, asked, out, console, lambda: yes or typer.confirm("Start it?"))


def recluster(
    sector: Annotated[str, typer.Option(help="Id of the sector; all of the site's by default.")] = "",
    granularity: Granularity = 1.0,
    *,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask, neither to start nor to apply.")] = False,
    data: DataOption = HERE,
    api: ApiOption = "",
    key: KeyOption = "",
    site: SiteOption = "",
) -> None:
    """Cluster a site's keywords again, show what would change, and do it when you agree.

    Keywords and names that a person placed or gave stay; what is mapped to a cluster that goes follows its keywords.
    """
    from cli import connection, recluster  # noqa: PLC0415 - see import_

    plan = PlanOptions(function="recluster_keywords", subjects=sector, granularity=granularity).plan()
    link = connection.connect(data, api, key, site)
    recluster.recluster(
        link, plan, console, lambda: yes or typer.confirm("Start it?"), lambda: yes or typer.confirm("Apply it?")
    )


def status(data: DataOption = HERE, api: ApiOption = "", key: KeyOption = "", site: SiteOption = "") -> None:
    """Show credits, sites and their last runs."""
    from cli import connection, look  # noqa: PLC0415 - see import_

    look.show_status(connection.connect(data, api, key, site), console)


def list_runs(
    status: Annotated[str, typer.Option(help="Only those that are: running, paused, completed, ...")] = "",
    since: Annotated[str, typer.Option(help="Only those started since a day, for example 2026-11-22.")] = "",
    count: Annotated[int, typer.Option(help="At most so many.", min=1, max=1000)] = 20,
    data: DataOption = HERE,
    api: ApiOption = "",
    key: KeyOption = "",
    site: SiteOption = "",
) -> None:
    """List the runs of a site, the newest first."""
    from cli import connection, look, plans  # noqa: PLC0415 - see import_

    look.show_runs(connection.connect(data, api, key, site), plans.runs_filter(status, since), count, console)


def pipeline(data: DataOption = HERE, api: ApiOption = "", key: KeyOption = "", site: SiteOption = "") -> None:
    """Show what each stage of a site has before it and behind it, and what is being worked on."""
    from cli import connection, look  # noqa: PLC0415 - see import_

    look.show_pipeline(connection.connect(data, api, key, site), console)


def log(
    run: RunArgument = "",
    lines: Annotated[int, typer.Option("--lines", "-n", help="So many lines.", min=1, max=1000)] = 100,
    *,
    on: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the run ends or pauses.")] = False,
    data: DataOption = HERE,
    api: ApiOption = "",
    key: KeyOption = "",
    site: SiteOption = "",
) -> None:
    """Print the end of a run's log; of the newest run when none is named."""
    from cli import connection, look, runs  # noqa: PLC0415 - see import_

    link = connection.connect(data, api, key, site)
    look.show_log(link.api, runs.find_run(link, run), lines, console, on=on)


def pause(
    run: RunArgument = "", data: DataOption = HERE, api: ApiOption = "", key: KeyOption = "", site: SiteOption = ""
) -> None:
    """Stop a run for now; what was made is kept and paid."""
    from cli import connection, runs, work  # noqa: PLC0415 - see import_

    link = connection.connect(data, api, key, site)
    work.steer(link.api, runs.find_run(link, run, ("running",)), "pause", console)


def resume(
    run: RunArgument = "",
    quote_id: Annotated[str, typer.Option("--quote", help="A quote for what is left.", metavar="QUOTE")] = "",
    *,
    yes: Yes = False,
    data: DataOption = HERE,
    api: ApiOption = "",
    key: KeyOption = "",
    site: SiteOption = "",
) -> None:
    """Go on with a paused run; when its quote is used up, with one for what is left."""
    from cli import connection, runs, work  # noqa: PLC0415 - see import_

    link = connection.connect(data, api, key, site)
    work.resume(link.api, runs.find_run(link, run, ("paused",)), quote_id, console, lambda: yes or _agree())


def replay(
    run: RunArgument = "",
    function: Annotated[str, typer.Option(help="Only steps of this function; needed when several failed.")] = "",
    *,
    yes: Yes = False,
    data: DataOption = HERE,
    api: ApiOption = "",
    key: KeyOption = "",
    site: SiteOption = "",
) -> None:
    """Do again what failed in a run, of the newest one when none is named, and show its progress."""
    from cli import connection, runs, work  # noqa: PLC0415 - see import_

    link = connection.connect(data, api, key, site)
    started = work.replay(link, runs.find_run(link, run), function, console, lambda: yes or typer.confirm("Start it?"))
    if started is not None:
        work.watch(link.api, started["id"], console, _agree)


def cancel(
    run: RunArgument = "", data: DataOption = HERE, api: ApiOption = "", key: KeyOption = "", site: SiteOption = ""
) -> None:
    """Stop a run for good; what was made is kept and paid."""
    from cli import connection, runs, work  # noqa: PLC0415 - see import_

    link = connection.connect(data, api, key, site)
    work.steer(link.api, runs.find_run(link, run, runs.ACTIVE), "cancel", console)


def _agree() -> bool:
    return typer.confirm("Go on with it?")


def add_to(app: typer.Typer) -> None:
    """Add the commands to an app."""
    app.command("import", rich_help_panel=PANEL)(import_)
    app.command(rich_help_panel=PANEL)(plan)
    app.command("runs", rich_help_panel=PANEL)(list_runs)
    for command in (seeds, quote, run, recluster, status, pipeline, log, pause, resume, cancel, replay):
        app.command(rich_help_panel=PANEL)(command)
