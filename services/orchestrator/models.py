"""Tables of the orchestrator. PostgreSQL is the queue and the truth; a Celery message is a doorbell."""

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy import (
    BigInteger,
    Boolean,
    Float,
    Index,
    Integer,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from chassis import columns, idempotency, outbox, tenancy
from chassis.tenancy import Editable, SiteRow, TenantBase

CATALOGUE = frozenset({"lane", "lane_turn", "maintenance_task"})
"""Tables that belong to no tenant."""


ASIDE = "9000-01-01 00:00:00+00"
"""When steps of paused runs are due: they are in no index that a claim reads, and a resume wakes them."""
_CLAIMABLE = text(f"status IN ('ready', 'running') AND due < '{ASIDE}'")


class Base(TenantBase):
    """Base of the orchestrator's tables."""

    __abstract__ = True
    metadata = tenancy.metadata()


outbox.add_tables(Base.metadata)
idempotency.add_table(Base.metadata)


class AutomationConfig(SiteRow, Editable, Base):
    """A site's settings for runs."""

    __tablename__ = "automation_config"
    __table_args__ = (
        UniqueConstraint("account_id", "site_id"),
        columns.one_of("frequency", "daily", "weekly", "monthly"),
        columns.one_of("catch_up", "once", "skip"),
        sa.CheckConstraint("weekday BETWEEN 1 AND 7", name="weekday"),
        sa.CheckConstraint("month_day BETWEEN 1 AND 31", name="month_day"),
        sa.CheckConstraint("daily_credits >= 0 AND max_concurrent >= 0", name="caps"),
        Index("automation_config_due_idx", "next_run_time", postgresql_where=text("enabled")),
    )

    enabled: Mapped[bool] = columns.flag(default=False)
    frequency: Mapped[str] = mapped_column(Text, server_default="daily", nullable=False)
    local_time: Mapped[str] = mapped_column(Text, server_default="02:00", nullable=False)
    plan: Mapped[dict[str, Any]] = columns.json_object()
    delay_within_stage_s: Mapped[int] = mapped_column(Integer, server_default="0", nullable=False)
    delay_between_stages_s: Mapped[int] = mapped_column(Integer, server_default="0", nullable=False)
    batch_sizes: Mapped[dict[str, Any]] = columns.json_object()
    next_run_time: Mapped[datetime | None] = columns.instant_or_none()
    last_run_time: Mapped[datetime | None] = columns.instant_or_none()
    time_zone: Mapped[str] = columns.text()
    account_zone: Mapped[str] = columns.text()  # the account's, as identity said last; used where the site has none
    weekday: Mapped[int] = mapped_column(Integer, server_default="1", nullable=False)
    month_day: Mapped[int] = mapped_column(Integer, server_default="1", nullable=False)
    catch_up: Mapped[str] = mapped_column(Text, server_default="once", nullable=False)
    daily_credits: Mapped[int] = columns.whole()
    max_concurrent: Mapped[int] = mapped_column(Integer, server_default="0", nullable=False)
    last_outcome: Mapped[str] = columns.text()
    starting_until: Mapped[datetime | None] = columns.instant_or_none()  # a replica that starts its run has it so long


class RunQuote(SiteRow, Base):
    """What a run would do and cost, and the id it has or will have: starting twice with one quote starts one run."""

    __tablename__ = "run_quote"

    run_id: Mapped[UUID] = mapped_column(Uuid, nullable=False)
    plan: Mapped[dict[str, Any]] = mapped_column(JSONB, nullable=False)
    lines: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, nullable=False)
    billing_quote_id: Mapped[UUID] = mapped_column(Uuid, nullable=False)
    expected_credits: Mapped[int] = mapped_column(BigInteger, nullable=False)
    limit_credits: Mapped[int] = mapped_column(BigInteger, nullable=False)
    expire_time: Mapped[datetime] = columns.instant()
    resumes: Mapped[bool] = columns.flag(default=False)  # it is for what is left of a run that is there


class Run(SiteRow, Editable, Base):
    """A run; its status is also what its steps are meant to do, checked before every phase up to Apply."""

    __tablename__ = "run"
    __table_args__ = (
        columns.one_of("trigger", "manual", "scheduled"),
        columns.one_of("status", "running", "paused", "cancelled", "completed", "failed"),
        Index(
            "run_one_active_automation_idx",
            "account_id",
            "site_id",
            unique=True,
            postgresql_where=text("NOT by_hand AND status IN ('running', 'paused')"),
        ),
        Index("run_site_idx", "account_id", "site_id", "id"),
        Index(
            "run_schedule_time_idx",
            "account_id",
            "site_id",
            "schedule_time",
            unique=True,
            postgresql_where=text("schedule_time IS NOT NULL"),
        ),
        Index("run_resume_idx", "resume_time", postgresql_where=text("status = 'paused' AND resume_time IS NOT NULL")),
    )

    name: Mapped[str] = columns.text(default=None)
    plan: Mapped[dict[str, Any]] = mapped_column(JSONB, nullable=False)
    by_hand: Mapped[bool] = mapped_column(Boolean, nullable=False)
    trigger: Mapped[str] = columns.text(default=None)
    status: Mapped[str] = mapped_column(Text, server_default="running", nullable=False)
    pause_reason: Mapped[str] = columns.text()
    current_stage: Mapped[int] = mapped_column(Integer, server_default="0", nullable=False)
    billing_quote_id: Mapped[UUID | None] = mapped_column(Uuid)
    quoted_credits: Mapped[int] = columns.whole()
    captured_credits: Mapped[int] = columns.whole()
    error: Mapped[str] = columns.text()
    event_count: Mapped[int] = columns.whole()
    logged_count: Mapped[int] = columns.whole()
    end_time: Mapped[datetime | None] = columns.instant_or_none()
    resume_time: Mapped[datetime | None] = columns.instant_or_none()
    schedule_time: Mapped[datetime | None] = columns.instant_or_none()


class RunStage(SiteRow, Base):
    """One function of a run, in its place."""

    __tablename__ = "run_stage"
    __table_args__ = (
        UniqueConstraint("account_id", "run_id", "place"),
        tenancy.within_account("run", "run_id"),
        columns.one_of("state", "pending", "planning", "open", "closed"),
        Index("run_stage_site_idx", "account_id", "site_id", "function", "id"),
    )

    run_id: Mapped[UUID] = mapped_column(Uuid, nullable=False)
    place: Mapped[int] = mapped_column(Integer, nullable=False)
    stage: Mapped[int] = mapped_column(Integer, nullable=False)
    function: Mapped[str] = columns.text(default=None)
    state: Mapped[str] = mapped_column(Text, server_default="pending", nullable=False)
    planned: Mapped[int] = columns.whole()
    succeeded: Mapped[int] = columns.whole()
    failed: Mapped[int] = columns.whole()
    cancelled: Mapped[int] = columns.whole()
    credits: Mapped[int] = columns.whole()
    made: Mapped[int] = columns.whole()
    left_over: Mapped[int] = columns.whole()
    skip_reason: Mapped[str] = columns.text()
    waiting_at_start: Mapped[int] = columns.whole()
    expected: Mapped[int] = columns.whole()  # items that its quote expected, until it is planned
    quantity: Mapped[int] = columns.whole()  # what was done, in the unit of the function's price
    pace_s: Mapped[float | None] = mapped_column(Float)  # seconds between two ends; before the first one a guess
    counted_time: Mapped[datetime | None] = columns.instant_or_none()  # when an item ended, or the run went on
    start_time: Mapped[datetime | None] = columns.instant_or_none()
    end_time: Mapped[datetime | None] = columns.instant_or_none()


class Step(SiteRow, Editable, Base):
    """One piece of work. `due` is when it may be claimed: now, after a backoff, or when its worker's lease ends."""

    __tablename__ = "step"
    __table_args__ = (
        UniqueConstraint("account_id", "run_id", "place", "function", "subject_id"),
        tenancy.within_account("run", "run_id"),
        columns.one_of("status", "ready", "running", "succeeded", "failed", "cancelled"),
        columns.one_of("phase", "prepare", "reserve", "call", "apply", "capture", "done"),
        columns.one_of("error_kind", "", "transient", "permanent", "budget"),
        Index(
            "step_one_open_for_subject_idx",
            "account_id",
            "site_id",
            "function",
            "subject_id",
            unique=True,
            postgresql_where=text("status IN ('ready', 'running')"),
        ),
        Index("step_due_idx", "lane", "due", postgresql_where=_CLAIMABLE),
        Index("step_fair_idx", "lane", "account_id", "site_id", "due", "id", postgresql_where=_CLAIMABLE),
        Index("step_running_idx", "account_id", "lane", "site_id", postgresql_where=text("status = 'running'")),
        Index("step_failed_idx", "account_id", "site_id", "id", postgresql_where=text("status = 'failed'")),
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
    function: Mapped[str] = columns.text(default=None)
    subject_id: Mapped[UUID] = mapped_column(Uuid, nullable=False)
    subject_kind: Mapped[str] = columns.text(default=None)
    label: Mapped[str] = columns.text()
    lane: Mapped[str] = columns.text(default=None)
    status: Mapped[str] = mapped_column(Text, server_default="ready", nullable=False)
    phase: Mapped[str] = mapped_column(Text, server_default="prepare", nullable=False)
    due: Mapped[datetime] = columns.now_by_default()
    fence: Mapped[int] = columns.whole()
    attempt: Mapped[int] = mapped_column(Integer, server_default="0", nullable=False)
    failures: Mapped[int] = mapped_column(Integer, server_default="0", nullable=False)
    limit_quantity: Mapped[int] = columns.whole()
    reservation: Mapped[int] = mapped_column(Integer, server_default="0", nullable=False)
    reserved: Mapped[bool] = columns.flag(default=False)
    apply_sent: Mapped[bool] = columns.flag(default=False)
    job: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    answer: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    applied: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    credits: Mapped[int] = columns.whole()
    error_kind: Mapped[str] = columns.text()
    error_reason: Mapped[str] = columns.text()
    error: Mapped[str] = columns.text()
    batch: Mapped[int] = mapped_column(Integer, server_default="0", nullable=False)
    replay_run_id: Mapped[UUID | None] = mapped_column(Uuid)


class RunEvent(SiteRow, Base):
    """Something that happened in a run; append-only, counted from 1."""

    __tablename__ = "run_event"
    __table_args__ = (
        UniqueConstraint("account_id", "run_id", "position"),
        tenancy.within_account("run", "run_id"),
    )

    run_id: Mapped[UUID] = mapped_column(Uuid, nullable=False)
    position: Mapped[int] = mapped_column(BigInteger, nullable=False)
    kind: Mapped[str] = columns.text(default=None)
    stage: Mapped[int] = mapped_column(Integer, server_default="0", nullable=False)
    step_id: Mapped[UUID | None] = mapped_column(Uuid)
    message: Mapped[str] = columns.text()
    payload: Mapped[dict[str, Any]] = columns.json_object()


class LaneBell(Base):
    """The one outstanding doorbell of a lane, and when a worker last looked."""

    __tablename__ = "lane"

    lane: Mapped[str] = mapped_column(Text, primary_key=True)
    rung_time: Mapped[datetime | None] = columns.instant_or_none()
    polled_time: Mapped[datetime | None] = columns.instant_or_none()


class LaneTurn(Base):
    """Whose account was served last by a claim of a lane: where accounts are level, they take turns."""

    __tablename__ = "lane_turn"

    lane: Mapped[str] = mapped_column(Text, primary_key=True)
    served: Mapped[UUID] = mapped_column(Uuid, nullable=False)


class MaintenanceTask(Base):
    """The platform's own periodic work, and what became of it the last time."""

    __tablename__ = "maintenance_task"

    name: Mapped[str] = mapped_column(Text, primary_key=True)
    next_time: Mapped[datetime] = columns.now_by_default()
    taken_until: Mapped[datetime | None] = columns.instant_or_none()  # a replica that does it has it so long
    last_start_time: Mapped[datetime | None] = columns.instant_or_none()
    last_end_time: Mapped[datetime | None] = columns.instant_or_none()
    last_result: Mapped[dict[str, Any]] = columns.json_object()
    last_error: Mapped[str] = columns.text()
