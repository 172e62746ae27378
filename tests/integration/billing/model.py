"""The ledger as a few lines of Python: what the functions in PostgreSQL must agree with, answer by answer."""

from dataclasses import dataclass, field
from datetime import datetime

from services.billing.domain import FALLBACK_PRICES


@dataclass
class ModelGrant:
    number: int
    key: str
    kind: str
    priority: int
    credits: int
    expires: datetime | None
    remaining: int
    held: int = 0

    def place(self) -> tuple[object, ...]:
        """Where it stands in the order of use."""
        end = (self.expires is None, self.expires)
        return (self.priority, end, self.kind != "promotional", self.number)


@dataclass
class ModelHold:
    quote: str
    operation: str
    quantity: int
    credits: int
    pins: list[tuple[ModelGrant, int]]
    state: str = "open"
    captured: int = 0
    used: int | None = None


@dataclass
class ModelQuote:
    limit: int
    captured: int = 0
    held: int = 0


@dataclass
class Model:
    """What an account has. Every method returns (code, credits, captured credits)."""

    quotes: dict[str, ModelQuote]
    grants: dict[str, ModelGrant] = field(default_factory=dict)
    holds: dict[str, ModelHold | None] = field(default_factory=dict)  # None: released before it was made

    @property
    def posted(self) -> int:
        return sum(grant.remaining for grant in self.grants.values())

    @property
    def held(self) -> int:
        return sum(hold.credits for hold in self.holds.values() if hold and hold.state == "open")

    def grant(
        self, key: str, kind: str, priority: int, credits_: int, expires: datetime | None, now: datetime
    ) -> tuple[str, int | None, int | None]:
        known = self.grants.get(key)
        if known:
            same = (known.kind, known.credits, known.expires) == (kind, credits_, expires)
            return ("ok", known.credits, None) if same else ("key_reused", None, None)
        if expires is not None and expires <= now:
            return "expired", None, None
        self.grants[key] = ModelGrant(len(self.grants), key, kind, priority, credits_, expires, credits_)
        return "ok", credits_, None

    def reserve(
        self, key: str, quote: str, operation: str, quantity: int, now: datetime
    ) -> tuple[str, int | None, int | None]:
        if key in self.holds:
            hold = self.holds[key]
            if hold is None:
                return "hold_closed", None, None
            if (hold.quote, hold.operation, hold.quantity) != (quote, operation, quantity):
                return "key_reused", None, None
            return "ok", hold.credits, hold.captured
        self.lapse(now)
        needed, of = FALLBACK_PRICES[operation].credits(quantity), self.quotes[quote]
        if of.captured + of.held + needed > of.limit:
            return "quote_exhausted", None, None
        if self.posted - self.held < needed:
            return "insufficient_credits", None, None
        self.holds[key] = ModelHold(quote, operation, quantity, needed, self._pin(needed))
        of.held += needed
        return "ok", needed, 0

    def _pin(self, needed: int) -> list[tuple[ModelGrant, int]]:
        pins = []
        for grant in sorted(self.grants.values(), key=ModelGrant.place):
            part = min(needed, grant.remaining - grant.held)
            if part:
                grant.held += part
                needed -= part
                pins.append((grant, part))
        return pins

    def capture(self, key: str, quantity: int, now: datetime) -> tuple[str, int | None, int | None]:
        if key not in self.holds:
            return "hold_not_found", None, None
        hold = self.holds[key]
        if hold is None:
            return "hold_closed", 0, 0
        if hold.state == "captured":
            return ("ok", hold.credits, hold.captured) if hold.used == quantity else ("key_reused", None, None)
        if hold.state != "open":
            return "hold_closed", hold.credits, 0
        cost = FALLBACK_PRICES[hold.operation].credits(quantity)
        if cost > hold.credits:
            return "capture_above_hold", hold.credits, 0
        self._close(hold, "captured", cost, now)
        hold.used = quantity
        return "ok", hold.credits, cost

    def free(self, key: str, state: str, now: datetime) -> tuple[str, int | None, int | None]:
        hold = self.holds.setdefault(key, None)
        if hold is None:
            return "ok", 0, 0
        if hold.state == "open":
            self._close(hold, state, 0, now)
            return "ok", hold.credits, 0
        return ("hold_closed" if hold.state == "captured" else "ok"), 0, hold.captured

    def _close(self, hold: ModelHold, state: str, cost: int, now: datetime) -> None:
        hold.state, hold.captured, left = state, cost, cost
        for grant, part in hold.pins:
            taken = min(left, part)
            left -= taken
            grant.held -= part
            grant.remaining -= taken
        self.quotes[hold.quote].held -= hold.credits
        self.quotes[hold.quote].captured += cost
        self.lapse(now)

    def lapse(self, now: datetime) -> None:
        for grant in self.grants.values():
            if grant.expires is not None and grant.expires <= now:
                grant.remaining = grant.held
