"""The queue before every sink: slow, dead and raising sinks neither hold up the stream nor lose results unnoticed."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from edgefake.errors import InputError, SinkError
from edgefake.pixels import Pixels
from edgefake.sinks import Sink, StreamInfo, TryLater, queue
from edgefake.sinks.base import as_sink
from edgefake.sinks.queue import QueuedSink, close_all
from edgefake.streaming.health import Health
from edgefake.streaming.result import FrameResult
from tests.edgefake.streaming.results import STREAM, result

FRAME = np.full((2, 3, 3), 7, np.uint8)


class Recorder(Sink):
    """A sink that keeps what it gets, after ``first`` has been called with its number and has not raised."""

    name = "recorder"

    def __init__(self, first: Callable[[int], object] = lambda index: None, *, uses_frame: bool = False) -> None:
        self.uses_frame = uses_frame
        self.first = first
        self.got: list[int] = []
        self.frames: list[Pixels | None] = []
        self.threads: set[str] = set()
        self.closed = 0

    def send(self, frame: Pixels | None, result: FrameResult) -> None:
        self.threads.add(threading.current_thread().name)
        self.first(result.index)
        self.got.append(result.index)
        self.frames.append(frame)

    def close(self) -> None:
        self.threads.add(threading.current_thread().name)
        self.closed += 1


@pytest.fixture
def health() -> Health:
    return Health()


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """Opened at the end, so that no sink of a test stays blocked."""
    event = threading.Event()
    yield event
    event.set()


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "FIRST_PAUSE_S", 0.001)
    monkeypatch.setattr(queue, "LONGEST_PAUSE_S", 0.004)


def send(queued: QueuedSink, *indices: int) -> None:
    for index in indices:
        queued.send(FRAME, result(index))


def test_everything_arrives_in_order_in_one_other_thread(health: Health) -> None:
    sink = Recorder()
    queued = QueuedSink(sink, STREAM, health)
    send(queued, *range(200))
    report = queued.close(60)
    assert sink.got == list(range(200)) and sink.closed == 1
    assert sink.threads == {"sink recorder"}
    assert (report.name, report.delivered, report.lost, report.error) == ("recorder", 200, 0, None)
    assert health.report().stages["sink"].runs == 200
    assert health.report().lost == {}


def test_an_error_that_does_not_tell_how_much_is_lost_is_of_one_result(health: Health) -> None:
    def refuse(index: int) -> None:
        raise SinkError(f"the receiver refuses {index}")

    assert SinkError("it cannot be opened").lost is None
    queued = QueuedSink(Recorder(refuse), STREAM, health)
    send(queued, 0, 1)
    report = queued.close(60)
    assert (report.delivered, report.lost) == (0, 2)


@pytest.mark.parametrize("uses_frame", [True, False])
def test_frames_are_kept_only_for_sinks_that_use_them(uses_frame: bool, health: Health) -> None:
    sink = Recorder(uses_frame=uses_frame)
    queued = QueuedSink(sink, STREAM, health)
    send(queued, 0)
    queued.close(60)
    assert (sink.frames[0] is FRAME) == uses_frame
    assert (sink.frames[0] is None) != uses_frame


def test_a_blocked_sink_costs_the_oldest_results_and_no_waiting(health: Health, gate: threading.Event) -> None:
    started = threading.Event()

    def block(index: int) -> None:
        started.set()
        gate.wait(60)

    sink = Recorder(block)
    queued = QueuedSink(sink, STREAM, health, size=3)
    send(queued, 0)
    started.wait(60)
    send(queued, *range(1, 11))  # would hang here
    assert queued.report().lost == health.report().lost["recorder"] == 7
    gate.set()
    report = queued.close(60)
    assert sink.got == [0, 8, 9, 10]
    assert (report.delivered, report.lost) == (4, 7)
    assert "queue of 3 results is full" in str(report.error)


def test_where_nothing_may_be_lost_send_waits(health: Health) -> None:
    slow = Recorder(lambda index: threading.Event().wait(0.002))
    queued = QueuedSink(slow, STREAM, health, size=2, when_full="wait")
    send(queued, *range(50))
    assert queued.close(60).lost == 0
    assert slow.got == list(range(50))


def test_waiting_leaves_little_for_the_end(health: Health) -> None:
    queued = QueuedSink(slow := Recorder(lambda index: threading.Event().wait(0.002)), STREAM, health, when_full="wait")
    send(queued, *range(100))
    assert len(slow.got) >= 100 - queue.FRAMES - 1
    assert queued.close(60).lost == 0


def test_a_receiver_that_is_away_is_not_waited_for(health: Health) -> None:
    back = threading.Event()

    def away(index: int) -> None:
        if not back.is_set():
            raise TryLater("gone")

    sink = Recorder(away)
    queued = QueuedSink(sink, STREAM, health, size=2, when_full="wait")
    send(queued, *range(10))  # would hang here
    assert queued.report().lost == 7
    back.set()
    assert queued.close(60).delivered == 3
    assert sink.got == [0, 8, 9]


def test_closing_ends_the_wait_of_send(health: Health, gate: threading.Event, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "GRACE_S", 0.05)
    queued = QueuedSink(Recorder(lambda index: gate.wait(60)), STREAM, health, size=1, when_full="wait")
    two_are_in = threading.Event()

    def fill() -> None:
        send(queued, 0, 1)
        two_are_in.set()
        send(queued, 2, 3, 4)

    sender = threading.Thread(target=fill, daemon=True)
    sender.start()
    assert two_are_in.wait(60)
    queued.close(0.1)
    sender.join(30)
    assert not sender.is_alive()
    assert health.report().lost == {"recorder": 5}


def test_the_last_result_is_taken_without_waiting_or_losing_another(health: Health, gate: threading.Event) -> None:
    sink = Recorder(lambda index: gate.wait(60))
    queued = QueuedSink(sink, STREAM, health, size=1, when_full="wait")
    send(queued, 0, 1)
    sender = threading.Thread(target=send, args=(queued, 2), daemon=True)
    sender.start()
    queued.take_last()
    sender.join(30)
    assert not sender.is_alive()
    gate.set()
    assert queued.close(60).lost == 0
    assert sink.got == [0, 1, 2]


def test_a_sink_that_raises_is_counted_and_told_once(health: Health, caplog: pytest.LogCaptureFixture) -> None:
    def fail(index: int) -> None:
        if index % 2:
            raise ValueError(f"no odd number like {index}")

    sink = Recorder(fail)
    queued = QueuedSink(sink, STREAM, health)
    send(queued, *range(10))
    report = queued.close(60)
    assert sink.got == [0, 2, 4, 6, 8] and sink.closed == 1
    assert (report.delivered, report.lost, str(report.error)) == (5, 5, "no odd number like 1")
    assert health.report().lost == {"recorder": 5}
    assert [(r.levelno, r.getMessage()) for r in caplog.records] == [
        (logging.WARNING, "sink recorder: no odd number like 1; what it cannot deliver is counted")
    ]


def test_a_function_of_the_user(health: Health, caplog: pytest.LogCaptureFixture) -> None:
    seen: list[tuple[bool, int]] = []

    def alarm(frame: Pixels, result: FrameResult) -> bool:
        seen.append((frame is FRAME, result.index))
        if result.index == 1:
            raise KeyError
        if result.index == 2:
            sys.exit("enough")
        return True

    queued = QueuedSink(as_sink(alarm), STREAM, health)
    send(queued, *range(4))
    report = queued.close(60)
    assert seen == [(True, 0), (True, 1), (True, 2), (True, 3)]
    assert (report.delivered, report.lost) == (2, 2)
    assert report.name.endswith("alarm") and "KeyError; what it" in caplog.text


def test_a_sink_of_the_user_needs_one_method_only(health: Health) -> None:
    got: list[object] = []

    class Mine(Sink):
        def send(self, frame: Pixels | None, result: FrameResult) -> None:
            got.append((frame, result.index))

    queued = QueuedSink(Mine(), STREAM, health)
    send(queued, 0, 1)
    report = queued.close(60)
    assert (report.name, report.delivered) == ("Mine", 2) and got == [(None, 0), (None, 1)]


def test_a_sink_is_opened_for_its_stream_in_the_thread_that_sends_and_closes(health: Health) -> None:
    class Opened(Recorder):
        def open(self, stream: StreamInfo) -> None:
            self.threads.add(threading.current_thread().name)
            self.stream = stream

    sink = Opened()
    queued = QueuedSink(sink, STREAM, health)
    assert sink.stream is STREAM  # before the first result
    send(queued, 0)
    queued.close(60)
    assert sink.threads == {"sink recorder"} and sink.closed == 1


@pytest.mark.parametrize("error", [SinkError("no such place"), KeyboardInterrupt()])
def test_what_opening_raises_comes_out_and_nothing_is_left(health: Health, error: BaseException) -> None:
    class Refusing(Recorder):
        def open(self, stream: StreamInfo) -> None:
            raise error

    sink = Refusing()
    with pytest.raises(type(error)) as caught:
        QueuedSink(sink, STREAM, health)
    assert caught.value is error and sink.closed == 0


@pytest.mark.parametrize("what", [Recorder, object(), None, "results.jsonl"])
def test_what_is_no_sink_is_refused(what: object) -> None:
    with pytest.raises(InputError, match=what.__name__ if isinstance(what, type) else type(what).__name__):
        as_sink(what)  # type: ignore[arg-type]


def test_later_is_tried_again_in_order(health: Health, caplog: pytest.LogCaptureFixture) -> None:
    attempts: list[int] = []

    def away(index: int) -> None:
        attempts.append(index)
        if len(attempts) < 6:
            raise TryLater("the receiver is away")

    sink = Recorder(away)
    queued = QueuedSink(sink, STREAM, health)
    send(queued, *range(3))
    report = queued.close(60)
    assert sink.got == [0, 1, 2] and attempts == [0, 0, 0, 0, 0, 0, 1, 2]
    assert (report.delivered, report.lost) == (3, 0)
    assert len(caplog.records) == 1 and "the receiver is away" in caplog.text


def test_pauses_grow_up_to_the_longest(health: Health, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "LONGEST_PAUSE_S", 0.005)
    pauses: list[float] = []
    monkeypatch.setattr(QueuedSink, "_rest", lambda queued, seconds: pauses.append(seconds))

    def away(index: int) -> None:
        if len(pauses) < 40:
            raise TryLater

    queued = QueuedSink(Recorder(away), STREAM, health)
    send(queued, 0)
    assert queued.close(60).delivered == 1
    limits = [0.001, 0.002, 0.004] + [0.005] * 37
    assert all(limit / 2 <= pause <= limit for pause, limit in zip(pauses, limits, strict=True))
    assert len(set(pauses[3:])) > 30  # jitter


def test_what_cannot_be_delivered_in_time_is_told(health: Health) -> None:
    def away(index: int) -> None:
        if index:
            raise TryLater("gone")

    sink = Recorder(away)
    queued = QueuedSink(sink, STREAM, health)
    send(queued, *range(5))
    report = queued.close(0.05)
    assert (report.delivered, report.lost, str(report.error)) == (1, 4, "gone")
    assert sink.closed == 1
    assert health.report().lost == {"recorder": 4}


def test_a_sink_that_hangs_is_left_behind(health: Health, gate: threading.Event, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "GRACE_S", 0.02)
    hangs = Recorder(lambda index: gate.wait(60))
    queued = QueuedSink(hangs, STREAM, health)
    send(queued, *range(3))
    report = queued.close(0.02)
    assert (report.delivered, report.lost) == (0, 3)
    assert "3 results were not delivered in the 0.02 s" in str(report.error)


def test_a_sink_that_fails_to_close(health: Health) -> None:
    class Leaky(Recorder):
        def close(self) -> None:
            raise SinkError("two were never acknowledged", lost=2)

    queued = QueuedSink(Leaky(), STREAM, health)
    send(queued, *range(5))
    report = queued.close(60)
    assert (report.delivered, report.lost, str(report.error)) == (3, 2, "two were never acknowledged")
    assert queued.close() == report


def test_a_sink_that_finds_out_late_what_it_lost(health: Health) -> None:
    def fail(index: int) -> None:
        if index == 3:
            raise SinkError("the last two were not written either", lost=3)

    queued = QueuedSink(Recorder(fail), STREAM, health)
    send(queued, *range(5))
    report = queued.close(60)
    assert (report.delivered, report.lost) == (2, 3)


def test_after_closing_results_are_lost(health: Health) -> None:
    sink = Recorder()
    queued = QueuedSink(sink, STREAM, health)
    queued.close()
    send(queued, 1)
    assert sink.got == [] and queued.report().lost == 1
    assert "closed" in str(queued.report().error)


def test_sinks_are_closed_side_by_side(health: Health, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "GRACE_S", 60.0)
    together = threading.Barrier(3)  # each waits for the others: one after another would never end

    class Patient(Recorder):
        def close(self) -> None:
            together.wait(30)

    queued = [QueuedSink(Patient(), STREAM, health) for _ in range(3)]
    for index, one in enumerate(queued):
        send(one, *range(index))
    assert [(report.delivered, report.error) for report in close_all(queued, 30)] == [(0, None), (1, None), (2, None)]


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_whatever_a_sink_raises_its_queue_goes_on_and_holds_up_no_file(health: Health, error: type[BaseException]) -> None:
    def first(index: int) -> None:
        if index < 100:
            raise error

    queued = QueuedSink(sink := Recorder(first), STREAM, health, when_full="wait", size=2)
    send(queued, *range(110))
    report = queued.close(60)
    assert sink.got == list(range(100, 110)) and sink.closed == 1
    assert (report.delivered, report.lost) == (10, 100)
