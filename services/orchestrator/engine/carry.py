"""One step from where it stands to its end, phase by phase; each is idempotent, so a crash only ever repeats one.

    prepare   the owner prepares a call to a model                 (stored: job)
    reserve   billing sets the worst price aside                   (stored before: reserved; key = step and its number)
    call      the ai service calls a model                         (stored: answer; request id = step and attempt)
    apply     the owner does the work or stores the answer         (stored before: apply_sent; repeated, it answers the
                                                                    same, so that what it came to is stored at the end)
    capture   billing takes what was really used                   (stored with the end of the step)

A phase that a function does not need is passed over. Until Apply is sent the step follows its run: paused, it lets go;
cancelled, it ends. Once Apply was sent it only goes forward. There is a commit before Reserve, one before Apply and one
at the end: each says at once what the phases before it came to, and that the next may have happened.
"""

import asyncio
import logging
import random
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from igny8.common.v1.functions_pb2 import AiJob

from chassis.clock import Clock, SystemClock
from chassis.database import Database
from chassis.errors import Fault, Internal
from chassis.passport import Passport, SiteClaim
from chassis.together import Together, in_thread
from services.orchestrator import clients
from services.orchestrator.clients import AsyncPeers, DayLimit, StepWork
from services.orchestrator.domain.failures import (
    FORWARD,
    HOLD_THROUGH_S,
    Verdict,
    is_refusal,
    judge,
    kind_of,
    last_words,
    wait_s,
)
from services.orchestrator.domain.settings import zone_or_utc
from services.orchestrator.domain.stages import FUNCTIONS, PLAN_STAGE, ROOM, Function
from services.orchestrator.domain.timetable import midnight_after, midnight_before
from services.orchestrator.engine import checkpoints, ending, planning
from services.orchestrator.engine.checkpoints import COLUMNS, IF_RUNNING, Checkpoint, Standing
from services.orchestrator.engine.claims import Held, LeaseLost
from services.orchestrator.engine.success import Success, succeed
from services.orchestrator.passports import SiteBook, of_run

log = logging.getLogger(__name__)


class _LetGo(Exception):
    """The run is not running: the step must not begin another phase."""


class _HandedOn(Exception):
    """The worker is to end, and the step has not asked its model: another worker will."""


@dataclass(frozen=True)
class Carrier:
    """Carries steps.

    Args:
        database: under the sweep role.
        peers: the other services.
        sites: which sites are active.
        chance: for the jitter of waits.
        clock: tells when a site's day begins.
        room: how many models of each lane are asked at once.
        stopping: whether the worker is to end: models that think are heard out, and no other is asked.
    """

    database: Database
    peers: AsyncPeers
    sites: SiteBook
    chance: random.Random
    clock: Clock = field(default_factory=SystemClock)
    room: Mapping[str, int] = field(default_factory=lambda: ROOM)
    stopping: Callable[[], bool] = lambda: False
    _turns: dict[str, asyncio.Semaphore] = field(init=False, repr=False, default_factory=dict)
    _written: Together[Checkpoint, Standing] = field(init=False, repr=False)
    _succeeded: Together[Success, None] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_written", Together(in_thread(partial(checkpoints.write, self.database))))
        object.__setattr__(self, "_succeeded", Together(in_thread(partial(succeed, self.database))))

    async def carry(self, held: Held) -> None:
        """Carry a step as far as it goes now: to its end, or to where it waits. Never raises for a step's failure."""
        try:
            await self._phases(held)
        except LeaseLost:
            log.info("step %s is carried by another worker now", held.id)
        except _LetGo:
            await self._quietly(held, self._unwind(held))
        except _HandedOn:
            await self._quietly(held, self._do(ending.lay_down, held))
        except Fault as fault:
            await self._quietly(held, self._failed(held, fault))
        except (KeyError, TypeError, ValueError) as error:  # of ours: counted and told like any other failure
            log.exception("step %s (%s) could not be carried", held.id, held.function)
            await self._quietly(held, self._failed(held, Internal(f"The step could not be carried: {error!r}")))

    async def _phases(self, held: Held) -> None:
        if held.function == PLAN_STAGE:
            await self._plan(held)
            return
        function = FUNCTIONS[held.function]
        if held.applied is None:
            passport = await self._passport(held, even_inactive=held.apply_sent)
            if not held.apply_sent:
                await self._until_apply(held, function, passport)
            await self._apply(held, function, passport)
        credits = await self._capture(held) if function.operation else 0
        await self._succeeded.ask(Success(held, credits), patient=bool(function.model))

    async def _until_apply(self, held: Held, function: Function, passport: Passport) -> None:
        self._check(held)
        new: dict[str, Any] = {}
        if function.model and held.job is None:
            job = await self.peers.send(clients.prepare_work(_work(held, function)), passport)
            limit = job.limit_quantity or held.limit_quantity
            new = {"job": job, "limit_quantity": limit, "failures": 0}
        # A reservation that another worker may have made is freed, and ours has a number of its own: whatever that
        # worker still sends, late, about the old one changes nothing of ours.
        await self._release(held)
        async with self._turn(held, function):
            if function.model and held.answer is None and self.stopping():
                await self._checkpoint(held, **new)  # a pause or a cancel that came meanwhile comes first
                raise _HandedOn
            if function.operation:
                await self._reserve(held, function, passport, new)
            elif new:
                await self._checkpoint(held, **new, phase="call")
            new = {}
            if function.model and held.answer is None:
                call = clients.ask_model(function.model, f"{held.id}:{held.attempt}", held.job or AiJob())
                new = {"answer": await self.peers.send(call, passport), "failures": 0}
        await self._checkpoint(held, **new, **{IF_RUNNING: True})

    def hand_on(self, most: int) -> None:
        """Wake so many of those who wait for a model's turn, now that the worker is to end: they are handed on."""
        for turn in self._turns.values():
            for _ in range(most):
                turn.release()

    def _turn(self, held: Held, function: Function) -> AbstractAsyncContextManager[Any]:
        """Wait for one of the lane's turns at its model. Credits are set aside in it, so that nobody's wait for it."""
        if not function.model or held.answer is not None:
            return nullcontext()
        return self._turns.setdefault(held.lane, asyncio.Semaphore(self.room[held.lane]))

    async def _reserve(self, held: Held, function: Function, passport: Passport, new: Mapping[str, Any]) -> None:
        """Set the worst price aside, after writing what is `new` of the step together with that it may be."""
        quote_id = held.billing_quote_id
        if quote_id is None:
            raise Internal(f"Run {held.key.run_id} has priced work and no quote.")
        phase = "call" if function.model else "reserve"  # what follows is a matter of milliseconds
        await self._checkpoint(held, **new, reserved=True, phase=phase)  # "may be reserved", written before it is
        key, day = held.reservation_key, self._day_of(held)
        call = clients.reserve(key, quote_id, function.operation, held.limit_quantity, held.key.run_id, held.id, day)
        await self.peers.send(call, passport)

    def _day_of(self, held: Held) -> DayLimit | None:
        if not held.daily_credits:
            return None
        return DayLimit(held.daily_credits, midnight_before(self.clock.now(), zone_or_utc(held.time_zone)))

    async def _apply(self, held: Held, function: Function, passport: Passport) -> None:
        call = clients.apply_work(_work(held, function), held.answer, function.deadline_s)
        try:
            held.applied = await self.peers.send(call, passport)
        except Fault as fault:
            if is_refusal(fault.reason, fault.code.name):
                await self._checkpoint(held, check=False, apply_sent=False)
            raise

    async def _capture(self, held: Held) -> int:
        applied = held.applied or {}
        quantity = min(int(applied["actual_quantity"]), held.limit_quantity)
        call = clients.capture(held.reservation_key, quantity, held.subject_kind, held.subject_id, held.answer)
        return await self.peers.send(call, self._for_the_books(held))

    async def _plan(self, held: Held) -> None:
        self._check(held)
        passport = await self._passport(held)
        await planning.plan_stage(self.database, self.peers, held, passport)

    async def _failed(self, held: Held, fault: Fault) -> None:
        code, held_by_others = fault.code.name, int(fault.metadata.get("held_by_others", "0") or 0)
        verdict = judge(fault.reason, code, held.attempt, failures=held.failures, held_by_others=held_by_others)
        if held.apply_sent and verdict.action != "retry":
            verdict = FORWARD
        log.warning("step %s (%s): %s: %s -> %s", held.id, held.function, fault.reason, fault.message, verdict.action)
        if verdict.action == "fail":
            await self._give_up(held, fault)
        elif verdict.action == "pause" and await self._pause(held, verdict, fault):
            held.run_status = "paused"
            await self._unwind(held, fault)
        elif verdict.action in {"pause", "wait"}:
            await self._release(held)
            await self._do(ending.wait, held, 0.5 + self.chance.random(), fault, counted=False)
        else:
            wait = wait_s(held.failures, fault.retry_after_s, self.chance)
            if wait > HOLD_THROUGH_S:
                await self._release_if_possible(held)
            await self._do(ending.wait, held, wait, fault, again=verdict.action == "again")

    async def _pause(self, held: Held, verdict: Verdict, fault: Fault) -> bool:
        """Pause the step's run, for credits of the day until the next; False when its budget has changed meanwhile."""
        tomorrow = midnight_after(self.clock.now(), zone_or_utc(held.time_zone))
        until = tomorrow if verdict.pause_reason == "daily_limit_reached" else None
        return bool(await self._do(ending.pause_run, held, verdict.pause_reason, fault.message, until))

    async def _give_up(self, held: Held, fault: Fault) -> None:
        kind = kind_of(fault.reason, fault.code.name)
        plans = held.function == PLAN_STAGE
        words = last_words(fault.message, kind, held.attempt, held.failures, plans=plans)
        await self._release(held)
        await self._abandon(held, words, failed=True)
        await self._do(ending.fail, held, fault, kind, words)

    async def _unwind(self, held: Held, fault: Fault | None = None) -> None:
        """Let go of a step that must not begin another phase: nothing stays reserved, and no item looks busy."""
        if held.apply_sent:
            return
        await self._release(held)
        await self._abandon(held, "", failed=False)
        if held.run_status == "paused":
            await self._do(ending.lay_down, held, fault)
        else:
            await self._do(ending.cancel, held)

    async def _release(self, held: Held) -> None:
        if not held.reserved:
            return
        await self.peers.send(clients.release(held.reservation_key), self._for_the_books(held))
        await self._checkpoint(held, check=False, reserved=False, reservation=held.reservation + 1)

    async def _release_if_possible(self, held: Held) -> None:
        """Release before a long wait; when billing is what cannot be reached, whoever takes the step up releases."""
        if held.apply_sent:
            return
        try:
            await self._release(held)
        except Fault as fault:
            log.warning("step %s keeps its hold while it waits: %s", held.id, fault.message)

    async def _abandon(self, held: Held, error: str, *, failed: bool) -> None:
        """Tell the owner that nothing comes. One that prepared nothing need not know, unless it refused: the refused
        call of a worker before us may still be under way, and must not be taken when the cause is gone."""
        function = FUNCTIONS.get(held.function)
        if function is None or not (function.model or failed):
            return
        call = clients.abandon_work(_work(held, function), error, failed=failed)
        try:
            await self.peers.send(call, await self._passport(held, even_inactive=True))
        except Fault as fault:
            if not is_refusal(fault.reason, fault.code.name):  # the item is gone: nothing looks busy any more
                raise

    async def _passport(self, held: Held, *, even_inactive: bool = False) -> Passport:
        """Return the passport for the step's work, after identity has said that account and site are active.

        What was begun is ended whatever became of them since: an Apply that was sent is sent again, until its owner
        says what is stored or that nothing is. Of a site that is gone altogether the owner hears its id alone.
        """
        account_id, site_id = held.key.account_id, held.key.site_id
        try:
            site = await self.sites.ask_async(self.peers, account_id, site_id, even_inactive=even_inactive)
        except Fault as fault:
            if not (even_inactive and is_refusal(fault.reason, fault.code.name)):
                raise
            return self._for_the_books(held)
        return of_run(account_id, site, held.key.run_id)

    def _for_the_books(self, held: Held) -> Passport:
        """Return the passport that ends a hold: it must be ended when its site was deleted or its account suspended.

        Billing has the site since the quote; its industry and sectors are nothing to it.
        """
        site = SiteClaim(held.key.site_id, held.key.site_id, ())
        return of_run(held.key.account_id, site, held.key.run_id)

    async def _checkpoint(self, held: Held, *, check: bool = True, **new: Any) -> None:
        patient = bool(FUNCTIONS[held.function].model)
        standing = await self._written.ask(Checkpoint(held, new), patient=patient)
        for name in COLUMNS & new.keys():
            setattr(held, name, new[name])
        held.apply_sent = standing.apply_sent
        held.run_status, held.billing_quote_id = standing.run_status, standing.billing_quote_id
        if check and not held.apply_sent:
            self._check(held)

    async def _do(self, act: Any, held: Held, *arguments: Any, **named: Any) -> Any:
        return await asyncio.to_thread(act, self.database, held, *arguments, **named)

    async def _quietly(self, held: Held, act: Any) -> None:
        """Do what follows a failure; when that fails too, the lease runs out and the step is taken up again."""
        try:
            await act
        except LeaseLost:
            log.info("step %s is carried by another worker now", held.id)
        except Fault as fault:
            log.warning("step %s waits for its lease to end: %s", held.id, fault.message)

    def _check(self, held: Held) -> None:
        if held.run_status != "running":
            raise _LetGo


def _work(held: Held, function: Function) -> StepWork:
    return StepWork(function.owner, function.name, held.id, held.fence, held.key.run_id, held.subject_id, held.options)
