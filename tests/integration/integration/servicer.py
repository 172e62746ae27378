"""A writer that holds what a test puts into it, with the two methods that integration calls."""

import re
from uuid import UUID

import grpc
from igny8.writer.v1 import writer_pb2, writer_service_pb2, writer_service_pb2_grpc

from chassis import call
from chassis.errors import FailedPrecondition, NotFound
from chassis.filters import parse_filter

APPROVED, PUBLISHED = writer_pb2.Content.STATUS_APPROVED, writer_pb2.Content.STATUS_PUBLISHED


class NotApproved(FailedPrecondition):
    reason = "NOT_APPROVED"


class HeldWriter(writer_service_pb2_grpc.WriterServiceServicer):
    """A writer of two methods over what a test put into it, by site."""

    def __init__(self) -> None:
        self.held: dict[str, writer_pb2.Publishable] = {}
        self.asked: list[frozenset[str]] = []

    def put(self, found: writer_pb2.Publishable) -> UUID:
        self.held[found.content.id] = found
        return UUID(found.content.id)

    def ListContents(
        self, request: writer_service_pb2.ListContentsRequest, context: grpc.ServicerContext
    ) -> writer_service_pb2.ListContentsResponse:
        self.asked.append(call.passport().scopes)
        parse_filter(request.filter)  # as a real one: too long, too many terms or not a filter is refused
        named = re.findall(r'id = "([^"]+)"', request.filter)
        wanted = {APPROVED, PUBLISHED} if '"published"' in request.filter else {APPROVED}
        found = [
            content
            for _, content in sorted((c.content.id, c.content) for c in self.held.values())
            if content.site_id == request.site_id
            and content.status in wanted
            and (not named or content.id in named)
            and content.id > request.page_token
        ]
        more = found[request.page_size - 1].id if len(found) > request.page_size else ""
        return writer_service_pb2.ListContentsResponse(contents=found[: request.page_size], next_page_token=more)

    def GetPublishable(
        self, request: writer_service_pb2.GetPublishableRequest, context: grpc.ServicerContext
    ) -> writer_pb2.Publishable:
        self.asked.append(call.passport().scopes)
        found = self.held.get(request.content_id)
        if found is None or found.content.site_id != request.site_id:
            raise NotFound.row("content", request.content_id)
        if found.content.status not in {APPROVED, PUBLISHED}:
            raise NotApproved("Approve the content before it is published.")
        return found
