"""What is done together: in one go, in order, and nobody suffers for another."""

import asyncio
import threading
from collections.abc import Sequence

import pytest

from chassis.together import MOST, Together, in_thread


class Doing:
    """Remembers its lots; answers ten times the number, refuses 13, and cannot do a lot with 66 in it."""

    def __init__(self) -> None:
        self.lots: list[list[int]] = []
        self.may = threading.Event()
        self.may.set()

    def __call__(self, lot: Sequence[int]) -> list[int | Exception]:
        self.may.wait(5)
        self.lots.append(list(lot))
        if 66 in lot:
            raise ConnectionError("66")
        return [LookupError("13") if number == 13 else number * 10 for number in lot]


async def ask(together: Together[int, int], *numbers: int, patient: bool = False) -> list[int | BaseException]:
    return await asyncio.gather(*[together.ask(n, patient=patient) for n in numbers], return_exceptions=True)


def test_each_is_told_his_own() -> None:
    doing = Doing()
    told = asyncio.run(ask(Together(in_thread(doing)), 1, 13, 2))
    assert told[0] == 10
    assert isinstance(told[1], LookupError)
    assert told[2] == 20


def test_what_comes_while_a_lot_is_under_way_goes_together() -> None:
    async def act() -> None:
        together: Together[int, int] = Together(in_thread(doing))
        doing.may.clear()
        first = asyncio.create_task(together.ask(1))
        await asyncio.sleep(0.05)
        others = asyncio.create_task(ask(together, 2, 3, 4))
        await asyncio.sleep(0.05)
        doing.may.set()
        assert await first == 10
        assert await others == [20, 30, 40]

    doing = Doing()
    asyncio.run(act())
    assert doing.lots == [[1], [2, 3, 4]]


def test_who_is_patient_waits_for_company_and_who_is_not_takes_him_along() -> None:
    async def act() -> None:
        together: Together[int, int] = Together(in_thread(doing), patience_s=60)
        patient = asyncio.create_task(together.ask(1, patient=True))
        await asyncio.sleep(0.05)
        assert doing.lots == []
        assert await together.ask(2) == 20
        assert await patient == 10

    doing = Doing()
    asyncio.run(act())
    assert doing.lots == [[1, 2]]


def test_patience_ends() -> None:
    doing = Doing()
    assert asyncio.run(ask(Together(in_thread(doing), patience_s=0.01), 1, patient=True)) == [10]


def test_a_lot_has_a_most() -> None:
    doing = Doing()
    numbers = range(100, 100 + MOST + 1)
    assert asyncio.run(ask(Together(in_thread(doing), patience_s=0.05), *numbers, patient=True))[-1] == 10 * numbers[-1]
    assert [len(lot) for lot in doing.lots] == [MOST, 1]


def test_a_lot_that_cannot_be_done_is_done_one_by_one() -> None:
    doing = Doing()
    told = asyncio.run(ask(Together(in_thread(doing)), 1, 66, 2))
    assert [told[0], told[2]] == [10, 20]
    assert isinstance(told[1], ConnectionError)


def test_who_was_cancelled_does_not_keep_others_from_their_answer() -> None:
    async def act() -> None:
        together: Together[int, int] = Together(in_thread(doing))
        doing.may.clear()
        gone = asyncio.create_task(together.ask(1))
        stays = asyncio.create_task(together.ask(2))
        await asyncio.sleep(0.05)
        gone.cancel()
        doing.may.set()
        assert await stays == 20
        with pytest.raises(asyncio.CancelledError):
            await gone

    doing = Doing()
    asyncio.run(act())
