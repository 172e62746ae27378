"""Keywords of the library for a site's sector: looked at, and added."""

from dataclasses import dataclass

from rich.console import Console

from cli.api import Json
from cli.connection import Connection
from cli.errors import CommandError
from cli.screen import say, seeds_table


@dataclass(frozen=True)
class Wanted:
    """Which seeds: by words that they have, and by a list's filter; "" for any."""

    search: str = ""
    filter_text: str = ""


def figures(row: Json) -> dict[str, str]:
    """Return what is known of a keyword as it is shown; "" for what is not."""
    return {
        "volume": "" if row["volume"] is None else f"{row['volume']:,}",
        "difficulty": "" if row["difficulty"] is None else f"{row['difficulty']:g}",
        "intent": row["intent"] or "",
        "country": row["country"],
    }


def show(connection: Connection, sector: str, wanted: Wanted, count: int, console: Console) -> None:
    """Print the library's keywords of a sector's subject, the most searched first.

    Raises:
        CommandError: the sector is not clear.
    """
    place = connection.sector(sector)
    where = f'industry_sector_id = "{place["industry_sector_id"]}"'
    page = connection.api.get(
        "/v1/seed-keywords",
        filter=f"{where} AND ({wanted.filter_text})" if wanted.filter_text else where,
        search=wanted.search,
        order_by="volume desc",
        page_size=count,
    )
    rows = page["seed_keywords"]
    console.print(seeds_table(f"Library: {place['name']}", [{"text": row["text"], **figures(row)} for row in rows]))
    if page["next_page_token"]:
        say(console, "There are more: --count shows them.")


def add(connection: Connection, sector: str, wanted: Wanted, console: Console) -> None:
    """Add the library's keywords of a sector's subject to it.

    Raises:
        CommandError: the sector is not clear, it is not said which keywords, or the plan has no room for them.
    """
    if not (wanted.search or wanted.filter_text):
        raise CommandError(
            "Say which keywords: words that they have, or --filter, for example --filter 'volume >= 100'."
        )
    place, site = connection.sector(sector), connection.site()
    body = {"sector_id": place["id"], "filter": wanted.filter_text, "search": wanted.search}
    done = connection.api.post(f"/v1/sites/{site}/keywords:addFromSeeds", body)
    say(console, f"{place['name']}: {done['added_count']} keywords added, {done['existing_count']} were there.")
