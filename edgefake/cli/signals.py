"""Ending in order when the system asks for it."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def stopped_by_signals(stop: Callable[[], object], numbers: Sequence[signal.Signals] = ENDING) -> Iterator[list[int]]:
    """The first signal calls ``stop``, which lets what runs end, and is noted in the list; a second one acts as ever.

    One that is ignored stays so: ``nohup`` ignores SIGHUP.
    """
    before = {number: signal.getsignal(number) for number in numbers}
    before = {number: handler for number, handler in before.items() if handler is not signal.SIG_IGN}
    came: list[int] = []

    def note(number: int, frame: object) -> None:
        came.append(number)
        restore()
        stop()

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    for number in before:
        signal.signal(number, note)
    try:
        yield came
    finally:
        restore()
