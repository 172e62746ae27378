"""The five standard methods over any declared resource, as one reads them in the AIPs (131 to 135, 148, 164)."""

import re
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol
from uuid import UUID

import sqlalchemy as sa
from google.protobuf.message import Message

from chassis import call, paging
from chassis.database import Database, Transaction
from chassis.errors import Aborted, AlreadyExists, InvalidArgument, NotFound
from chassis.filters import AllOf, AnyOf, Comparison, Expression, Not, parse_filter
from chassis.ids import require_id
from chassis.resource.columns import literal, mapping, to_message

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from chassis.resource.declaration import Resource


class HasDatabase(Protocol):
    """A servicer, as the standard methods need it."""

    database: Database


Method = Any
"""A function of (servicer, request, context); each generated base class has its own types for the last two."""

Then = Callable[[Transaction, UUID, Mapping[str, Any]], None]
"""What follows a change, in its transaction; called with the columns that were changed."""


def snake(name: str) -> str:
    """Return a message's name as its field is called: ContentIdea -> content_idea."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def get(resource: "Resource", message: type[Message]) -> Method:
    """Read one row by its id."""

    def method(self: HasDatabase, request: Any, context: Any) -> Any:  # noqa: ARG001 - gRPC passes a context
        row_id = _id_of(resource, request)
        statement = _select(resource).where(resource.table.c.id == row_id)
        with _connection(self.database, resource) as connection:
            row = connection.execute(statement).mappings().first()
        if row is None:
            raise NotFound.row(resource.noun, row_id)
        return to_message(message, row)

    return method


def list_(resource: "Resource", response: type[Message]) -> Method:
    """Read a page of rows."""

    def method(self: HasDatabase, request: Any, context: Any) -> Any:  # noqa: ARG001 - gRPC passes a context
        query = query_of(resource, request, list(resource.columns.values()), paging.page_size(request.page_size))
        answer: Any = response()
        with _connection(self.database, resource) as connection:
            rows, answer.next_page_token = query.run(connection)
            if _get(request, "with_total_size"):
                answer.total_size = _count(connection, resource, query.where)
        getattr(answer, resource.plural).extend([to_message(resource.message, row) for row in rows])
        return answer

    return method


@dataclass(frozen=True)
class Query:
    """A page of a list as it was asked for, ready to be read."""

    statement: sa.Select[Any]
    where: "Sequence[sa.ColumnElement[bool]]"
    keys: "Sequence[paging.Key]"
    size: int
    fingerprint: str

    def run(self, connection: sa.Connection) -> "tuple[Sequence[sa.RowMapping], str]":
        """Return the page's rows, and the token of the next page; "" on the last."""
        rows = connection.execute(self.statement).mappings().all()
        if len(rows) <= self.size:
            return rows, ""
        last = rows[self.size - 1]
        values = [last[f"_key{i}"] for i in range(len(self.keys))]
        return rows[: self.size], paging.encode(self.keys, values, self.fingerprint)


def query_of(resource: "Resource", request: Any, columns: "Sequence[sa.ColumnElement[Any]]", size: int) -> Query:
    """Return the page that a request's filter, search, order and token ask for, of these columns.

    Raises:
        InvalidArgument: one of them is none of this list's.
    """
    keys = _keys(resource, request.order_by or resource.order)
    conditions = _conditions(resource, request)
    fingerprint = paging.fingerprint(request.filter, request.order_by, _get(request, "search"), conditions.shown)
    statement = sa.select(*columns).where(*conditions.where).order_by(*paging.ordering(keys)).limit(size + 1)
    if request.page_token:
        statement = statement.where(paging.after(keys, request.page_token, fingerprint))
    statement = statement.add_columns(*[key.comparable.label(f"_key{i}") for i, key in enumerate(keys)])
    return Query(statement, conditions.where, keys, size, fingerprint)


def update(resource: "Resource", message: type[Message], then: Then | None = None) -> Method:
    """Change some fields of one row."""

    def method(self: HasDatabase, request: Any, context: Any) -> Any:  # noqa: ARG001 - gRPC passes a context
        given = getattr(request, resource.singular)
        values = resource.changes(given, request.update_mask.paths)
        row_id = require_id(f"{resource.singular}.id", given.id)
        return to_message(message, _write(self.database, resource, row_id, values, given.etag, then=then))

    return method


def delete(resource: "Resource", message: type[Message]) -> Method:
    """Hide one row; deleting a hidden row is NOT_FOUND."""

    def method(self: HasDatabase, request: Any, context: Any) -> Any:  # noqa: ARG001 - gRPC passes a context
        row_id = _id_of(resource, request)
        return to_message(
            message, _write(self.database, resource, row_id, {"delete_time": sa.func.now()}, request.etag)
        )

    return method


def undelete(resource: "Resource", message: type[Message]) -> Method:
    """Bring one hidden row back; a row that is not hidden is returned as it is."""

    def method(self: HasDatabase, request: Any, context: Any) -> Any:  # noqa: ARG001 - gRPC passes a context
        row_id = _id_of(resource, request)
        row = _write(self.database, resource, row_id, {"delete_time": None}, "", hidden=True)
        return to_message(message, row)

    return method


def found_by(resource: "Resource", request: Any, *, deleted: bool = False) -> list[sa.ColumnElement[bool]]:
    """Return the conditions that a request's `filter` and `search` put on rows.

    Of rows that can be deleted, live ones or deleted ones.

    Raises:
        InvalidArgument: the filter is none, or names what may not be filtered by.
    """
    where = _asked(resource, request)
    if resource.soft:
        hidden = resource.table.c.delete_time
        where.append(hidden.is_not(None) if deleted else hidden.is_(None))
    return where


class _Conditions:
    def __init__(self, where: list[sa.ColumnElement[bool]], shown: str) -> None:
        self.where, self.shown = where, shown


def _conditions(resource: "Resource", request: Any) -> _Conditions:
    where = _asked(resource, request)
    if resource.soft and not _get(request, "show_deleted"):
        where.append(resource.table.c.delete_time.is_(None))
    site_id = _get(request, "site_id", "")
    return _Conditions(where, f"{site_id}:{_get(request, 'show_deleted')}")


def _asked(resource: "Resource", request: Any) -> list[sa.ColumnElement[bool]]:
    where: list[sa.ColumnElement[bool]] = []
    expression = parse_filter(request.filter)
    if expression is not None:
        where.append(_condition(resource, expression))
    for word in _get(request, "search", "").split()[:10]:
        pattern = "%" + re.sub(r"([%_\\])", r"\\\1", word) + "%"
        where.append(sa.or_(*[column.ilike(pattern) for column in resource.search]))
    return where


def _condition(resource: "Resource", expression: Expression) -> sa.ColumnElement[bool]:
    if isinstance(expression, AllOf):
        return sa.and_(*[_condition(resource, term) for term in expression.terms])
    if isinstance(expression, AnyOf):
        return sa.or_(*[_condition(resource, term) for term in expression.terms])
    if isinstance(expression, Not):
        return sa.not_(_condition(resource, expression.term))
    return _comparison(resource, expression)


def _comparison(resource: "Resource", term: Comparison) -> sa.ColumnElement[bool]:
    column = resource.column(term.field, resource.filters, "filter")
    field = mapping(resource.message.DESCRIPTOR)[term.field].field
    if term.operator == ":":
        return _contains(column, term)
    value = literal(term.field, column, field, term.value)
    if value is None:
        return column.is_(None) if term.operator == "=" else column.is_not(None)
    return column.op(term.operator if term.operator != "!=" else "IS DISTINCT FROM", is_comparison=True)(
        sa.literal(value, column.type)
    )


def _contains(column: sa.ColumnElement[Any], term: Comparison) -> sa.ColumnElement[bool]:
    if isinstance(column.type, sa.ARRAY):
        return sa.literal(term.value) == sa.any_(column)
    if isinstance(column.type, sa.String):
        return column.icontains(term.value, autoescape=True)
    raise InvalidArgument.field("filter", f"{term.field} cannot be searched with ':'; use =, < or >")


def _keys(resource: "Resource", order_by: str) -> "Sequence[paging.Key]":
    keys = []
    for part in filter(None, (p.strip() for p in order_by.split(","))):
        match = re.fullmatch(r"([a-z][a-z0-9_]*)(?:\s+(asc|desc))?", part)
        if match is None:
            raise InvalidArgument.field("order_by", f"{part!r} is not a field with an optional asc or desc")
        column = resource.column(match[1], resource.orders, "order_by")
        keys.append(paging.Key(match[1], column, descending=match[2] == "desc"))
    if not any(key.name == "id" for key in keys):
        keys.append(paging.Key("id", resource.table.c.id, descending=bool(keys) and keys[-1].descending))
    return keys


def _count(connection: sa.Connection, resource: "Resource", where: "Sequence[sa.ColumnElement[bool]]") -> int:
    return int(connection.execute(sa.select(sa.func.count()).select_from(resource.table).where(*where)).scalar_one())


def is_set(message: Message, name: str) -> bool:
    """Tell whether a message has a value in a field: its default is one only where the proto tracks presence."""
    field = message.DESCRIPTOR.fields_by_name[name]
    return message.HasField(name) if field.has_presence else bool(getattr(message, name))


def _write(
    database: Database,
    resource: "Resource",
    row_id: UUID,
    values: Mapping[str, Any],
    etag: str,
    *,
    hidden: bool = False,
    then: Then | None = None,
) -> sa.RowMapping:
    table = resource.table
    stamps = {"revision": table.c.revision + 1, "update_time": sa.func.now()} if "revision" in table.c else {}
    statement = sa.update(table).where(table.c.id == row_id).values({**values, **stamps})
    if resource.soft and not hidden:
        statement = statement.where(table.c.delete_time.is_(None))
    if etag:
        statement = statement.where(sa.cast(table.c.revision, sa.Text) == etag)
    with database.transaction(call.tenant()) as transaction, _named_conflicts(resource):
        if transaction.execute(statement).rowcount == 0:
            _missing_or_changed(resource, transaction.connection, row_id, hidden=hidden)
        if then is not None:
            then(transaction, row_id, values)
        return transaction.execute(_select(resource).where(table.c.id == row_id)).mappings().one()


def _missing_or_changed(resource: "Resource", connection: sa.Connection, row_id: UUID, *, hidden: bool) -> None:
    where = [resource.table.c.id == row_id]
    if resource.soft and not hidden:
        where.append(resource.table.c.delete_time.is_(None))
    if connection.execute(sa.select(sa.literal(1)).select_from(resource.table).where(*where)).first() is None:
        raise NotFound.row(resource.noun, row_id)
    raise Aborted(f"The {resource.noun} was changed by somebody else; read it again and repeat the change.")


@contextmanager
def _named_conflicts(resource: "Resource") -> "Iterator[None]":
    try:
        yield
    except sa.exc.IntegrityError as error:
        constraint = getattr(getattr(error.orig, "diag", None), "constraint_name", None)
        if constraint not in resource.unique:
            raise
        raise AlreadyExists(resource.unique[constraint]) from error


def _select(resource: "Resource") -> sa.Select[Any]:
    return sa.select(*resource.columns.values())


def _id_of(resource: "Resource", request: Any) -> UUID:
    name = f"{resource.singular}_id"
    return require_id(name, getattr(request, name))


def _connection(database: Database, resource: "Resource") -> AbstractContextManager[sa.Connection]:
    return database.untenanted() if resource.catalogue else _tenanted(database)


@contextmanager
def _tenanted(database: Database) -> "Iterator[sa.Connection]":
    with database.transaction(call.tenant()) as transaction:
        yield transaction.connection


def _get(request: Any, name: str, default: Any = None) -> Any:
    return getattr(request, name, default)
