"""Clustering again: what would change is found out, shown, and carried out when somebody agrees to it."""

from collections.abc import Callable

from rich.console import Console

from cli.api import Json
from cli.connection import Connection
from cli.screen import changes_table, say
from cli.work import start, watch

CHANGES_SHOWN = 20


def recluster(
    connection: Connection,
    plan: Json,
    console: Console,
    start_it: Callable[[], bool],
    apply_it: Callable[[], bool],
) -> None:
    """Cluster the keywords of sectors again, show what would change, and do it when that is agreed to.

    Args:
        connection: the gateway and the site.
        plan: of the run that finds it out.
        console: where to.
        start_it: whether to start, once its price is known.
        apply_it: whether to carry out what was shown.

    Raises:
        CommandError: the run did not end well.
    """
    run = start(connection, plan, "", console, start_it)
    if run is None:
        return
    watch(connection.api, run["id"], console)
    path = f"/v1/sites/{connection.site()}/reclusterings"
    for row in connection.api.all(path, "reclusterings", filter='status = "proposed"', order_by="update_time desc"):
        _decide(connection, f"{path}/{row['id']}", row, console, apply_it)


def _decide(connection: Connection, path: str, proposed: Json, console: Console, apply_it: Callable[[], bool]) -> None:
    if not proposed["moved_count"] + proposed["joined_count"]:
        say(console, "Clustering again changes nothing.")
        return
    console.print(changes_table(proposed, CHANGES_SHOWN))
    say(console, summary(proposed))
    if not apply_it():
        say(console, f"Nothing was changed. It can be done later: POST {path}:apply")
        return
    done = connection.api.post(f"{path}:apply", {"etag": proposed["etag"]})
    left = f"; {done['skipped_count']} were changed meanwhile and left" if done["skipped_count"] else ""
    moved = done["moved_count"] + done["joined_count"] - done["skipped_count"]
    say(console, f"Done: {moved} keywords are in other clusters now{left}.")


def summary(proposed: Json) -> str:
    """Return what a reclustering would change, in figures."""
    return (
        f"Of {proposed['keyword_count']} keywords {proposed['moved_count']} would move and {proposed['joined_count']} "
        f"get a cluster. There would be {proposed['cluster_count']} clusters: {proposed['created_count']} new, "
        f"{proposed['split_count']} split, {proposed['merged_count']} merged, {proposed['emptied_count']} emptied."
    )
