"""Runs, their stages, steps and events; settings, quotes and schedules; the lanes' bells."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from chassis import baseline, migrate, tenancy

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_TENANT = ("automation_config", "schedule", "run_quote", "run", "run_stage", "step")


def upgrade() -> None:
    app, sweep = migrate.roles(op)
    baseline.create(op, app, sweep)
    _runs()
    for table in _TENANT:
        tenancy.protect(op, table, app, "site")
    tenancy.protect(op, "run_event", app, "site", grants="SELECT, INSERT")
    for table in ("run", "run_stage", "step"):
        tenancy.open_to_sweep(op, table, sweep, "SELECT, INSERT, UPDATE")
    tenancy.open_to_sweep(op, "run_event", sweep, "SELECT, INSERT")
    op.execute(f"GRANT SELECT, INSERT, UPDATE ON lane TO {sweep}")


def downgrade() -> None:
    raise NotImplementedError("A migration is not undone: what was written since would be lost. Restore a backup.")


def _runs() -> None:
    op.create_table(
        "lane",
        sa.Column("lane", sa.Text(), nullable=False),
        sa.Column("rung_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("polled_time", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("lane", name=op.f("lane_pkey")),
    )
    op.create_table(
        "automation_config",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column("enabled", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("frequency", sa.Text(), server_default="daily", nullable=False),
        sa.Column("local_time", sa.Text(), server_default="02:00", nullable=False),
        sa.Column("plan", JSONB(), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("delay_within_stage_s", sa.Integer(), server_default="0", nullable=False),
        sa.Column("delay_between_stages_s", sa.Integer(), server_default="0", nullable=False),
        sa.Column("batch_sizes", JSONB(), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("next_run_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_run_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("create_time", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("update_time", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("revision", sa.BigInteger(), server_default=sa.text("1"), nullable=False),
        sa.CheckConstraint(
            "frequency IN ('daily', 'weekly', 'monthly')", name=op.f("automation_config_frequency_check")
        ),
        sa.ForeignKeyConstraint(
            ["account_id", "site_id"],
            ["site_ref.account_id", "site_ref.site_id"],
            name=op.f("automation_config_account_id_site_id_fkey"),
        ),
        sa.PrimaryKeyConstraint("account_id", "id", name=op.f("automation_config_pkey")),
        sa.UniqueConstraint("account_id", "site_id", name=op.f("automation_config_account_id_site_id_key")),
    )
    op.create_table(
        "run",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("plan", JSONB(), nullable=False),
        sa.Column("by_hand", sa.Boolean(), nullable=False),
        sa.Column("trigger", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), server_default="running", nullable=False),
        sa.Column("pause_reason", sa.Text(), server_default="", nullable=False),
        sa.Column("current_stage", sa.Integer(), server_default="0", nullable=False),
        sa.Column("billing_quote_id", sa.Uuid(), nullable=True),
        sa.Column("quoted_credits", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("captured_credits", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("error", sa.Text(), server_default="", nullable=False),
        sa.Column("event_count", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("logged_count", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("end_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("create_time", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("update_time", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("revision", sa.BigInteger(), server_default=sa.text("1"), nullable=False),
        sa.CheckConstraint(
            "status IN ('running', 'paused', 'cancelled', 'completed', 'failed')", name=op.f("run_status_check")
        ),
        sa.CheckConstraint("trigger IN ('manual', 'scheduled')", name=op.f("run_trigger_check")),
        sa.ForeignKeyConstraint(
            ["account_id", "site_id"],
            ["site_ref.account_id", "site_ref.site_id"],
            name=op.f("run_account_id_site_id_fkey"),
        ),
        sa.PrimaryKeyConstraint("account_id", "id", name=op.f("run_pkey")),
    )
    op.create_index(
        "run_one_active_automation_idx",
        "run",
        ["account_id", "site_id"],
        unique=True,
        postgresql_where=sa.text("NOT by_hand AND status IN ('running', 'paused')"),
    )
    op.create_index("run_site_idx", "run", ["account_id", "site_id", "id"], unique=False)
    op.create_table(
        "run_quote",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("plan", JSONB(), nullable=False),
        sa.Column("lines", JSONB(), nullable=False),
        sa.Column("billing_quote_id", sa.Uuid(), nullable=False),
        sa.Column("expected_credits", sa.BigInteger(), nullable=False),
        sa.Column("limit_credits", sa.BigInteger(), nullable=False),
        sa.Column("expire_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id", "site_id"],
            ["site_ref.account_id", "site_ref.site_id"],
            name=op.f("run_quote_account_id_site_id_fkey"),
        ),
        sa.PrimaryKeyConstraint("account_id", "id", name=op.f("run_quote_pkey")),
    )
    op.create_table(
        "schedule",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("enabled", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("frequency", sa.Text(), nullable=False),
        sa.Column("local_time", sa.Time(), nullable=False),
        sa.Column("weekday", sa.Integer(), nullable=True),
        sa.Column("month_day", sa.Integer(), nullable=True),
        sa.Column("time_zone", sa.Text(), server_default="UTC", nullable=False),
        sa.Column("catch_up", sa.Text(), server_default="once", nullable=False),
        sa.Column("next_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("create_time", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("update_time", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("revision", sa.BigInteger(), server_default=sa.text("1"), nullable=False),
        sa.CheckConstraint("catch_up IN ('once', 'skip')", name=op.f("schedule_catch_up_check")),
        sa.CheckConstraint(
            "frequency IN ('hourly', 'daily', 'weekly', 'monthly')", name=op.f("schedule_frequency_check")
        ),
        sa.ForeignKeyConstraint(
            ["account_id", "site_id"],
            ["site_ref.account_id", "site_ref.site_id"],
            name=op.f("schedule_account_id_site_id_fkey"),
        ),
        sa.PrimaryKeyConstraint("account_id", "id", name=op.f("schedule_pkey")),
        sa.UniqueConstraint("account_id", "site_id", "kind", name=op.f("schedule_account_id_site_id_kind_key")),
    )
    op.create_table(
        "run_event",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("stage", sa.Integer(), server_default="0", nullable=False),
        sa.Column("step_id", sa.Uuid(), nullable=True),
        sa.Column("message", sa.Text(), server_default="", nullable=False),
        sa.Column("payload", JSONB(), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id", "run_id"], ["run.account_id", "run.id"], name=op.f("run_event_account_id_run_id_fkey")
        ),
        sa.ForeignKeyConstraint(
            ["account_id", "site_id"],
            ["site_ref.account_id", "site_ref.site_id"],
            name=op.f("run_event_account_id_site_id_fkey"),
        ),
        sa.PrimaryKeyConstraint("account_id", "id", name=op.f("run_event_pkey")),
        sa.UniqueConstraint("account_id", "run_id", "position", name=op.f("run_event_account_id_run_id_position_key")),
    )
    op.create_table(
        "run_stage",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("stage", sa.Integer(), nullable=False),
        sa.Column("function", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), server_default="pending", nullable=False),
        sa.Column("planned", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("succeeded", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("failed", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("cancelled", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("credits", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("made", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("left_over", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("skip_reason", sa.Text(), server_default="", nullable=False),
        sa.Column("start_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("end_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("create_time", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("state IN ('pending', 'planning', 'open', 'closed')", name=op.f("run_stage_state_check")),
        sa.ForeignKeyConstraint(
            ["account_id", "run_id"], ["run.account_id", "run.id"], name=op.f("run_stage_account_id_run_id_fkey")
        ),
        sa.ForeignKeyConstraint(
            ["account_id", "site_id"],
            ["site_ref.account_id", "site_ref.site_id"],
            name=op.f("run_stage_account_id_site_id_fkey"),
        ),
        sa.PrimaryKeyConstraint("account_id", "id", name=op.f("run_stage_pkey")),
        sa.UniqueConstraint("account_id", "run_id", "place", name=op.f("run_stage_account_id_run_id_place_key")),
    )
    op.create_table(
        "step",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("stage", sa.Integer(), nullable=False),
        sa.Column("function", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("subject_kind", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), server_default="", nullable=False),
        sa.Column("lane", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), server_default="ready", nullable=False),
        sa.Column("phase", sa.Text(), server_default="prepare", nullable=False),
        sa.Column("due", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("fence", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("attempt", sa.Integer(), server_default="0", nullable=False),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("limit_quantity", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("reservation", sa.Integer(), server_default="0", nullable=False),
        sa.Column("reserved", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("apply_sent", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("job", JSONB(), nullable=True),
        sa.Column("answer", JSONB(), nullable=True),
        sa.Column("applied", JSONB(), nullable=True),
        sa.Column("credits", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("error_reason", sa.Text(), server_default="", nullable=False),
        sa.Column("error", sa.Text(), server_default="", nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("update_time", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("revision", sa.BigInteger(), server_default=sa.text("1"), nullable=False),
        sa.CheckConstraint(
            "phase IN ('prepare', 'reserve', 'call', 'apply', 'capture', 'done')", name=op.f("step_phase_check")
        ),
        sa.CheckConstraint(
            "status IN ('ready', 'running', 'succeeded', 'failed', 'cancelled')", name=op.f("step_status_check")
        ),
        sa.ForeignKeyConstraint(
            ["account_id", "run_id"], ["run.account_id", "run.id"], name=op.f("step_account_id_run_id_fkey")
        ),
        sa.ForeignKeyConstraint(
            ["account_id", "site_id"],
            ["site_ref.account_id", "site_ref.site_id"],
            name=op.f("step_account_id_site_id_fkey"),
        ),
        sa.PrimaryKeyConstraint("account_id", "id", name=op.f("step_pkey")),
        sa.UniqueConstraint(
            "account_id",
            "run_id",
            "place",
            "function",
            "subject_id",
            name=op.f("step_account_id_run_id_place_function_subject_id_key"),
        ),
    )
    op.create_index(
        "step_due_idx",
        "step",
        ["lane", "due"],
        unique=False,
        postgresql_where=sa.text("status IN ('ready', 'running')"),
    )
    op.create_index("step_of_run_idx", "step", ["account_id", "run_id", "id"], unique=False)
    op.create_index(
        "step_one_open_for_subject_idx",
        "step",
        ["account_id", "site_id", "function", "subject_id"],
        unique=True,
        postgresql_where=sa.text("status IN ('ready', 'running')"),
    )
    op.create_index(
        "step_open_of_run_idx",
        "step",
        ["account_id", "run_id", "place"],
        unique=False,
        postgresql_where=sa.text("status IN ('ready', 'running')"),
    )
