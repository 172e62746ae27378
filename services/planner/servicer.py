"""`igny8.planner.v1.PlannerService`: the standard methods as the resources declare them, and those that are not."""

from typing import cast
from uuid import UUID

import grpc
from igny8.planner.v1 import planner_pb2, planner_service_pb2, planner_service_pb2_grpc

from chassis import call, idempotency
from chassis.database import Database, Transaction
from chassis.errors import InvalidArgument
from chassis.ids import require_id
from services.planner import exports, resources, translate
from services.planner.repository import keyword_lines
from services.planner.resources import (
    CLUSTER,
    CONTENT_IDEA,
    IMPORT_SKIPPED_LINE,
    KEYWORD,
    KEYWORD_IMPORT,
    LIBRARY_CHANGE,
    LIBRARY_CHANGE_LINE,
    PLATFORM_SEED,
    RECLUSTERING,
    RECLUSTERING_MOVE,
    SEED_CANDIDATE,
    SEED_KEYWORD,
)
from services.planner.usecases import arranging, bulk, keywords, overlap, pages, reclustering, seeds
from services.planner.usecases.imports import ImportKeywords
from services.planner.usecases.library import Library

_update_keyword = KEYWORD.update(planner_pb2.Keyword, then=keywords.placed)
_list_candidates = SEED_CANDIDATE.list(planner_service_pb2.ListSeedCandidatesResponse)
_get_change = LIBRARY_CHANGE.get(planner_pb2.LibraryChange)
_list_changes = LIBRARY_CHANGE.list(planner_service_pb2.ListLibraryChangesResponse)
_list_lines = LIBRARY_CHANGE_LINE.list(planner_service_pb2.ListLibraryChangeLinesResponse)


class PlannerServicer(planner_service_pb2_grpc.PlannerServiceServicer):
    """Keywords, clusters, ideas and imports on the wire.

    Args:
        database: the planner's, under its app role.
        imports: looks at uploaded files.
        library: the platform's, which only operators change and see the changes of.
    """

    ListSeedKeywords = SEED_KEYWORD.list(planner_service_pb2.ListSeedKeywordsResponse)
    GetKeyword = KEYWORD.get(planner_pb2.Keyword)
    ListKeywords = KEYWORD.list(planner_service_pb2.ListKeywordsResponse)
    DeleteKeyword = KEYWORD.delete(planner_pb2.Keyword)
    GetCluster = CLUSTER.get(planner_pb2.Cluster)
    ListClusters = CLUSTER.list(planner_service_pb2.ListClustersResponse)
    UpdateCluster = CLUSTER.update(planner_pb2.Cluster, then=arranging.name_given)
    GetReclustering = RECLUSTERING.get(planner_pb2.Reclustering)
    ListReclusterings = RECLUSTERING.list(planner_service_pb2.ListReclusteringsResponse)
    ListReclusteringMoves = RECLUSTERING_MOVE.list(planner_service_pb2.ListReclusteringMovesResponse)
    GetContentIdea = CONTENT_IDEA.get(planner_pb2.ContentIdea)
    ListContentIdeas = CONTENT_IDEA.list(planner_service_pb2.ListContentIdeasResponse)
    UpdateContentIdea = CONTENT_IDEA.update(planner_pb2.ContentIdea, then=overlap.idea_changed)
    DeleteContentIdea = CONTENT_IDEA.delete(planner_pb2.ContentIdea)
    UndeleteContentIdea = CONTENT_IDEA.undelete(planner_pb2.ContentIdea)
    GetKeywordImport = KEYWORD_IMPORT.get(planner_pb2.KeywordImport)
    ListKeywordImports = KEYWORD_IMPORT.list(planner_service_pb2.ListKeywordImportsResponse)
    ListImportSkippedLines = IMPORT_SKIPPED_LINE.list(planner_service_pb2.ListImportSkippedLinesResponse)

    def __init__(self, database: Database, imports: ImportKeywords, library: Library) -> None:
        self.database, self._imports, self._library = database, imports, library

    def InspectKeywordFile(
        self, request: planner_service_pb2.InspectKeywordFileRequest, context: grpc.ServicerContext
    ) -> planner_service_pb2.InspectKeywordFileResponse:
        """Look at an uploaded file before it is imported."""
        layout = self._imports.inspect(call.tenant(), request.object_key)
        return planner_service_pb2.InspectKeywordFileResponse(layout=layout)

    def CreateKeyword(
        self, request: planner_service_pb2.CreateKeywordRequest, context: grpc.ServicerContext
    ) -> planner_pb2.Keyword:
        """Add one keyword to a sector."""
        if request.keyword.site_id not in {"", request.site_id}:
            raise InvalidArgument.field("keyword.site_id", "must be the request's site_id, or empty")
        resources.KEYWORD.check(request.keyword, resources.KEYWORD.rules)  # as a changed one is
        new = translate.new_keyword(request.keyword, by=call.passport().actor)

        def create(transaction: Transaction) -> planner_pb2.Keyword:
            return resources.keyword(transaction, keywords.create_keyword(transaction, new))

        with self.database.transaction(call.tenant()) as transaction:
            return idempotency.once(
                transaction, "CreateKeyword", request, planner_pb2.Keyword, lambda: create(transaction)
            )

    def UpdateKeyword(
        self, request: planner_service_pb2.UpdateKeywordRequest, context: grpc.ServicerContext
    ) -> planner_pb2.Keyword:
        """Change a keyword; its cluster must be of its sector."""
        with keywords.cluster_of_the_sector():
            updated: planner_pb2.Keyword = _update_keyword(self, request, context)
        return updated

    def BulkUpdateKeywords(
        self, request: planner_service_pb2.BulkUpdateKeywordsRequest, context: grpc.ServicerContext
    ) -> planner_service_pb2.BulkUpdateKeywordsResponse:
        """Change the same fields of many keywords."""
        values = resources.bulk_changes(request.keyword, request.update_mask.paths)
        chosen = translate.chosen(request, KEYWORD.found_by(request), request.etags)
        done = bulk.update_keywords(self.database, call.tenant(), chosen, values)
        return planner_service_pb2.BulkUpdateKeywordsResponse(
            updated_count=done.count,
            missing_keyword_ids=map(str, done.missing),
            conflicting_keyword_ids=map(str, done.conflicting),
        )

    def BulkDeleteKeywords(
        self, request: planner_service_pb2.BulkDeleteKeywordsRequest, context: grpc.ServicerContext
    ) -> planner_service_pb2.BulkDeleteKeywordsResponse:
        """Hide many keywords."""
        chosen = translate.chosen(request, KEYWORD.found_by(request), request.etags)
        done = bulk.delete_keywords(self.database, call.tenant(), chosen)
        return planner_service_pb2.BulkDeleteKeywordsResponse(
            deleted_count=done.count,
            missing_keyword_ids=map(str, done.missing),
            conflicting_keyword_ids=map(str, done.conflicting),
        )

    def BulkUndeleteKeywords(
        self, request: planner_service_pb2.BulkUndeleteKeywordsRequest, context: grpc.ServicerContext
    ) -> planner_service_pb2.BulkUndeleteKeywordsResponse:
        """Bring many deleted keywords back."""
        chosen = translate.chosen(request, KEYWORD.found_by(request, deleted=True))
        return translate.undeleted(bulk.undelete_keywords(self.database, call.tenant(), chosen))

    def ListClusterPages(
        self, request: planner_service_pb2.ListClusterPagesRequest, context: grpc.ServicerContext
    ) -> planner_service_pb2.ListClusterPagesResponse:
        """Group a cluster's keywords by the page that answers them."""
        found = pages.of_cluster(self.database, call.tenant(), require_id("cluster_id", request.cluster_id))
        return planner_service_pb2.ListClusterPagesResponse(cluster_pages=map(translate.page, found))

    def MergeClusters(
        self, request: planner_service_pb2.MergeClustersRequest, context: grpc.ServicerContext
    ) -> planner_pb2.Cluster:
        """Put all that some clusters have into another one."""
        cluster_id = require_id("cluster_id", request.cluster_id)
        merged = [require_id("merged_cluster_ids", text) for text in request.merged_cluster_ids]
        with self.database.transaction(call.tenant()) as transaction:
            arranging.merge(transaction, cluster_id, merged, by=call.passport().actor, etag=request.etag)
            return resources.cluster(transaction, cluster_id)

    def SplitCluster(
        self, request: planner_service_pb2.SplitClusterRequest, context: grpc.ServicerContext
    ) -> planner_pb2.Cluster:
        """Make a cluster of some of a cluster's keywords."""
        cluster_id, by = require_id("cluster_id", request.cluster_id), call.passport().actor
        ids = [require_id("keyword_ids", text) for text in request.keyword_ids]
        with self.database.transaction(call.tenant()) as transaction:
            made = arranging.split(transaction, cluster_id, ids, request.name, by=by, etag=request.etag)
            return resources.cluster(transaction, made)

    def MoveKeywords(
        self, request: planner_service_pb2.MoveKeywordsRequest, context: grpc.ServicerContext
    ) -> planner_service_pb2.MoveKeywordsResponse:
        """Put keywords into a cluster."""
        cluster_id = require_id("cluster_id", request.cluster_id)
        ids = [require_id("keyword_ids", text) for text in request.keyword_ids]
        with self.database.transaction(call.tenant()) as transaction:
            missing = arranging.move(transaction, cluster_id, ids, by=call.passport().actor)
        moved = len(set(ids)) - len(missing)
        return planner_service_pb2.MoveKeywordsResponse(moved_count=moved, missing_keyword_ids=map(str, missing))

    def ApplyReclustering(
        self, request: planner_service_pb2.ApplyReclusteringRequest, context: grpc.ServicerContext
    ) -> planner_pb2.Reclustering:
        """Carry out what clustering a sector again has proposed."""
        reclustering_id, by = require_id("reclustering_id", request.reclustering_id), call.passport().actor
        with self.database.transaction(call.tenant()) as transaction:
            reclustering.apply(transaction, reclustering_id, by=by, etag=request.etag)
            return resources.reclustering(transaction, reclustering_id)

    def AddKeywordsFromSeeds(
        self, request: planner_service_pb2.AddKeywordsFromSeedsRequest, context: grpc.ServicerContext
    ) -> planner_service_pb2.AddKeywordsFromSeedsResponse:
        """Add keywords of the library to a sector."""
        sector_id = require_id("sector_id", request.sector_id)
        wanted = translate.seeds(request, SEED_KEYWORD.found_by(request))
        answer = planner_service_pb2.AddKeywordsFromSeedsResponse
        with self.database.transaction(call.tenant()) as transaction:
            return idempotency.once(
                transaction,
                "AddKeywordsFromSeeds",
                request,
                answer,
                lambda: translate.added(seeds.add_keywords(transaction, sector_id, wanted)),
            )

    def PreviewLibraryImport(
        self, request: planner_service_pb2.PreviewLibraryImportRequest, context: grpc.ServicerContext
    ) -> planner_pb2.LibraryChange:
        """Look at a file for the library."""
        file, catalogue = translate.library_file(request), translate.catalogue(request)
        change_id = self._library.preview(file, catalogue, translate.asked(request, call.passport().actor))
        return resources.library_change(self._library.database, change_id)

    def ApplyLibraryChange(
        self, request: planner_service_pb2.ApplyLibraryChangeRequest, context: grpc.ServicerContext
    ) -> planner_pb2.LibraryChange:
        """Write a change into the library."""
        change_id = require_id("library_change_id", request.library_change_id)
        self._library.apply(change_id, call.passport().actor)
        return resources.library_change(self._library.database, change_id)

    def GetLibraryChange(
        self, request: planner_service_pb2.GetLibraryChangeRequest, context: grpc.ServicerContext
    ) -> planner_pb2.LibraryChange:
        """Read a change of the library."""
        return cast("planner_pb2.LibraryChange", _get_change(self._library, request, context))

    def ListLibraryChanges(
        self, request: planner_service_pb2.ListLibraryChangesRequest, context: grpc.ServicerContext
    ) -> planner_service_pb2.ListLibraryChangesResponse:
        """List changes of the library."""
        return cast("planner_service_pb2.ListLibraryChangesResponse", _list_changes(self._library, request, context))

    def ListLibraryChangeLines(
        self, request: planner_service_pb2.ListLibraryChangeLinesRequest, context: grpc.ServicerContext
    ) -> planner_service_pb2.ListLibraryChangeLinesResponse:
        """List lines of changes of the library."""
        return cast("planner_service_pb2.ListLibraryChangeLinesResponse", _list_lines(self._library, request, context))

    def ExportSeedKeywords(
        self, request: planner_service_pb2.ExportSeedKeywordsRequest, context: grpc.ServicerContext
    ) -> planner_service_pb2.ExportSeedKeywordsResponse:
        """Write a piece of the platform's library."""
        query = PLATFORM_SEED.query(request, list(PLATFORM_SEED.table.c), exports.PIECE_LINES)
        with self._library.database.untenanted() as connection:
            rows, token = query.run(connection)
        csv = exports.csv_piece(rows, exports.SEED_CELLS, first=not request.page_token)
        return planner_service_pb2.ExportSeedKeywordsResponse(csv=csv, next_page_token=token)

    def ListSeedCandidates(
        self, request: planner_service_pb2.ListSeedCandidatesRequest, context: grpc.ServicerContext
    ) -> planner_service_pb2.ListSeedCandidatesResponse:
        """List keywords that accounts added."""
        return cast("planner_service_pb2.ListSeedCandidatesResponse", _list_candidates(self._library, request, context))

    def PromoteSeedCandidates(
        self, request: planner_service_pb2.PromoteSeedCandidatesRequest, context: grpc.ServicerContext
    ) -> planner_pb2.LibraryChange:
        """Take keywords that accounts added into the library."""
        asked = translate.asked(request, call.passport().actor)
        change_id = self._library.promote(resources.promotions(request), asked)
        return resources.library_change(self._library.database, change_id)

    def OverruleOverlap(
        self, request: planner_service_pb2.OverruleOverlapRequest, context: grpc.ServicerContext
    ) -> planner_pb2.ContentIdea:
        """Decide what should become of an idea."""
        idea_id, by = require_id("content_idea_id", request.content_idea_id), call.passport().actor
        with self.database.transaction(call.tenant()) as transaction:
            verdict = translate.verdict(request.verdict)
            overlap.overrule(transaction, idea_id, verdict, request.reason, by=by, etag=request.etag)
            return resources.content_idea(transaction, idea_id)

    def ExportKeywords(
        self, request: planner_service_pb2.ExportKeywordsRequest, context: grpc.ServicerContext
    ) -> planner_service_pb2.ExportKeywordsResponse:
        """Write a piece of a site's keywords."""
        query = KEYWORD.query(request, keyword_lines.COLUMNS, exports.PIECE_LINES)
        with self.database.transaction(call.tenant()) as transaction:
            rows, token = query.run(transaction.connection)
        csv = exports.csv_piece(rows, exports.KEYWORD_CELLS, first=not request.page_token)
        return planner_service_pb2.ExportKeywordsResponse(csv=csv, next_page_token=token)

    def UndeleteKeyword(
        self, request: planner_service_pb2.UndeleteKeywordRequest, context: grpc.ServicerContext
    ) -> planner_pb2.Keyword:
        """Bring a deleted keyword back, where the plan has room for it."""
        keyword_id = UUID(request.keyword_id)
        keywords.undelete_keyword(self.database, call.tenant(), keyword_id)
        with self.database.transaction(call.tenant()) as transaction:
            return resources.keyword(transaction, keyword_id)
