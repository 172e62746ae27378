"""Imports of keyword files, and the lines that they left out."""

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from chassis import columns, tenancy
from chassis.tenancy import SectorRow, SiteRow
from services.planner.models.base import Base, named


class KeywordImport(SectorRow, Base):
    """One import of a file and how it went."""

    __tablename__ = "keyword_import"
    __table_args__ = (
        sa.UniqueConstraint("account_id", "site_id", "id", name="keyword_import_site_key"),
        columns.one_of("status", "running", "completed", "failed"),
    )

    filename: Mapped[str] = columns.text()
    layout: Mapped[str] = columns.text()
    status: Mapped[str] = mapped_column(sa.Text, nullable=False, server_default="running")
    line_count: Mapped[int] = columns.whole()
    created_count: Mapped[int] = columns.whole()
    updated_count: Mapped[int] = columns.whole()
    unchanged_count: Mapped[int] = columns.whole()
    skipped_count: Mapped[int] = columns.whole()
    note_count: Mapped[int] = columns.whole()
    error: Mapped[str] = columns.text()
    step_id: Mapped[UUID | None] = mapped_column(sa.Uuid)
    update_time: Mapped[datetime] = mapped_column(
        sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False, sort_order=901
    )


class ImportSkippedLine(SiteRow, Base):
    """A line that an import left out."""

    __tablename__ = "import_skipped_line"
    __table_args__ = (
        named("import_skipped_line_import_fkey", tenancy.within_site("keyword_import", "keyword_import_id")),
        sa.Index("import_skipped_line_import_idx", "account_id", "keyword_import_id", "line"),
    )

    keyword_import_id: Mapped[UUID] = mapped_column(sa.Uuid, nullable=False)
    line: Mapped[int] = mapped_column(sa.BigInteger, nullable=False)
    reason: Mapped[str] = columns.text(default=None)
    text: Mapped[str] = columns.text()
