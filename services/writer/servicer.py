"""The writer's gRPC edge."""

from uuid import UUID

import grpc
from igny8.writer.v1 import writer_pb2, writer_service_pb2, writer_service_pb2_grpc

from chassis import call, idempotency
from chassis.database import Database
from chassis.errors import InvalidArgument
from services.writer import translate
from services.writer.clients import Planner
from services.writer.domain import states
from services.writer.domain.states import Verb
from services.writer.resources import CONTENT, IMAGE, MAPPING, TASK, TERM
from services.writer.usecases import contents, tasks


class WriterServicer(writer_service_pb2_grpc.WriterServiceServicer):
    """Tasks, contents, images, terms and cluster mappings.

    Args:
        database: the writer's, under its app role.
        planner: where clusters are looked up.
    """

    def __init__(self, database: Database, planner: Planner) -> None:
        self.database = database
        self._planner = planner

    GetTask = TASK.get(writer_pb2.Task)
    ListTasks = TASK.list(writer_service_pb2.ListTasksResponse)
    UpdateTask = TASK.update(writer_pb2.Task)
    DeleteTask = TASK.delete(writer_pb2.Task)
    UndeleteTask = TASK.undelete(writer_pb2.Task)

    GetContent = CONTENT.get(writer_pb2.Content)
    ListContents = CONTENT.list(writer_service_pb2.ListContentsResponse)
    DeleteContent = CONTENT.delete(writer_pb2.Content)
    UndeleteContent = CONTENT.undelete(writer_pb2.Content)

    GetImage = IMAGE.get(writer_pb2.Image)
    ListImages = IMAGE.list(writer_service_pb2.ListImagesResponse)
    UpdateImage = IMAGE.update(writer_pb2.Image)
    DeleteImage = IMAGE.delete(writer_pb2.Image)
    UndeleteImage = IMAGE.undelete(writer_pb2.Image)

    GetTaxonomyTerm = TERM.get(writer_pb2.TaxonomyTerm)
    ListTaxonomyTerms = TERM.list(writer_service_pb2.ListTaxonomyTermsResponse)

    GetContentClusterMapping = MAPPING.get(writer_pb2.ContentClusterMapping)
    ListContentClusterMappings = MAPPING.list(writer_service_pb2.ListContentClusterMappingsResponse)

    def CreateTask(
        self, request: writer_service_pb2.CreateTaskRequest, context: grpc.ServicerContext
    ) -> writer_pb2.Task:
        """Make a task by hand."""
        given = request.task
        TASK.check(given, [name for name in TASK.rules if name == "title" or getattr(given, name)])
        cluster = tasks.find_cluster(self._planner, call.tenant(), UUID(given.cluster_id))
        if given.sector_id and given.sector_id != str(cluster.sector_id):
            raise InvalidArgument.field("task.sector_id", "is not the cluster's sector; leave it out")
        with self.database.transaction(call.tenant()) as transaction:

            def create() -> writer_pb2.Task:
                return translate.task(tasks.create_task(transaction, cluster, translate.new_task(given)))

            return idempotency.once(transaction, "CreateTask", request, writer_pb2.Task, create)

    def UpdateContent(
        self, request: writer_service_pb2.UpdateContentRequest, context: grpc.ServicerContext
    ) -> writer_pb2.Content:
        """Change a content: its text is cleaned and counted, and what was is kept as a revision."""
        given = request.content
        if not given.id:
            raise InvalidArgument.field("content.id", "must be the row's id")
        values = CONTENT.changes(given, request.update_mask.paths)
        row = contents.change_content(
            self.database,
            call.tenant(),
            UUID(given.id),
            values,
            etag=given.etag,
            actor=call.passport().actor,
        )
        return translate.content(row)

    def SubmitContent(
        self, request: writer_service_pb2.SubmitContentRequest, context: grpc.ServicerContext
    ) -> writer_pb2.Content:
        """Send a draft to review."""
        return self._move(request.content_id, states.SUBMIT, request.etag)

    def ApproveContent(
        self, request: writer_service_pb2.ApproveContentRequest, context: grpc.ServicerContext
    ) -> writer_pb2.Content:
        """Approve a draft or a content in review for publication."""
        return self._move(request.content_id, states.APPROVE, request.etag)

    def RejectContent(
        self, request: writer_service_pb2.RejectContentRequest, context: grpc.ServicerContext
    ) -> writer_pb2.Content:
        """Send a content back to draft."""
        return self._move(request.content_id, states.REJECT, request.etag)

    def GetPublishable(
        self, request: writer_service_pb2.GetPublishableRequest, context: grpc.ServicerContext
    ) -> writer_pb2.Publishable:
        """Read an approved or published content with its pictures."""
        found = contents.publishable(self.database, call.tenant(), UUID(request.content_id))
        return translate.publishable(found)

    def _move(self, content_id: str, verb: Verb, etag: str) -> writer_pb2.Content:
        return translate.content(contents.move_content(self.database, call.tenant(), UUID(content_id), verb, etag))
