"""The work of a step, in the owner's words: what can be done, how a model call is prepared, and how it is applied.

A service writes one class for each of its functions; `chassis.work_servicer` puts them on the wire. Nothing here knows
gRPC, credits or runs.
"""

import enum
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from chassis import tenancy
from chassis.database import Database, Transaction
from chassis.errors import FailedPrecondition, StepTakenOver
from chassis.tenancy import Operations, Tenant


@dataclass(frozen=True)
class Item:
    """One row that a function could be run on; quantities are in the unit of the function's price."""

    subject_id: UUID
    subject_kind: str
    label: str
    expected_quantity: int
    limit_quantity: int


@dataclass(frozen=True)
class Selection:
    """What there is to do now.

    Args:
        items: oldest first, at most as many as were asked for.
        total: how many there are in all.
        skip_reason: why there is nothing to do although a person might expect something.
    """

    items: Sequence[Item]
    total: int
    skip_reason: str = ""


@dataclass(frozen=True)
class Work:
    """One step's work.

    Args:
        tenant: account and site.
        step_id: the step; applying it twice does nothing the second time.
        run_id: its run, None while it is only prepared.
        subject_id: the row it works on.
        options: the run's options for this function: {"ideas_per_cluster": 3}.
        fence: how often the step was claimed when its worker claimed it: of two workers the later has the greater.
    """

    tenant: Tenant
    step_id: UUID
    subject_id: UUID
    options: Mapping[str, Any]
    run_id: UUID | None = None
    fence: int = 0


class JobKind(enum.Enum):
    """What kind of model a job needs."""

    TEXT = "text"
    IMAGE = "image"


@dataclass(frozen=True)
class Job:
    """A call to a model.

    Args:
        kind: text or picture.
        template: the prompt template, owned by the ai service.
        variables: what it is filled with.
        answer_schema: JSON schema of the answer (text only).
        limit_quantity: how much will be done at the very most, in the unit of the function's price.
        max_output_tokens: the longest answer.
        prompt_override: instructions that replace the template for this item only.
        image: width, height, prompt and title of the picture (image only).
    """

    kind: JobKind
    template: str
    variables: Mapping[str, Any]
    limit_quantity: int
    answer_schema: Mapping[str, Any] = field(default_factory=dict)
    max_output_tokens: int = 4096
    prompt_override: str = ""
    image: "ImageSpec | None" = None


@dataclass(frozen=True)
class ImageSpec:
    """A picture that is wanted; sizes in pixels."""

    prompt: str
    width: int
    height: int
    title: str = ""


@dataclass(frozen=True)
class Provenance:
    """Where an answer came from; tokens as the provider counted them."""

    call_id: str = ""
    provider: str = ""
    model: str = ""
    template: str = ""
    template_version: str = ""
    input_tokens: int = 0
    output_tokens: int = 0


@dataclass(frozen=True)
class Answer:
    """What a model answered: text for text, a key of the object store for a picture; its cost where that is known."""

    text: str = ""
    object_key: str = ""
    mime_type: str = ""
    width: int = 0
    height: int = 0
    provenance: Provenance = field(default_factory=Provenance)
    cost_usd_micro: int | None = None


@dataclass(frozen=True)
class Made:
    """A row that a step made."""

    kind: str
    id: str


@dataclass(frozen=True)
class Applied:
    """What a step did; the quantity is in the unit of the function's price."""

    actual_quantity: int
    made: Sequence[Made] = ()
    notes: Sequence[str] = ()


class Function(Protocol):
    """One function of a service."""

    def select(self, tenant: Tenant, subject_ids: Sequence[UUID], limit: int, options: Mapping[str, Any]) -> Selection:
        """Return what it could be run on; of `subject_ids` only when there are any, at most `limit` items."""

    def prepare(self, work: Work) -> Job:
        """Return the model call of one item; one that changes something admits its worker first. A function without a
        model raises FailedPrecondition."""

    def apply(self, work: Work, answer: Answer | None) -> Applied:
        """Do the work or store the answer, once a step. Raises UnusableAnswer when nothing was stored."""

    def abandon(self, work: Work, error: str, *, failed: bool) -> None:
        """Let go of an item whose step will never be applied, not even by a worker that is late: see `admit`."""


def add_table(metadata: sa.MetaData) -> None:
    """Declare the record of steps, with what those did that were applied, in a service's metadata."""
    sa.Table(
        "applied_step",
        metadata,
        sa.Column("account_id", sa.Uuid, primary_key=True),
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("site_id", sa.Uuid, nullable=False),
        sa.Column("function", sa.Text, nullable=False),
        sa.Column("result", JSONB),
        sa.Column("create_time", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.Column("fence", sa.BigInteger, server_default="0", nullable=False),
        sa.ForeignKeyConstraint(["account_id", "site_id"], ["site_ref.account_id", "site_ref.site_id"]),
    )


def protect_table(op: Operations, app_role: str) -> None:
    """Set the policies; called by the migration that creates the table."""
    tenancy.protect(op, "applied_step", app_role, "site", grants="SELECT, INSERT, UPDATE")


def apply_once(transaction: Transaction, function: str, work: Work, do: Callable[[], Applied]) -> Applied:
    """Apply a step in this transaction unless it was applied before; then return what was stored.

    A second caller waits on the row until the first has committed or gone.

    Raises:
        StepTakenOver: a later worker of the step was here.
    """
    stored = admit(transaction, function, work)
    if stored is not None:
        return stored
    result = do()
    transaction.execute(_STORE, {"account": work.tenant.account_id, "id": work.step_id, "result": asdict(result)})
    return result


def admit(transaction: Transaction, function: str, work: Work) -> Applied | None:
    """Let the worker of a step in, unless a later one was let in before; nobody else comes in until this transaction
    has ended.

    A worker that was frozen for longer than its lease does not know it, and the orchestrator's fence does not stop a
    call that is under way: so every call that changes something says which claim of the step it belongs to.

    Returns:
        What the step did when it was applied before, whoever asks; else None.

    Raises:
        StepTakenOver: a later worker of the step was here.
    """
    row = transaction.one(
        _ADMIT,
        {
            **_key(work),
            "site": work.tenant.site_id,
            "function": function,
            "fence": work.fence,
        },
    )
    if row is not None:
        return None if row.result is None else _stored(row.result)
    done = applied(transaction, work)
    if done is None:
        raise StepTakenOver(f"The step {work.step_id} was taken over by another worker.")
    return done


def applied(transaction: Transaction, work: Work) -> Applied | None:
    """Return what a step did when it was applied before, or None."""
    row = transaction.one(_READ, _key(work))
    return None if row is None or row.result is None else _stored(row.result)


def _key(work: Work) -> dict[str, Any]:
    return {"account": work.tenant.account_id, "id": work.step_id}


def _stored(result: Mapping[str, Any]) -> Applied:
    return Applied(result["actual_quantity"], [Made(**m) for m in result["made"]], result["notes"])


class WithoutModel:
    """A function that needs no model and no preparation, and marks nothing as busy.

    Args:
        database: of its service.
        name: the function's.
    """

    def __init__(self, database: Database, name: str) -> None:
        self._database, self._name = database, name

    def prepare(self, work: Work) -> Job:
        """Refuse: there is no model call to prepare."""
        raise FailedPrecondition(f"Step {work.step_id} needs no model.")

    def abandon(self, work: Work, error: str, *, failed: bool) -> None:  # noqa: ARG002 - nobody is told
        """Note that it was given up, so that a worker that is late does not apply it."""
        with self._database.transaction(work.tenant) as transaction:
            admit(transaction, self._name, work)


# The site is compared before the policies are: they would make an error of another site's step.
_ADMIT = sa.text(
    "INSERT INTO applied_step (account_id, id, site_id, function, fence)"
    " VALUES (:account, :id, :site, :function, :fence)"
    " ON CONFLICT (account_id, id) DO UPDATE SET fence = excluded.fence"
    " WHERE applied_step.fence <= excluded.fence AND applied_step.site_id = excluded.site_id RETURNING result"
)
_STORE = sa.text("UPDATE applied_step SET result = :result WHERE account_id = :account AND id = :id").bindparams(
    sa.bindparam("result", type_=JSONB)
)
_READ = sa.text("SELECT result FROM applied_step WHERE account_id = :account AND id = :id")
