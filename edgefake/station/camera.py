"""One camera of several, in a thread of its own: whatever goes wrong with it stays with it."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable
from enum import Enum

from edgefake.config import CameraConfig
from edgefake.detector import Detector
from edgefake.errors import EdgefakeError
from edgefake.secrets import without_secrets
from edgefake.streaming.events import Event
from edgefake.streaming.health import Health
from edgefake.streaming.pipeline import Watch, watch
from edgefake.streaming.result import FrameResult

_log = logging.getLogger(__name__)

FIRST_WAIT_S, LONGEST_WAIT_S = 1.0, 60.0
"""Before a camera that failed is started again: doubled each time; a frame that is judged begins anew."""

Listener = Callable[[str, FrameResult | None, list[Event]], None]
"""Called in a camera's thread with its name, each result and what happened in that frame; at the end with None and who left."""


class State(str, Enum):
    """What a camera does at this moment."""

    STARTING = "starting"
    """There was no frame yet."""
    RUNNING = "running"
    """``Camera.health`` tells whether its source is lost."""
    FAILED = "failed"
    """What it needs is wrong or away: ``Camera.error`` says what; it is tried again."""
    ENDED = "ended"
    """A file has come to its end, or it was stopped."""


class Camera:
    """Watches what ``config`` says with ``detector``, from ``start`` until ``stop`` or the end of a file.

    A source that is away is waited for. What else goes wrong, such as a sink that cannot be opened, is logged, and everything of
    this camera is tried again after growing, random waits.
    """

    def __init__(self, config: CameraConfig, detector: Detector, *, listener: Listener | None = None) -> None:
        self.config = config
        self.health = Health()
        """Counts over all attempts."""
        self.error: str | None = None
        """Why it failed, without secrets; None while it runs."""
        self._detector = detector
        self._listener = listener
        self._failed = False
        self._ended = False
        self._frame_at: float | None = None
        self._stopping = threading.Event()
        self._running: Watch | None = None
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name=f"camera {config.name}", daemon=True)

    @property
    def name(self) -> str:
        return self.config.name

    @property
    def state(self) -> State:
        if self._ended:
            return State.ENDED
        if self._failed:
            return State.FAILED
        return State.STARTING if self._frame_at is None else State.RUNNING

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End after the present frame; returns at once."""
        with self._lock:
            self._stopping.set()
            if self._running:
                self._running.stop()

    def join(self, timeout: float | None = None) -> bool:
        """Wait until it has ended and its sinks are closed; whether it is."""
        if self._thread.ident is not None:
            self._thread.join(timeout)
        return not self._thread.is_alive()

    def _run(self) -> None:
        attempts = 0
        while not self._stopping.is_set():
            try:
                self._watch()
                break
            except Exception as error:  # its own thread's, or nothing would tell of it
                if self._frame_at is not None:
                    attempts = 0
                self._fail(error)
                wait = min(FIRST_WAIT_S * 2 ** min(attempts, 16), LONGEST_WAIT_S) * random.uniform(0.5, 1.0)
                attempts += 1
                self._stopping.wait(wait)
        self._ended = True

    def _watch(self) -> None:
        """Watch until the end."""
        config, self._frame_at = self.config, None
        running = watch(
            config.source,
            self._detector,
            sinks=[sink.make(config.name) for sink in config.sinks],
            size=config.size,
            fps=config.fps,
            live=config.live,
            wait=True,
            detect_every=config.detect_every,
            faces_per_frame=config.faces_per_frame,
            health=self.health,
            camera=config.name,
        )
        with self._lock:
            self._running = running
            if self._stopping.is_set():
                running.stop()
        try:
            with running:
                for _, result in running:
                    self._frame_at, self._failed, self.error = time.monotonic(), False, None
                    self._tell(result, running.news)
                self._tell(None, running.news)
        finally:
            self._running = None

    def _tell(self, result: FrameResult | None, events: list[Event]) -> None:
        if self._listener:
            self._listener(self.name, result, events)

    def _fail(self, error: Exception) -> None:
        told = str(error) if isinstance(error, EdgefakeError) else f"{type(error).__name__}: {error}"
        told = without_secrets(told)
        if told != self.error:
            _log.warning("camera %s: %s; it is tried again", self.name, told)
        self._failed, self.error = True, told
