"""Reading a source in a thread of its own, so that nothing behind it can slow it."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections import deque
from dataclasses import dataclass
from itertools import count

from edgefake.errors import InputError
from edgefake.pixels import Pixels
from edgefake.streaming.decoding import Undecoded
from edgefake.streaming.health import CAPTURE, Health
from edgefake.streaming.sources import Reader, Source, SourceAwayError
from edgefake.streaming.stills import Idle, Still

_log = logging.getLogger(__name__)

CAPACITY = 3
"""At most so many frames wait. More would bridge longer delays, but every frame behind them would be older."""

FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 30.0
"""Before a lost source is tried again: doubled from one attempt to the next."""

WHOLE = 0.98
"""A file of which so much was there is not cut short: containers may be a frame or two off."""

CLOSE_S = 10.0
"""How long closing waits for a read in progress, which ends by itself in every source but an iterable."""


@dataclass(frozen=True, slots=True)
class Captured:
    """One frame (uint8, H×W×3, BGR) with its number in the source, from 0."""

    pixels: Pixels
    index: int
    seconds: float
    """Media time, or time since the start in live sources; never runs backwards."""
    captured: float
    """Unix time, for people only: that clock may be set."""
    arrived: float
    """``time.perf_counter()`` when the frame was there."""
    read_ms: float
    name: str | None = None
    """The picture's, where each is a source of its own."""


class Capture:
    """A thread that reads ``source`` from now on; ``next`` hands the frames out.

    When ``CAPACITY`` frames wait, a live source drops the oldest and any other waits. A live source that is lost is opened again
    after growing, random waits (Brooker 2015, "Exponential Backoff And Jitter"), until ``stop``. A picture that cannot be read is
    told, counted as dropped and left out.

    Raises ``InputError`` when the source cannot be opened at the start; with ``wait`` a live source that does not answer is told
    and waited for like one that was lost.
    """

    def __init__(self, source: Source, *, health: Health, wait: bool = False) -> None:
        self.dropped = 0
        self.reconnects = 0
        self.coverage: float | None = None
        """At the end of a file: the share of its frames that could be decoded."""
        self._source = source
        self._health = health
        self._frames: deque[Captured] = deque()
        self._changed = threading.Condition()  # re-entrant: stop() is called from signal handlers too
        self._stopped = False
        self._ended = False
        self._error: BaseException | None = None
        self._attempts = 0  # to reconnect, since the last frame
        self.total: int | None = None
        self.fps: float | None = None
        self.size: tuple[int, int] | None = None
        reader = self._first(wait)
        self._thread = threading.Thread(target=self._run, args=(reader,), name=f"capture {source.name}", daemon=True)
        self._thread.start()

    def next(self) -> Captured | None:
        """The oldest waiting frame; waits for one. None when the source has ended or was stopped.

        What an iterable of the user raised is raised here, after the frames before it, and ``InputError`` for a file or folder
        of which nothing could be read.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._frames or self._ended or self._stopped)
            if self._frames and not self._stopped:
                self._changed.notify_all()
                captured = self._frames.popleft()
                self._health.queued(CAPTURE, len(self._frames))
                return captured
            error, self._error = self._error, None
        if error is not None:
            raise error
        return None

    def stop(self) -> None:
        """Hand out no more frames and let the thread end; returns at once. From any thread or signal handler."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def close(self) -> None:
        """Stop, and wait until the source is released."""
        self.stop()
        self._thread.join(CLOSE_S)
        if self._thread.is_alive():
            _log.warning("%s is still busy with a read: its thread ends when that returns", self._source.name)
        self._health.queued(CAPTURE, 0)  # what is left is judged by nobody, and must not look as if it waited

    def _first(self, wait: bool) -> Reader | None:
        """The source opened for the first time; None when it is to be waited for."""
        try:
            return self._opened()
        except SourceAwayError as error:
            if not (wait and self._source.reconnects):
                raise
            _log.warning("%s; it is waited for", error)
            return None

    def _opened(self) -> Reader:
        reader = self._source.open()
        self.total, self.fps, self.size = reader.total, reader.fps, reader.size
        return reader

    def _run(self, reader: Reader | None) -> None:
        try:
            reader = reader or self._reconnect(lost=False)
            started, indices = time.perf_counter(), count()
            while reader and self._read(reader, started, indices) and self._source.reconnects:
                reader = self._reconnect()
        except BaseException as error:  # of a user's iterable, or nothing could be read: told to whoever asks for the next frame
            self._error = error
        finally:
            with self._changed:
                self._ended = True
                self._changed.notify_all()

    def _read(self, reader: Reader, started: float, indices: count[int]) -> bool:
        """Read to the end; False when stopped before."""
        index, unreadable, undecoded, since_start = -1, 0, 0, 0.0
        try:
            asked = time.perf_counter()
            for pixels, seconds in reader.frames:
                arrived = time.perf_counter()
                if isinstance(pixels, Idle):
                    if self._stopped:
                        return False
                    continue
                index = next(indices)
                if isinstance(pixels, InputError):
                    if isinstance(pixels, Undecoded):  # told once; of files at the end
                        undecoded += 1
                        if self._source.live and undecoded == 1:
                            _log.warning("%s sends frames that cannot be decoded: they are left out", self._source.name)
                    else:
                        _log.warning("%s; it is left out", pixels)
                    self._drop()
                    unreadable += 1
                    if self._stopped:
                        return False
                    continue
                since_start = arrived - started if seconds is None else seconds
                self._attempts = 0
                name, pixels = (pixels.name, pixels.pixels) if isinstance(pixels, Still) else (None, pixels)
                frame = Captured(pixels, index, since_start, time.time(), arrived, (arrived - asked) * 1e3, name)
                if not self._put(frame):
                    return False
                asked = time.perf_counter()
        finally:
            reader.frames.close()
        if unreadable and unreadable == index + 1:
            raise InputError(f"{self._source.name} holds no picture that can be read: get the whole files")
        if not self._source.live and index >= 0:
            self._tell_coverage(reader, index + 1, unreadable, undecoded, since_start)
        return True

    def _tell_coverage(self, reader: Reader, frames: int, unreadable: int, undecoded: int, seconds: float) -> None:
        """How much of a file that has ended was there and could be read."""
        read = frames / reader.total if reader.total else 1.0
        if reader.seconds:  # a wrong or changing frame rate makes the number of frames a wrong guess
            read = max(read, seconds / reader.seconds)
        self.coverage = (1 - unreadable / frames) * (min(read, 1.0) if read < WHOLE else 1.0)
        if read < WHOLE:
            _log.warning("%s ended after %d of %d frames: it is cut short", self._source.name, frames, reader.total)
        if undecoded:
            _log.warning("%s: %d of %d frames could not be decoded and are left out", self._source.name, undecoded, frames)

    def _put(self, frame: Captured) -> bool:
        """Queue ``frame`` by the source's policy; False when stopped."""
        self._health.count("frames_in")
        self._health.time("capture", frame.read_ms / 1e3)
        with self._changed:
            if not self._source.live:
                self._changed.wait_for(lambda: len(self._frames) < CAPACITY or self._stopped)
            elif len(self._frames) == CAPACITY:
                self._frames.popleft()
                self._drop()
            if self._stopped:
                return False
            self._frames.append(frame)
            self._health.queued(CAPTURE, len(self._frames))
            self._changed.notify_all()
            return True

    def _drop(self) -> None:
        self.dropped += 1
        self._health.count("dropped")

    def _reconnect(self, *, lost: bool = True) -> Reader | None:
        """The source opened, whenever that works, for the first time unless it was ``lost``; None when stopped before."""
        away = time.monotonic()
        while True:
            wait = min(FIRST_WAIT_S * 2 ** min(self._attempts, 16), LONGEST_WAIT_S) * random.uniform(0.5, 1.0)
            self._attempts += 1
            if lost:
                _log.warning("%s is lost: attempt %d in %.1f s", self._source.name, self._attempts, wait)
            with self._changed:
                if self._changed.wait_for(lambda: self._stopped, timeout=wait):
                    return None
            try:
                reader = self._opened()
            except InputError as error:
                if lost or isinstance(error, SourceAwayError):
                    continue
                raise
            if lost:
                self.reconnects += 1
                self._health.count("reconnects")
            _log.warning("%s is %s after %.1f s", self._source.name, "back" if lost else "there", time.monotonic() - away)
            return reader
