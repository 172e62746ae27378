"""What a request says, in the planner's own words."""

import hashlib
from collections.abc import Sequence
from typing import Protocol, TypeVar

from igny8.planner.v1 import planner_pb2, planner_service_pb2

from chassis.ids import require_id
from chassis.resource import from_message
from chassis.resource.columns import enum_text
from services.planner.domain import display_text
from services.planner.library import Catalogue, CatalogueEntry, Figures
from services.planner.repository.bulk import Chosen, Conditions
from services.planner.repository.keywords import NewKeyword
from services.planner.usecases.bulk import Undeleted, check_choice, choose
from services.planner.usecases.library import Asked, NewFile, Promotion
from services.planner.usecases.pages import Page
from services.planner.usecases.seeds import Added, Seeds

_FIELDS = (
    *("sector_id", "text", "volume", "difficulty", "intent", "country", "impressions"),
    *("cluster_id", "disabled", "attributes_json"),
)


_Request = TypeVar(
    "_Request", planner_service_pb2.PreviewLibraryImportRequest, planner_service_pb2.PromoteSeedCandidatesRequest
)
_VERDICT = planner_pb2.ContentIdea.DESCRIPTOR.enum_types_by_name["Verdict"]


class _Choice(Protocol):
    @property
    def keyword_ids(self) -> Sequence[str]: ...
    @property
    def filter(self) -> str: ...
    @property
    def search(self) -> str: ...


def chosen(request: _Choice, where: Conditions, etags: Sequence[str] = ()) -> Chosen:
    """Return which keywords a request about many means; `where` is what its filter and search say.

    Raises:
        InvalidArgument: it says neither which nor by what they are found, or both; or an id is none.
    """
    ids = [require_id("keyword_ids", text) for text in request.keyword_ids]
    return choose(ids, etags, where, is_filtered=bool(request.filter.strip() or request.search.strip()))


def undeleted(result: Undeleted) -> planner_service_pb2.BulkUndeleteKeywordsResponse:
    """Return what came back, and what did not."""
    refused = planner_service_pb2.BulkUndeleteKeywordsResponse.Refused
    return planner_service_pb2.BulkUndeleteKeywordsResponse(
        undeleted_count=result.count,
        missing_keyword_ids=map(str, result.missing),
        refused_count=result.refused.count,
        refused=[refused(keyword_id=str(row_id), text=text) for row_id, text in result.refused.first],
    )


def page(found: Page) -> planner_pb2.ClusterPage:
    """Return a page of a cluster."""
    return planner_pb2.ClusterPage(
        primary_keyword=found.keywords[0].text,
        keywords=[keyword.text for keyword in found.keywords],
        keyword_ids=[str(keyword.id) for keyword in found.keywords],
        volume=found.volume,
    )


def seeds(request: planner_service_pb2.AddKeywordsFromSeedsRequest, where: Conditions) -> Seeds:
    """Return which seeds a request means; `where` is what its filter and search say.

    Raises:
        InvalidArgument: it says neither which nor by what they are found, or both; or an id is none.
    """
    ids = [require_id("seed_keyword_ids", text) for text in request.seed_keyword_ids]
    check_choice("seed_keyword_ids", ids, is_filtered=bool(request.filter.strip() or request.search.strip()))
    return Seeds(ids, where)


def added(result: Added) -> planner_service_pb2.AddKeywordsFromSeedsResponse:
    """Return how many keywords came of seeds, and which did not."""
    refused = planner_service_pb2.AddKeywordsFromSeedsResponse.Refused
    return planner_service_pb2.AddKeywordsFromSeedsResponse(
        added_count=result.added,
        existing_count=result.existing,
        missing_seed_keyword_ids=map(str, result.missing),
        refused_count=len(result.refused),
        refused=[refused(seed_keyword_id=str(row_id), text=text) for row_id, text in result.refused],
    )


def library_file(request: planner_service_pb2.PreviewLibraryImportRequest) -> NewFile:
    """Return the file that an operator wants to look at."""
    shown = request.filename if request.filename.isprintable() else ""
    return NewFile(request.object_key, shown, request.industry.strip(), request.sector.strip())


def catalogue(request: planner_service_pb2.PreviewLibraryImportRequest) -> Catalogue:
    """Return the catalogue that lines are held to.

    Raises:
        InvalidArgument: an id is none.
    """
    return Catalogue(
        CatalogueEntry(
            *(require_id("catalogue.id", sector.id), sector.slug, sector.name),
            *(require_id("catalogue.industry_id", sector.industry_id), sector.industry_slug, sector.industry_name),
        )
        for sector in request.catalogue
    )


def promotion(given: planner_service_pb2.PromoteSeedCandidatesRequest.Promotion) -> Promotion:
    """Return a keyword to take into the library.

    Raises:
        InvalidArgument: a field cannot be stored.
    """
    figures = Figures(**from_message(given, ["volume", "difficulty", "intent", "country"]))
    return Promotion(require_id("industry_sector_id", given.industry_sector_id), display_text(given.text), figures)


def asked(request: _Request, by: str) -> Asked:
    """Return who asks, and what his request is known again by: the catalogue is identity's word and not his."""
    said = type(request)()
    said.CopyFrom(request)
    if isinstance(said, planner_service_pb2.PreviewLibraryImportRequest):
        said.ClearField("catalogue")
    return Asked(by, request.request_id, hashlib.sha256(said.SerializeToString(deterministic=True)).digest())


def verdict(value: int) -> str | None:
    """Return a verdict as it is stored, or None when none is said."""
    return enum_text(_VERDICT, value)


def new_keyword(given: planner_pb2.Keyword, *, by: str) -> NewKeyword:
    """Return the keyword to add; what is not stated in it is unknown. `by`: who adds it, and chose its cluster.

    Raises:
        InvalidArgument: a field cannot be stored.
    """
    return NewKeyword(**from_message(given, _FIELDS), placed_by=by if given.cluster_id else "")
