"""What the planner needs of the ai service: what texts mean, asked under a passport for the same tenant."""

import hashlib
from collections.abc import Sequence
from uuid import UUID

from igny8.ai.v1 import ai_service_pb2, ai_service_pb2_grpc

from chassis.client import Remote
from chassis.passport import Passport
from chassis.tenancy import Tenant

TEXTS_MAX = 256  # of one call
_CALL_S = 180.0  # a model may take that long, and its answer is paid for


class EmbeddingModel:
    """The embedding model that is configured, as the planner sees it.

    Args:
        remote: the ai service's channel, under the planner's own name.
        name: of the model; vectors of two models are not to be compared.
    """

    def __init__(self, remote: Remote, name: str) -> None:
        self._stub = ai_service_pb2_grpc.AiServiceStub(remote.channel)
        self._remote, self.name = remote, name

    def embed(self, tenant: Tenant, texts: Sequence[str], step_id: UUID) -> list[Sequence[float]]:
        """Return a vector of length one for each of at most TEXTS_MAX texts.

        The same texts are answered from the record when the same step asks again; its failures too, so that another
        step's are asked for anew.

        Raises:
            Fault: as the ai service raised it, or Unavailable.
        """
        digest = hashlib.sha256("\n".join([self.name, *texts]).encode()).hexdigest()
        passport = Passport(
            frozenset({"embed"}), tenant.account_id, tenant.site, actor_kind="service", actor_id="planner"
        )
        answer = self._remote.call(
            self._stub.Embed,
            ai_service_pb2.EmbedRequest(request_id=f"{step_id}:{digest[:40]}", texts=texts),
            passport,
            deadline_s=_CALL_S,
            repeatable=True,
        )
        return [embedding.values for embedding in answer.embeddings]
