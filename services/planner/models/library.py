"""What operators did to the platform's library, and what they looked at before they did it."""

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from chassis import columns
from services.planner.domain import Intent
from services.planner.models.base import Base


class LibraryChange(Base):
    """A change of the library, previewed or applied, and whose it is: the library's audit log."""

    __tablename__ = "library_change"
    __table_args__ = (
        sa.UniqueConstraint("created_by", "request_id"),
        columns.one_of("kind", "import", "promotion"),
        columns.one_of("status", "previewed", "applied"),
        sa.CheckConstraint("(status = 'applied') = (apply_time IS NOT NULL)", name="apply_time"),
    )

    id: Mapped[UUID] = mapped_column(sa.Uuid, primary_key=True)
    kind: Mapped[str] = columns.text(default=None)
    status: Mapped[str] = columns.text(default=None)
    filename: Mapped[str] = columns.text()
    layout: Mapped[str] = columns.text()
    line_count: Mapped[int] = columns.whole()
    new_count: Mapped[int] = columns.whole()
    updated_count: Mapped[int] = columns.whole()
    unchanged_count: Mapped[int] = columns.whole()
    wrong_count: Mapped[int] = columns.whole()
    request_id: Mapped[str | None] = mapped_column(sa.Text)
    body_hash: Mapped[bytes | None] = mapped_column(sa.LargeBinary)
    created_by: Mapped[str] = columns.text(default=None)
    create_time: Mapped[datetime] = columns.now_by_default()
    applied_by: Mapped[str] = columns.text()
    apply_time: Mapped[datetime | None] = columns.instant_or_none()


class LibraryChangeLine(Base):
    """What one line does to the library. The keyword may not be there yet, so `seed_keyword_id` points at nothing."""

    __tablename__ = "library_change_line"
    __table_args__ = (
        sa.ForeignKeyConstraint(["library_change_id"], ["library_change.id"], ondelete="CASCADE"),
        sa.Index("library_change_line_change_idx", "library_change_id", "line"),
        columns.one_of("outcome", "new", "updated", "unchanged", "wrong"),
        columns.one_of("intent", *Intent),
        columns.one_of("old_intent", *Intent),
        sa.CheckConstraint(
            "outcome = 'wrong' OR num_nulls(industry_id, industry_sector_id, seed_keyword_id) = 0", name="place"
        ),
    )

    id: Mapped[UUID] = mapped_column(sa.Uuid, primary_key=True)
    library_change_id: Mapped[UUID] = mapped_column(sa.Uuid, nullable=False)
    line: Mapped[int] = columns.whole(default=None)
    outcome: Mapped[str] = columns.text(default=None)
    text: Mapped[str] = columns.text(default=None)
    normalised: Mapped[str] = columns.text()
    reason: Mapped[str] = columns.text()
    detail: Mapped[str] = columns.text()
    industry_id: Mapped[UUID | None] = mapped_column(sa.Uuid)
    industry_sector_id: Mapped[UUID | None] = mapped_column(sa.Uuid)
    seed_keyword_id: Mapped[UUID | None] = mapped_column(sa.Uuid)
    old_volume: Mapped[int | None] = mapped_column(sa.BigInteger)
    old_difficulty: Mapped[float | None] = mapped_column(sa.Double)
    old_intent: Mapped[str | None] = mapped_column(sa.Text)
    old_country: Mapped[str] = columns.text()
    volume: Mapped[int | None] = mapped_column(sa.BigInteger)
    difficulty: Mapped[float | None] = mapped_column(sa.Double)
    intent: Mapped[str | None] = mapped_column(sa.Text)
    country: Mapped[str] = columns.text()
