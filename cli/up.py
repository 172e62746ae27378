"""`igny8 up`, `igny8 demo` and `igny8 doctor` as people see them."""

import os
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from cli.errors import CommandError
from cli.home import DataLock, Home, holder, read_json
from cli.house import House, opened

MEBI = 1 << 20
REFRESH_PER_S = 2


def run_up(data: Path, port: int, sites_port: int, console: Console) -> None:
    """Open the house, show where it is and how it is, until Ctrl-C.

    Raises:
        CommandError: it could not be opened.
    """
    home = Home.at(data)
    say = _sayer(console)
    console.print(f"Starting in {home.data} ...", highlight=False)
    with opened(home, port=port, sites_port=sites_port, say=say) as house:
        if house is not None:
            console.print(_addresses(house))
            _keep(house, console)
        console.print("Stopping ...")
    console.print("Stopped.")


def run_demo(data: Path, port: int, sites_port: int, console: Console, *, leave: bool) -> None:
    """Open the house on an empty data directory, tell the story, and stay up until Ctrl-C unless told to leave.

    Raises:
        CommandError: it could not be opened, or the demo did not end as it should.
    """
    began = time.monotonic()
    home = Home.at(data)
    _empty(home)
    console.print(f"Starting everything in {home.data} ...", highlight=False)
    failed: list[BaseException] = []
    with opened(home, port=port, sites_port=sites_port, say=_sayer(console)) as house:
        if house is not None:
            up = f"{len(house.supervisor.children)} processes up in {house.figures.total:.1f} s."
            console.print(up, highlight=False)
            story = threading.Thread(
                target=_tell, args=(house, console, began, failed), kwargs={"leave": leave}, daemon=True
            )
            story.start()
            house.supervisor.run()
            if story.is_alive():  # Ctrl-C in the middle of it
                console.print("Interrupted; the demo did not end.")
        console.print("Stopping ...")
    if failed:
        raise failed[0]


def _tell(house: House, console: Console, began: float, failed: list[BaseException], *, leave: bool) -> None:
    from cli.demo import Story  # noqa: PLC0415 - while the processes start, their imports need the processor more

    place = house.installation
    try:
        Story(place.home, place.api_url, place.sites_url, console, began).tell()
    except Exception as error:  # noqa: BLE001 - handed to the main thread, which raises it
        failed.append(error)
        house.supervisor.stopping.set()
        return
    if leave:
        house.supervisor.stopping.set()
    else:
        console.print("Everything stays up until Ctrl-C.")


def _empty(home: Home) -> None:
    """Remove what an earlier demo left, unless it still runs.

    Raises:
        AlreadyRunning: it does.
    """
    with DataLock(home):
        kept = {home.data / "lock", home.data / "postgres"}
        for path in home.data.iterdir():
            if path not in kept:
                shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        _remove_postgres(home.data / "postgres")
    Home.at(home.data)


def _remove_postgres(folder: Path) -> None:
    from chassis.embedded.place import LINK_NAME  # noqa: PLC0415 - PostgreSQL's module, needed for a demo alone
    from chassis.embedded.postgres import EmbeddedPostgres  # noqa: PLC0415 - the same

    if not folder.exists():
        return
    server = EmbeddedPostgres(folder)
    server.stop_leftover()
    if (folder / LINK_NAME).is_symlink():
        shutil.rmtree(server.place)
    shutil.rmtree(folder)


def _sayer(console: Console) -> Callable[[str], None]:
    return lambda line: console.print(f"[dim]{time.strftime('%H:%M:%S')}[/] {line}", highlight=False)


def _addresses(house: House) -> Table:
    place = house.installation
    table = Table.grid(padding=(0, 2))
    table.add_row("API", place.api_url)
    table.add_row("API documentation", f"{place.api_url}/docs")
    table.add_row("published sites", place.sites_url)
    table.add_row("operator key", str(place.home.operator_key))
    table.add_row("logs", str(place.home.logs))
    table.add_row("started in", f"{house.figures.total:.1f} s")
    return table


def _keep(house: House, console: Console) -> None:
    """Run the supervisor with a line that says how everything is; without a terminal, only events are printed."""
    if not console.is_terminal:
        house.supervisor.run()
        return
    with Live(console=console, refresh_per_second=REFRESH_PER_S, get_renderable=lambda: _line(house), transient=True):
        house.supervisor.run()


def _line(house: House) -> Text:
    children = list(house.supervisor.children.values())
    down = [child.job.name for child in children if not child.alive]
    restarts = sum(child.restarts for child in children)
    line = Text(f"● {len(children) - len(down)} of {len(children)} up", "green" if not down else "yellow")
    if down:
        line.append(f", starting again: {', '.join(down)}")
    if restarts:
        line.append(f", {restarts} restarts")
    line.append("   Ctrl-C stops", "dim")
    return line


def print_findings(data: Path, console: Console) -> bool:
    """Print what the doctor finds; whether all is well."""
    from cli.doctor import examine  # noqa: PLC0415 - only the doctor needs it

    well = True
    for finding in examine(Home(data.absolute()), os.environ):
        well = well and finding.ok
        mark = "[green]ok[/]  " if finding.ok else "[red]FIX[/] "
        console.print(f"{mark} {finding.what}: {escape(finding.says)}", highlight=False, soft_wrap=True)
    return well


def print_measures(data: Path, console: Console) -> None:
    """Print start time and memory of what runs in a data directory.

    Raises:
        CommandError: nothing runs there, or this is not Linux.
    """
    from cli.measure import memory  # noqa: PLC0415 - only --measure needs it

    home = Home(data.absolute())
    state, pid = read_json(home.state), holder(home)
    if not state or pid is None:
        raise CommandError(f"Nothing runs in {home.data}; start it with `igny8 up` and measure from a second terminal.")
    if not Path("/proc/self/smaps_rollup").exists():
        raise CommandError("Memory is measured from /proc/*/smaps_rollup, which only Linux has.")
    table = Table(title="Memory (PSS)", title_justify="left", show_footer=True)
    sums = memory(pid)
    table.add_column("process", footer="all")
    table.add_column("MiB", justify="right", footer=f"{sums.total / MEBI:.0f}")
    for name, size in sums.by_name.items():
        table.add_row(name, f"{size / MEBI:.0f}")
    console.print(table)
    parts = ", ".join(f"{name} {seconds} s" for name, seconds in state["start_s"].items())
    console.print(f"Start: {parts}.", highlight=False)
