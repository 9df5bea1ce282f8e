"""How many processor cores there are to use."""

from __future__ import annotations

import os


def available_cores() -> int:
    """That this process may run on, fewer than the machine has under ``taskset`` or a cpuset; a quota of time does not count."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
