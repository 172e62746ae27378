"""From a keyword file to clusters and ideas in one go, and what came of it."""

import csv
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console

from cli.api import Json
from cli.connection import Connection
from cli.screen import clusters_table, say
from cli.work import import_file, start, watch

CLUSTERS_SHOWN = 10
COLUMNS = (
    *("cluster", "cluster_volume", "cluster_keywords", "title", "type", "structure", "primary_keyword", "keywords"),
    *("words", "verdict", "reason"),
)


def plan_file(
    connection: Connection,
    file: Path,
    sector: str,
    plan: Json,
    out: Path | None,
    console: Console,
    agree: Callable[[], bool],
) -> None:
    """Import a file, cluster its keywords, get ideas for the clusters, and show the largest of them.

    Args:
        connection: the gateway and the site.
        file: a keyword export.
        sector: where its keywords go; "" for the site's only one.
        plan: of the run that clusters and gets ideas.
        out: a CSV that all ideas are written to, or None.
        console: where to.
        agree: whether to go on, once the price is known.

    Raises:
        CommandError: the import was refused, or the run did not end well.
    """
    import_file(connection, file, sector, console)
    run = start(connection, plan, "", console, agree)
    if run is not None:
        watch(connection.api, run["id"], console)
    site = f"/v1/sites/{connection.site()}"
    clusters = list(connection.api.all(f"{site}/clusters", "clusters", order_by="volume desc, keyword_count desc"))
    ideas = list(connection.api.all(f"{site}/ideas", "content_ideas"))
    console.print(clusters_table(clusters[:CLUSTERS_SHOWN], ideas))
    say(console, *told(clusters, ideas))
    if out is not None:
        write_ideas(out, clusters, ideas)
        say(console, f"All ideas are in {out}.")


def told(clusters: Sequence[Json], ideas: Sequence[Json]) -> list[str]:
    """Return what there is in figures, and what became of ideas that are like a page that there is."""
    held = [idea for idea in ideas if idea["verdict"] != "write"]
    lines = [f"{len(clusters)} clusters, {len(ideas)} ideas, {len(ideas) - len(held)} of them to be written."]
    if held:
        kinds = ", ".join(
            f"{sum(idea['verdict'] == kind for idea in held)} to {kind.replace('_', ' ')}"
            for kind in sorted({idea["verdict"] for idea in held})
        )
        lines.append(
            f"{len(held)} are held back beside pages that there are or will be ({kinds}); you may overrule each."
        )
    return lines


def write_ideas(out: Path, clusters: Sequence[Json], ideas: Sequence[Json]) -> None:
    """Write a line an idea, those of the most searched clusters first."""
    place = {cluster["id"]: number for number, cluster in enumerate(clusters)}
    with out.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for idea in sorted(ideas, key=lambda idea: place.get(idea["cluster_id"], len(place))):
            cluster = clusters[place[idea["cluster_id"]]] if idea["cluster_id"] in place else {}
            writer.writerow(
                [
                    *(cluster.get(name, "") for name in ("name", "volume", "keyword_count")),
                    *(idea[name] for name in ("title", "content_type", "content_structure", "primary_keyword")),
                    "; ".join(idea["keywords"]),
                    *(idea[name] for name in ("estimated_word_count", "verdict", "overlap_reason")),
                ]
            )
