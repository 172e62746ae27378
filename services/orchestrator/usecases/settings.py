"""Changing a site's settings for runs; when the next run starts follows from them in the same transaction."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from chassis.database import Database
from chassis.errors import Aborted
from chassis.tenancy import Tenant
from services.orchestrator import repository
from services.orchestrator.domain.settings import PLATFORM, WHEN, next_start


def change_settings(
    database: Database, tenant: Tenant, values: Mapping[str, Any], etag: str, account_zone: str, now: datetime
) -> sa.Row[Any]:
    """Change some of a site's settings; the next start is told anew when it follows from what was changed.

    Args:
        database: under the app role.
        tenant: with the site.
        values: columns to change.
        etag: of the settings as they were read; "" for whatever they are.
        account_zone: the account's time zone; it is kept with the settings.
        now: after which the next start is looked for.

    Raises:
        Aborted: they were changed since the etag was read.
    """
    with database.transaction(tenant) as tx:
        row = repository.lock_config(tx)
        if etag and etag != str(row.revision):
            raise Aborted("The settings were changed by somebody else; read them again and repeat the change.")
        changes = {**values, "account_zone": account_zone}
        if WHEN & values.keys():
            changes["next_run_time"] = next_start({**row._mapping, **changes}, now)
        if values.get("daily_credits", row.daily_credits) != row.daily_credits:
            repository.resume_now(tx, tenant.site_id, "daily_limit_reached")  # it may have been raised
        return repository.write_config(tx, changes)


def reset_settings(database: Database, tenant: Tenant, etag: str, account_zone: str, now: datetime) -> sa.Row[Any]:
    """Set a site back to the platform's settings, with which no run starts by itself.

    Raises:
        Aborted: they were changed since the etag was read.
    """
    return change_settings(database, tenant, PLATFORM, etag, account_zone, now)
