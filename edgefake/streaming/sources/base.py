"""What a source is: something that can be opened, and opened again, for frames."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass

from edgefake.errors import InputError
from edgefake.pixels import Pixels
from edgefake.secrets import without_secrets
from edgefake.streaming.stills import Idle, Still
from edgefake.text import printable

TIMEOUT_MS = 5000
"""What does not answer, or sends nothing for so long, counts as lost. Stopping may have to wait as long."""

DEFAULT_FPS = 30.0
"""The frame rate of pictures and iterables whose rate nobody gave, and of files that do not tell theirs."""


class SourceAwayError(InputError):
    """It does not answer; perhaps it will."""


Frames = Generator[tuple[Pixels | Still | InputError | Idle, float | None], None, None]
"""Frames with their media time, see ``Reader``."""


@dataclass(frozen=True, slots=True)
class Reader:
    """An open source: frames (uint8, H×W×3, BGR) with their media time in seconds, which never runs backwards.

    In the place of a picture or frame that cannot be read is the error that says why. The media time is None in live sources:
    there the time of arrival counts. Closing ``frames`` closes the source; ``Idle`` is the opportunity where nothing comes.
    """

    frames: Frames
    total: int | None = None
    """How many frames there should be, where the source tells."""
    fps: float | None = None
    """Frames per second, where the source tells; of files, where their first frames are faster, those of these."""
    seconds: float | None = None
    """How long the file should be, where it tells."""
    size: tuple[int, int] | None = None
    """Width and height of its frames, where it tells."""


@dataclass(frozen=True, slots=True)
class Source:
    """Something to watch. ``open`` raises ``SourceAwayError`` when it does not answer, another ``InputError`` otherwise."""

    name: str
    """For results and messages; without the user, password and query of a URL."""
    live: bool
    """Comes at its own pace, so that late frames are dropped; files and folders wait."""
    reconnects: bool
    """Can be opened again after it was lost."""
    open: Callable[[], Reader]
    stills: bool = False
    """Its pictures have nothing to do with one another."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of a source, see ``find_source``."""

    size: tuple[int, int] | None = None
    fps: float | None = None
    live: bool | None = None


def timed(frames: Iterable[Pixels | InputError], fps: float | None, *, live: bool) -> Frames:
    """``frames``, each with its media time at this rate (None: ``DEFAULT_FPS``), or None where they are live."""
    rate = fps or DEFAULT_FPS
    for index, frame in enumerate(frames):
        yield frame, None if live else index / rate


def public_name(source: object) -> str:
    """``source`` for people and logs."""
    return printable(without_secrets(str(source)))
