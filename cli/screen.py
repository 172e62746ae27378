"""What people see of quotes and runs: tables, and a progress display that is lines where there is no terminal."""

from collections.abc import Mapping
from datetime import datetime
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from cli.api import Json

STAGES: Mapping[str, str] = {
    "import_keywords": "keywords from the file",
    "cluster_keywords": "keywords to clusters",
    "generate_ideas": "clusters to ideas",
    "create_tasks": "ideas to tasks",
    "generate_content": "tasks to content",
    "generate_image_prompts": "content to image prompts",
    "generate_image": "image prompts to images",
    "approve_content": "review",
    "publish_content": "publication",
}


def stage_name(line: Json) -> str:
    """Return what people call a stage of a run or a line of a quote: "4 tasks to content"."""
    words = STAGES.get(line["function"], line["function"])
    return f"{line['stage']} {words}" if line["stage"] else words


def quote_table(quote: Json) -> Table:
    """Return an itemised quote."""
    table = Table(title="Quote", title_justify="left", show_footer=True)
    table.add_column("stage", footer="all", no_wrap=True)
    table.add_column("items", justify="right")
    table.add_column("expected credits", justify="right", footer=str(quote["expected_credits"]))
    table.add_column("at most", justify="right", footer=str(quote["limit_credits"]))
    for line in quote["lines"]:
        table.add_row(stage_name(line), str(line["items"]), str(line["expected_credits"]), str(line["limit_credits"]))
    return table


def stages_table(run: Json) -> Table:
    """Return how far each stage of a run is, with what it made, what it cost and how long it took."""
    table = Table(title=f"{run['name']}: {run['status']}", title_justify="left", show_footer=True)
    table.add_column("stage", footer="all", no_wrap=True)
    for heading in ("done", "failed", "made", "left"):
        table.add_column(heading, justify="right")
    table.add_column("credits", justify="right", footer=str(run["captured_credits"]))
    table.add_column("seconds", justify="right", footer=_text(seconds_of(run)))
    for stage in run["stages"]:
        numbers = (stage["succeeded"], stage["failed"], stage["made"], stage["left"], stage["credits"])
        name = stage_name(stage) + (f" ({stage['skip_reason']})" if stage["skip_reason"] else "")
        table.add_row(name, *(str(number) for number in numbers), _text(seconds_of(stage)))
    return table


def seconds_of(timed: Json) -> float | None:
    """Return how long a run or stage took; None while it has not ended."""
    start, end = timed.get("start_time") or timed.get("create_time"), timed.get("end_time")
    if not start or not end:
        return None
    return (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()


def _text(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds:.1f}"


class RunProgress:
    """Shows a run while it goes on: a bar a stage on a terminal, a line for each stage that ends elsewhere.

    Args:
        console: where to.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = console.is_terminal
        self._bars: dict[str, TaskID] = {}
        self._said: set[str] = set()
        columns = (
            TextColumn("{task.description:<34}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[more]}"),
        )
        self._progress = Progress(*columns, TimeElapsedColumn(), console=console, disable=not self._live)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def show(self, run: Json) -> None:
        """Show the run's present state."""
        for stage in run["stages"]:
            if self._live:
                self._bar(stage)
            elif stage["state"] == "closed" and stage["function"] not in self._said:
                self._said.add(stage["function"])
                self._console.print(f"  {stage_name(stage)}: {_ended(stage)}", highlight=False)

    def _bar(self, stage: Json) -> None:
        name = stage["function"]
        if name not in self._bars:
            self._bars[name] = self._progress.add_task(stage_name(stage), start=False, total=None, more="")
        bar = self._bars[name]
        if stage["start_time"] and not self._progress.tasks[bar].started:
            self._progress.start_task(bar)
        over = stage["state"] == "closed"
        done = stage["succeeded"] + stage["failed"] + stage["cancelled"]
        total = stage["planned"] if stage["planned"] or over else None
        self._progress.update(bar, completed=done, total=total, more=_more(stage))
        if over:
            self._progress.stop_task(bar)


def _more(stage: Json) -> str:
    parts = [
        f"{stage['credits']} credits" if stage["credits"] else "",
        f"{stage['failed']} failed" if stage["failed"] else "",
        f"{stage['left']} left for later" if stage["left"] else "",
        stage["skip_reason"],
    ]
    return ", ".join(part for part in parts if part)


def _ended(stage: Json) -> str:
    more = _more(stage)
    seconds = _text(seconds_of(stage))
    return f"{stage['succeeded']} of {stage['planned']} in {seconds} s" + (f" ({more})" if more else "")
