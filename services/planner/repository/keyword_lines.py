"""What a line of an exported file is made of: the columns that `services.planner.exports` writes."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from services.planner.models import Cluster, Keyword, applying, table

KEYWORD, CLUSTER = table(Keyword), table(Cluster)

_OWN = (
    *("text", "volume", "difficulty", "intent", "country", "cpc_micros", "cpc_currency", "competition"),
    *("impressions", "clicks", "position", "parent_keyword", "url", "sector_id", "status", "disabled"),
    "derived_intent",
)
_cluster = (
    sa.select(CLUSTER.c.name)
    .where(CLUSTER.c.account_id == KEYWORD.c.account_id, CLUSTER.c.id == KEYWORD.c.cluster_id)
    .correlate(KEYWORD)
    .scalar_subquery()
)
COLUMNS: Sequence[sa.ColumnElement[Any]] = (
    *(KEYWORD.c[name] for name in _OWN),
    _cluster.label("cluster"),
    applying("volume").label("volume_now"),
    applying("difficulty").label("difficulty_now"),
)
"""The site's own figures by their names, and with `_now` those that apply: the library's where it has none."""
