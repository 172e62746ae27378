"""Tables of the orchestrator. PostgreSQL is the queue and the truth; a Celery message is a doorbell."""

from datetime import datetime, time
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    DateTime,
    Index,
    Integer,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from chassis import idempotency, outbox, tenancy
from chassis.tenancy import Editable, SiteRow, TenantBase

CATALOGUE = frozenset({"lane"})
"""Tables that belong to no tenant."""


class Base(TenantBase):
    """Base of the orchestrator's tables."""

    __abstract__ = True
    metadata = tenancy.metadata()


outbox.add_tables(Base.metadata)
idempotency.add_table(Base.metadata)


def _one_of(column: str, *values: str) -> CheckConstraint:
    return CheckConstraint(f"{column} IN ({', '.join(repr(value) for value in values)})", name=column)


class AutomationConfig(SiteRow, Editable, Base):
    """A site's settings for runs."""

    __tablename__ = "automation_config"
    __table_args__ = (
        UniqueConstraint("account_id", "site_id"),
        _one_of("frequency", "daily", "weekly", "monthly"),
    )

    enabled: Mapped[bool] = mapped_column(Boolean, server_default=sa.false(), nullable=False)
    frequency: Mapped[str] = mapped_column(Text, server_default="daily", nullable=False)
    local_time: Mapped[str] = mapped_column(Text, server_default="02:00", nullable=False)
    plan: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'"), nullable=False)
    delay_within_stage_s: Mapped[int] = mapped_column(Integer, server_default="0", nullable=False)
    delay_between_stages_s: Mapped[int] = mapped_column(Integer, server_default="0", nullable=False)
    batch_sizes: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'"), nullable=False)
    next_run_time: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    last_run_time: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class Schedule(SiteRow, Editable, Base):
    """When a site's runs start by themselves."""

    __tablename__ = "schedule"
    __table_args__ = (
        UniqueConstraint("account_id", "site_id", "kind"),
        _one_of("frequency", "hourly", "daily", "weekly", "monthly"),
        _one_of("catch_up", "once", "skip"),
    )

    kind: Mapped[str] = mapped_column(Text, nullable=False)
    enabled: Mapped[bool] = mapped_column(Boolean, server_default=sa.false(), nullable=False)
    frequency: Mapped[str] = mapped_column(Text, nullable=False)
    local_time: Mapped[time] = mapped_column(sa.Time, nullable=False)
    weekday: Mapped[int | None] = mapped_column(Integer)
    month_day: Mapped[int | None] = mapped_column(Integer)
    time_zone: Mapped[str] = mapped_column(Text, server_default="UTC", nullable=False)
    catch_up: Mapped[str] = mapped_column(Text, server_default="once", nullable=False)
    next_time: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    last_time: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class RunQuote(SiteRow, Base):
    """What a run would do and cost, and the id it will have: starting twice with one quote starts one run."""

    __tablename__ = "run_quote"

    run_id: Mapped[UUID] = mapped_column(Uuid, nullable=False)
    plan: Mapped[dict[str, Any]] = mapped_column(JSONB, nullable=False)
    lines: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, nullable=False)
    billing_quote_id: Mapped[UUID] = mapped_column(Uuid, nullable=False)
    expected_credits: Mapped[int] = mapped_column(BigInteger, nullable=False)
    limit_credits: Mapped[int] = mapped_column(BigInteger, nullable=False)
    expire_time: Mapped[datetime] = mapped_column(DateTime(timezone=True), nullable=False)


class Run(SiteRow, Editable, Base):
    """A run; its status is also what its steps are meant to do, checked before every phase up to Apply."""

    __tablename__ = "run"
    __table_args__ = (
        _one_of("trigger", "manual", "scheduled"),
        _one_of("status", "running", "paused", "cancelled", "completed", "failed"),
        Index(
            "run_one_active_automation_idx",
            "account_id",
            "site_id",
            unique=True,
            postgresql_where=text("NOT by_hand AND status IN ('running', 'paused')"),
        ),
        Index("run_site_idx", "account_id", "site_id", "id"),
    )

    name: Mapped[str] = mapped_column(Text, nullable=False)
    plan: Mapped[dict[str, Any]] = mapped_column(JSONB, nullable=False)
    by_hand: Mapped[bool] = mapped_column(Boolean, nullable=False)
    trigger: Mapped[str] = mapped_column(Text, nullable=False)
    status: Mapped[str] = mapped_column(Text, server_default="running", nullable=False)
    pause_reason: Mapped[str] = mapped_column(Text, server_default="", nullable=False)
    current_stage: Mapped[int] = mapped_column(Integer, server_default="0", nullable=False)
    billing_quote_id: Mapped[UUID | None] = mapped_column(Uuid)
    quoted_credits: Mapped[int] = mapped_column(BigInteger, server_default="0", nullable=False)
    captured_credits: Mapped[int] = mapped_column(BigInteger, server_default="0", nullable=False)
    error: Mapped[str] = mapped_column(Text, server_default="", nullable=False)
    event_count: Mapped[int] = mapped_column(BigInteger, server_default="0", nullable=False)
    logged_count: Mapped[int] = mapped_column(BigInteger, server_default="0", nullable=False)
    end_time: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class RunStage(SiteRow, Base):
    """One function of a run, in its place."""

    __tablename__ = "run_stage"
    __table_args__ = (
        UniqueConstraint("account_id", "run_id", "place"),
        tenancy.within_account("run", "run_id"),
        _one_of("state", "pending", "planning", "open", "closed"),
    )

    run_id: Mapped[UUID] = mapped_column(Uuid, nullable=False)
    place: Mapped[int] = mapped_column(Integer, nullable=False)
    stage: Mapped[int] = mapped_column(Integer, nullable=False)
    function: Mapped[str] = mapped_column(Text, nullable=False)
    state: Mapped[str] = mapped_column(Text, server_default="pending", nullable=False)
    planned: Mapped[int] = mapped_column(BigInteger, server_default="0", nullable=False)
    succeeded: Mapped[int] = mapped_column(BigInteger, server_default="0", nullable=False)
    failed: Mapped[int] = mapped_column(BigInteger, server_default="0", nullable=False)
    cancelled: Mapped[int] = mapped_column(BigInteger, server_default="0", nullable=False)
    credits: Mapped[int] = mapped_column(BigInteger, server_default="0", nullable=False)
    made: Mapped[int] = mapped_column(BigInteger, server_default="0", nullable=False)
    left_over: Mapped[int] = mapped_column(BigInteger, server_default="0", nullable=False)
    skip_reason: Mapped[str] = mapped_column(Text, server_default="", nullable=False)
    start_time: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    end_time: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class Step(SiteRow, Editable, Base):
    """One piece of work. `due` is when it may be claimed: now, after a backoff, or when its worker's lease ends."""

    __tablename__ = "step"
    __table_args__ = (
        UniqueConstraint("account_id", "run_id", "place", "function", "subject_id"),
        tenancy.within_account("run", "run_id"),
        _one_of("status", "ready", "running", "succeeded", "failed", "cancelled"),
        _one_of("phase", "prepare", "reserve", "call", "apply", "capture", "done"),
        Index(
            "step_one_open_for_subject_idx",
            "account_id",
            "site_id",
            "function",
            "subject_id",
            unique=True,
            postgresql_where=text("status IN ('ready', 'running')"),
        ),
        Index("step_due_idx", "lane", "due", postgresql_where=text("status IN ('ready', 'running')")),
        Index("step_of_run_idx", "account_id", "run_id", "id"),
        Index(
            "step_open_of_run_idx",
            "account_id",
            "run_id",
            "place",
            postgresql_where=text("status IN ('ready', 'running')"),
        ),
    )

    run_id: Mapped[UUID] = mapped_column(Uuid, nullable=False)
    place: Mapped[int] = mapped_column(Integer, nullable=False)
    stage: Mapped[int] = mapped_column(Integer, nullable=False)
    function: Mapped[str] = mapped_column(Text, nullable=False)
    subject_id: Mapped[UUID] = mapped_column(Uuid, nullable=False)
    subject_kind: Mapped[str] = mapped_column(Text, nullable=False)
    label: Mapped[str] = mapped_column(Text, server_default="", nullable=False)
    lane: Mapped[str] = mapped_column(Text, nullable=False)
    status: Mapped[str] = mapped_column(Text, server_default="ready", nullable=False)
    phase: Mapped[str] = mapped_column(Text, server_default="prepare", nullable=False)
    due: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=sa.func.now(), nullable=False)
    fence: Mapped[int] = mapped_column(BigInteger, server_default="0", nullable=False)
    attempt: Mapped[int] = mapped_column(Integer, server_default="0", nullable=False)
    failures: Mapped[int] = mapped_column(Integer, server_default="0", nullable=False)
    limit_quantity: Mapped[int] = mapped_column(BigInteger, server_default="0", nullable=False)
    reservation: Mapped[int] = mapped_column(Integer, server_default="0", nullable=False)
    reserved: Mapped[bool] = mapped_column(Boolean, server_default=sa.false(), nullable=False)
    apply_sent: Mapped[bool] = mapped_column(Boolean, server_default=sa.false(), nullable=False)
    job: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    answer: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    applied: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    credits: Mapped[int] = mapped_column(BigInteger, server_default="0", nullable=False)
    error_reason: Mapped[str] = mapped_column(Text, server_default="", nullable=False)
    error: Mapped[str] = mapped_column(Text, server_default="", nullable=False)


class RunEvent(SiteRow, Base):
    """Something that happened in a run; append-only, counted from 1."""

    __tablename__ = "run_event"
    __table_args__ = (
        UniqueConstraint("account_id", "run_id", "position"),
        tenancy.within_account("run", "run_id"),
    )

    run_id: Mapped[UUID] = mapped_column(Uuid, nullable=False)
    position: Mapped[int] = mapped_column(BigInteger, nullable=False)
    kind: Mapped[str] = mapped_column(Text, nullable=False)
    stage: Mapped[int] = mapped_column(Integer, server_default="0", nullable=False)
    step_id: Mapped[UUID | None] = mapped_column(Uuid)
    message: Mapped[str] = mapped_column(Text, server_default="", nullable=False)
    payload: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'"), nullable=False)


class LaneBell(Base):
    """The one outstanding doorbell of a lane, and when a worker last looked."""

    __tablename__ = "lane"

    lane: Mapped[str] = mapped_column(Text, primary_key=True)
    rung_time: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    polled_time: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
