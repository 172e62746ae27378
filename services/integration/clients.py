"""What integration asks of the writer: which content may be published, and one of them as a destination needs it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import Literal
from uuid import UUID

from igny8.writer.v1 import writer_pb2, writer_service_pb2, writer_service_pb2_grpc

from chassis.client import Remote
from chassis.errors import NotFound
from chassis.passport import Passport
from chassis.tenancy import Tenant
from services.integration.domain import Content, Picture

PAGE_SIZE = 100  # a content comes with its text: more would near the longest message
IDS_IN_FILTER_MAX = 40  # of the 50 terms that a filter may have


@dataclass(frozen=True)
class Candidate:
    """A content that may be published."""

    id: UUID
    title: str


class Writer:
    """The writer, read only.

    Args:
        remote: where it is; passports for it are minted under our own name.
    """

    def __init__(self, remote: Remote) -> None:
        self._remote = remote
        self._stub = writer_service_pb2_grpc.WriterServiceStub(remote.channel)

    def candidates(self, tenant: Tenant, content_ids: Sequence[UUID]) -> Iterator[list[Candidate]]:
        """Return what may be published, oldest first, page by page.

        Args:
            tenant: account and site.
            content_ids: only these, published ones too; every approved one when empty.

        Raises:
            Fault: as the writer raised it, or Unavailable.
        """
        if not content_ids:
            yield from self._pages(tenant, 'status = "approved"')
            return
        for start in range(0, len(content_ids), IDS_IN_FILTER_MAX):
            named = " OR ".join(f'id = "{i}"' for i in content_ids[start : start + IDS_IN_FILTER_MAX])
            yield from self._pages(tenant, f'(status = "approved" OR status = "published") AND ({named})')

    def publishable(self, tenant: Tenant, content_id: UUID) -> Content:
        """Return a content with its pictures.

        Raises:
            NotFound: there is none.
            Fault: as the writer raised it (NOT_APPROVED), or Unavailable.
        """
        request = writer_service_pb2.GetPublishableRequest(site_id=str(tenant.site_id), content_id=str(content_id))
        found = self._remote.call(self._stub.GetPublishable, request, _reader(tenant), repeatable=True)
        if found.content.id != str(content_id):
            raise NotFound.row("content", content_id)
        return _content(found)

    def _pages(self, tenant: Tenant, condition: str) -> Iterator[list[Candidate]]:
        request = writer_service_pb2.ListContentsRequest(
            site_id=str(tenant.site_id), page_size=PAGE_SIZE, filter=condition
        )
        while True:
            page = self._remote.call(self._stub.ListContents, request, _reader(tenant), repeatable=True)
            yield [Candidate(UUID(content.id), content.title) for content in page.contents]
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token


def _reader(tenant: Tenant) -> Passport:
    return Passport(frozenset({"read"}), tenant.account_id, tenant.site, "service", "integration")


def _content(found: writer_pb2.Publishable) -> Content:
    content = found.content
    return Content(
        id=UUID(content.id),
        sector_id=UUID(content.sector_id),
        title=content.title,
        slug=content.slug,
        html=content.html,
        update_time=content.update_time.ToDatetime(tzinfo=UTC),
        excerpt=content.excerpt,
        meta_title=content.meta_title,
        meta_description=content.meta_description,
        categories=tuple(content.categories),
        tags=tuple(content.tags),
        pictures=tuple(_picture(image) for image in found.images if image.object_key),
    )


def _picture(image: writer_pb2.Image) -> Picture:
    role: Literal["featured", "in_article"] = (
        "featured" if image.kind == writer_pb2.Image.KIND_FEATURED else "in_article"
    )
    return Picture(
        id=image.id,
        role=role,
        position=image.position,
        object_key=image.object_key,
        mime_type=image.mime_type,
        alt_text=image.alt_text,
        width=image.width,
        height=image.height,
    )
