"""The filter language of lists, a subset of Google's AIP-160: `status = "new" AND (volume >= 100 OR intent = "local")`.

Comparisons `= != < <= > >=`, `:` (contains, for lists and text), AND, OR, NOT and parentheses; OR binds tighter than
AND, as the AIP has it. What may be compared is declared for each resource; everything else is refused by name.
"""

import re
from dataclasses import dataclass

from chassis.errors import InvalidArgument

LENGTH_MAX = 2000
TERMS_MAX = 50
DEPTH_MAX = 10

_TOKEN = re.compile(
    r"""\s*(?:(?P<text>"(?:[^"\\]|\\.)*")|(?P<op><=|>=|!=|[=<>:()])|(?P<word>[^\s"()<>=!:]+))""",
)


@dataclass(frozen=True)
class Comparison:
    """One term: a field, an operator, and the value as it was written."""

    field: str
    operator: str
    value: str


@dataclass(frozen=True)
class Not:
    """The opposite of a term."""

    term: "Expression"


@dataclass(frozen=True)
class AllOf:
    """Every one of these."""

    terms: tuple["Expression", ...]


@dataclass(frozen=True)
class AnyOf:
    """At least one of these."""

    terms: tuple["Expression", ...]


Expression = Comparison | Not | AllOf | AnyOf


def parse_filter(text: str) -> Expression | None:
    """Return what a filter says, or None for an empty one.

    Raises:
        InvalidArgument: it is not a filter; the message says where.
    """
    if not text.strip():
        return None
    if len(text) > LENGTH_MAX:
        raise _wrong(f"is longer than {LENGTH_MAX} characters")
    parser = _Parser(_tokens(text))
    expression = parser.conjunction(depth=0)
    parser.expect_end()
    return expression


def _tokens(text: str) -> list[str]:
    tokens, at, stripped = [], 0, text.rstrip()
    while at < len(stripped):
        match = _TOKEN.match(stripped, at)
        if match is None:
            raise _wrong(f"cannot be read from {stripped[at : at + 20]!r} on; put text in double quotes")
        tokens.append(match.group().strip())
        at = match.end()
    return tokens


class _Parser:
    def __init__(self, tokens: list[str]) -> None:
        self._tokens, self._at, self._terms = tokens, 0, 0

    def conjunction(self, depth: int) -> Expression:
        terms = [self._disjunction(depth)]
        while self._take("AND"):
            terms.append(self._disjunction(depth))
        return terms[0] if len(terms) == 1 else AllOf(tuple(terms))

    def expect_end(self) -> None:
        if self._at < len(self._tokens):
            raise _wrong(f"has {self._tokens[self._at]!r} where AND, OR or the end should be")

    def _disjunction(self, depth: int) -> Expression:
        terms = [self._term(depth)]
        while self._take("OR"):
            terms.append(self._term(depth))
        return terms[0] if len(terms) == 1 else AnyOf(tuple(terms))

    def _term(self, depth: int) -> Expression:
        if depth > DEPTH_MAX:
            raise _wrong(f"is nested deeper than {DEPTH_MAX}")
        if self._take("NOT"):
            return Not(self._term(depth + 1))
        if self._take("("):
            inner = self.conjunction(depth + 1)
            if not self._take(")"):
                raise _wrong("lacks a closing parenthesis")
            return inner
        return self._comparison()

    def _comparison(self) -> Comparison:
        self._terms += 1
        if self._terms > TERMS_MAX:
            raise _wrong(f"has more than {TERMS_MAX} terms")
        field, operator, value = self._next("a field"), self._next("an operator"), self._next("a value")
        if not re.fullmatch(r"[a-z][a-z0-9_]*", field):
            raise _wrong(f"has {field!r} where a field should be")
        if operator not in {"=", "!=", "<", "<=", ">", ">=", ":"}:
            raise _wrong(f"has {operator!r} where an operator should be")
        if value in {"(", ")", "=", "!=", "<", "<=", ">", ">=", ":"}:
            raise _wrong(f"has {value!r} where a value should be")
        return Comparison(field, operator, _unquote(value))

    def _next(self, what: str) -> str:
        if self._at >= len(self._tokens):
            raise _wrong(f"ends where {what} should be")
        self._at += 1
        return self._tokens[self._at - 1]

    def _take(self, token: str) -> bool:
        if self._at < len(self._tokens) and self._tokens[self._at] == token:
            self._at += 1
            return True
        return False


def _unquote(value: str) -> str:
    return re.sub(r"\\(.)", r"\1", value[1:-1], flags=re.DOTALL) if value.startswith('"') else value


def _wrong(description: str) -> InvalidArgument:
    return InvalidArgument.field("filter", description)
