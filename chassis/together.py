"""Doing for many at once what each of them asks for: a round trip costs a worker more than what it carries."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

Asked = TypeVar("Asked")
Told = TypeVar("Told")
MOST = 100  # of a lot; what `igny8.common.v1.CallsService` says it takes
PATIENCE_S = 0.03

Act = Callable[[Sequence[Asked]], Awaitable[Sequence[Told | BaseException]]]


class Together(Generic[Asked, Told]):
    """Gathers what is asked for in the same turn of the event loop, or while the last lot is under way, and does it
    in one go.

    Nobody is made to wait for others who may come, except who says that he can: a step that has heard from a model for
    seconds does not mind some hundredths.

    Args:
        act: does a lot, and tells each what came of it, in order; an exception is raised to its asker.
        patience_s: how long those who can wait do wait for company.
        abreast: whether a lot may begin before the last one has ended.
    """

    def __init__(self, act: Act[Asked, Told], *, patience_s: float = PATIENCE_S, abreast: bool = False) -> None:
        self._act, self._patience_s, self._abreast = act, patience_s, abreast
        self._asked: list[tuple[Asked, asyncio.Future[Told]]] = []
        self._at_once = asyncio.Event()
        self._rounds: asyncio.Task[None] | None = None
        self._under_way: set[asyncio.Task[None]] = set()

    async def ask(self, asked: Asked, *, patient: bool = False) -> Told:
        """Have something done, together with what others ask for.

        Raises:
            Exception: what `act` raised or told for this one.
        """
        told: asyncio.Future[Told] = asyncio.get_running_loop().create_future()
        self._asked.append((asked, told))
        if not patient or len(self._asked) >= MOST:
            self._at_once.set()
        if self._rounds is None:
            self._rounds = asyncio.create_task(self._do_all())
        return await told

    async def _do_all(self) -> None:
        try:
            while self._asked:
                if not self._at_once.is_set():
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(self._at_once.wait(), self._patience_s)
                lot, self._asked = self._asked[:MOST], self._asked[MOST:]
                if not self._asked:
                    self._at_once.clear()
                if self._abreast:
                    doing = asyncio.create_task(self._do(lot))
                    self._under_way.add(doing)
                    doing.add_done_callback(self._under_way.discard)
                else:
                    await self._do(lot)
        finally:
            self._rounds = None

    async def _do(self, lot: Sequence[tuple[Asked, "asyncio.Future[Told]"]]) -> None:
        try:
            answers = await self._act([asked for asked, _ in lot])
        except Exception as error:  # noqa: BLE001 - raised to whoever asked
            if len(lot) > 1:  # it may be the fault of one, and the others are not to suffer for it
                for one in lot:
                    await self._do([one])
                return
            answers = [error]
        except BaseException as error:  # noqa: BLE001 - an interrupt ends those who asked, who would wait for ever
            answers = [error] * len(lot)
        for (_, told), answer in zip(lot, answers, strict=True):
            if told.done():  # whoever asked was cancelled
                continue
            if isinstance(answer, BaseException):
                told.set_exception(answer)
            else:
                told.set_result(answer)


def in_thread(act: Callable[[Sequence[Asked]], Sequence[Told | BaseException]]) -> Act[Asked, Told]:
    """Return what does a lot in a thread: for `act` that would hold the event loop up."""

    async def acting(lot: Sequence[Asked]) -> Sequence[Told | BaseException]:
        return await asyncio.to_thread(act, lot)

    return acting
