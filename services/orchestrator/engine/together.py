"""Doing for many steps at once what each of them asks for: a round trip costs a worker more than what it carries."""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

Asked = TypeVar("Asked")
Told = TypeVar("Told")
MOST = 100
PATIENCE_S = 0.03


class Together(Generic[Asked, Told]):
    """Gathers what is asked for while the last lot is under way, and does it in one go.

    Nobody is made to wait for others who may come, except who says that he can: a step that has heard from a model for
    seconds does not mind some hundredths.

    Args:
        act: does a lot, in a thread, and tells each what came of it, in order; an exception is raised to its asker.
        patience_s: how long those who can wait do wait for company.
    """

    def __init__(
        self, act: Callable[[Sequence[Asked]], Sequence[Told | Exception]], *, patience_s: float = PATIENCE_S
    ) -> None:
        self._act, self._patience_s = act, patience_s
        self._asked: list[tuple[Asked, asyncio.Future[Told]]] = []
        self._at_once = asyncio.Event()
        self._rounds: asyncio.Task[None] | None = None

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
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._at_once.wait(), self._patience_s)
                lot, self._asked = self._asked[:MOST], self._asked[MOST:]
                self._at_once.clear()
                await self._do(lot)
        finally:
            self._rounds = None

    async def _do(self, lot: Sequence[tuple[Asked, "asyncio.Future[Told]"]]) -> None:
        try:
            answers: Sequence[Told | BaseException] = await asyncio.to_thread(self._act, [asked for asked, _ in lot])
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
