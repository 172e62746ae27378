"""The standard methods of a resource, declared once: a message, a table, and which methods it has.

    KEYWORD = Resource(
        message=planner_pb2.Keyword,
        table=models.Keyword,
        plural="keywords",
        filters=("status", "volume"), orders=("volume",), search=("text",),
        updates=("volume", "disabled"),
    )

    class PlannerServicer(...):
        GetKeyword = KEYWORD.get(planner_pb2.Keyword)
        ListKeywords = KEYWORD.list(planner_service_pb2.ListKeywordsResponse)

A message's fields and a table's columns have the same names; `columns.py` has the few conventions. Reading is here for
every resource; each writing method exists only where a servicer names it: there is no generic way to write an invoice.
"""

from chassis.resource.columns import FieldColumn, from_message, mapping, to_message
from chassis.resource.declaration import Resource
from chassis.resource.methods import HasDatabase

__all__ = ["FieldColumn", "HasDatabase", "Resource", "from_message", "mapping", "to_message"]
