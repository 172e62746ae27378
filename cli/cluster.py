"""`igny8 cluster`: a keyword file to clusters, on this machine, without a server, an account or a network.

Of the services it uses only what is pure: the planner's reading of files and its clustering.
"""

import csv
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from cli.errors import CommandError
from cli.screen import say
from services.planner.clustering import ClusterProposal, KeywordToCluster, Level, SemanticClusterer
from services.planner.domain import TooFewKeywords, require_enough_keywords
from services.planner.imports import ImportReport, KeywordFile, KeywordFileRefused, UnknownLayout, best_rows

HEADER = ("keyword", "cluster_id", "cluster_name")
SHOWN = 10
_STEPS = ("reading", "words", "neighbours", "groups", "names")


class FileRefused(CommandError):
    """The keyword file cannot be clustered; the message says why and what to do."""


@dataclass(frozen=True)
class Asked:
    """What the command line says.

    column: "" finds it. out: None writes to standard output. plot: None draws nothing.
    """

    file: Path
    column: str = ""
    level: Level = Level.TOPIC
    granularity: float = 1.0
    out: Path | None = None
    plot: Path | None = None


def run_cluster(asked: Asked, console: Console) -> None:
    """Cluster a file and write what came out; what is said goes to `console`, which is not standard output.

    Raises:
        FileRefused: it has no keywords that can be read, or too few.
        CommandError: the picture's file is neither .png nor .svg, or a file cannot be written.
    """
    if asked.plot and asked.plot.suffix.lower() not in {".png", ".svg"}:
        raise CommandError(f"A map is drawn as .png or .svg, not as {asked.plot.name}. Give it one of these endings.")
    with _Shown(console) as shown:
        keywords, report = read_keywords(asked.file, asked.column)
        try:
            require_enough_keywords(keywords)
        except TooFewKeywords as error:
            raise FileRefused(f"{error.message} Choose a longer list, or another column with --column.") from error
        proposals = SemanticClusterer(asked.level, shown.show).cluster(keywords, asked.granularity)
    write(keywords, proposals, asked.out)
    if asked.plot:
        from cli.map import draw_map  # noqa: PLC0415 - it brings a picture library

        try:
            draw_map(keywords, proposals, asked.plot)
        except OSError as error:
            raise CommandError(f"{asked.plot} cannot be written: {error}. Choose another place with --plot.") from error
    _summarise(asked, keywords, proposals, report, console)


def read_keywords(file: Path, column: str) -> tuple[list[KeywordToCluster], ImportReport]:
    """Read the keywords of an export, the best row of each; impressions stand in where no volume is known.

    Raises:
        FileRefused: the file cannot be opened or read.
    """
    report = ImportReport(listed_max=0)
    try:
        with file.open("rb") as source:
            rows = best_rows(KeywordFile(source, column=column).rows(report), report)
            keywords = [
                KeywordToCluster(str(index), row.text, row.impressions if row.volume is None else row.volume)
                for index, row in enumerate(rows)
            ]
    except UnknownLayout as error:
        raise FileRefused(f"{error.message} Say which column has the keywords, with --column NAME.") from error
    except KeywordFileRefused as error:
        raise FileRefused(str(error)) from error
    except OSError as error:
        raise FileRefused(f"{file} cannot be read: {error.strerror}. Check the path and its permissions.") from error
    return keywords, report


def write(keywords: Sequence[KeywordToCluster], proposals: Sequence[ClusterProposal], out: Path | None) -> None:
    """Write a row a keyword, the most searched cluster first and in it the most searched keyword; UTF-8, CSV.

    Raises:
        CommandError: the file cannot be written.
    """
    try:
        with _opened(out) as target:
            writer = csv.writer(target, lineterminator="\n")
            writer.writerow(HEADER)
            writer.writerows(_rows(keywords, proposals))
    except OSError as error:
        raise CommandError(f"{out} cannot be written: {error.strerror}. Choose another place with --out.") from error


def _rows(keywords: Sequence[KeywordToCluster], proposals: Sequence[ClusterProposal]) -> Iterable[tuple[str, int, str]]:
    for number, proposal in enumerate(proposals, 1):
        for keyword_id in proposal.keyword_ids:
            yield keywords[int(keyword_id)].text, number, proposal.name


@contextmanager
def _opened(out: Path | None) -> Iterator[IO[str]]:
    if out is None:
        yield sys.stdout
        return
    with out.open("w", encoding="utf-8", newline="") as target:
        yield target


class _Shown:
    """How far it is: a bar on a terminal, nothing elsewhere."""

    def __init__(self, console: Console) -> None:
        self._bars = Progress(
            TextColumn("{task.description:<12}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[step]}"),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._bars.add_task("reading", total=1, step=f"1 of {len(_STEPS)}")

    def __enter__(self) -> "_Shown":
        self._bars.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._bars.stop()

    def show(self, what: str, done: int, of: int) -> None:
        """See `clustering.Progress`."""
        step = f"{_STEPS.index(what) + 1} of {len(_STEPS)}"
        self._bars.update(self._task, description=what, completed=done, total=of if done else None, step=step)


def _summarise(
    asked: Asked,
    keywords: Sequence[KeywordToCluster],
    proposals: Sequence[ClusterProposal],
    report: ImportReport,
    console: Console,
) -> None:
    say(console, f"{len(keywords):,} keywords in {len(proposals):,} {asked.level}s, the most searched first:")
    for number, proposal in enumerate(proposals[:SHOWN], 1):
        primary = keywords[int(proposal.primary_keyword_id)].text
        say(console, f"{number:>4}  {proposal.name}: {len(proposal.keyword_ids):,} keywords, aims at “{primary}”")
    skipped = ", ".join(f"{count:,} {reason.replace('_', ' ')}" for reason, count in report.skipped_counts.items())
    if skipped:
        say(console, f"Lines left out: {skipped}.")
    for path in (asked.out, asked.plot):
        if path:
            say(console, f"Written: {path}")
