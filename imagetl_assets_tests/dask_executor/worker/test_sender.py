"""What a worker tells at once, and what it may lose with its life."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any
from unittest import mock

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from imagetl_assets.dask_executor.wire.messages import ForwardedEvent, from_wire
from imagetl_assets.dask_executor.wire.tasks import Header
from imagetl_assets.dask_executor.worker import sender
from imagetl_assets.dask_executor.worker.sender import FLUSH_SECONDS, MessageSender

TICK = 1 / 1024  # seconds; sums of it are exact
AT_RISK = 20 * TICK
HEADER = Header(versions=(0, "", ""), token="run", topic="topic", batch=1)
seconds = st.sampled_from([0, 1, 4, 9, 19, 20, 21, 300]).map(lambda ticks: ticks * TICK)


class _Scheduler:
    """Has a message once `answer` says so."""

    def __init__(self) -> None:
        self.events: list[int] = []
        self._waiting: list[tuple[asyncio.Future[None], Any]] = []

    async def log_event(self, topic: str, msg: Any) -> None:
        arrived: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((arrived, msg))
        await arrived

    def answer(self) -> bool:
        if not self._waiting:
            return False
        arrived, wire = self._waiting.pop(0)
        message = from_wire(wire)
        assert message is not None
        self.events += [event.row["number"] for event in message.events if event.row]
        arrived.set_result(None)
        return True


class _Worker:
    """As much of a Dask worker as a sender needs, with a clock that is set by hand."""

    address = "tcp://worker"

    def __init__(self) -> None:
        self.now = 0.0
        self.scheduler = _Scheduler()
        self.asyncio_loop = asyncio.new_event_loop()
        self.loop = self
        self._timers: list[tuple[float, Callable[..., None], tuple[Any, ...]]] = []

    def add_callback(self, call: Callable[..., None], *arguments: Any) -> None:
        call(*arguments)

    def call_later(self, later: float, call: Callable[..., None], *arguments: Any) -> None:
        self._timers.append((self.now + later, call, arguments))

    def let_pass(self, seconds: float) -> None:
        """Let time pass, and do meanwhile what is due."""
        until = self.now + seconds
        while due := [timer for timer in self._timers if timer[0] <= until]:
            timer = min(due, key=lambda timer: timer[0])
            self._timers.remove(timer)
            self.now, call, arguments = timer
            call(*arguments)
        self.now = until
        self.work()

    def work(self) -> None:
        """Do what the event loop has to do."""
        for _ in range(5):
            self.asyncio_loop.run_until_complete(asyncio.sleep(0))


def _sender() -> tuple[Any, MessageSender]:
    worker: Any = _Worker()  # not the Worker of Dask that it is typed as
    return worker, MessageSender(worker, HEADER)


class Telling(RuleBasedStateMachine):
    """Steps of any length run one after the other, while the scheduler answers when it likes."""

    def __init__(self) -> None:
        super().__init__()
        self.worker, self.sender = _sender()
        self._clock = SimpleNamespace(monotonic=lambda: self.worker.now)
        self._patch = mock.patch.object(sender, "time", self._clock)
        self._patch.start()
        self.told: Future[None] = self.sender.begun()
        self.durations: list[float] = []  # of steps that have succeeded
        self.told_at_once: set[int] = set()
        self.worker.work()

    def teardown(self) -> None:
        self._patch.stop()
        while self.worker.scheduler.answer():
            self.worker.work()
        self.worker.asyncio_loop.close()

    @property
    def next_may_run(self) -> bool:
        return self.told.done()

    @property
    def unsafe(self) -> set[int]:
        return set(range(len(self.durations))) - set(self.worker.scheduler.events)

    @precondition(lambda self: self.next_may_run)
    @rule(seconds=seconds, succeeds=st.sampled_from([True, True, True, False]))
    def step(self, seconds: float, succeeds: bool) -> None:
        began = self.worker.now
        self.worker.let_pass(seconds)
        number = len(self.durations)
        self.durations.append(seconds)
        self.sender.add(ForwardedEvent({"number": number}, None, None))
        if succeeds:
            self.told = self.sender.finished(began, AT_RISK)
        else:
            self.told_at_once.add(number)
            self.told = self.sender.progress()
        self.worker.work()

    @rule()
    def answer(self) -> None:
        self.worker.scheduler.answer()
        self.worker.work()

    @rule(seconds=seconds)
    def wait(self, seconds: float) -> None:
        self.worker.let_pass(seconds)

    @rule()
    def live_on(self) -> None:
        """All is safe soon after the end of a step if the scheduler answers."""
        self.worker.let_pass(AT_RISK)
        while self.worker.scheduler.answer():
            self.worker.work()
        assert not self.unsafe
        assert self.next_may_run

    @invariant()
    def no_step_runs_while_more_than_a_little_is_at_risk(self) -> None:
        if self.next_may_run:
            assert sum(self.durations[number] for number in self.unsafe) < AT_RISK
            assert not self.told_at_once & self.unsafe

    @invariant()
    def events_come_once_and_in_order(self) -> None:
        events = self.worker.scheduler.events
        assert events == list(range(len(events)))


TestTelling = Telling.TestCase
TestTelling.settings = settings(max_examples=40, stateful_step_count=20, deadline=None)


def test_steps_that_are_short_together_share_a_message() -> None:
    worker, one = _sender()
    with mock.patch.object(sender, "time", SimpleNamespace(monotonic=lambda: worker.now)):
        for number in range(10):
            began = worker.now
            worker.let_pass(TICK)
            one.add(ForwardedEvent({"number": number}, None, None))
            assert one.finished(began, AT_RISK).done()
        assert not worker.scheduler.answer()
        worker.let_pass(AT_RISK)
        assert worker.scheduler.answer()
        assert worker.scheduler.events == list(range(10))
        worker.work()
        worker.let_pass(FLUSH_SECONDS)
        assert not worker.scheduler.answer(), "a message without events"
    worker.asyncio_loop.close()


def test_nothing_is_at_risk_if_no_loss_is_allowed() -> None:
    worker, one = _sender()
    with mock.patch.object(sender, "time", SimpleNamespace(monotonic=lambda: worker.now)):
        one.add(ForwardedEvent({"number": 0}, None, None))
        told = one.finished(worker.now, 0.0)
        worker.work()
        assert not told.done()
        assert worker.scheduler.answer()
        worker.work()
        assert told.done()
    worker.asyncio_loop.close()
