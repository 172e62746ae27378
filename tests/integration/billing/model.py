"""The ledger as a few lines of Python: what the functions in PostgreSQL must agree with, answer by answer."""

from dataclasses import dataclass, field
from datetime import datetime

from services.billing.domain import FALLBACK_PRICES, DayLimit

Told = tuple[str, int | None, int | None]
"""(code, credits, captured credits); None where it is not compared."""
CHANGE_KINDS = {"plan": "subscription", "bonus": "purchase", "promotional": "promotion"}


@dataclass
class ModelGrant:
    number: int
    asked: tuple[object, ...]  # what its key was used with
    kind: str
    change_kind: str
    priority: int
    credits: int
    effective: datetime
    expires: datetime | None
    posted: bool = False
    remaining: int = 0
    held: int = 0

    @property
    def free(self) -> int:
        return self.remaining - self.held

    def place(self) -> tuple[object, ...]:
        """Where it stands in the order of use."""
        end = (self.expires is None, self.expires)
        return (self.priority, end, self.kind != "promotional", self.effective, self.number)


@dataclass
class Pin:
    grant: ModelGrant
    credits: int
    captured: int = 0


@dataclass
class ModelHold:
    quote: str
    operation: str
    quantity: int
    credits: int
    pins: list[Pin]
    state: str = "open"
    extended: int = 0
    captured: int = 0
    captured_quantity: int = 0

    @property
    def aside(self) -> int:
        return self.credits - self.captured if self.state == "open" else 0

    def price(self, quantity: int) -> int:
        return FALLBACK_PRICES[self.operation].credits(quantity)


@dataclass
class ModelQuote:
    limit: int
    captured: int = 0
    held: int = 0
    replaced: bool = False


@dataclass(frozen=True)
class Change:
    kind: str
    amount: int
    balance: int
    undoes: int | None = None
    grant: ModelGrant | None = None


@dataclass
class Model:
    """What an account has. A method without a comment says what it returns by its type."""

    quotes: dict[str, ModelQuote]
    grants: dict[str, ModelGrant] = field(default_factory=dict)
    holds: dict[str, ModelHold | None] = field(default_factory=dict)  # None: released before it was made
    extensions: dict[str, tuple[str, int]] = field(default_factory=dict)
    captures: dict[str, tuple[tuple[object, ...], int, datetime]] = field(default_factory=dict)
    corrections: dict[str, tuple[tuple[object, ...], int]] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)
    told: list[tuple[str, int, int]] = field(default_factory=list)  # what others heard: kind, credits, available

    @property
    def posted(self) -> int:
        return sum(grant.remaining for grant in self.grants.values())

    @property
    def held(self) -> int:
        return sum(hold.aside for hold in self.holds.values() if hold)

    @property
    def available(self) -> int:
        return self.posted - self.held

    def in_order(self) -> list[ModelGrant]:
        return sorted(self.grants.values(), key=ModelGrant.place)

    # ── time ────────────────────────────────────────────────────────────────────────────────────────────────────────
    def keep_time(self, now: datetime) -> tuple[int, int]:
        """Begin and end; return how many credits did."""
        late = [g for g in self.grants.values() if not g.posted and g.effective <= now]
        for grant in sorted(late, key=lambda g: (g.effective, g.number)):
            self._post_grant(grant)
        return sum(grant.credits for grant in late), self.lapse(now)

    def lapse(self, now: datetime) -> int:
        past = [(g.expires, g.number, g) for g in self.grants.values() if g.expires and g.expires <= now and g.free]
        ended = 0
        for _, _, grant in sorted(past):
            ended += grant.free
            amount, grant.remaining = -grant.free, grant.held
            self._post("expiry", amount)
        return ended

    # ── grants and corrections ──────────────────────────────────────────────────────────────────────────────────────
    def grant(
        self,
        key: str,
        kind: str,
        priority: int,
        credits_: int,
        *,
        effective: datetime | None,
        expires: datetime | None,
        now: datetime,
    ) -> Told:
        asked = (kind, priority, credits_, expires)
        if key in self.grants:
            known = self.grants[key]
            same = known.asked[:4] == asked and known.effective == (effective or known.asked[4])
            return ("ok", known.credits, None) if same else ("key_reused", None, None)
        if expires is not None and expires <= max(now, effective or now):
            return "expired", None, None
        made = ModelGrant(
            len(self.grants),
            (*asked, now),
            kind,
            CHANGE_KINDS[kind],
            priority,
            credits_,
            effective or now,
            expires,
        )
        self._give(key, made, now)
        return "ok", credits_, None

    def _give(self, key: str, made: ModelGrant, now: datetime, undoes: int | None = None) -> None:
        self.grants[key] = made
        if made.effective <= now:
            self._post_grant(made, undoes)

    def _post_grant(self, grant: ModelGrant, undoes: int | None = None) -> None:
        grant.posted, grant.remaining = True, grant.credits
        self._post(grant.change_kind, grant.credits, undoes, grant)

    def _post(self, kind: str, amount: int, undoes: int | None = None, grant: ModelGrant | None = None) -> None:
        self.changes.append(Change(kind, amount, self.posted, undoes, grant))
        if amount > 0:
            self.told.append((kind, amount, self.available))

    def refund(self, key: str, target: int, credits_: int, now: datetime) -> Told:
        asked = ("refund", target, credits_)
        if key in self.corrections:
            return self._corrected(key, asked)
        if self.changes[target].kind != "deduction":
            return "not_refundable", None, None
        if credits_ > -self.changes[target].amount - self._given_back(target):
            return "refund_above_capture", None, None
        return self._correct(key, asked, credits_, now, undoes=target)

    def adjust(self, key: str, credits_: int, now: datetime) -> Told:
        asked = ("adjustment", credits_)
        if key in self.corrections:
            return self._corrected(key, asked)
        return self._correct(key, asked, credits_, now)

    def reverse(self, key: str, target: int, now: datetime) -> Told:
        asked, change = ("reversal", target), self.changes[target]
        if key in self.corrections:
            return self._corrected(key, asked)
        if change.undoes is not None:
            return "not_reversible", None, None
        if any(other.undoes == target for other in self.changes):
            return "already_reversed", None, None
        return self._correct(key, asked, -change.amount, now, undoes=target)

    def _given_back(self, target: int) -> int:
        return sum(change.amount for change in self.changes if change.undoes == target)

    def _corrected(self, key: str, asked: tuple[object, ...]) -> Told:
        known, amount = self.corrections[key]
        return ("ok", amount, None) if known == asked else ("key_reused", None, None)

    def _correct(
        self, key: str, asked: tuple[object, ...], amount: int, now: datetime, undoes: int | None = None
    ) -> Told:
        self.keep_time(now)
        kind = str(asked[0])
        if amount > 0:
            self._give(key, ModelGrant(len(self.grants), asked, "bonus", kind, 100, amount, now, None), now, undoes)
        elif -amount > self.available:
            return "insufficient_credits", None, None
        else:
            own = self.changes[undoes].grant if undoes is not None else None
            left = -amount
            for grant in sorted(self.in_order(), key=lambda g: g is not own):
                part = min(left, grant.free)
                grant.remaining, left = grant.remaining - part, left - part
            self._post(kind, amount, undoes)
        self.corrections[key] = (asked, amount)
        return "ok", amount, None

    # ── holds ───────────────────────────────────────────────────────────────────────────────────────────────────────
    def accept(self, name: str, limit: int, now: datetime) -> Told:
        self.keep_time(now)
        if limit > self.available:
            return "insufficient_credits", None, None
        for quote in self.quotes.values():
            quote.replaced = True
        self.quotes[name] = ModelQuote(limit)
        return "ok", None, None

    def _room(self, quote: ModelQuote, needed: int, day: DayLimit, now: datetime) -> str:
        self.keep_time(now)
        used = sum(taken for _, taken, time in self.captures.values() if day.start_time and time >= day.start_time)
        if quote.captured + quote.held + needed > quote.limit:
            return "quote_exhausted"
        if day.credits and used + self.held + needed > day.credits:
            return "daily_limit_reached"
        return "ok" if needed <= self.available else "insufficient_credits"

    def reserve(self, key: str, quote: str, operation: str, quantity: int, day: DayLimit, now: datetime) -> Told:
        if key in self.holds:
            hold = self.holds[key]
            if hold is None:
                return "hold_closed", None, None
            if (hold.quote, hold.operation, hold.quantity) != (quote, operation, quantity):
                return "key_reused", None, None
            return "ok", hold.credits, hold.captured
        of = self.quotes[quote]
        if of.replaced:
            return "quote_replaced", None, None
        needed = FALLBACK_PRICES[operation].credits(quantity)
        code = self._room(of, needed, day, now)
        if code == "ok":
            made = ModelHold(quote, operation, quantity, 0, [])
            self._set_aside(made, needed)
            self.holds[key] = made
        return code, *((needed, 0) if code == "ok" else (None, None))

    def extend(self, key: str, extension: str, quantity: int, day: DayLimit, now: datetime) -> Told:
        if key not in self.holds:
            return "hold_not_found", None, None
        hold = self.holds[key]
        if extension in self.extensions:
            same = self.extensions[extension] == (key, quantity) and hold is not None
            return ("ok", hold.credits, hold.captured) if same and hold else ("key_reused", None, None)
        if hold is None or hold.state != "open":
            return "hold_closed", None, None
        if self.quotes[hold.quote].replaced:
            return "quote_replaced", None, None
        more = hold.price(hold.quantity + hold.extended + quantity) - hold.credits
        code = self._room(self.quotes[hold.quote], more, day, now)
        if code != "ok":
            return code, None, None
        self._set_aside(hold, more)
        hold.extended += quantity
        self.extensions[extension] = (key, quantity)
        return "ok", hold.credits, hold.captured

    def _set_aside(self, hold: ModelHold, needed: int) -> None:
        hold.credits += needed
        self.quotes[hold.quote].held += needed
        for grant in self.in_order():
            part = min(needed, grant.free)
            if part:
                grant.held += part
                needed -= part
                known = next((pin for pin in hold.pins if pin.grant is grant), None)
                if known:
                    known.credits += part
                else:
                    hold.pins.append(Pin(grant, part))

    def capture(self, key: str, capture_key: str, quantity: int, *, final: bool, now: datetime) -> Told:
        if key not in self.holds:
            return "hold_not_found", None, None
        hold, asked, name = self.holds[key], (key, quantity, final), capture_key or key
        if name in self.captures:
            same = self.captures[name][0] == asked and hold is not None
            return ("ok", hold.credits, hold.captured) if same and hold else ("key_reused", None, None)
        if hold is None or hold.state != "open":
            return "hold_closed", None, None
        taken = hold.price(hold.captured_quantity + quantity) - hold.captured
        if taken > hold.aside:
            return "capture_above_hold", hold.credits, hold.captured
        hold.captured_quantity += quantity
        last = final or hold.captured_quantity >= hold.quantity + hold.extended
        self._take(hold, taken)
        if last:
            self._end(hold, "captured")
        if taken:
            self._post("deduction", -taken)
        self.captures[name] = (asked, taken, now)
        self.lapse(now)
        return "ok", hold.credits, hold.captured

    def free(self, key: str, state: str, now: datetime) -> Told:
        hold = self.holds.setdefault(key, None)
        if hold is None:
            return "ok", 0, 0
        freed = hold.aside
        if hold.state == "open":
            self._end(hold, state)
            self.lapse(now)
        return ("hold_closed" if hold.state == "captured" else "ok"), freed, hold.captured

    def _take(self, hold: ModelHold, taken: int) -> None:
        hold.captured += taken
        self.quotes[hold.quote].held -= taken
        self.quotes[hold.quote].captured += taken
        for pin in hold.pins:
            part = min(taken, pin.credits - pin.captured)
            taken -= part
            pin.captured += part
            pin.grant.held -= part
            pin.grant.remaining -= part

    def _end(self, hold: ModelHold, state: str) -> None:
        self.quotes[hold.quote].held -= hold.aside
        for pin in hold.pins:
            pin.grant.held -= pin.credits - pin.captured
        hold.state = state
