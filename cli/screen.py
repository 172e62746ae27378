"""What people see of quotes and runs as tables: plain enough for a log, with their lines under the headings only."""

from collections.abc import Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from cli.api import Json
from cli.words import how_far, moment, seconds_of, stage_name

WIDTH_ELSEWHERE = 160  # where there is no terminal, nobody says how wide a line may be


def wide_console() -> Console:
    """Return a console that uses the terminal's width, and does not cut lines short where there is none."""
    console = Console()
    return console if console.is_terminal else Console(width=WIDTH_ELSEWHERE)


def say(console: Console, *lines: str) -> None:
    """Print lines as they are: words of others are no markup, and a long line is not broken for a log."""
    for line in lines:
        console.print(line, highlight=False, markup=False, soft_wrap=True)


def _table(title: str, *, footer: bool = False) -> Table:
    """Return a table that fits into 80 columns where its cells are of usual length."""
    return Table(
        title=title,
        title_justify="left",
        box=box.SIMPLE_HEAD,
        show_footer=footer,
        show_edge=False,
        pad_edge=False,
        collapse_padding=True,
    )


def quote_table(quote: Json) -> Table:
    """Return an itemised quote."""
    table = _table("Quote", footer=True)
    table.add_column("stage", footer="all", no_wrap=True)
    table.add_column("items", justify="right")
    table.add_column("from")
    table.add_column("credits", justify="right", footer=str(quote["expected_credits"]))
    table.add_column("at most", justify="right", footer=str(quote["limit_credits"]))
    table.add_column("price")
    for line in quote["lines"]:
        priced = (str(line["expected_credits"]), str(line["limit_credits"])) if line["operation"] else ("", "")
        basis = line["basis"] if line["items"] else ""
        table.add_row(stage_name(line), str(line["items"]), basis, *priced, _price(line))
    return table


def _price(line: Json) -> str:
    if not line["unit_size"]:
        return ""
    of = f"{line['unit_size']} {line['unit']}" if line["unit_size"] > 1 else line["unit"].removesuffix("s")
    return f"{line['unit_credits']} / {of}"


def quote_notes(quote: Json) -> list[str]:
    """Return what a quote's table leaves unsaid: why a stage has nothing to do, and how numbers are told."""
    notes = [f"{stage_name(line)}: {line['skip_reason']}" for line in quote["lines"] if line["skip_reason"]]
    bases = {line["basis"] for line in quote["lines"] if line["items"]}
    if "history" in bases:
        notes.append("history: what stages to come will find is told from the site's own last runs.")
    if "platform" in bases:
        notes.append(
            "platform: what stages to come will find is told from what is usual; the site has no run to tell from."
        )
    return notes


def stages_table(run: Json) -> Table:
    """Return how far each stage of a run is, with what it made, what it cost and how long it took."""
    table = _table(f"{run['name']}: {run['status']}", footer=True)
    table.add_column("stage", footer="all", no_wrap=True)
    for heading in ("waited", "done", "failed", "made", "left"):
        table.add_column(heading, justify="right")
    table.add_column("credits", justify="right", footer=str(run["captured_credits"]))
    table.add_column("s", justify="right", footer=seconds_text(run))
    for stage in run["stages"]:
        names = ("waiting_at_start", "succeeded", "failed", "made", "left", "credits")
        table.add_row(stage_name(stage), *(str(stage[name]) for name in names), seconds_text(stage))
    return table


def stage_notes(run: Json) -> list[str]:
    """Return why stages of a run did nothing, and what of them was cancelled."""
    skipped = [f"{stage_name(stage)}: {stage['skip_reason']}" for stage in run["stages"] if stage["skip_reason"]]
    cancelled = [f"{stage_name(s)}: {s['cancelled']} cancelled" for s in run["stages"] if s["cancelled"]]
    return skipped + cancelled


def runs_table(title: str, runs: Sequence[Json]) -> Table:
    """Return runs, each with how it stands and how far it is."""
    table = _table(title)
    for heading in ("run", "started", "status"):
        table.add_column(heading, no_wrap=True)
    table.add_column("how far")
    for run in runs:
        state = run["status"] + (f": {run['pause_reason']}" if run["status"] == "paused" else "")
        stage = (
            f"stage {run['current_stage']}, " if run["status"] in {"running", "paused"} and run["current_stage"] else ""
        )
        table.add_row(run["name"], moment(run["create_time"]), state, stage + how_far(run))
    return table


def pipeline_table(title: str, stages: Sequence[Json]) -> Table:
    """Return what each stage of a site has before it and behind it."""
    table = _table(title)
    table.add_column("stage", no_wrap=True)
    for heading in ("waiting", "queued", "running", "failed", "done"):
        table.add_column(heading, justify="right")
    for stage in stages:
        numbers = (str(stage[name]) for name in ("queued", "running", "failed", "done"))
        table.add_row(stage_name(stage), _waiting(stage), *numbers)
    return table


def _waiting(stage: Json) -> str:
    if stage["waiting"] is None:
        return "not known"
    keywords = stage["waiting_quantity"]
    return f"{keywords} keywords" if stage["stage"] == 1 and keywords else str(stage["waiting"])


def clusters_table(clusters: Sequence[Json], ideas: Sequence[Json]) -> Table:
    """Return clusters with the titles of their ideas, in the order of the clusters."""
    table = _table("The most searched clusters")
    table.add_column("cluster")
    table.add_column("keywords", justify="right")
    table.add_column("searches", justify="right")
    table.add_column("ideas")
    for cluster in clusters:
        titles = [idea["title"] for idea in ideas if idea["cluster_id"] == cluster["id"]]
        table.add_row(cluster["name"], str(cluster["keyword_count"]), f"{cluster['volume']:,}", "\n".join(titles))
    return table


_CHANGES = {"split": "is split into", "merged": "gets of", "created": "is new", "emptied": "goes to"}


def changes_table(reclustering: Json, most: int) -> Table:
    """Return what clustering again would do to clusters, the first `most` changes."""
    table = _table("Clustering again")
    table.add_column("cluster")
    table.add_column("keywords", justify="right")
    table.add_column("")
    table.add_column("clusters")
    for change in reclustering["changes"][:most]:
        parts = ", ".join(f"{part['name']} ({part['keyword_count']})" for part in change["parts"])
        table.add_row(change["name"], str(change["keyword_count"]), _CHANGES.get(change["kind"], ""), parts)
    left = len(reclustering["changes"]) - most
    if left > 0:
        table.add_row(f"... and {left} more", "", "", "")
    return table


def seeds_table(title: str, seeds: Sequence[Json]) -> Table:
    """Return keywords of the library with what is known of them, as `cli.seeds.figures` shows it."""
    table = _table(title)
    table.add_column("keyword")
    for heading in ("volume", "difficulty"):
        table.add_column(heading, justify="right")
    for heading in ("intent", "country"):
        table.add_column(heading)
    for seed in seeds:
        table.add_row(*(seed[name] for name in ("text", "volume", "difficulty", "intent", "country")))
    return table


def candidates_table(candidates: Sequence[Json]) -> Table:
    """Return keywords that accounts added, each with its sector and how many accounts have it."""
    table = _table("Candidates")
    for heading in ("keyword", "sector"):
        table.add_column(heading)
    table.add_column("accounts", justify="right")
    for row in candidates:
        table.add_row(row["text"], row["sector"], str(row["account_count"]))
    return table


def work_table(title: str, steps: Sequence[Json], now: Any) -> Table:
    """Return the steps that a worker has, each with its phase and since when.

    Args:
        title: of the table.
        steps: as the API lists them.
        now: a UTC time.
    """
    table = _table(title)
    for heading in ("stage", "working on", "phase"):
        table.add_column(heading, no_wrap=True)
    table.add_column("for", justify="right")
    for step in steps:
        seconds = seconds_of({"start_time": step["update_time"], "end_time": now.isoformat()}) or 0.0
        table.add_row(stage_name(step), step["label"], step["phase"], f"{max(seconds, 0):.0f} s")
    return table


def seconds_text(timed: Json) -> str:
    """Return how long a run or stage took; empty while it has not ended."""
    seconds = seconds_of(timed)
    return "" if seconds is None else f"{seconds:.1f}"
