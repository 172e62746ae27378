"""Schedules and caps of sites, fair claims, kinds of failure, and the platform's own periodic work."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from chassis import migrate, tenancy

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# Steps of paused runs are due in the year 9000: they are in no index that a claim reads.
_CLAIMABLE = sa.text("status IN ('ready', 'running') AND due < '9000-01-01 00:00:00+00'")
_CHECKS = (
    ("automation_config", "weekday", "weekday BETWEEN 1 AND 7"),
    ("automation_config", "month_day", "month_day BETWEEN 1 AND 31"),
    ("automation_config", "catch_up", "catch_up IN ('once', 'skip')"),
    ("automation_config", "caps", "daily_credits >= 0 AND max_concurrent >= 0"),
    ("step", "error_kind", "error_kind IN ('', 'transient', 'permanent', 'budget')"),
)


def upgrade() -> None:
    app, sweep = migrate.roles(op)
    op.execute("-- squawk-ignore ban-drop-table\nDROP TABLE schedule")  # a site's settings are its schedule; never used
    _settings()
    _runs()
    _maintenance(app, sweep)
    tenancy.open_to_sweep(op, "automation_config", sweep, "SELECT, UPDATE")
    tenancy.open_to_sweep(op, "run_quote", sweep, "SELECT")
    tenancy.open_to_sweep(op, "inbox", sweep, "SELECT")  # did credits come while a step found none?
    with op.get_context().autocommit_block():
        _checks()
        _indexes()


def downgrade() -> None:
    raise NotImplementedError("A migration is not undone: what was written since would be lost. Restore a backup.")


def _settings() -> None:
    for column in (
        sa.Column("time_zone", sa.Text(), nullable=False, server_default=""),
        sa.Column("account_zone", sa.Text(), nullable=False, server_default=""),
        sa.Column("weekday", sa.Integer(), nullable=False, server_default="1"),
        sa.Column("month_day", sa.Integer(), nullable=False, server_default="1"),
        sa.Column("catch_up", sa.Text(), nullable=False, server_default="once"),
        sa.Column("daily_credits", sa.BigInteger(), nullable=False, server_default=sa.text("0")),
        sa.Column("max_concurrent", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("last_outcome", sa.Text(), nullable=False, server_default=""),
        sa.Column("starting_until", sa.DateTime(timezone=True), nullable=True),
    ):
        op.add_column("automation_config", column)


def _runs() -> None:
    op.add_column("run", sa.Column("resume_time", sa.DateTime(timezone=True), nullable=True))
    op.add_column("run", sa.Column("schedule_time", sa.DateTime(timezone=True), nullable=True))
    op.add_column(
        "run_stage", sa.Column("waiting_at_start", sa.BigInteger(), nullable=False, server_default=sa.text("0"))
    )
    op.add_column("run_stage", sa.Column("expected", sa.BigInteger(), nullable=False, server_default=sa.text("0")))
    op.add_column("run_stage", sa.Column("quantity", sa.BigInteger(), nullable=False, server_default=sa.text("0")))
    op.add_column("run_stage", sa.Column("pace_s", sa.Float(), nullable=True))
    op.add_column("run_stage", sa.Column("counted_time", sa.DateTime(timezone=True), nullable=True))
    op.add_column("run_quote", sa.Column("resumes", sa.Boolean(), nullable=False, server_default=sa.text("false")))
    op.add_column("step", sa.Column("error_kind", sa.Text(), nullable=False, server_default=""))
    op.add_column("step", sa.Column("batch", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("step", sa.Column("replay_run_id", sa.Uuid(), nullable=True))


def _checks() -> None:
    """Add the checks, and only then, under a lock that stops nobody, look at the rows that are there."""
    for table, name, rule in _CHECKS:
        op.execute(f"ALTER TABLE {table} ADD CONSTRAINT {table}_{name}_check CHECK ({rule}) NOT VALID")
    for table, name, _ in _CHECKS:
        op.execute(f"ALTER TABLE {table} VALIDATE CONSTRAINT {table}_{name}_check")


def _maintenance(app: str, sweep: str) -> None:
    op.create_table(
        "maintenance_task",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("next_time", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("taken_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_start_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_end_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_result", JSONB(), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("last_error", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("maintenance_task_pkey")),
    )
    op.execute(f"GRANT SELECT, INSERT, UPDATE ON maintenance_task TO {sweep}")
    op.execute(f"GRANT SELECT, UPDATE (next_time) ON maintenance_task TO {app}")  # an operator asks for it now


def _indexes() -> None:
    op.drop_index("step_due_idx", "step", postgresql_concurrently=True)
    op.create_index("step_due_idx", "step", ["lane", "due"], postgresql_where=_CLAIMABLE, postgresql_concurrently=True)
    op.create_index(
        "step_fair_idx",
        "step",
        ["lane", "account_id", "site_id", "due", "id"],
        postgresql_where=_CLAIMABLE,
        postgresql_concurrently=True,
    )
    op.create_index(
        "step_running_idx",
        "step",
        ["account_id", "lane", "site_id"],
        postgresql_where=sa.text("status = 'running'"),
        postgresql_concurrently=True,
    )
    op.create_index(
        "step_failed_idx",
        "step",
        ["account_id", "site_id", "id"],
        postgresql_where=sa.text("status = 'failed'"),
        postgresql_concurrently=True,
    )
    op.create_index(
        "run_stage_site_idx",
        "run_stage",
        ["account_id", "site_id", "function", "id"],
        postgresql_concurrently=True,
    )
    op.create_index(
        "run_schedule_time_idx",
        "run",
        ["account_id", "site_id", "schedule_time"],
        unique=True,
        postgresql_where=sa.text("schedule_time IS NOT NULL"),
        postgresql_concurrently=True,
    )
    op.create_index(
        "run_resume_idx",
        "run",
        ["resume_time"],
        postgresql_where=sa.text("status = 'paused' AND resume_time IS NOT NULL"),
        postgresql_concurrently=True,
    )
    op.create_index(
        "automation_config_due_idx",
        "automation_config",
        ["next_run_time"],
        postgresql_where=sa.text("enabled"),
        postgresql_concurrently=True,
    )
