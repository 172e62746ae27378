"""Between integration's messages and its use cases."""

import json
from typing import Any

from igny8.integration.v1 import integration_pb2, integration_service_pb2

from chassis.errors import InvalidArgument
from chassis.resource.columns import enum_text
from services.integration.adapters.base import ConnectionReport
from services.integration.usecases.connecting import Wanted

CHANGEABLE = ("base_url", "config_json", "credentials_json", "active")


def wanted(message: integration_pb2.SiteIntegration) -> Wanted:
    """Return the destination that somebody asks for.

    Raises:
        InvalidArgument: a field is wrong.
    """
    platform = enum_text(integration_pb2.Platform.DESCRIPTOR, message.platform)
    return Wanted(
        platform=platform or "",  # required by the proto, which was checked before
        base_url=message.base_url,
        config=_object("config_json", message.config_json),
        credentials=_object("credentials_json", message.credentials_json),
    )


def changes(request: integration_service_pb2.UpdateSiteIntegrationRequest) -> dict[str, Any]:
    """Return what is to be changed, by the names of `update_site_integration`.

    Raises:
        InvalidArgument: it names no field, or one that never changes.
    """
    given = request.site_integration
    fields = list(request.update_mask.paths) or [name for name in CHANGEABLE if getattr(given, name)]
    for name in fields:
        if name not in CHANGEABLE:
            raise InvalidArgument.field(
                f"site_integration.{name}", f"cannot be changed; only {', '.join(CHANGEABLE)} can"
            )
    if not fields:
        raise InvalidArgument.field("update_mask", f"names no field; {', '.join(CHANGEABLE)} can be changed")
    return {
        name.removesuffix("_json"): _object(name, getattr(given, name))
        if name.endswith("_json")
        else getattr(given, name)
        for name in fields
    }


def report(found: ConnectionReport) -> integration_service_pb2.TestSiteIntegrationResponse:
    """Return what a connection test found."""
    checks = [
        integration_pb2.ConnectionCheck(name=check.name, ok=check.ok, detail=check.detail, hint=check.hint)
        for check in found.checks
    ]
    return integration_service_pb2.TestSiteIntegrationResponse(ok=found.ok, checks=checks)


def _object(name: str, text: str) -> dict[str, Any]:
    """The JSON object of a field. What was given is never repeated: it may be a password."""
    try:
        value = json.loads(text or "{}")
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise InvalidArgument.field(f"site_integration.{name}", "must be a JSON object")
    return value
