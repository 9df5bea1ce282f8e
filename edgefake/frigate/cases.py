"""The people that Frigate follows and edgefake is not done with: who is next, and when."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

from edgefake.frigate.judging import Person
from edgefake.frigate.objects import FrigateObject

ROOM = 1000
"""So many people may wait; of one more the oldest is given up."""


@dataclass(slots=True, eq=False)
class Case:
    """One person."""

    seen: FrigateObject
    """As Frigate told it last."""
    person: Person
    due: float | None
    """When to look again, by the monotonic clock; None: when Frigate says more."""
    looked: FrigateObject | None = None
    """As Frigate told it when it was judged last."""
    misses: int = 0
    """How often what should be there was not."""
    label: str | None = None
    """The sub label that Frigate has from here."""


class Cases:
    """All of them, by id: one thread puts in what Frigate says, another takes one after the other. Newer news of one replaces
    older, so that a crowd is judged by what is known when its turn comes.
    """

    def __init__(self) -> None:
        self._cases: dict[str, Case] = {}
        self._changed = threading.Condition()
        self._pause_until = 0.0
        self._closed = False
        self.given_up = 0
        """How many there was no room for."""

    def __len__(self) -> int:
        return len(self._cases)

    def put(self, seen: FrigateObject, person: Person, *, delay: float = 0.0) -> None:
        """What Frigate says now of one; ``person`` is who it is where it was not known."""
        with self._changed:
            case = self._cases.get(seen.id)
            due = time.monotonic() + delay
            if case is None:
                if len(self._cases) >= ROOM:
                    del self._cases[next(iter(self._cases))]
                    self.given_up += 1
                self._cases[seen.id] = Case(seen, person, due)
            else:
                case.seen, case.due = seen, due
            self._changed.notify_all()

    def next(self, timeout: float) -> Case | None:
        """The one that is due for longest; None where none is within ``timeout`` seconds, or all was closed."""
        until = time.monotonic() + timeout
        with self._changed:
            while not self._closed:
                now = time.monotonic()
                case = min((one for one in self._cases.values() if one.due is not None), key=_due, default=None)
                at = until if case is None else min(max(_due(case), self._pause_until), until)
                if case is not None and max(_due(case), self._pause_until) <= now:
                    case.due = None
                    return case
                if now >= until:
                    return None
                self._changed.wait(at - now)
            return None

    def again(self, case: Case, delay: float) -> None:
        """Let ``case`` be due again."""
        with self._changed:
            case.due = time.monotonic() + delay

    def pause(self, seconds: float) -> None:
        """Let none be due for so long: Frigate is away."""
        with self._changed:
            self._pause_until = time.monotonic() + seconds

    @property
    def paused(self) -> bool:
        """Whether Frigate is left alone at this moment."""
        return time.monotonic() < self._pause_until

    def finish(self, case: Case, seen: FrigateObject) -> bool:
        """Take ``case`` away, unless there is newer news of it than ``seen``; whether it was."""
        with self._changed:
            if case.seen is not seen:
                return False
            self._cases.pop(seen.id, None)
            return True

    def oldest_start(self) -> float | None:
        """The Unix time at which the first of them began."""
        with self._changed:
            return min((case.seen.start for case in self._cases.values()), default=None)

    def close(self) -> None:
        """``next`` returns None at once, from now on. From any thread or signal handler."""
        self._closed = True
        if self._changed.acquire(blocking=False):
            self._changed.notify_all()
            self._changed.release()


def _due(case: Case) -> float:
    assert case.due is not None
    return case.due
