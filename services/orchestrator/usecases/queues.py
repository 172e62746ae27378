"""What waits for the functions of a plan: the owners' answers, asked for at once and never inside a transaction."""

import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from chassis.errors import Fault, Kind
from chassis.passport import Passport
from chassis.work import Item, Selection
from services.orchestrator import clients
from services.orchestrator.clients import Peers
from services.orchestrator.domain.plan import Plan
from services.orchestrator.domain.stages import FUNCTIONS

log = logging.getLogger(__name__)
ITEMS_MAX = 5000  # the most that one stage of a run works on
_LOOK_S = 2.0


def find(
    peers: Peers, passport: Passport, plan: Plan, planned: Mapping[str, Sequence[Item]] | None = None
) -> dict[str, Selection]:
    """Return what waits for each of a plan's functions, with its items.

    Args:
        passport: the engine's, for the site.
        plan: names the functions.
        planned: the items of functions that are planned already, with the most that each may need; only those are asked
            about, and those that the owner does not offer just now need the most.

    Raises:
        Fault: an owner refused, or cannot be reached.
    """
    planned = planned or {}

    def ask(name: str) -> Selection:
        if name not in planned:
            return _select(peers, passport, plan, name, ITEMS_MAX, clients.SELECT_S)
        wanted = planned[name]
        if not wanted:
            return Selection([], 0)
        ids = [str(item.subject_id) for item in wanted]
        call = clients.select_work(FUNCTIONS[name].owner, name, ids, ITEMS_MAX, plan.options)
        offered = {item.subject_id: item for item in peers.send(call, passport).items}
        return Selection([offered.get(item.subject_id, item) for item in wanted], len(wanted))

    with ThreadPoolExecutor(len(plan.functions) or 1) as pool:
        return dict(zip(plan.functions, pool.map(ask, plan.functions), strict=True))


def count(peers: Peers, passport: Passport, plan: Plan) -> dict[str, int]:
    """Return how many items wait for each of a plan's functions; those of an owner that is away are left out."""
    return {name: found.total for name, found in look(peers, passport, plan, 0).items()}


def look(peers: Peers, passport: Passport, plan: Plan, limit: int) -> dict[str, Selection]:
    """Return what waits for each of a plan's functions, with some of its items, without waiting for long.

    Those of an owner that is away just now are left out.
    """

    def ask(name: str) -> Selection | None:
        try:
            return _select(peers, passport, plan, name, limit, _LOOK_S)
        except Fault as fault:
            if fault.code not in {Kind.UNAVAILABLE, Kind.DEADLINE_EXCEEDED}:
                raise
            log.warning("what waits for %s is not known just now: %s", name, fault.message)
            return None

    with ThreadPoolExecutor(len(plan.functions)) as pool:
        found = zip(plan.functions, pool.map(ask, plan.functions), strict=True)
        return {name: selection for name, selection in found if selection is not None}


def _select(peers: Peers, passport: Passport, plan: Plan, name: str, limit: int, deadline_s: float) -> Selection:
    if plan.skip_reason(name):
        return Selection([], 0)
    subjects = plan.subject_ids if plan.by_hand else ()
    call = clients.select_work(FUNCTIONS[name].owner, name, subjects, limit, plan.options, deadline_s)
    return peers.send(call, passport)
