"""Path templates and the table that finds the route of a path.

A template is what `google.api.http` calls one, with single-segment variables and an optional verb at its end:
"/v1/sites/{keyword.site_id}/keywords/{keyword.id}", "/v1/runs/{run_id}:pause".
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from gateway.errors import MethodNotAllowed, NoSuchRoute

T = TypeVar("T")
_VARIABLE = re.compile(r"\{([a-z][a-z0-9_.]*)\}\Z")
_LITERAL = re.compile(r"[a-zA-Z0-9._-]+\Z")


@dataclass(frozen=True)
class Template:
    """A parsed path template.

    Args:
        segments: literals, and None where a variable stands.
        verb: after the colon; empty without one.
        fields: of the request message, for the variables in order: "site_id", "keyword.id".
    """

    segments: tuple[str | None, ...]
    verb: str
    fields: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> "Template":
        """Read a template.

        Raises:
            ValueError: it is not one of the supported form.
        """
        path, _, verb = text.partition(":")
        segments: list[str | None] = []
        fields = []
        for part in path.removeprefix("/").split("/"):
            variable = _VARIABLE.match(part)
            if variable:
                fields.append(variable[1])
            elif part and not _LITERAL.match(part):
                raise ValueError(f"{text}: {part!r} is neither a literal nor a variable of one segment.")
            segments.append(None if variable else part)
        return cls(tuple(segments), verb, tuple(fields))

    @property
    def names(self) -> tuple[str, ...]:
        """What the variables are called in REST: "site_id", "keyword_id" for `{keyword.id}`."""
        return tuple(_public_name(path) for path in self.fields)

    @property
    def public(self) -> str:
        """The path as REST documents it: "/v1/sites/{site_id}/keywords/{keyword_id}"."""
        names = iter(self.names)
        path = "/" + "/".join(f"{{{next(names)}}}" if part is None else part for part in self.segments)
        return f"{path}:{self.verb}" if self.verb else path


@dataclass(frozen=True)
class Match(Generic[T]):
    """The route of a path, and what its variables are, in the order of the template."""

    target: T
    template: Template
    values: tuple[str, ...]


@dataclass
class _Node(Generic[T]):
    literals: dict[str, "_Node[T]"] = field(default_factory=dict)
    variable: "_Node[T] | None" = None
    leaves: dict[str, dict[str, tuple[Template, T]]] = field(default_factory=dict)


class Router(Generic[T]):
    """Finds what answers a method on a path: a tree of segments, literals before variables."""

    def __init__(self) -> None:
        self._root: _Node[T] = _Node()

    def add(self, method: str, template: Template, target: T) -> None:
        """Add a route.

        Raises:
            ValueError: another has this method and path.
        """
        node = self._root
        for segment in template.segments:
            if segment is None:
                node.variable = node.variable or _Node()
                node = node.variable
            else:
                node = node.literals.setdefault(segment, _Node())
        methods = node.leaves.setdefault(template.verb, {})
        if method in methods:
            raise ValueError(f"{method} {template.public} is bound twice.")
        methods[method] = (template, target)

    def find(self, method: str, path: str) -> Match[T]:
        """Return the route of a path; HEAD is answered as GET.

        Raises:
            NoSuchRoute: no route has this path.
            MethodNotAllowed: routes of this path have other methods.
        """
        allowed: set[str] = set()
        for methods, values in self._leaves(path):
            found = methods.get("GET" if method == "HEAD" and "HEAD" not in methods else method)
            if found is not None:
                return Match(found[1], found[0], values)
            allowed.update(methods)
        if allowed:
            raise MethodNotAllowed(method, allowed)
        raise NoSuchRoute(path)

    def _leaves(self, path: str) -> Iterator[tuple[Mapping[str, tuple[Template, T]], tuple[str, ...]]]:
        head, slash, last = path.rpartition("/")
        stem, _, verb = last.partition(":")
        segments = tuple(f"{head}{slash}{stem}".removeprefix("/").split("/"))
        for node, values in _walk(self._root, segments, ()):
            if verb in node.leaves:
                yield node.leaves[verb], values


def _walk(
    node: _Node[T], segments: tuple[str, ...], values: tuple[str, ...]
) -> Iterator[tuple[_Node[T], tuple[str, ...]]]:
    if not segments:
        yield node, values
        return
    segment, rest = segments[0], segments[1:]
    if segment in node.literals:
        yield from _walk(node.literals[segment], rest, values)
    if node.variable is not None and segment:
        yield from _walk(node.variable, rest, (*values, segment))


def _public_name(path: str) -> str:
    owner, _, name = path.rpartition(".")
    return f"{owner}_id" if name == "id" and owner else name
