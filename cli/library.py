"""The platform's library, for its operators: a file looked at and then written, and keywords that accounts added."""

from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console

from cli.api import Api, Json
from cli.errors import CommandError
from cli.screen import candidates_table, say
from cli.seeds import figures

CHANGES, LINES = "/v1/library-changes", "/v1/library-change-lines"
SHOWN = 20


def bring(
    api: Api, file: Path, said: dict[str, str], console: Console, agree: Callable[[], bool] | None
) -> Json | None:
    """Show what a file would do to the library, and write it when that is agreed to; the change, None when it is not.

    Args:
        api: under an operator's key.
        file: with keywords and their sectors.
        said: "industry" and "sector" of lines that name none.
        console: where to.
        agree: asks whether to write it; None where it is only looked at.
    """
    change = api.upload(f"{CHANGES}:preview", file, filename=file.name, **said)
    show(api, change, console)
    if not change["new_count"] + change["updated_count"]:
        say(console, "There is nothing to write.")
        return None
    if agree is None or not agree():
        return None
    done = api.post(f"{CHANGES}/{change['id']}:apply")
    say(console, f"Written: {done['new_count']} new, {done['updated_count']} updated.")
    return done


def export(api: Api, out: Path, filter_text: str) -> None:
    """Write the library as a file that an import takes again; what was begun and not ended is no file."""
    part = out.with_name(f"{out.name}.part")
    try:
        with part.open("wb") as target:
            api.download("/v1/seed-keywords:export", target, filter=filter_text)
        part.replace(out)
    finally:
        part.unlink(missing_ok=True)


def show(api: Api, change: Json, console: Console) -> None:
    """Print what a change does: how many lines do what, and the first of those that do anything."""
    counts = ", ".join(f"{change[f'{name}_count']} {name}" for name in ("new", "updated", "unchanged", "wrong"))
    say(console, f"{change['filename'] or change['kind']}: {change['line_count']} lines: {counts}.")
    for outcome, tell in (("wrong", _wrong), ("updated", _updated), ("new", _new)):
        lines, more = _first(api, change, outcome)
        say(console, *(f"  line {line['line']}: {outcome}: {tell(line)}" for line in lines))
        if more:
            where = f"""filter=library_change_id = "{change["id"]}" AND outcome = "{outcome}\""""
            say(console, f"  ... and more: GET {LINES}?{where}")


def _first(api: Api, change: Json, outcome: str) -> tuple[list[Json], bool]:
    if not change[f"{outcome}_count"]:
        return [], False
    where = f'library_change_id = "{change["id"]}" AND outcome = "{outcome}"'
    page = api.get(LINES, filter=where, order_by="line", page_size=SHOWN)
    return page["library_change_lines"], bool(page["next_page_token"])


def _wrong(line: Json) -> str:
    return ": ".join(part for part in (line["reason"], line["text"], line["detail"]) if part)


def _new(line: Json) -> str:
    known = ", ".join(f"{name} {value}" for name, value in figures(line).items() if value)
    return f"{line['text']}{': ' if known else ''}{known}"


def _updated(line: Json) -> str:
    old = {name: line[f"old_{name}"] for name in ("volume", "difficulty", "intent", "country")}
    before, after = figures(old), figures(line)
    changed = [f"{name} {before[name] or 'unknown'} -> {after[name]}" for name in after if before[name] != after[name]]
    return f"{line['text']}: {', '.join(changed)}"


def candidates(api: Api, filter_text: str, count: int, console: Console) -> None:
    """Print keywords that accounts added and the library does not have, those that most accounts have first."""
    sectors = {sector["id"]: sector["slug"] for sector in api.get("/v1/catalogue")["industry_sectors"]}
    page = api.get("/v1/seed-candidates", filter=filter_text, page_size=count)
    rows = [row | {"sector": sectors.get(row["industry_sector_id"], "")} for row in page["seed_candidates"]]
    console.print(candidates_table(rows))
    if page["next_page_token"]:
        say(console, "There are more: --count shows them.")


def promote(api: Api, sector: str, texts: Sequence[str], console: Console) -> None:
    """Take keywords that accounts added into a sector of the library.

    Raises:
        CommandError: no sector of the catalogue has this id or slug, or several have it.
    """
    place = {"industry_sector_id": _sector_id(api, sector)}
    change = api.post("/v1/seed-candidates:promote", {"promotions": [{**place, "text": text} for text in texts]})
    show(api, change, console)


def _sector_id(api: Api, named: str) -> str:
    catalogue = api.get("/v1/catalogue")
    found = [sector for sector in catalogue["industry_sectors"] if named in {sector["id"], sector["slug"]}]
    if len(found) == 1:
        return str(found[0]["id"])
    industries = {industry["id"]: industry["slug"] for industry in catalogue["industries"]}
    several = "\n".join(f"  {sector['id']}  {industries[sector['industry_id']]}/{named}" for sector in found)
    why = f"Several industries have it; name the id:\n{several}" if found else "GET /v1/catalogue lists them."
    raise CommandError(f"{named!r} is not one sector of the catalogue. {why}")
