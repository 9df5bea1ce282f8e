"""What a caller may ask for: every limit is checked before what it limits takes memory or time."""

from __future__ import annotations

from dataclasses import dataclass

from edgefake.errors import InputError

MB = 1_000_000


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one service. Raises ``InputError`` unless all are above 0."""

    body: int = 32 * MB
    """Bytes of a request, but of one with a video. So many times ``requests`` is what requests take of memory at most."""
    pixels: int = 50 * MB
    """That a picture declares, all frames of an animation together; decoded at once in each worker. Or a frame of a video."""
    pictures: int = 32
    """In one request, each frame of an animation and each page counted."""
    requests: int = 64
    """Received or judged at the same time; one more is answered with 429."""
    seconds: float = 60.0
    """For receiving and judging a request; of a video, without another byte of it."""
    video: int = 500 * MB
    """Bytes of a request with a video. So many times ``jobs`` is what they take of the disk at most."""
    jobs: int = 16
    """Videos that wait for their turn; one more is answered with 429."""

    def __post_init__(self) -> None:
        for name in self.__slots__:
            if not (value := getattr(self, name)) > 0:
                raise InputError(f"expected a limit above 0 for {name}, got {value!r}")
