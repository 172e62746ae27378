"""The starter catalogue of industries and their sectors, from industries.toml, the same ids in every installation."""

import tomllib
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_CATALOGUE = Path(__file__).with_name("industries.toml")
_NAMESPACE = UUID("6f1d5a52-9a0c-5d1e-8f5b-1f9a2c7b4e10")  # ids are uuid5 of the slugs in it: it must never change


def upgrade() -> None:
    industries, sectors = rows(tomllib.loads(_CATALOGUE.read_text(encoding="utf-8")))
    op.bulk_insert(sa.table("industry", *_columns("id")), industries)
    op.bulk_insert(sa.table("industry_sector", *_columns("id", "industry_id")), sectors)


def downgrade() -> None:
    raise NotImplementedError("There is no way back; restore a backup from before the upgrade.")


def rows(catalogue: dict[str, Any]) -> tuple[list[dict[str, object]], list[dict[str, object]]]:
    """Return the rows of industries and of sectors."""
    industries, sectors = [], []
    for slug, industry in catalogue.items():
        industry_id = uuid5(_NAMESPACE, slug)
        industries.append(_row(industry_id, slug, industry["name"], industry["description"]))
        for sector, (name, description) in industry["sectors"].items():
            row = _row(uuid5(_NAMESPACE, f"{slug}/{sector}"), sector, name, description)
            sectors.append(row | {"industry_id": industry_id})
    return industries, sectors


def _row(row_id: UUID, slug: str, name: str, description: str) -> dict[str, object]:
    return {"id": row_id, "slug": slug, "name": name, "description": description}


def _columns(*ids: str) -> list[sa.ColumnClause[Any]]:
    text = ("slug", "name", "description")
    return [sa.column(name, sa.Uuid) for name in ids] + [sa.column(name, sa.Text) for name in text]
