"""The resources of integration, as the standard methods read them."""

from igny8.integration.v1 import integration_pb2

from chassis.resource import Resource
from services.integration.models import Publication, SiteIntegration, SyncEvent

SITE_INTEGRATION = Resource(
    message=integration_pb2.SiteIntegration,
    table=SiteIntegration,
    plural="site_integrations",
    filters=("platform", "active", "sync_status"),
    orders=("create_time", "last_sync_time"),
    search=("base_url",),
    computed={"has_credentials": SiteIntegration.__table__.c.credentials.is_not(None)},
    write_only=("credentials_json",),
)
PUBLICATION = Resource(
    message=integration_pb2.Publication,
    table=Publication,
    plural="publications",
    filters=("content_id", "site_integration_id", "sector_id", "platform", "status", "external_id", "publish_time"),
    orders=("create_time", "publish_time", "update_time"),
    search=("external_url",),
)
SYNC_EVENT = Resource(
    message=integration_pb2.SyncEvent,
    table=SyncEvent,
    plural="sync_events",
    filters=("site_integration_id", "event_type", "action", "success", "content_id", "external_id"),
    orders=("create_time",),
    search=("error",),
    order="id desc",
)
