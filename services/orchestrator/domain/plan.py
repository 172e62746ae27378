"""What a run does, with every default filled in."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from services.orchestrator.domain.stages import FUNCTIONS


@dataclass(frozen=True)
class Plan:
    """What a run does, with every default filled in.

    Args:
        functions: in order.
        subject_ids: only these rows, for a job by hand.
        options: what the functions are told.
        max_clusters: at most this many clusters get ideas; 0 for all.
        max_articles: at most this many articles are written; 0 for all.
        max_credits: the run may not cost more; 0 for no such cap.
        stage_caps: at most this many items of a stage, by its number as text, as JSON has its keys.
        replays: the failed steps that it does again, by id.
        by_hand: whether it is one function that somebody asked for, and not an automation run.
        shown: the plan as it was asked for, for whoever looks at the run.
    """

    functions: tuple[str, ...]
    subject_ids: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    max_clusters: int = 0
    max_articles: int = 0
    max_credits: int = 0
    stage_caps: Mapping[str, int] = field(default_factory=dict)
    replays: tuple[str, ...] = ()
    by_hand: bool = False
    shown: Mapping[str, Any] = field(default_factory=dict)

    @property
    def ideas_per_cluster(self) -> int:
        """Ideas a cluster."""
        return int(self.options["ideas_per_cluster"])

    @property
    def images_per_article(self) -> int:
        """Pictures an article."""
        return int(self.options["images_per_article"])

    @property
    def is_free(self) -> bool:
        """Whether nothing in it has a price."""
        return not any(FUNCTIONS[name].operation for name in self.functions)

    def skip_reason(self, function: str) -> str:
        """Return why a function is passed over without asking for work; "" when it is not.

        A cap of 0 means "all", so that no pictures must be said in another way.
        """
        if function == "generate_image" and not self.by_hand and self.images_per_article == 0:
            return "images_per_article is 0: this run makes no pictures"
        return ""

    def cap(self, function: str) -> int:
        """Return how many items a function may be run on at most; 0 for all. Of several caps the smallest counts."""
        caps = (self._own_cap(function), self.stage_caps.get(str(FUNCTIONS[function].stage), 0))
        return min((cap for cap in caps if cap), default=0)

    def _own_cap(self, function: str) -> int:
        if function == "generate_ideas":
            return self.max_clusters
        if function in {"generate_content", "generate_image_prompts"}:
            return self.max_articles
        if function == "generate_image":
            return self.max_articles * self.images_per_article
        return 0


def run_name(started: datetime, trigger: str) -> str:
    """Return a run's name for people: run_20261122_064100_manual."""
    return f"run_{started:%Y%m%d_%H%M%S}_{trigger}"
