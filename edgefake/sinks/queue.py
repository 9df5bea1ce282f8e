"""The queue before each sink, which runs in a thread of its own, so that none holds up the stream."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Literal, TypeAlias

from edgefake.errors import SinkError
from edgefake.pixels import Pixels
from edgefake.sinks.base import Sink, StreamInfo, TryLater
from edgefake.streaming.events import Event
from edgefake.streaming.health import Health
from edgefake.streaming.result import FrameResult

FRAMES = 8
"""Room in the queue of a sink that uses frames: 22 MB at 1280×720."""
RESULTS = 1000
"""Room in the queue of a sink that needs results only: half a minute at 30 fps."""
DRAIN_S = 5.0
"""How long ``close`` delivers what is still queued."""
GRACE_S = 5.0
"""How long ``close`` waits for a sink that is busy beyond that, before it is given up."""
FIRST_PAUSE_S = 0.2
"""Before a result is given to the sink again, less a random part; doubled each time, up to ``LONGEST_PAUSE_S``."""
LONGEST_PAUSE_S = 10.0

_log = logging.getLogger(__name__)

_Queued: TypeAlias = tuple[Pixels | None, FrameResult] | Event


@dataclass(frozen=True, slots=True)
class SinkReport:
    """What became of the results given to one sink; what is in neither number is still on its way."""

    name: str
    delivered: int
    lost: int
    error: BaseException | None
    """The first thing that went wrong."""


class QueuedSink:
    """Opens and runs ``sink`` in a thread of its own and keeps at most ``size`` results for it (``FRAMES`` or ``RESULTS``).

    When the queue is full, ``drop_oldest`` loses the oldest result, so that ``send`` never waits. ``wait``, for files, where time
    does not matter, waits for a slow sink as soon as ``FRAMES`` are queued, but not while its receiver is away (``TryLater``).
    Losses are counted in ``health``; the first thing that goes wrong is also logged, as a warning, and the stream goes on. Only
    what opening raises is raised.
    """

    def __init__(
        self,
        sink: Sink,
        stream: StreamInfo,
        health: Health,
        *,
        size: int | None = None,
        when_full: Literal["drop_oldest", "wait"] = "drop_oldest",
    ) -> None:
        self.name = sink.name or type(sink).__name__
        self.every = sink.every
        self.picture = sink.picture
        self._camera = f"camera {stream.camera}: " if stream.camera not in ("", stream.name) else ""
        self._uses_frame = sink.uses_frame
        self._sink = sink
        self._health = health
        self._size = size or (FRAMES if self._uses_frame and self.every == "frame" else RESULTS)
        self._waits = when_full == "wait"
        self._queue: deque[_Queued] = deque()
        self._changed = threading.Condition()
        self._away = False
        self._takes_last = False
        self._deadline: float | None = None
        self._accepted = self._delivered = self._lost = 0
        self._error: BaseException | None = None
        opened: Future[None] = Future()
        self._thread = threading.Thread(target=self._work, args=(stream, opened), name=f"sink {self.name}", daemon=True)
        try:
            self._thread.start()
            opened.result()
        except BaseException:  # of an interruption too: the thread closes what it has opened by then
            self.stop(0.0)
            if self._thread.is_alive():
                self._thread.join(GRACE_S)
            raise

    def send(self, frame: Pixels, result: FrameResult) -> None:
        """Queue one result; after ``close`` it is lost."""
        self._put((frame if self._uses_frame else None, result))

    def send_event(self, event: Event) -> None:
        """Queue one event, likewise."""
        self._put(event)

    def _put(self, queued: _Queued) -> None:
        with self._changed:
            while self._must_wait():
                self._changed.wait()
            self._accepted += 1
            if self._deadline is not None:
                self._lose(1, SinkError(f"the sink {self.name} is closed: send results before close"))
                return
            if len(self._queue) >= self._size and not self._takes_last:
                self._queue.popleft()
                self._lose(1, SinkError(f"its queue of {self._size} results is full: the receiver is too slow or away"))
            self._queue.append(queued)
            self._count()
            self._changed.notify_all()

    def report(self) -> SinkReport:
        """What became of the results so far."""
        with self._changed:
            return SinkReport(self.name, self._delivered, self._lost, self._error)

    def take_last(self) -> None:
        """One more result may come, and ``send`` takes it at once; ends its wait. From any thread or signal handler."""
        with self._changed:
            self._takes_last = True
            self._changed.notify_all()

    def stop(self, drain_s: float = DRAIN_S) -> None:
        """Take no further results, and begin to deliver what is queued, for so many seconds; does not wait for it."""
        with self._changed:
            if self._deadline is None:
                self._deadline = time.monotonic() + drain_s
            self._changed.notify_all()

    def close(self, drain_s: float = DRAIN_S) -> SinkReport:
        """Deliver what is queued within ``drain_s`` seconds, close the sink, and tell what was lost.

        A sink that is still busy ``GRACE_S`` seconds later is left to itself, and what it holds counts as lost.
        """
        self.stop(drain_s)
        assert self._deadline is not None
        self._thread.join(max(0.0, self._deadline - time.monotonic()) + GRACE_S)
        with self._changed:
            left = self._accepted - self._delivered - self._lost
            if left:
                self._lose(left, SinkError(f"{left} results were not delivered in the {drain_s:g} s before the end"))
        return self.report()

    def _must_wait(self) -> bool:
        is_open = self._deadline is None and not self._takes_last
        return self._waits and is_open and not self._away and len(self._queue) >= min(self._size, FRAMES)

    def _work(self, stream: StreamInfo, opened: Future[None]) -> None:
        try:
            self._sink.open(stream)
        except BaseException as error:  # raised in the thread that waits for it
            opened.set_exception(error)
            return
        opened.set_result(None)
        while (queued := self._next()) is not None:
            self._deliver(queued)
        try:
            self._sink.close()
        except BaseException as error:
            with self._changed:
                self._fail(error, fresh=0)

    def _next(self) -> _Queued | None:
        """The oldest result as soon as there is one; None when the thread is to end."""
        with self._changed:
            self._changed.wait_for(lambda: self._queue or self._deadline is not None)
            if not self._queue:
                return None
            queued = self._queue.popleft()
            self._changed.notify_all()
            return queued

    def _deliver(self, queued: _Queued) -> None:
        pause = FIRST_PAUSE_S
        while not self._is_over():
            try:
                with self._health.timed("sink"):
                    if isinstance(queued, Event):
                        self._sink.send_event(queued)
                    else:
                        self._sink.send(*queued)
            except TryLater as reason:
                with self._changed:
                    self._away = True
                    self._tell(reason)
                    self._changed.notify_all()
                self._rest(pause * random.uniform(0.5, 1.0))
                pause = min(2 * pause, LONGEST_PAUSE_S)
            except BaseException as error:  # without this thread nobody would empty the queue
                with self._changed:
                    self._away = False
                    self._fail(error, fresh=1)
                return
            else:
                with self._changed:
                    self._away = False
                    self._delivered += 1
                    self._count()
                return

    def _rest(self, seconds: float) -> None:
        """Wait so long, or until ``stop`` asks for one more attempt, or until the time for that is over."""
        with self._changed:
            if self._deadline is None:
                self._changed.wait_for(lambda: self._deadline is not None, seconds)
            else:
                self._changed.wait(min(seconds, FIRST_PAUSE_S))

    def _is_over(self) -> bool:
        return self._deadline is not None and time.monotonic() >= self._deadline

    def _fail(self, error: BaseException, *, fresh: int) -> None:
        """``fresh`` results could not be delivered, and perhaps some were not that were thought to be."""
        lost = error.lost if isinstance(error, SinkError) and error.lost is not None else fresh
        self._delivered -= lost - fresh
        self._lose(lost, error)

    def _lose(self, number: int, error: BaseException) -> None:
        self._lost += number
        if number:
            self._health.lose(self.name, number)
            self._count()
        self._tell(error)

    def _count(self) -> None:
        """Tell how many are not delivered yet."""
        self._health.queued(self.name, self._accepted - self._delivered - self._lost)

    def _tell(self, error: BaseException) -> None:
        """Log the first thing that goes wrong."""
        if self._error is None:
            self._error = error
            told = str(error) or type(error).__name__
            _log.warning("%ssink %s: %s; what it cannot deliver is counted", self._camera, self.name, told)


def close_all(sinks: Sequence[QueuedSink], drain_s: float = DRAIN_S) -> list[SinkReport]:
    """Close ``sinks`` side by side, all within the time that one is given."""
    for sink in sinks:
        sink.stop(drain_s)
    return [sink.close(drain_s) for sink in sinks]
