"""What tests start from: a task, a model's answer, a draft, a picture."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from chassis.database import Database
from chassis.ids import new_id
from chassis.passport import SiteClaim
from chassis.tenancy import Tenant
from chassis.testing.service import a_site
from chassis.work import Answer, Provenance, Work
from services.writer.models import Base
from services.writer.usecases.generate_content import GenerateContent
from services.writer.usecases.generate_image import GenerateImage
from services.writer.usecases.generate_image_prompts import GenerateImagePrompts

PROVENANCE = Provenance("0197a1b2-0000-7000-8000-000000000001", "openai", "model-1", "template", "digest", 120, 900)
SECTION = "<h2>{0}</h2><p>" + "Water that is too hot draws bitter parts out of the coffee. " * 4 + "</p>"
BODY = "".join(SECTION.format(heading) for heading in ("Heat", "Grind", "Time"))
PICTURE = Answer(object_key="images/one.png", mime_type="image/png", width=1200, height=630, provenance=PROVENANCE)


def work(tenant: Tenant, subject_id: UUID, **options: Any) -> Work:
    """Return a step's work on one row."""
    return Work(tenant, new_id(), subject_id, options, run_id=new_id())


def task(database: Database, tenant: Tenant, **values: Any) -> UUID:
    """Insert a queued task."""
    row = {
        "account_id": tenant.account_id,
        "site_id": tenant.site_id,
        "sector_id": tenant.site.sectors[0].id if tenant.site else None,
        "id": new_id(),
        "cluster_id": new_id(),
        "title": "How to brew coffee",
        "primary_keyword": "brew coffee",
        "keywords": ["brew coffee", "coffee grind size"],
        "target_word_count": 400,
        "outline": [{"heading": "Heat", "points": ["temperature"]}],
    } | values
    with database.transaction(tenant) as transaction:
        transaction.execute(sa.insert(Base.metadata.tables["task"]).values(**row))
    return UUID(str(row["id"]))


def article(**changes: Any) -> Answer:
    """Return a model's answer to `generate_content`."""
    answer = {
        "title": "How to brew coffee",
        "meta_title": "How to brew coffee",
        "meta_description": "Heat, grind and time.",
        "excerpt": "What heat, grind and time do.",
        "html": BODY,
        "categories": ["Brewing"],
        "tags": ["Heat", "Grind"],
        "focus_keyword": "brew coffee",
    } | changes
    return Answer(text=json.dumps(answer), provenance=PROVENANCE)


def descriptions(inside: int = 2) -> Answer:
    """Return a model's answer to `generate_image_prompts`."""
    listed = [{"type": "featured", "position": 0, "prompt": "A cup", "alt_text": "A cup on a table"}]
    listed += [
        {"type": "in_article", "position": n, "prompt": f"Beans {n}", "alt_text": f"Beans, view {n}"}
        for n in range(inside)
    ]
    return Answer(text=json.dumps({"prompts": listed}), provenance=PROVENANCE)


def draft(database: Database, tenant: Tenant, task_id: UUID | None = None, **changes: Any) -> UUID:
    """Have a task written, a new one unless one is named, and return the content."""
    step = work(tenant, task_id or task(database, tenant))
    function = GenerateContent(database)
    function.prepare(step)
    return UUID(function.apply(step, article(**changes)).made[0].id)


def pictures(database: Database, tenant: Tenant, content_id: UUID, inside: int = 2) -> list[UUID]:
    """Have a content's pictures described and return them, the featured one first."""
    applied = GenerateImagePrompts(database).apply(
        work(tenant, content_id, images_per_article=inside + 1), descriptions(inside)
    )
    return [UUID(made.id) for made in applied.made]


def made_picture(database: Database, tenant: Tenant, image_id: UUID) -> None:
    """Have a picture made."""
    answer = replace(PICTURE, object_key=f"images/{image_id}.png")
    GenerateImage(database).apply(work(tenant, image_id), answer)


def rows(database: Database, tenant: Tenant, table: str, **where: Any) -> list[Mapping[str, Any]]:
    """Return the rows of a table that a tenant sees, oldest first."""
    columns = Base.metadata.tables[table]
    statement = sa.select(columns).where(*[columns.c[name] == value for name, value in where.items()])
    with database.transaction(tenant) as transaction:
        return [dict(row) for row in transaction.execute(statement.order_by(columns.c.id)).mappings()]


def row(database: Database, tenant: Tenant, table: str, row_id: UUID) -> Mapping[str, Any]:
    """Return one row."""
    (found,) = rows(database, tenant, table, id=row_id)
    return found


def set_status(database: Database, tenant: Tenant, content_id: UUID, status: str) -> None:
    """Put a content into a state, whatever the way there."""
    table = Base.metadata.tables["content"]
    with database.transaction(tenant) as transaction:
        transaction.execute(sa.update(table).where(table.c.id == content_id).values(status=status))


def remove(database: Database, tenant: Tenant, table: str, row_id: UUID) -> None:
    """Delete a row as a person does."""
    columns = Base.metadata.tables[table]
    with database.transaction(tenant) as transaction:
        transaction.execute(sa.update(columns).where(columns.c.id == row_id).values(delete_time=sa.func.now()))


def another_site() -> SiteClaim:
    """Return a site that nobody has seen before."""
    return a_site(sectors=2, name="Tea Corner", domain="tea.example")
