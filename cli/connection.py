"""Which gateway, under which key, for which site: what is named on the command line or in the environment, and else
what runs in the data directory here."""

from dataclasses import dataclass
from pathlib import Path

from cli.api import Api, Json
from cli.errors import CommandError
from cli.home import Home, read_json


@dataclass(frozen=True)
class Connection:
    """What a command talks to.

    Args:
        api: under the user's key.
        site_named: the site that was named; empty when none was.
    """

    api: Api
    site_named: str

    def site(self) -> str:
        """Return the site to work on: the one named, or the account's only one.

        Raises:
            CommandError: there are none or several, listing them.
        """
        if self.site_named:
            return self.site_named
        sites = list(self.api.all("/v1/sites", "sites"))
        if len(sites) == 1:
            return str(sites[0]["id"])
        known = "\n".join(f"  {site['id']}  {site['name']} ({site['domain']})" for site in sites) or "  none yet"
        raise CommandError(f"Name a site with --site or IGNY8_SITE. The account's sites:\n{known}")

    def sector(self, named: str) -> Json:
        """Return the sector to work on: the one named, or the site's only one.

        Raises:
            CommandError: there are none or several, or not that one, listing them.
        """
        sectors = list(self.api.all(f"/v1/sites/{self.site()}/sectors", "sectors"))
        found = [sector for sector in sectors if named in {"", sector["id"]}]
        if len(found) == 1:
            return found[0]
        known = "\n".join(f"  {sector['id']}  {sector['name']}" for sector in sectors) or "  none yet"
        raise CommandError(f"Name the sector with --sector. The site's sectors:\n{known}")


def connect(data: Path, api_url: str, key: str, site: str) -> Connection:
    """Return the connection that options, environment and data directory describe.

    Raises:
        CommandError: no address or no key is known, saying where to get one.
    """
    home = Home(data.absolute())
    state, client = read_json(home.state), read_json(home.client)
    local = api_url == ""
    url = api_url or str(state.get("api_url", ""))
    if not url:
        raise CommandError(
            f"No gateway is known: nothing runs in {data}. "
            "Start it with `igny8 up`, or name one with --api or IGNY8_API."
        )
    # A key of this machine's installation is never sent to another address.
    stored_key = str(client.get("api_key", "")) if local else ""
    if not (key or stored_key):
        raise CommandError(
            "No API key is known: name one with --key or IGNY8_API_KEY. "
            "`igny8 admin key create --email you@example.com` makes one, and with --sign-up an account too."
        )
    stored_site = str(client.get("site", "")) if local and not key else ""
    return Connection(Api(url, key or stored_key), site or stored_site)
