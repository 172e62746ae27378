"""How far a content is, and what can be done with it there.

draft ──submit──▶ review ──approve──▶ approved ──publish──▶ published
  │                 │                     │
  ├────approve──────┼────────────────────▶│        `reject` leads from review and approved back to draft;
  ◀─────reject──────┴──────reject─────────┘        a destination's word that it is published holds from anywhere
"""

from dataclasses import dataclass

from chassis.errors import FailedPrecondition


@dataclass(frozen=True)
class Verb:
    """Something done with a content: from which states, to which."""

    name: str
    sources: frozenset[str]
    target: str


SUBMIT = Verb("submit", frozenset({"draft"}), "review")
APPROVE = Verb("approve", frozenset({"draft", "review"}), "approved")
REJECT = Verb("reject", frozenset({"review", "approved"}), "draft")
VERBS = (SUBMIT, APPROVE, REJECT)
PUBLISHABLE = frozenset({"approved", "published"})
BEFORE_PUBLICATION = ("draft", "review", "approved")


def after(verb: Verb, status: str) -> str:
    """Return the state that a verb leads to.

    Raises:
        FailedPrecondition: WRONG_STATE, naming the state and what is possible there.
    """
    if status in verb.sources:
        return verb.target
    possible = [other.name for other in VERBS if status in other.sources]
    advice = f"possible now: {', '.join(possible)}" if possible else "nothing leads away from it here"
    raise FailedPrecondition(
        f"The content is in the state {status}; {verb.name} needs {' or '.join(sorted(verb.sources))} ({advice}).",
        metadata={"status": status, "possible": ",".join(possible)},
    )
