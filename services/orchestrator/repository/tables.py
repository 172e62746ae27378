"""The tables, and which rows of them are a run's."""

from dataclasses import dataclass
from uuid import UUID

import sqlalchemy as sa

from chassis.tenancy import table_of
from services.orchestrator.models import (
    AutomationConfig,
    MaintenanceTask,
    Run,
    RunEvent,
    RunQuote,
    RunStage,
    Step,
)

run, stage, step = table_of(Run), table_of(RunStage), table_of(Step)
event, quote, config = table_of(RunEvent), table_of(RunQuote), table_of(AutomationConfig)
task = table_of(MaintenanceTask)


@dataclass(frozen=True)
class RunKey:
    """A run with its tenant."""

    account_id: UUID
    site_id: UUID
    run_id: UUID

    @property
    def columns(self) -> dict[str, UUID]:
        """The columns every row of the run carries."""
        return {"account_id": self.account_id, "site_id": self.site_id, "run_id": self.run_id}


def is_run(key: RunKey) -> tuple[sa.ColumnElement[bool], ...]:
    """Return the conditions for a run's own row."""
    return run.c.account_id == key.account_id, run.c.id == key.run_id


def of_run(table: sa.Table, key: RunKey) -> tuple[sa.ColumnElement[bool], ...]:
    """Return the conditions for a run's rows in a table."""
    return table.c.account_id == key.account_id, table.c.run_id == key.run_id
