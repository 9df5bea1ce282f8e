"""What one call allocates."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Allocations:
    """Memory that one call took from the allocators of Python and NumPy, as tracemalloc sees it.

    Counted: Python objects, and the data of NumPy arrays; OpenCV returns its pictures in those, so they are counted as well.
    Not counted: what C++ code takes for itself (OpenCV's scratch buffers, the interpreter's arena), and objects that Python
    makes from its free lists (most floats and tuples), which cost next to nothing.
    """

    blocks: int
    """Those that the call's result still holds. What is freed before the call returns shows only in the peak."""
    peak_bytes: int
    """The most that was held at any moment of the call."""


def allocations(call: Callable[[], object]) -> Allocations:
    """Trace ``call``, made twice after a first time that may fill caches. Tracing slows it down: time it elsewhere."""
    call()
    tracemalloc.start()
    try:
        kept = call()
        peak = tracemalloc.get_traced_memory()[1]
        del kept
        tracemalloc.clear_traces()
        kept = call()
        # Of a call of its own: Python's numbers that hold the peak would be counted with it.
        blocks = len(tracemalloc.take_snapshot().traces)
        del kept
    finally:
        tracemalloc.stop()
    return Allocations(blocks, peak)
