"""What the stages of a run will find: what waits for them now, and what the stages before them will make.

The queue says what there is. What is yet to be made is told from ratios: the site's own, when its last runs closed the
stage in question, else the platform's.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import Literal

from chassis.work import Item, Selection
from services.orchestrator.domain.plan import Plan

Basis = Literal["queue", "history", "platform"]
_WEAKER: tuple[Basis, ...] = ("queue", "history", "platform")
# Measured over parts of a real keyword list, from 5 lines to 400, and over lists of up to 10,000: a cluster for every 8
# keywords of a sector, and 2 more of those that are like no other. An article of an idea without a length has 1,200
# words, and at most twice as many are counted.
CLUSTERS_PER_ROOT = 1.15
"""Of the root of a sector's keywords: 433 made 22 clusters, 1,364 made 52, 5,000 made 91 and 8,967 made 81."""
WORDS_PER_ARTICLE = 1200
WORDS_LIMIT = 2400


@dataclass(frozen=True)
class Past:
    """What the site's last closed stages of one function did together.

    Args:
        succeeded: items that went well, at least 1.
        made: rows that were made of them.
        quantity: how much was done, in the unit of the function's price.
        asked: rows that the runs' plans asked for: ideas, pictures; 0 where plans name no number.
        pace_s: seconds between two ends of items; None when nobody counted.
    """

    succeeded: int
    made: int
    quantity: int
    asked: int = 0
    pace_s: float | None = None


@dataclass(frozen=True)
class Ratio:
    """How much becomes of one, and how that is known."""

    value: float
    basis: Basis


@dataclass(frozen=True)
class Coming:
    """Items that do not wait yet, and how their number is known."""

    count: int = 0
    basis: Basis = "queue"

    @classmethod
    def of(cls, count: float, ratio: Ratio, basis: Basis) -> "Coming":
        """Return what becomes of so many items, whose own number is known by `basis`."""
        return cls(_up(count * ratio.value), weakest(basis, ratio.basis)) if count else cls()


@dataclass(frozen=True)
class StageEstimate:
    """One function's work.

    Args:
        function: which.
        items: how many are likely.
        expected_quantity: how much is likely, in the unit of the function's price.
        limit_quantity: how much it is at most.
        basis: the weakest source of these numbers.
        waiting: how many items wait now.
        skip_reason: why there is nothing to do; empty when there is something.
    """

    function: str
    items: int
    expected_quantity: int
    limit_quantity: int
    basis: Basis = "queue"
    waiting: int = 0
    skip_reason: str = ""


def usual_clusters(keywords: int, sectors: int) -> float:
    """Return how many clusters are usual for the keywords of so many sectors together."""
    return min(CLUSTERS_PER_ROOT * math.sqrt(keywords * sectors), float(keywords))


def weakest(*bases: Basis) -> Basis:
    """Return the one of several sources that is known least well."""
    return max(bases, key=_WEAKER.index)


@dataclass(frozen=True)
class Ratios:
    """The ratios of a site.

    Args:
        past: what its last runs did, by function.
    """

    past: Mapping[str, Past]

    def clusters_per_usual_cluster(self) -> Ratio:
        """Return clusters for each usual one: a long list has fewer for its keywords than a short one."""
        return self._of(
            "cluster_keywords", 1.0, lambda past: (past.made, usual_clusters(past.quantity, past.succeeded))
        )

    def ideas_per_idea_asked(self) -> Ratio:
        """Return which part of the ideas that are asked for can be used."""
        return self._of("generate_ideas", 1.0, lambda past: (past.made, past.asked))

    def words_per_article(self) -> Ratio:
        """Return words an article."""
        return self._of("generate_content", WORDS_PER_ARTICLE, lambda past: (past.quantity, past.succeeded))

    def images_per_image_asked(self) -> Ratio:
        """Return which part of the pictures that are asked for is described."""
        return self._of("generate_image_prompts", 1.0, lambda past: (past.made, past.asked))

    def _of(self, function: str, platform: float, parts: Callable[[Past], tuple[int, float]]) -> Ratio:
        past = self.past.get(function)
        made, of = parts(past) if past is not None else (0, 0.0)
        return Ratio(made / of, "history") if made > 0 and of > 0 else Ratio(platform, "platform")


@dataclass
class Walk:
    """Goes through a plan's functions in order, and remembers what each will make for those that follow.

    Args:
        plan: the run's.
        ratios: the site's.
    """

    plan: Plan
    ratios: Ratios
    _coming: dict[str, Coming] = field(default_factory=dict)

    def estimate(self, function: str, found: Selection) -> StageEstimate:
        """Return one function's work, given what waits for it now."""
        rule = getattr(self, f"_{function}", None)
        made: StageEstimate = rule(found) if rule else self._queued(function, found)
        if made.items == 0:
            return StageEstimate(function, 0, 0, 0, waiting=found.total, skip_reason=self._why_nothing(function, found))
        return made

    def _why_nothing(self, function: str, found: Selection) -> str:
        return self.plan.skip_reason(function) or found.skip_reason or "there is nothing to do"

    def _cluster_keywords(self, found: Selection) -> StageEstimate:
        made = self._queued("cluster_keywords", found)
        usual = usual_clusters(made.expected_quantity, made.items)
        self._coming["clusters"] = Coming.of(usual, self.ratios.clusters_per_usual_cluster(), "queue")
        return made

    def _generate_ideas(self, found: Selection) -> StageEstimate:
        asked = self.plan.ideas_per_cluster
        made = self._found_and_coming("generate_ideas", found, "clusters", each=asked)
        self._coming["ideas"] = Coming.of(made.items * asked, self.ratios.ideas_per_idea_asked(), made.basis)
        return made

    def _create_tasks(self, found: Selection) -> StageEstimate:
        made = self._found_and_coming("create_tasks", found, "ideas")
        self._coming["tasks"] = Coming(made.items, made.basis)
        return made

    def _generate_content(self, found: Selection) -> StageEstimate:
        counted = self._found_and_coming("generate_content", found, "tasks")
        self._coming["articles"] = Coming(counted.items, counted.basis)
        known = found.items[: counted.items]
        new = counted.items - len(known)
        words = self.ratios.words_per_article()
        return StageEstimate(
            "generate_content",
            counted.items,
            _expected(known) + _up(new * words.value),
            _limit(known) + new * max(WORDS_LIMIT, _up(2 * words.value)),
            weakest(counted.basis, words.basis) if new else counted.basis,
            found.total,
        )

    def _generate_image_prompts(self, found: Selection) -> StageEstimate:
        asked = self.plan.images_per_article
        if not asked:
            return StageEstimate("generate_image_prompts", 0, 0, 0)
        made = self._found_and_coming("generate_image_prompts", found, "articles", each=asked)
        self._coming["images"] = Coming.of(made.items * asked, self.ratios.images_per_image_asked(), made.basis)
        return made

    def _generate_image(self, found: Selection) -> StageEstimate:
        return self._found_and_coming("generate_image", found, "images")

    def _approve_content(self, found: Selection) -> StageEstimate:
        made = self._found_and_coming("approve_content", found, "articles")
        if self.plan.options.get("auto_approve"):  # otherwise they wait for a person, and are not published
            self._coming["approved"] = Coming(made.items, made.basis)
        return made

    def _publish_content(self, found: Selection) -> StageEstimate:
        return self._found_and_coming("publish_content", found, "approved")

    def _found_and_coming(self, function: str, found: Selection, coming: str, *, each: int = 1) -> StageEstimate:
        """Return what waits and what is on its way, within the plan's cap; what waits is taken first."""
        new = self._coming.get(coming, Coming())
        items = self._capped(function, found.total + new.count)
        basis = new.basis if items > found.total else "queue"
        return StageEstimate(function, items, items * each, items * each, basis, found.total)

    def _queued(self, function: str, found: Selection) -> StageEstimate:
        items = found.items[: self._capped(function, len(found.items))]
        return StageEstimate(function, len(items), _expected(items), _limit(items), waiting=found.total)

    def _capped(self, function: str, count: int) -> int:
        cap = self.plan.cap(function)
        return min(count, cap) if cap else count


def _expected(items: Sequence[Item]) -> int:
    return sum(item.expected_quantity for item in items)


def _limit(items: Sequence[Item]) -> int:
    return sum(item.limit_quantity for item in items)


def _up(number: float) -> int:
    """Round up, but not what a fraction's last digit adds to a whole number."""
    return ceil(round(number, 6))
