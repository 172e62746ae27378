"""What the keywords of a clustering mean, where an embedding model is configured: each text is asked for once."""

import logging
import struct
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from chassis import call
from chassis.database import Database
from chassis.errors import Fault
from chassis.work import Applied, Work
from services.planner.clients import TEXTS_MAX, EmbeddingModel
from services.planner.clustering import Meanings
from services.planner.repository import meanings

log = logging.getLogger(__name__)
LEFT_FOR_CLUSTERING_S = 300.0
"""Of the time of a call: with less than that left nobody is asked for more."""
_IN_FLIGHT_S = 5.0


@dataclass(frozen=True)
class Meant:
    """vectors: of all texts that were asked about, None where there is no model. note: what to tell, when not all went
    well.
    """

    vectors: Meanings | None = None
    note: str = ""

    def told_with(self, done: Applied) -> Applied:
        """Return what was done, with the note."""
        return replace(done, notes=[*done.notes, self.note]) if self.note else done


class KeywordMeanings:
    """What a model says that keywords mean, kept for each account.

    Args:
        database: the planner's.
        model: who is asked; None where none is configured.
    """

    def __init__(self, database: Database, model: EmbeddingModel | None) -> None:
        self._database, self._model = database, model

    def of(self, work: Work, texts: Iterable[str]) -> Meant:
        """Return what a step's normalised texts mean; what is not known is asked for, outside of a transaction.

        When the model does not answer, nothing is returned but why: clusters of the word table today are worth more
        than clusters of a model when it is back. What it did answer is kept for the next time.
        """
        model = self._model
        if model is None:
            return Meant()
        wanted, tenant = sorted(set(texts)), work.tenant
        with self._database.transaction(tenant) as transaction:
            known = meanings.known(transaction, model.name, wanted)
        missing = [text for text in wanted if text not in known]
        for start in range(0, len(missing), TEXTS_MAX):
            some = missing[start : start + TEXTS_MAX]
            if not _there_is_time():
                return _without(f"it has not been asked about {len(missing) - start:,} keywords for lack of time")
            try:
                answered = dict(zip(some, map(_packed, _asked(model, work, some)), strict=True))
            except Fault as fault:
                log.warning("keywords are clustered without the embedding model: %s", fault.message)
                return _without(fault.message)
            with self._database.transaction(tenant) as transaction:
                meanings.store(transaction, model.name, answered)
            known |= answered
        if len({len(vector) for vector in known.values()}) > 1:
            return _without(f"its vectors are not all of one length; give the model another name than {model.name}")
        return Meant(known)


def _asked(model: EmbeddingModel, work: Work, texts: Sequence[str]) -> list[Sequence[float]]:
    """Ask, and wait while the same call of a worker before this one is still under way."""
    while True:
        try:
            return model.embed(work.tenant, texts, work.step_id)
        except Fault as fault:
            if fault.reason != "CALL_IN_FLIGHT" or not _there_is_time():
                raise
            time.sleep(fault.retry_after_s or _IN_FLIGHT_S)


def _there_is_time() -> bool:
    return call.until() - time.monotonic() > LEFT_FOR_CLUSTERING_S


def _packed(vector: Sequence[float]) -> bytes:
    return struct.pack(f"<{len(vector)}e", *vector)


def _without(why: str) -> Meant:
    return Meant(note=f"The embedding model did not say what the keywords mean ({why}); the shipped word table did.")
