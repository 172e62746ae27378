"""What must be true when every step of a run has ended, whatever happened to those who carried them.

Looks into the databases of all services, past the services themselves.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from services.orchestrator.domain.stages import FUNCTIONS
from tests.integration.orchestrator.conftest import Owner

_SELECT_MADE = {
    "import_keywords": "SELECT id, count(*) FROM keyword_import WHERE id = ANY(:ids) AND status = 'completed'",
    "cluster_keywords": "SELECT step_id, count(*) FROM cluster WHERE step_id = ANY(:steps)",
    "generate_ideas": "SELECT step_id, count(*) FROM content_idea WHERE step_id = ANY(:steps)",
    "create_tasks": "SELECT content_idea_id, count(*) FROM task WHERE content_idea_id = ANY(:ids)",
    "generate_content": "SELECT c.task_id, count(*) FROM content c JOIN task t ON t.id = c.task_id"
    " WHERE c.task_id = ANY(:ids) AND t.status = 'completed'",
    "generate_image_prompts": "SELECT content_id, count(*) FROM image WHERE content_id = ANY(:ids)",
    "generate_image": "SELECT id, count(*) FROM image WHERE id = ANY(:ids) AND status = 'generated'",
    "approve_content": "SELECT id, count(*) FROM content WHERE id = ANY(:ids) AND status = 'approved'",
    "publish_content": "SELECT p.content_id, count(*) FROM publication p JOIN sync_event e USING (content_id)"
    " WHERE p.content_id = ANY(:ids) AND p.status = 'published' AND e.event_type = 'publish'",
}
_SEVERAL = frozenset({"cluster_keywords", "generate_ideas"})
"""Functions that make as many rows of a subject as they say, none too, and again when the subject has grown."""
_BUSY = {
    "planner": "SELECT id FROM keyword_import WHERE status = 'running' AND id = ANY(:ids)",
    "writer": "SELECT id FROM task WHERE status = 'running' AND id = ANY(:ids)",
    "integration": "SELECT id FROM publication WHERE (status = 'publishing' OR lease_token IS NOT NULL)"
    " AND content_id = ANY(:ids)",
    "ai": "SELECT id FROM ai_call WHERE status = 'in_flight' AND split_part(request_id, ':', 1) = ANY(:steps)",
}


class Witness:
    """Sees everything of one account.

    Args:
        owner: whose account it is.
    """

    def __init__(self, owner: Owner) -> None:
        self._owner, self._house = owner, owner.house
        self._engines = {name: sa.create_engine(urls.app) for name, urls in self._house.databases.items()}
        self._all = {service: self._all_of(service) for service in self._engines}
        self._posted = 0

    def close(self) -> None:
        """Close every connection."""
        for engine in self._engines.values():
            engine.dispose()

    def read_balance(self) -> None:
        """Remember the balance, for what comes next is paid out of it."""
        self._posted = self._owner.balance().posted

    def rows(self, service: str, statement: str, **parameters: Any) -> Sequence[sa.Row[Any]]:
        """Return rows of the account, whatever the service thinks of them."""
        with self._engines[service].begin() as connection:
            name = sa.text("SELECT set_config('app.account', :account, true)")
            connection.execute(name, {"account": str(self._owner.passport.account_id)})
            return connection.execute(sa.text(statement), parameters).all()

    def everything(self) -> dict[str, Counter[str]]:
        """Return all rows of the account in all tables of each service, as text."""
        return {
            service: Counter(f"{row.place}: {row.text}" for row in self.rows(service, statement))
            for service, statement in self._all.items()
        }

    def _all_of(self, service: str) -> str:
        tables = [table for (table,) in self.rows(service, _TABLES)]
        return " UNION ALL ".join(_ALL_OF.format(table) for table in tables)

    def check(self, run_id: str, function: str, **expected: int) -> None:
        """Check everything about a run of one function whose steps have all ended.

        Args:
            run_id: the run.
            function: its only function.
            expected: how many steps ended how: succeeded=3, cancelled=2.
        """
        steps = self.rows("orchestrator", _STEPS, run=UUID(run_id))
        assert Counter(step.status for step in steps) == Counter(expected)
        self._check_counters(run_id, steps)
        self._check_books(steps)
        self._check_calls(steps)
        self._check_work(function, steps)

    def _check_counters(self, run_id: str, steps: Sequence[sa.Row[Any]]) -> None:
        run = self._owner.read(run_id)
        (stage,) = run.stages
        counted = Counter(step.status for step in steps)
        assert (stage.planned, stage.succeeded, stage.failed, stage.cancelled) == (
            *(len(steps), counted["succeeded"]),
            *(counted["failed"], counted["cancelled"]),
        )
        assert run.captured_credits == stage.credits == sum(step.credits for step in steps)
        told = self.rows("orchestrator", _TOLD, run=UUID(run_id))
        assert {row.step_id: row.kinds for row in told} == {
            step.id: [f"step_{step.status}"] for step in steps if step.status != "cancelled"
        }

    def _check_books(self, steps: Sequence[sa.Row[Any]]) -> None:
        """What a step costs was held, and captured once; nothing else was, and nothing is held."""
        ids = [step.id for step in steps]
        holds = self.rows(
            "billing", "SELECT step_id, state, captured_credits FROM hold WHERE step_id = ANY(:ids)", ids=ids
        )
        paid = [(hold.step_id, hold.captured_credits) for hold in holds if hold.state == "captured"]
        priced = [step for step in steps if FUNCTIONS[step.function].operation and step.status == "succeeded"]
        assert sorted(paid) == sorted((step.id, step.credits) for step in priced)
        assert {hold.state for hold in holds} <= {"captured", "released"}
        used = self.rows("billing", "SELECT step_id, credits FROM credit_usage WHERE step_id = ANY(:ids)", ids=ids)
        assert sorted(map(tuple, used)) == sorted(paid)
        balance, ledger = self._owner.balance(), self._owner.ledger()
        assert balance.held == 0
        assert self._posted - balance.posted == sum(step.credits for step in steps)
        assert ledger.ok, ledger.differences

    def _check_calls(self, steps: Sequence[sa.Row[Any]]) -> None:
        """A model was asked under one id for each try, and its answer was taken from the record after that."""
        prefixes = [str(step.id) for step in steps]
        asked = self.rows(
            "ai", "SELECT request_id FROM ai_call WHERE split_part(request_id, ':', 1) = ANY(:ids)", ids=prefixes
        )
        tries = {f"{step.id}:{n}" for step in steps if FUNCTIONS[step.function].model for n in range(step.attempt + 1)}
        assert {row.request_id for row in asked} <= tries
        answered = {f"{step.id}:{step.attempt}" for step in steps if step.status == "succeeded"} & tries
        assert answered <= {row.request_id for row in asked}

    def _check_work(self, function: str, steps: Sequence[sa.Row[Any]]) -> None:
        """What succeeded was applied once, and is there once; what did not, was not; and nothing looks busy."""
        owner = FUNCTIONS[function].owner
        ids = [step.id for step in steps]
        record = (
            "SELECT id, jsonb_array_length(result -> 'made') AS made FROM applied_step"
            " WHERE id = ANY(:ids) AND result IS NOT NULL"
        )
        applied = {row.id: row.made for row in self.rows(owner, record, ids=ids)}
        done = [step for step in steps if step.status == "succeeded"]
        assert applied.keys() == {step.id for step in done}
        subjects = [step.subject_id for step in steps]
        made = self.rows(owner, _SELECT_MADE[function] + " GROUP BY 1", ids=subjects, steps=ids)
        several = function in _SEVERAL
        keys = {step.id: step.id if several else step.subject_id for step in done}
        each = applied if several else dict.fromkeys(applied, 1)
        assert dict(map(tuple, made)) == {keys[step_id]: count for step_id, count in each.items() if count}
        assert all(each.values()) or function == "cluster_keywords"  # new keywords may all join what is there
        for service, statement in _BUSY.items():
            steps_named = [str(step_id) for step_id in ids]
            assert not self.rows(service, statement, ids=subjects, steps=steps_named), f"busy in {service}"


def changes(before: Mapping[str, Counter[str]], after: Mapping[str, Counter[str]]) -> list[str]:
    """Return what differs between two looks at everything, as lines of a diff."""
    gone = [f"{service} - {row}" for service in before for row in before[service] - after[service]]
    come = [f"{service} + {row}" for service in after for row in after[service] - before[service]]
    return sorted(gone + come)


_TABLES = (
    "SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid"
    " WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace AND a.attname = 'account_id'"
)
_ALL_OF = "SELECT '{0}' AS place, t::text AS text FROM {0} t"
_STEPS = (
    "SELECT id, function, subject_id, status, credits, attempt FROM step"
    " WHERE run_id = :run AND function <> 'plan_stage'"
)
_TOLD = (
    "SELECT step_id, array_agg(kind ORDER BY position) AS kinds FROM run_event"
    " WHERE run_id = :run AND kind LIKE 'step_%' GROUP BY step_id"
)
