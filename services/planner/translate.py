"""What a request says, in the planner's own words."""

from igny8.planner.v1 import planner_pb2

from chassis.resource import from_message
from services.planner.repository.keywords import NewKeyword

_FIELDS = (
    *("sector_id", "text", "volume", "difficulty", "intent", "country", "impressions"),
    *("cluster_id", "disabled", "attributes_json"),
)


def new_keyword(given: planner_pb2.Keyword) -> NewKeyword:
    """Return the keyword to add; what is not stated in it is unknown.

    Raises:
        InvalidArgument: a field cannot be stored.
    """
    return NewKeyword(**from_message(given, _FIELDS))
