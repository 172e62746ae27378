"""Looking at a site's work: what each stage has before it and behind it."""

from typing import Any

from chassis.database import Database
from chassis.passport import Passport
from chassis.tenancy import Tenant
from chassis.work import Selection
from services.orchestrator import repository
from services.orchestrator.clients import Peers
from services.orchestrator.domain.plan import Plan
from services.orchestrator.domain.stages import FUNCTIONS, functions_of
from services.orchestrator.usecases import queues

_ITEMS_LOOKED_AT = 100
# Everything that could be done is to be counted, whatever the site's settings leave to a person.
_EVERYTHING = Plan(
    functions_of([], publish=True),
    options={"ideas_per_cluster": 3, "images_per_article": 3, "auto_approve": True, "auto_publish": True},
)


def pipeline(database: Database, peers: Peers, tenant: Tenant, passport: Passport) -> list[dict[str, Any]]:
    """Return a site's stages in order: what waits, what is under way, what failed and what was done in all.

    What waits is its owner's to say, and not said while that is away.
    """
    waiting = queues.look(peers, passport, _EVERYTHING, _ITEMS_LOOKED_AT)
    with database.transaction(tenant) as tx:
        work = repository.read_work_of_site(tx, tenant.site_id)
    return [
        {"stage": FUNCTIONS[name].stage, "function": name, **work.get(name, {}), **_waiting(waiting.get(name))}
        for name in _EVERYTHING.functions
    ]


def _waiting(found: Selection | None) -> dict[str, Any]:
    if found is None:
        return {}
    shown: dict[str, Any] = {"waiting": found.total, "skip_reason": found.skip_reason}
    if len(found.items) == found.total:
        shown["waiting_quantity"] = sum(item.expected_quantity for item in found.items)
    return shown
