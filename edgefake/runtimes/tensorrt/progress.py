"""A line on the terminal while something takes minutes."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def progress(what: str) -> Iterator[None]:
    """Count the seconds of ``what`` on stderr, when that is a terminal, and clear the line in the end."""
    if sys.stderr is None or not sys.stderr.isatty():
        yield
        return
    done, started = threading.Event(), time.monotonic()

    def count() -> None:
        while not done.wait(0.5):
            print(f"\r{what}: {time.monotonic() - started:.0f} s", end="", file=sys.stderr, flush=True)
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)

    counter = threading.Thread(target=count, daemon=True)
    counter.start()
    try:
        yield
    finally:
        done.set()
        counter.join()
