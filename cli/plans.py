"""What the options of `igny8 run` and `igny8 quote` say, as the API takes it."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import typer

_CAP = re.compile(r"([0-9]+)=([0-9]+)")


@dataclass(frozen=True)
class PlanOptions:
    """The options of a plan as they were typed.

    Args:
        stages: "1,2".
        max_clusters: 0 for no cap.
        ideas: a cluster.
        max_articles: 0 for no cap.
        images: an article.
        max_credits: 0 for no cap.
        caps: "6=20", one a stage.
        approve: without a person.
        publish: what is approved.
        function: a single action, instead of stages.
        subjects: "ID,ID", what it is done on.
        options: the function's own, a JSON object.
        granularity: of clusters, 1 as the data says.
    """

    stages: str = ""
    max_clusters: int = 0
    ideas: int = 3
    max_articles: int = 0
    images: int = 3
    max_credits: int = 0
    caps: Sequence[str] = ()
    approve: bool = False
    publish: bool = False
    function: str = ""
    subjects: str = ""
    options: str = ""
    granularity: float = 1.0

    def plan(self) -> dict[str, Any]:
        """Return the plan.

        Raises:
            typer.BadParameter: an option is not what it should be, or does not go with another.
        """
        plan = {
            "ideas_per_cluster": self.ideas,
            "granularity": self.granularity,
            "images_per_article": self.images,
            "max_credits": self.max_credits,
            "stage_caps": [self._cap(text) for text in self.caps],
        }
        return plan | (self._by_hand() if self.function else self._automation())

    def _automation(self) -> dict[str, Any]:
        if self.subjects or self.options:
            raise typer.BadParameter("--subjects and --options go with --function")
        return {
            "stages": [int(number) for number in self._stages()],
            "max_clusters": self.max_clusters,
            "max_articles": self.max_articles,
            "auto_approve": self.approve,
            "auto_publish": self.publish,
        }

    def _by_hand(self) -> dict[str, Any]:
        if self.stages:
            raise typer.BadParameter("--stages and --function do not go together: a function is in one stage")
        return {
            "function": self.function,
            "subject_ids": [part.strip() for part in self.subjects.split(",") if part.strip()],
            "options": self._options(),
        }

    def _stages(self) -> list[str]:
        numbers = [part.strip() for part in self.stages.split(",") if part.strip()]
        if not all(number.isdecimal() for number in numbers):
            raise typer.BadParameter("--stages takes numbers from 1 to 7 with commas between them, for example 1,2")
        return numbers

    def _cap(self, text: str) -> dict[str, int]:
        found = _CAP.fullmatch(text.strip())
        if found is None:
            raise typer.BadParameter(f"--cap takes a stage and a number of items, for example 6=20; not {text!r}")
        return {"stage": int(found[1]), "max_items": int(found[2])}

    def _options(self) -> dict[str, Any]:
        try:
            read = json.loads(self.options or "{}")
        except ValueError as error:
            raise typer.BadParameter(f"--options takes a JSON object: {error}") from error
        if not isinstance(read, dict):
            raise typer.BadParameter('--options takes a JSON object, for example \'{"keyword_ids": ["..."]}\'')
        return read


def runs_filter(status: str, since: str) -> str:
    """Return the filter of a list of runs.

    Raises:
        typer.BadParameter: the day is none.
    """
    terms = [f'status = "{status}"'] if status else []
    if since:
        try:
            day = datetime.fromisoformat(since)
        except ValueError as error:
            raise typer.BadParameter("--since takes a day, for example 2026-11-22") from error
        terms.append(f'create_time >= "{day.astimezone(UTC).isoformat()}"')
    return " AND ".join(terms)
