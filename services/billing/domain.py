"""Rules of credits and quotes: whole numbers in, whole numbers out, no IO."""

import calendar
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

QUOTE_LIFETIME = timedelta(hours=24)
EXPIRING_SOON = timedelta(days=7)
GRANT_PRIORITY = 100  # the smaller is used first; equal ones go by expiry, kind and age
MOST_QUANTITY = 10**9  # with at most a million credits a unit and a hundred lines, every sum fits a bigint
MOST_LINES = 100
MOST_COST = 10**12  # millionths of a US dollar: a million dollars for one call is a mistake
MOST_GRANT = 10**9
MOST_PRIORITY = 1000
MOST_UNIT_CREDITS = 10**6
BUFFER = (6, 5)  # a quote's limit is its expectation times 1.2
MONTHS_A_YEAR = 12


UNIT_SIZES: Mapping[str, int] = {
    "request": 1,
    "100_words": 100,
    "200_words": 200,
    "item": 1,
    "image": 1,
    "20_keywords": 20,
}


@dataclass(frozen=True)
class Price:
    """What an operation costs.

    Args:
        unit: what is counted: "100_words".
        unit_credits: credits a unit, at least 1.
        id: the price version; None for a constant of this module.
    """

    unit: str
    unit_credits: int
    id: UUID | None = None

    @property
    def unit_size(self) -> int:
        """How many of the quantity make a unit: 100 words."""
        return UNIT_SIZES[self.unit]

    def credits(self, quantity: int) -> int:
        """Return what a piece of this quantity costs: a part of a unit costs a whole one."""
        return -(-quantity // self.unit_size) * self.unit_credits

    def even(self, quantity: int, pieces: int) -> int:
        """Return what a quantity costs in this many pieces that are as equal as whole numbers can be."""
        if pieces == 0:
            return 0
        size, larger = divmod(quantity, pieces)
        return larger * self.credits(size + 1) + (pieces - larger) * self.credits(size)

    def worst(self, quantity: int, pieces: int) -> int:
        """Return the most that a quantity can cost in at most this many pieces, however it is split.

        Each piece is rounded up by itself, so the worst split gives every piece but one unit's first item: m pieces of
        1, and every further whole unit on top of them.
        """
        begun = min(quantity, pieces)
        if begun == 0:
            return 0
        return (begun + (quantity - begun) // self.unit_size) * self.unit_credits


# Where the catalogue has no active price: what the product ships with.
FALLBACK_PRICES: Mapping[str, Price] = {
    "clustering": Price("20_keywords", 1),
    "idea": Price("item", 2),
    "content": Price("100_words", 1),
    "image_prompt": Price("item", 1),
    "image": Price("image", 5),
    "optimization": Price("200_words", 1),
    "linking": Price("item", 1),
}


@dataclass(frozen=True)
class Work:
    """One kind of work that is to be priced.

    Args:
        stage: the run's stage, 1 to 7.
        operation: "content".
        expected_quantity: what is likely, in the operation's unit.
        limit_quantity: what it is at the very most.
        pieces: how many reservations it comes in.
    """

    stage: int
    operation: str
    expected_quantity: int
    limit_quantity: int
    pieces: int


@dataclass(frozen=True)
class PricedWork:
    """Work with what it costs: likely, at the very most, and the most one piece can ask for beyond what is likely."""

    work: Work
    price: Price
    expected_credits: int
    limit_credits: int
    headroom: int


def price_work(work: Work, price: Price) -> PricedWork:
    """Return what one kind of work costs.

    Expected: the expected quantity in equal pieces. Limit: the dearest split of the limit quantity.
    """
    if work.pieces == 0:
        return PricedWork(work, price, 0, 0, 0)
    most = price.credits(-(-work.limit_quantity // work.pieces))
    likely = price.credits(work.expected_quantity // work.pieces)
    return PricedWork(
        work,
        price,
        expected_credits=price.even(work.expected_quantity, work.pieces),
        limit_credits=price.worst(work.limit_quantity, work.pieces),
        headroom=max(0, most - likely),
    )


def quote_totals(lines: Sequence[PricedWork], max_credits: int) -> tuple[int, int]:
    """Return (expected, limit) of a quote.

    The limit is the smaller of the worst case and the expectation times 1.2, rounded up. But each piece is reserved at
    its worst before it is captured at what it was, so a run that goes as expected needs room for one such piece beyond
    the expectation: without it a quote for a single article could not even begin.

    Args:
        lines: the work, priced.
        max_credits: what the caller allows at most; 0 for no such cap.
    """
    expected = sum(line.expected_credits for line in lines)
    worst = sum(line.limit_credits for line in lines)
    times, parts = BUFFER
    buffered = -(-expected * times // parts)
    limit = min(worst, max(buffered, expected + max((line.headroom for line in lines), default=0)))
    return expected, min(limit, max_credits) if max_credits else limit


@dataclass(frozen=True)
class DayLimit:
    """What a site may use in a day, as its owner set it.

    Args:
        credits: captured since then and held now, together; 0 for no limit.
        start_time: when the day began where the site is.
    """

    credits: int = 0
    start_time: datetime | None = None


NO_DAY_LIMIT = DayLimit()


@dataclass(frozen=True)
class Reservation:
    """Work that credits are to be set aside for."""

    key: str
    quote_id: UUID
    operation: str
    quantity: int
    run_id: UUID | None
    step_id: UUID | None
    day_limit: DayLimit = NO_DAY_LIMIT


@dataclass(frozen=True)
class Extension:
    """More that a hold asks for.

    Args:
        key: the reservation's.
        extension_key: makes a repeat harmless.
        quantity: how much more, in the operation's unit.
        day_limit: what the site may use in a day.
    """

    key: str
    extension_key: str
    quantity: int
    day_limit: DayLimit = NO_DAY_LIMIT


@dataclass(frozen=True)
class Use:
    """What some work really used.

    Args:
        quantity: in the operation's unit.
        object_kind: what it was used on: "task".
        object_id: which.
        provider: who did it: "openai".
        model: with what.
        input_tokens: tokens read.
        output_tokens: tokens written.
        cost_usd_micro: what the provider charges us, in millionths of a US dollar; None where nobody knows.
        capture_key: makes a repeat of one of several captures harmless; empty for a hold's only one.
        final: whether it is the hold's last.
    """

    quantity: int
    object_kind: str = ""
    object_id: UUID | None = None
    provider: str = ""
    model: str = ""
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd_micro: int | None = None
    capture_key: str = ""
    final: bool = True


@dataclass(frozen=True)
class Grant:
    """Credits that are to be given.

    Args:
        key: makes a repeat harmless.
        kind: "plan", "bonus" or "promotional".
        change_kind: why the balance changes: "subscription", "purchase", "promotion".
        credits: how many.
        description: why, in words.
        expire_time: when what is left ends; None for never.
        expires_by_choice: whether the caller chose that time, so that another time under the same key is another grant.
        priority: the smaller is used first.
        effective_time: when they can be used; None for now.
    """

    key: str
    kind: str
    change_kind: str
    credits: int
    description: str
    expire_time: datetime | None
    expires_by_choice: bool
    priority: int = GRANT_PRIORITY
    effective_time: datetime | None = None


@dataclass(frozen=True)
class Correction:
    """Why the books are set right.

    Args:
        key: makes a repeat harmless.
        description: the reason, in words.
        by: who did it: "user:0197...".
    """

    key: str
    description: str
    by: str


@dataclass(frozen=True)
class CostChange:
    """What an operation is to cost from now on; what is None stays as it was.

    Args:
        key: makes a repeat harmless.
        operation: "content".
        display_name: what people call it.
        unit: what is counted, a key of `UNIT_SIZES`.
        credits: a unit's.
        active: whether the catalogue has a price for the operation.
        reason: why.
    """

    key: str
    operation: str
    display_name: str | None
    unit: str | None
    credits: int | None
    active: bool
    reason: str


@dataclass(frozen=True)
class Hold:
    """Credits set aside, as they stand; `taken_credits` is what the capture took that this answers."""

    id: UUID
    key: str
    state: str
    credits: int
    captured_credits: int
    credit_cost_id: UUID | None
    taken_credits: int = 0


@dataclass(frozen=True)
class Balance:
    """What an account has."""

    posted: int
    held: int
    expiring_soon: int
    plan: str
    effective_later: int = 0
    next_effective_time: datetime | None = None

    @property
    def available(self) -> int:
        """What new work may use."""
        return self.posted - self.held


def known_operations(catalogue: Iterable[str]) -> list[str]:
    """Return every operation that has a price, sorted."""
    return sorted({*catalogue, *FALLBACK_PRICES})


def month_after(start: datetime) -> datetime:
    """Return the end of a period that begins then: the same day of the next month, or that month's last day."""
    year, month = start.year + start.month // MONTHS_A_YEAR, start.month % MONTHS_A_YEAR + 1
    return start.replace(year=year, month=month, day=min(start.day, calendar.monthrange(year, month)[1]))
