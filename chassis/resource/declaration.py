"""What a resource declares, checked when the service starts: a field without a column is a mistake of ours."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from google.protobuf.message import Message

from chassis.errors import InvalidArgument, Violation
from chassis.resource import methods
from chassis.resource.columns import from_message, mapping
from chassis.resource.rules import Rule


class Resource:
    """A message and its table.

    Args:
        message: the resource's message.
        table: the row class.
        plural: the list's field in the response: "keywords".
        noun: as people say it, "keyword"; the message's name in words when absent.
        filters: fields that a filter may name.
        orders: fields that an order may name; the id is always the last key.
        search: text columns that `search` looks into.
        updates: fields that Update may change.
        rules: for fields that Update may change, a function that returns what is wrong with a value, or None.
        computed: for fields that are no column, an SQL expression over the table.
        unique: by constraint name, what is taken when it is violated: "A cluster of this name exists in the sector."
        catalogue: True for tables of the platform that belong to no tenant.
        hidden: a condition that every read adds; for message fields that stand for columns of another table.
        write_only: message fields that no column holds and no read fills.
        order: the order of a list that asks for none.
    """

    def __init__(  # noqa: PLR0913 - a declaration names everything once
        self,
        *,
        message: type[Message],
        table: type[Any],
        plural: str,
        noun: str = "",
        filters: Sequence[str] = (),
        orders: Sequence[str] = (),
        search: Sequence[str] = (),
        updates: Sequence[str] = (),
        rules: Mapping[str, Rule] | None = None,
        computed: Mapping[str, sa.ColumnElement[Any]] | None = None,
        unique: Mapping[str, str] | None = None,
        catalogue: bool = False,
        write_only: Sequence[str] = (),
        order: str = "",
    ) -> None:
        self.message, self.plural = message, plural
        self.table: sa.Table = table.__table__
        self.singular = methods.snake(message.DESCRIPTOR.name)
        self.noun = noun or self.singular.replace("_", " ")
        self.filters, self.orders, self.updates = frozenset(filters), frozenset(orders), tuple(updates)
        self.rules, self.unique, self.catalogue, self.order = (
            dict(rules or {}),
            dict(unique or {}),
            catalogue,
            order,
        )
        self.columns = self._columns(dict(computed or {}), frozenset(write_only))
        self.search = [self.table.c[name] for name in search]
        self.soft = "delete_time" in self.table.c
        self._check()

    def _columns(self, computed: dict[str, Any], write_only: frozenset[str]) -> dict[str, sa.ColumnElement[Any]]:
        columns: dict[str, sa.ColumnElement[Any]] = {}
        for name, rule in mapping(self.message.DESCRIPTOR).items():
            if name in write_only:
                continue
            if name in computed:
                columns[name] = computed[name].label(rule.column)
            elif rule.column in self.table.c:
                columns[name] = self.table.c[rule.column]
            else:
                raise TypeError(f"{self.message.DESCRIPTOR.full_name}.{name} has no column in {self.table.name}")
        return columns

    def _check(self) -> None:
        named = self.filters | self.orders | set(self.updates) | set(self.rules)
        unknown = named - set(self.columns) - set(mapping(self.message.DESCRIPTOR))
        if unknown:
            raise TypeError(f"{self.message.DESCRIPTOR.full_name} has no field {sorted(unknown)}")

    def column(self, name: str, allowed: frozenset[str], used_in: str) -> sa.ColumnElement[Any]:
        """Return the column of a field that a caller may name.

        Raises:
            InvalidArgument: the field may not be named there.
        """
        if name not in allowed and name not in {"id", "create_time"} & set(self.columns):
            options = ", ".join(sorted(allowed | ({"id", "create_time"} & set(self.columns))))
            raise InvalidArgument.field(used_in, f"{name!r} cannot be used here; use one of {options}")
        column = self.columns[name]
        return column.element if isinstance(column, sa.Label) else column

    def check(self, given: Message, fields: Iterable[str]) -> None:
        """Hold fields of a message to the resource's rules.

        Raises:
            InvalidArgument: naming every field that breaks one.
        """
        violations = [
            Violation(f"{self.singular}.{name}", problem)
            for name in fields
            if name in self.rules and (problem := self.rules[name](getattr(given, name))) is not None
        ]
        if violations:
            raise InvalidArgument("; ".join(f"{v.field}: {v.description}" for v in violations), violations=violations)

    def changes(self, given: Message, paths: Sequence[str]) -> dict[str, Any]:
        """Return the columns that an update names, checked; those of the fields that are set when it names none.

        Raises:
            InvalidArgument: a field cannot be changed, or not to this.
        """
        fields = list(paths) or [name for name in self.updates if methods.is_set(given, name)]
        options = ", ".join(self.updates)
        if not fields:
            raise InvalidArgument.field("update_mask", f"names no field; {options} can be changed")
        for name in fields:
            if name not in self.updates:
                raise InvalidArgument.field(f"{self.singular}.{name}", f"cannot be changed; only {options} can")
        self.check(given, fields)
        return from_message(given, fields)

    def found_by(self, request: Any, *, deleted: bool = False) -> Sequence[sa.ColumnElement[bool]]:
        """Return the conditions of a request's `filter` and `search`, for what changes all rows that a list shows.

        Args:
            request: has both fields.
            deleted: whether it is about deleted rows, instead of live ones.

        Raises:
            InvalidArgument: the filter is none, or names what may not be filtered by.
        """
        return methods.found_by(self, request, deleted=deleted)

    def query(self, request: Any, columns: Sequence[sa.ColumnElement[Any]], size: int) -> methods.Query:
        """Return a page of a list with columns of the caller's own, for what is no message: a file.

        Args:
            request: has `filter`, `order_by` and `page_token`, as a list's.
            columns: of the resource's table, or computed over it.
            size: rows of a page.

        Raises:
            InvalidArgument: the filter, the order or the token is none of this list's.
        """
        return methods.query_of(self, request, columns, size)

    def get(self, message: type[Message]) -> methods.Method:
        """Return the Get method; `message` is what it answers with."""
        return methods.get(self, message)

    def list(self, response: type[Message]) -> methods.Method:
        """Return the List method; `response` is what it answers with."""
        return methods.list_(self, response)

    def update(self, message: type[Message], then: methods.Then | None = None) -> methods.Method:
        """Return the Update method; `then` is what follows a change, in its transaction."""
        return methods.update(self, message, then)

    def delete(self, message: type[Message]) -> methods.Method:
        """Return the Delete method, which hides the row."""
        return methods.delete(self, message)

    def undelete(self, message: type[Message]) -> methods.Method:
        """Return the Undelete method."""
        return methods.undelete(self, message)
