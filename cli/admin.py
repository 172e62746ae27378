"""`igny8 admin`: accounts, keys, sites, the library, databases and upkeep."""

import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from cli.errors import CommandError
from cli.options import ApiOption, DataOption, KeyOption, OperatorKeyOption
from cli.screen import wide_console

if TYPE_CHECKING:
    from cli.api import Api

app = typer.Typer(no_args_is_help=True)
key_app, site_app = typer.Typer(no_args_is_help=True), typer.Typer(no_args_is_help=True)
app.add_typer(key_app, name="key", help="API keys.")
app.add_typer(site_app, name="site", help="Sites.")
library_app = typer.Typer(no_args_is_help=True)
app.add_typer(library_app, name="library", help="The platform's keywords, which every account may use.")
console = Console()
HERE = Path(".igny8")


@key_app.command("create")
def create_key(
    email: Annotated[str, typer.Option(help="The owner's e-mail address.")],
    name: Annotated[str, typer.Option(help="What the key is for.")] = "igny8 command",
    data: DataOption = HERE,
    api: ApiOption = "",
    *,
    sign_up: Annotated[bool, typer.Option("--sign-up", help="Open the account first.")] = False,
    password: Annotated[str, typer.Option(prompt=True, hide_input=True, envvar="IGNY8_PASSWORD")],
) -> None:
    """Sign in, make an API key for the whole account, and print it once.

    For what runs in the data directory the key is kept there too, so that commands here find it.
    """
    from cli.api import Api  # noqa: PLC0415 - `--help` should not wait for an HTTP library
    from cli.home import Home, read_json, write_json  # noqa: PLC0415 - the same

    home = Home(data.absolute())
    url = api or str(read_json(home.state).get("api_url", ""))
    if not url:
        raise CommandError(f"Nothing runs in {data}. Start it with `igny8 up`, or name a gateway with --api.")
    body = {"email": email, "password": password}
    if sign_up:
        session = Api(url).post("/v1/signup", {**body, "account_name": email.partition("@")[0]})["session"]
    else:
        session = Api(url).post("/v1/sessions", body)["session"]
    key = {"name": name, "scopes": ["read", "write", "manage"]}
    secret = Api(url, session["access_token"]).post("/v1/api-keys", key)["secret"]
    if not api:
        write_json(home.client, {"api_key": secret})
    typer.echo(secret)


@site_app.command("create")
def create_site(
    name: Annotated[str, typer.Option(help="What the site is called.")],
    domain: Annotated[str, typer.Option(help="Its host name, without https://.")],
    industry: Annotated[str, typer.Option(help="Slug of its industry, from GET /v1/industries.")],
    sectors: Annotated[str, typer.Option(help="Slugs of one to five of its sectors, with commas between them.")],
    platform: Annotated[str, typer.Option(help="sites, wordpress, shopify or custom.")] = "sites",
    data: DataOption = HERE,
    api: ApiOption = "",
    key: KeyOption = "",
) -> None:
    """Make a site with its sectors; with the platform `sites` it is published here."""
    from cli.connection import connect  # noqa: PLC0415 - see create_key

    link = connect(data, api, key, "").api
    industry_id = _by_slug(link, "/v1/industries", "industries", [industry])[0]
    wanted = [slug.strip() for slug in sectors.split(",") if slug.strip()]
    sector_ids = _by_slug(link, "/v1/industry-sectors", "industry_sectors", wanted, industry_id=industry_id)
    site = {"name": name, "domain": domain, "industry_id": industry_id, "platform": platform}
    made = link.post("/v1/sites", {"site": site, "industry_sector_ids": sector_ids})
    if platform == "sites":
        link.post(f"/v1/sites/{made['id']}/integrations", {"platform": "sites"})
    typer.echo(made["id"])


def _by_slug(link: "Api", path: str, field: str, wanted: list[str], **only: str) -> list[str]:
    """Return the ids of catalogue rows; `only` says what they must be of, as slugs are unique inside an industry."""
    rows = [row for row in link.all(path, field) if all(row[name] == value for name, value in only.items())]
    known = {row["slug"]: row["id"] for row in rows}
    missing = [slug for slug in wanted if slug not in known]
    if missing or not wanted:
        raise CommandError(f"There is no {', '.join(missing) or 'sector'}; known are: {', '.join(sorted(known))}.")
    return [known[slug] for slug in wanted]


@app.command("reconcile")
def reconcile(
    data: DataOption = HERE,
    api: ApiOption = "",
    operator_key: OperatorKeyOption = "",
    timeout: Annotated[float, typer.Option(help="Seconds to wait for its end.")] = 600.0,
) -> None:
    """Compare every account's books with each other and with the work that was done; exit with 1 when they differ."""
    from cli import upkeep  # noqa: PLC0415 - see create_key

    if not upkeep.reconcile(upkeep.operator(data, api, operator_key), console, timeout):
        raise typer.Exit(1)


@app.command("tasks")
def tasks(data: DataOption = HERE, api: ApiOption = "", operator_key: OperatorKeyOption = "") -> None:
    """Show the platform's periodic work: when it was done last, when it is next, and what was wrong."""
    from cli import upkeep  # noqa: PLC0415 - see create_key

    upkeep.show(upkeep.operator(data, api, operator_key), console)


@library_app.command("import")
def import_library(
    file: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, help="CSV: keyword, volume, ..., industry, sector.")
    ],
    industry: Annotated[str, typer.Option(help="Slug of the industry of lines that name none.")] = "",
    sector: Annotated[str, typer.Option(help="Slug of the sector of lines that name none.")] = "",
    data: DataOption = HERE,
    api: ApiOption = "",
    operator_key: OperatorKeyOption = "",
    *,
    preview: Annotated[bool, typer.Option("--preview", help="Only show what it would do.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Show what a file would do to the library line by line, and write it when you agree: all of it or nothing."""
    from cli import library, upkeep  # noqa: PLC0415 - see create_key

    said = {"industry": industry, "sector": sector}
    agree = None if preview else lambda: yes or typer.confirm("Write it?")
    library.bring(upkeep.operator(data, api, operator_key), file, said, wide_console(), agree)


@library_app.command("export")
def export_library(
    out: Annotated[Path, typer.Argument(dir_okay=False, help="The CSV file to write.")],
    filter_text: Annotated[str, typer.Option("--filter", help="Only those, for example 'volume >= 100'.")] = "",
    data: DataOption = HERE,
    api: ApiOption = "",
    operator_key: OperatorKeyOption = "",
) -> None:
    """Write the library as a file that `import` takes again."""
    from cli import library, upkeep  # noqa: PLC0415 - see create_key

    library.export(upkeep.operator(data, api, operator_key), out, filter_text)


@library_app.command("candidates")
def candidates(
    filter_text: Annotated[str, typer.Option("--filter", help="Only those, for example 'account_count >= 3'.")] = "",
    count: Annotated[int, typer.Option(help="At most so many.", min=1, max=1000)] = 50,
    data: DataOption = HERE,
    api: ApiOption = "",
    operator_key: OperatorKeyOption = "",
) -> None:
    """List keywords that accounts added and the library does not have, with how many accounts have each."""
    from cli import library, upkeep  # noqa: PLC0415 - see create_key

    library.candidates(upkeep.operator(data, api, operator_key), filter_text, count, wide_console())


@library_app.command("promote")
def promote(
    sector: Annotated[str, typer.Argument(help="Slug or id of the sector of the catalogue.")],
    keywords: Annotated[list[str], typer.Argument(help="As they are to be shown.")],
    data: DataOption = HERE,
    api: ApiOption = "",
    operator_key: OperatorKeyOption = "",
) -> None:
    """Take keywords that accounts added into the library; an import gives them figures."""
    from cli import library, upkeep  # noqa: PLC0415 - see create_key

    library.promote(upkeep.operator(data, api, operator_key), sector, keywords, wide_console())


@app.command("databases")
def databases(
    admin_url: Annotated[str, typer.Option(envvar="IGNY8_ADMIN_URL", help="URL of a role that may make roles.")],
) -> None:
    """Make the seven databases and their roles on a PostgreSQL of yours, and print the variables that name them.

    It can be run again: what is there stays, and the roles get the new passwords that are printed.
    """
    from chassis.embedded.roles import bootstrap  # noqa: PLC0415 - see create_key
    from cli.processes import SERVICES  # noqa: PLC0415 - the same

    roles = (f"{service}_{kind}" for service in SERVICES for kind in ("owner", "app", "sweep"))
    passwords = {role: secrets.token_urlsafe(24) for role in roles}
    for service, urls in bootstrap(admin_url, SERVICES, passwords.__getitem__).items():
        prefix = service.upper()
        typer.echo(f"{prefix}_DATABASE_URL='{urls.app}'")
        typer.echo(f"{prefix}_OWNER_URL='{urls.owner}'")
        typer.echo(f"{prefix}_SWEEP_URL='{urls.sweep}'")
