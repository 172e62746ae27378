"""From a stored connection to an open destination: the one place where credentials leave their seal."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from chassis.outbound import OutboundClient
from chassis.secrets import SecretUnreadable, Vault
from chassis.tenancy import Tenant
from services.integration.adapters.base import CredentialsUnreadable, Destination, PlatformUnsupported
from services.integration.adapters.closed import Closed
from services.integration.adapters.sites import Sites, SitesPlace
from services.integration.adapters.wordpress import WordPress, WordPressConnection
from services.integration.domain import Connection

_FIELD = "site_integration.credentials"


@dataclass(frozen=True)
class Destinations:
    """Opens destinations.

    Args:
        outbound: how addresses of users are called.
        vault: seals and opens credentials.
        sites: where the built-in sites are.
    """

    outbound: OutboundClient
    vault: Vault
    sites: SitesPlace

    def seal(self, tenant: Tenant, credentials: Mapping[str, str]) -> dict[str, object] | None:
        """Return credentials as they are stored: sealed for this account and site only; None for none."""
        if not credentials:
            return None
        return self.vault.seal(json.dumps(dict(credentials)), tenant.account_id, tenant.site_id, _FIELD)

    def open(self, tenant: Tenant, connection: Connection) -> Destination:
        """Return the destination of a connection; one that cannot be opened says why when it is used."""
        if connection.platform == "sites" and tenant.site is not None:
            return Sites(self.sites, tenant.site)
        if connection.platform != "wordpress":
            return Closed(
                PlatformUnsupported(
                    f"Publishing to {connection.platform} is not offered yet; connect WordPress or the built-in sites, "
                    "or switch this destination off."
                )
            )
        try:
            credentials = self._unseal(tenant, connection)
        except SecretUnreadable:
            return Closed(CredentialsUnreadable("The stored credentials cannot be opened any more; enter them again."))
        known = WordPressConnection(
            connection.base_url, credentials.get("username", ""), credentials.get("application_password", "")
        )
        return WordPress(self.outbound, known)

    def _unseal(self, tenant: Tenant, connection: Connection) -> dict[str, str]:
        sealed = connection.credentials or {}
        opened: dict[str, str] = json.loads(self.vault.open(sealed, tenant.account_id, tenant.site_id, _FIELD))
        return opened
