"""The `igny8` command: what can be said on the command line. What is done is in the modules beside it, imported when
they are needed, so that `--help` answers at once."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from cli import admin, remote, schedule
from cli.errors import CommandError
from cli.options import DataOption
from services.planner.clustering.interface import Level

commands = typer.Typer(
    name="igny8",
    help="Plans, writes and publishes a site's content from its keywords, with every credit accounted for.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
commands.add_typer(admin.app, name="admin", help="Accounts, keys, sites, the library, databases and upkeep.")
console = Console()

HERE = "On this machine"
PortOption = Annotated[int, typer.Option(help="Port of the API; the next free one when it is taken.")]
SitesPortOption = Annotated[int, typer.Option(help="Port of the published sites.")]


@commands.command(rich_help_panel=HERE)
def up(
    data: DataOption = Path(".igny8"),
    port: PortOption = 8080,
    sites_port: SitesPortOption = 8090,
) -> None:
    """Start everything on this machine and stay up until Ctrl-C."""
    from cli.up import run_up  # noqa: PLC0415 - see the module's docstring

    run_up(data, port, sites_port, console)


@commands.command(rich_help_panel=HERE)
def demo(
    data: DataOption = Path(".igny8/demo"),
    port: PortOption = 8080,
    sites_port: SitesPortOption = 8090,
    *,
    leave: Annotated[bool, typer.Option("--exit", help="End when it is told, instead of staying up.")] = False,
) -> None:
    """Start everything afresh and send a real keyword list through all seven stages.

    Its data directory is emptied first. DEMO_REPORT=FILE also writes the summary as JSON.
    """
    from cli.up import run_demo  # noqa: PLC0415 - see the module's docstring

    run_demo(data, port, sites_port, console, leave=leave)


@commands.command(rich_help_panel=HERE)
def doctor(
    data: DataOption = Path(".igny8"),
    *,
    measure: Annotated[bool, typer.Option("--measure", help="Also print start time and memory of what runs.")] = False,
) -> None:
    """Look at everything that is needed, and say what to do."""
    from cli.up import print_findings, print_measures  # noqa: PLC0415 - see the module's docstring

    well = print_findings(data, console)
    if measure:
        print_measures(data, console)
    if not well:
        raise typer.Exit(1)


@commands.command(rich_help_panel=HERE)
def cluster(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A keyword export, or any CSV.")],
    column: Annotated[str, typer.Option(help="The column with the keywords; found by itself in usual exports.")] = "",
    level: Annotated[Level, typer.Option(help="A topic has room for several pages; a page answers one search.")] = (
        Level.TOPIC
    ),
    granularity: Annotated[
        float, typer.Option(min=0.1, max=10, help="More than 1 makes more and smaller clusters, less fewer and larger.")
    ] = 1.0,
    out: Annotated[
        Path | None, typer.Option(dir_okay=False, help="Where the CSV goes; standard output by default.")
    ] = None,
    plot: Annotated[Path | None, typer.Option(dir_okay=False, help="Draw a map of the clusters, .png or .svg.")] = None,
) -> None:
    """Group a file's keywords into clusters, without a server: keyword, cluster id, cluster name."""
    from cli.cluster import Asked, run_cluster  # noqa: PLC0415 - see the module's docstring

    run_cluster(Asked(file, column, level, granularity, out, plot), Console(stderr=True))


remote.add_to(commands)
schedule.add_to(commands)


def app() -> None:
    """Run the command line; what a command fails with is printed for people, with exit code 1."""
    try:
        commands()
    except CommandError as error:
        Console(stderr=True).print(f"[bold red]error[/] {escape(str(error))}", highlight=False, soft_wrap=True)
        sys.exit(1)


if __name__ == "__main__":
    app()
