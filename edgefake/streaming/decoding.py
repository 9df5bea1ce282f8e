"""Frames out of OpenCV's FFmpeg: read on behind damage, in the shape they are shown in, and never one that was not decoded."""

from __future__ import annotations

import ctypes
import math
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, Protocol

import cv2
import numpy as np

from edgefake.errors import InputError
from edgefake.pixels import Pixels

FILE_PATIENCE = 1000
"""After so many failed reads one after the other a file has ended. A refused packet fails one read, the end every one."""
LIVE_PATIENCE = 50
"""The same for streams from the network, which are opened again."""
SLOW_S = 1.0
"""A read that failed after so long has waited for the network: nothing more will come."""
UNWRITTEN_LIVE = 30
"""A live stream of whose frames so many were not decoded is given up."""

_M_PERTURB = -6


class Undecoded(InputError):
    """In the place of a frame that the decoder refused, or did not write."""


class Video(Protocol):
    """What is needed of a ``cv2.VideoCapture``."""

    def read(self) -> tuple[bool, Any]: ...
    def get(self, name: int, /) -> float: ...
    def release(self) -> None: ...


class Decoder:
    """The frames behind an open ``cv2.VideoCapture``; iterate over ``frames`` once.

    Some releases of OpenCV (the wheels from 4.13 on) say that they read an interlaced frame and leave their buffer as it was:
    black, or with the pixels of another film. Therefore FFmpeg's first buffer is filled with one value before it is written, as
    far as the C library lets it; frames are ``Undecoded`` as long as they hold nothing else, and then where nothing changes.

    ``again`` opens the same once more, for a second opinion on a film that begins with just this value.
    """

    def __init__(
        self,
        capture: Video,
        name: str,
        *,
        live: bool,
        ffmpeg: bool,
        again: Callable[[], cv2.VideoCapture] | None = None,
    ) -> None:
        self._capture = capture
        self._name = name
        self._live = live
        self._ffmpeg = ffmpeg
        self._again = again

    def frames(self) -> Generator[Pixels | Undecoded, None, None]:
        """Every frame (uint8, H×W×3, BGR), and an ``Undecoded`` in the place of each that is lost before another.

        Raises ``InputError`` at the end of a file in which there was no frame, no decoded one, one only, or nothing but black,
        and early in a live stream that is not decoded.
        """
        decoded = undecoded = 0
        black, first = True, True
        unwritten: Pixels | None = None
        lost = Undecoded(f"{self._name}: a frame could not be decoded")
        for frame in self._reads():
            if first and frame is not None:
                first = False
                unwritten = frame if self._is_unwritten(frame) else None
            if frame is None or (unwritten is not None and np.array_equal(frame, unwritten)):
                undecoded += 1
                if unwritten is not None and self._live and undecoded == UNWRITTEN_LIVE:
                    raise InputError(self._not_decoded(undecoded))
                yield lost
            else:
                unwritten = None if unwritten is None else frame
                decoded += 1
                black = black and not frame.any()
                yield self._shown(frame)
        if not self._live:
            self._judge(decoded, undecoded, black)

    def _judge(self, decoded: int, undecoded: int, black: bool) -> None:
        if not decoded + undecoded:
            raise InputError(f"{self._name} holds no frame that FFmpeg can decode{self._codec()}: get the whole file")
        if not decoded:
            raise InputError(self._not_decoded(undecoded))
        if decoded == 1 and not undecoded:
            raise InputError(
                f"{self._name} holds one still picture and no video (a cover of a sound file, or all that is left of a film): "
                "save it as a picture and judge that with `edgefake predict`"
            )
        if black:
            raise InputError(
                f"{self._name} is black in all its {decoded} frames: there is nothing to judge, check how it was made"
            )

    def _not_decoded(self, frames: int) -> str:
        return (
            f"none of {frames} frames of {self._name} were decoded: OpenCV {cv2.__version__} leaves those of interlaced video "
            "unwritten, use one below 4.13, or convert the video (ffmpeg -i IN -vf yadif OUT)"
        )

    def _codec(self) -> str:
        code = int(self._capture.get(cv2.CAP_PROP_FOURCC)) & 0xFFFFFFFF
        letters = code.to_bytes(4, "little").decode("ascii", "replace")
        return f" (its codec is {letters})" if letters.isprintable() and letters.isascii() and letters.strip() else ""

    def _reads(self) -> Generator[Pixels | None, None, None]:
        """What reading gives, None for reads that failed before another that did not."""
        failed, first = 0, True
        patience = (LIVE_PATIENCE if self._live else FILE_PATIENCE) if self._ffmpeg else 1
        while failed < patience:
            asked = time.monotonic()
            with _filled_buffers(_FILLS[0]) if first and self._ffmpeg else nullcontext():
                there, frame = self._capture.read()
            if there:
                yield from [None] * failed
                failed, first = 0, False
                yield np.asarray(frame, np.uint8)
            elif time.monotonic() - asked > SLOW_S:
                return
            else:
                failed += 1

    def _is_unwritten(self, frame: Pixels) -> bool:
        """Whether ``frame`` is nothing but what its buffer was filled with."""
        if not self._ffmpeg or np.any(frame != _inverse(_FILLS[0])):
            return False
        if self._again is None:
            return True
        other = self._again()
        try:
            with _filled_buffers(_FILLS[1]):
                seen = next((seen for there, seen in (other.read() for _ in range(FILE_PATIENCE)) if there), None)
        finally:
            other.release()
        return seen is not None and bool(np.all(np.asarray(seen) == _inverse(_FILLS[1])))

    def _shown(self, frame: Pixels) -> Pixels:
        """``frame`` in the shape it is shown in: pixels need not be square."""
        if not self._ffmpeg:  # GStreamer warns of every question that it does not know
            return frame
        num, den = self._capture.get(cv2.CAP_PROP_SAR_NUM), self._capture.get(cv2.CAP_PROP_SAR_DEN)
        aspect = num / den if num > 0 and den > 0 else 1.0
        if abs(math.log(aspect)) < math.log(1.01) or not 0.1 < aspect < 10:
            return frame
        height, width = frame.shape[:2]
        if self._capture.get(cv2.CAP_PROP_ORIENTATION_META) % 180 and self._capture.get(cv2.CAP_PROP_ORIENTATION_AUTO):
            size = (width, round(height * aspect))
        else:
            size = (round(width * aspect), height)
        return np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_LINEAR), np.uint8)


_FILLS = (0x5B, 0x36)


def _inverse(fill: int) -> int:
    return fill ^ 0xFF


@contextmanager
def _filled_buffers(fill: int) -> Iterator[None]:
    """Let the GNU C library fill what it allocates with the inverse of ``fill`` meanwhile; other C libraries cannot."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, TypeError, AttributeError):
        yield
        return
    mallopt(_M_PERTURB, fill)
    try:
        yield
    finally:
        mallopt(_M_PERTURB, 0)
