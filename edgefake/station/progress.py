"""Whether the cameras of a station go on: what a watchdog is fed by."""

from __future__ import annotations

from collections.abc import Mapping

from edgefake.streaming.health import Health


class Progress:
    """Compares what the cameras have done with what they had done when they last went on."""

    def __init__(self) -> None:
        self._before: dict[str, tuple[int, int]] = {}

    def made(self, cameras: Mapping[str, Health]) -> bool:
        """Whether every camera that got frames since this was last so has judged one of them.

        One that gets none waits for its source, which is in order.
        """
        now = {name: (report.frames_in, report.frames_out) for name, health in cameras.items() for report in [health.report()]}
        for name, (came, judged) in now.items():
            came_before, judged_before = self._before.get(name, (0, 0))
            if came > came_before and judged == judged_before:
                return False
        self._before = now
        return True
