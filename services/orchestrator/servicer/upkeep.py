"""The platform's own periodic work, for operators."""

from collections.abc import Mapping
from typing import Any

import grpc
import sqlalchemy as sa
from igny8.orchestrator.v1 import orchestrator_pb2, orchestrator_service_pb2

from chassis.errors import NotFound
from chassis.resource import to_message
from services.orchestrator import repository
from services.orchestrator.domain.upkeep import DUTIES
from services.orchestrator.servicer.base import Calls

_pb, _rpc = orchestrator_pb2, orchestrator_service_pb2


class UpkeepCalls(Calls):
    """What operators see of periodic work, and how they start it."""

    def ListMaintenanceTasks(
        self, request: _rpc.ListMaintenanceTasksRequest, context: grpc.ServicerContext
    ) -> _rpc.ListMaintenanceTasksResponse:
        """List all of it."""
        with self.database.untenanted() as connection:
            rows = repository.read_maintenance_tasks(connection)
        shown = [_shown(row._mapping) for row in rows if row.name in DUTIES]
        return _rpc.ListMaintenanceTasksResponse(maintenance_tasks=shown)

    def RunMaintenanceTask(
        self, request: _rpc.RunMaintenanceTaskRequest, context: grpc.ServicerContext
    ) -> _pb.MaintenanceTask:
        """Have one start now."""
        with self.database.untenanted() as connection:
            row = repository.hasten_maintenance_task(connection, request.name)
        if row is None or row.name not in DUTIES:
            raise NotFound.row("maintenance task", repr(request.name[:60]))
        return _shown(row._mapping)


def _shown(row: Mapping[str, Any] | sa.RowMapping) -> _pb.MaintenanceTask:
    duty = DUTIES[row["name"]]
    return to_message(_pb.MaintenanceTask, {**row, "every_s": duty.every_s, "description": duty.description})
