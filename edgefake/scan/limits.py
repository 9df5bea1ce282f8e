"""How much of the machine a worker may take."""

from __future__ import annotations

import math
from dataclasses import dataclass

from edgefake.arguments import whole_number
from edgefake.errors import InputError
from edgefake.system import memory_mb

SECONDS = 60.0
MEGABYTES = 2000
NICE = 5


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one worker. A file that goes beyond them is given up, and named; the worker starts again with the next."""

    seconds: float = SECONDS
    """For a file, or one clip of a video, reading it included."""
    megabytes: int = MEGABYTES
    """10⁶ bytes, beside what the open detector needs."""
    nice: int = NICE
    """How much its processor time is put behind that of others, 0…19."""

    def __post_init__(self) -> None:
        if not 0 < self.seconds < math.inf:
            raise InputError(f"expected seconds above 0 for a file, got {self.seconds!r}")
        whole_number("megabytes", self.megabytes)
        if not isinstance(self.nice, int) or not 0 <= self.nice <= 19:
            raise InputError(f"expected 0…19 for nice, got {self.nice!r}")


def share_of_memory(workers: int) -> int:
    """What each of so many workers may take where nobody says: ``MEGABYTES``, or its share of three quarters of the machine."""
    return min(MEGABYTES, round(0.75 * memory_mb() / workers))
