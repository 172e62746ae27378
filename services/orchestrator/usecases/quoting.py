"""A quote: what a run would do, from the real queue, and what later stages will find from the platform's ratios."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from chassis.database import Database
from chassis.ids import new_id
from chassis.passport import Passport
from chassis.tenancy import Tenant
from chassis.work import Item, Selection
from services.orchestrator import clients, repository
from services.orchestrator.clients import Peers, QuoteLine
from services.orchestrator.domain.plan import Plan
from services.orchestrator.domain.stages import FUNCTIONS

VALID_H = 24
_LIMIT = 5000
# What a stage makes for the next, until a site has runs of its own to learn from: measured over keyword lists of 400 to
# 10,000 lines, a cluster holds 8 keywords; an article of an idea without a length has 1,200 words.
KEYWORDS_PER_CLUSTER = 8
WORDS_EXPECTED = 1200
WORDS_LIMIT = 2400


@dataclass(frozen=True)
class StageEstimate:
    """One function's work: items, and quantities in the unit of its price."""

    function: str
    items: int
    expected_quantity: int
    limit_quantity: int


def quote_run(database: Database, peers: Peers, tenant: Tenant, passport: Passport, plan: Plan) -> dict[str, Any]:
    """Return what a run would do and cost, stored so that a run can be started with it.

    Args:
        passport: the engine's, for the tenant.
        plan: with defaults filled in.

    Raises:
        Fault: an owner or billing refused, or cannot be reached.
    """
    estimates = _estimate(peers, passport, plan)
    quote_id, run_id = new_id(), new_id()
    lines = [
        QuoteLine(
            FUNCTIONS[e.function].stage, FUNCTIONS[e.function].operation, e.expected_quantity, e.limit_quantity, e.items
        )
        for e in estimates
        if FUNCTIONS[e.function].operation and e.items
    ]
    priced = peers.send(clients.create_quote(quote_id, lines, plan.max_credits), passport)
    available = peers.send(clients.available_credits(), passport)
    by_operation = {line.operation: line for line in priced.lines}
    shown = [_line(estimate, by_operation) for estimate in estimates]
    with database.transaction(tenant) as tx:
        values = {
            "id": quote_id,
            "run_id": run_id,
            "plan": asdict(plan),
            "lines": shown,
            "billing_quote_id": priced.id,
            "expected_credits": priced.expected_credits,
            "limit_credits": priced.limit_credits,
            "expire_time": repository.expire_at(tx, VALID_H),
        }
        repository.insert_quote(tx, values)
    return {**values, "site_id": tenant.site_id, "available_credits": available}


def _line(estimate: StageEstimate, priced: dict[str, clients.PricedLine]) -> dict[str, Any]:
    function = FUNCTIONS[estimate.function]
    price = priced.get(function.operation)
    return {
        "stage": function.stage,
        "function": function.name,
        "items": estimate.items,
        "expected_credits": price.expected_credits if price else 0,
        "limit_credits": price.limit_credits if price else 0,
    }


def _estimate(peers: Peers, passport: Passport, plan: Plan) -> list[StageEstimate]:
    """Walk the plan's functions in order, adding to each queue what the functions before it will make."""
    coming = _Coming()
    estimates = []
    for name in plan.functions:
        found = Selection([], 0, plan.skip_reason(name))
        if not found.skip_reason:
            subjects = plan.subject_ids if plan.by_hand else ()
            call = clients.select_work(FUNCTIONS[name].owner, name, subjects, _LIMIT, plan.options)
            found = peers.send(call, passport)
        estimates.append(coming.estimate(name, plan, found))
    return estimates


class _Coming:
    """What the functions that were estimated so far will make for those that come."""

    def __init__(self) -> None:
        self.clusters = self.ideas = self.tasks = self.articles = self.images = 0

    def estimate(self, name: str, plan: Plan, found: Selection) -> StageEstimate:
        """Return one function's work and remember what it makes."""
        rule = getattr(self, f"_{name}", None)
        if rule is None:
            return _found(name, found.items)
        estimate: StageEstimate = rule(plan, found)
        return estimate

    def _cluster_keywords(self, plan: Plan, found: Selection) -> StageEstimate:
        sectors = found.items[: plan.cap("cluster_keywords") or None]
        keywords = sum(item.expected_quantity for item in sectors)
        self.clusters = -(-keywords // KEYWORDS_PER_CLUSTER)
        return _found("cluster_keywords", sectors)

    def _generate_ideas(self, plan: Plan, found: Selection) -> StageEstimate:
        clusters = _capped(found.total + self.clusters, plan.cap("generate_ideas"))
        self.ideas = clusters * plan.ideas_per_cluster
        return StageEstimate("generate_ideas", clusters, self.ideas, self.ideas)

    def _create_tasks(self, plan: Plan, found: Selection) -> StageEstimate:
        self.tasks = _capped(found.total + self.ideas, plan.cap("create_tasks"))
        return StageEstimate("create_tasks", self.tasks, self.tasks, self.tasks)

    def _generate_content(self, plan: Plan, found: Selection) -> StageEstimate:
        self.articles = _capped(found.total + self.tasks, plan.cap("generate_content"))
        known = found.items[: self.articles]
        new = self.articles - len(known)
        expected = sum(item.expected_quantity for item in known) + new * WORDS_EXPECTED
        limit = sum(item.limit_quantity for item in known) + new * WORDS_LIMIT
        return StageEstimate("generate_content", self.articles, expected, limit)

    def _generate_image_prompts(self, plan: Plan, found: Selection) -> StageEstimate:
        cap = plan.cap("generate_image_prompts")
        contents = _capped(found.total + self.articles, cap) if plan.images_per_article else 0
        self.images = contents * plan.images_per_article
        return StageEstimate("generate_image_prompts", contents, self.images, self.images)

    def _generate_image(self, plan: Plan, found: Selection) -> StageEstimate:
        images = _capped(found.total + self.images, plan.cap("generate_image"))
        return StageEstimate("generate_image", images, images, images)

    def _approve_content(self, plan: Plan, found: Selection) -> StageEstimate:
        contents = _capped(found.total + self.articles, plan.cap("approve_content"))
        return StageEstimate("approve_content", contents, contents, contents)

    def _publish_content(self, plan: Plan, found: Selection) -> StageEstimate:
        contents = _capped(found.total + self.articles, plan.cap("publish_content"))
        return StageEstimate("publish_content", contents, contents, contents)


def _found(name: str, items: Sequence[Item]) -> StageEstimate:
    expected, limit = sum(i.expected_quantity for i in items), sum(i.limit_quantity for i in items)
    return StageEstimate(name, len(items), expected, limit)


def _capped(count: int, cap: int) -> int:
    return min(count, cap) if cap else count
