"""A run while it goes on: bars on a terminal, lines elsewhere."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID, TextColumn
from rich.text import Text

from cli.api import Json
from cli.screen import say, seconds_text
from cli.words import how_far, stage_name, what_now

REFRESH_PER_S = 4
SAY_AGAIN_S = 15.0


class _Elapsed(ProgressColumn):
    """How long a stage takes, whenever somebody began to look; nothing for one that has not begun."""

    def render(self, task: Task) -> Text:
        start, end = task.fields["start_time"], task.fields["end_time"]
        if start is None:
            return Text(" " * 7)
        seconds = max(0, int(((end or datetime.now(UTC)) - start).total_seconds()))
        return Text(str(timedelta(seconds=seconds)), "cyan")


class RunProgress:
    """Shows a run: a bar a stage on a terminal; elsewhere a line for each stage that ends, and at times how far it is.

    Args:
        console: where to.
        clock: monotonic seconds.
    """

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self._console, self._clock = console, clock
        self._bars: dict[str, TaskID] = {}
        self._said: set[str] = set()
        self._last_said, self._last_far = clock(), ""
        self._progress = Progress(
            TextColumn("{task.description:<28}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[count]:>10}"),
            _Elapsed(),
            TextColumn("{task.fields[more]}"),
        )
        self._foot = Text()
        self._live = Live(console=console, refresh_per_second=REFRESH_PER_S, get_renderable=self.render, transient=True)

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def render(self) -> RenderableType:
        """Return the bars, and under them how far the whole run is."""
        return Group(self._progress, self._foot)

    def show(self, run: Json) -> None:
        """Show the run's present state."""
        if self._console.is_terminal:
            for stage in run["stages"]:
                self._bar(stage)
            self._foot = Text(_foot(run), "yellow" if run["status"] == "paused" else "bold")
        else:
            self._say(run)

    def _bar(self, stage: Json) -> None:
        name = stage["function"]
        if name not in self._bars:
            self._bars[name] = self._progress.add_task(
                stage_name(stage), total=1, count="", more="", start_time=None, end_time=None
            )
        is_known, over = stage["state"] in {"open", "closed"}, stage["state"] == "closed"
        done = stage["succeeded"] + stage["failed"] + stage["cancelled"]
        all_of_it = max(stage["planned"] if is_known else stage["expected"], done)
        self._progress.update(
            self._bars[name],
            completed=max(all_of_it, 1) if over else done,
            total=max(all_of_it, 1),
            count=f"{done} of {all_of_it}" if is_known else f"~{all_of_it}",
            more=_more(stage),
            start_time=_instant(stage["start_time"]),
            end_time=_instant(stage["end_time"]),
        )

    def _say(self, run: Json) -> None:
        for stage in run["stages"]:
            if stage["state"] == "closed" and stage["function"] not in self._said:
                self._said.add(stage["function"])
                self._print(f"  {stage_name(stage)}: {_ended(stage)}")
        far = how_far(run)
        if run["status"] == "running" and far != self._last_far and self._clock() - self._last_said >= SAY_AGAIN_S:
            self._print(f"  {far}")
            self._last_far = far

    def _print(self, line: str) -> None:
        say(self._console, line)
        self._last_said = self._clock()


def _instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _foot(run: Json) -> str:
    if run["status"] == "paused":
        return f"{how_far(run)}. {what_now(run)}"
    return how_far(run)


def _more(stage: Json) -> str:
    parts = [
        f"{stage['credits']} credits" if stage["credits"] else "",
        f"{stage['failed']} failed" if stage["failed"] else "",
        f"{stage['left']} left for later" if stage["left"] else "",
        stage["skip_reason"],
    ]
    return ", ".join(part for part in parts if part)


def _ended(stage: Json) -> str:
    if not stage["planned"]:
        return "nothing to do" + (f" ({stage['left']} left for later)" if stage["left"] else "")
    more = _more(stage)
    return f"{stage['succeeded']} of {stage['planned']} in {seconds_text(stage)} s" + (f" ({more})" if more else "")
