"""How often the faces of live streams are searched and scored: less often while the processor is throttled."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from edgefake.system import temperature_c
from edgefake.throttling import Throttling

INTERVALS_S = (0.0, 0.1, 0.2, 0.4)
"""Seconds from one look at a stream's faces to the next: every frame, and what it comes down to, in which no face gets lost."""
LOOK_S = 5.0
"""The machine is asked so often."""
CALM_S = 60.0
"""It must have been unthrottled for so long before a step is taken back: it was the load that made it hot."""

_log = logging.getLogger(__name__)


class Pace:
    """One for all streams of a process: they share the processor.

    Every ``LOOK_S`` in which the processor is throttled is a step towards fewer looks, every ``CALM_S`` without is one back; each
    is logged.
    """

    def __init__(self, throttled: Callable[[], bool | None] | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._throttled = throttled
        self._clock = clock
        self._lock = threading.Lock()
        self._step = 0
        self._asked = self._hot = clock()
        self.throttled: bool | None = None
        """What the machine said last; None where it does not tell, or was not asked yet."""

    @property
    def interval_s(self) -> float:
        """Seconds of which one look is enough, now; asks the machine when that is due."""
        with self._lock:
            now = self._clock()
            if now - self._asked >= LOOK_S:
                self._asked = now
                self._look(now)
            return INTERVALS_S[self._step]

    def _look(self, now: float) -> None:
        if self._throttled is None:
            self._throttled = Throttling().now
        self.throttled = self._throttled()
        before = self._step
        if self.throttled:
            self._hot = now
            self._step = min(self._step + 1, len(INTERVALS_S) - 1)
        elif self._step and now - self._hot >= CALM_S:
            self._hot = now
            self._step -= 1
        if self._step == before:
            return
        temperature = temperature_c()
        at = "" if temperature is None else f" at {temperature:.0f} °C"
        seen = (
            f"faces are looked at {1 / INTERVALS_S[self._step]:g} times a second at most" if self._step else "every frame counts"
        )
        _log.warning("the processor is %s%s: %s", "throttled" if self.throttled else "no longer throttled", at, seen)


PACE = Pace()
"""Of this process."""
