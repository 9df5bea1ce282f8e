"""The stream as a video file, with what was found drawn in."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2

from edgefake.errors import InputError, SinkError
from edgefake.files import plain_path
from edgefake.streaming import overlay
from edgefake.streaming.result import FrameResult
from edgefake.streaming.sinks import Pixels
from edgefake.text import printable

SUFFIXES = (".mp4", ".mkv", ".mov", ".avi")
MAX_BYTES = 2 << 30
"""A file that has grown to this is followed by another: FAT ends at 4 GB, and a crash costs no more than one file."""
RESERVE_BYTES = 16 << 20
"""With less room than this on the disk the file is closed: FFmpeg holds a part of it, and without its end none can be played."""
SLOWEST_FPS = 0.01
"""FFmpeg writes no slower video."""
LONGEST_GAP_S = 2.0
"""Longer gaps in the stream are left out."""


class VideoFileSink:
    """Writes ``path`` (MPEG-4; ``.mp4``, ``.mkv``, ``.mov`` or ``.avi``) at ``fps`` frames per second, with ``overlay.draw``.

    Existing files are kept: the next free of NAME, NAME-2, NAME-3 … is taken, and again when the frame size changes, a file
    reaches ``MAX_BYTES``, or there is room on the disk again; ``files`` are those written, which only their owner may read.
    Frames are shown when they came, to within a frame: one is repeated until the next, and left out where more come than ``fps``
    has room for. ``shown_fps`` gives a number to show in the corner.

    Raises ``InputError`` for another suffix or an impossible ``fps``, ``SinkError`` when the folder cannot be written. That the
    disk is full is told at once, other failures to write when the file is closed.
    """

    name = "video file"
    uses_frame = True

    def __init__(self, path: str | Path, *, fps: float, shown_fps: Callable[[], float] | None = None) -> None:
        self._path = Path(path)
        if self._path.suffix.lower() not in SUFFIXES:
            raise InputError(f"cannot write the video {path}: expected a file ending in {', '.join(SUFFIXES)}")
        if not 0 < fps <= 1000:
            raise InputError(f"expected the frames per second of a video, above 0 and at most 1000, got {fps!r}")
        self._fps = max(SLOWEST_FPS, float(fps))
        self._shown_fps = shown_fps
        self._file: _File | None = None
        self.files: list[Path] = []
        folder = self._path.parent
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except (OSError, ValueError) as error:
            raise SinkError(
                f"the folder {printable(folder)} cannot be made ({_why(error)}): give another for the video"
            ) from error
        if not os.access(folder, os.W_OK):
            raise SinkError(f"the folder {printable(folder)} cannot be written: give another one for the video")

    def send(self, frame: Pixels, result: FrameResult) -> None:
        free = shutil.disk_usage(self._path.parent).free
        if self._file is not None and (free < RESERVE_BYTES or not self._file.takes(frame)):
            self._finish(lost=1)
        if self._file is None:
            # Four times, so that one frame's room coming and going does not make a file each time.
            if free < 4 * RESERVE_BYTES:
                raise SinkError(f"the disk of {printable(self._path.parent)} is full ({free >> 20} MB left): make room")
            self._file = self._opened(frame, result)
        fps = None if self._shown_fps is None else self._shown_fps()
        self._file.write(overlay.draw(frame, result, fps=fps), result.seconds)

    def close(self) -> None:
        if self._file is not None:
            self._finish(lost=0)

    def _opened(self, frame: Pixels, result: FrameResult) -> _File:
        path = self._made()
        height, width = frame.shape[:2]
        with plain_path(path) as name:
            writer = cv2.VideoWriter(name, cv2.VideoWriter.fourcc(*"mp4v"), self._fps, (width, height))
        if not writer.isOpened():
            path.unlink(missing_ok=True)
            raise SinkError(
                f"the video {printable(path)} of {width}×{height} cannot be opened: check its folder and the frame size"
            )
        self.files.append(path)
        return _File(path, writer, frame.shape, self._fps, result.seconds, frame)

    def _made(self) -> Path:
        """The next free path, with an empty file that only its owner may read: it shows people."""
        number = len(self.files) + 1
        while True:
            path = self._numbered(number)
            try:
                os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
            except FileExistsError:
                number += 1
            except (OSError, ValueError) as error:
                raise SinkError(f"the video {printable(path)} cannot be made ({_why(error)}): give another name") from error
            else:
                return path

    def _numbered(self, number: int) -> Path:
        return self._path if number == 1 else self._path.with_stem(f"{self._path.stem}-{number}")

    def _finish(self, *, lost: int) -> None:
        """Close the file; ``SinkError`` when frames are missing from it, with ``lost`` more."""
        assert self._file is not None
        file, self._file = self._file, None
        if missing := file.close():
            raise SinkError(
                f"{printable(file.path)} lacks {missing} frames that could not be written: check its disk", lost=missing + lost
            )


@dataclass(slots=True)
class _File:
    """One file being written; all its frames have one size."""

    path: Path
    writer: cv2.VideoWriter
    shape: tuple[int, ...]
    fps: float
    start: float
    """The stream's time at its first frame, seconds."""
    last: Pixels
    """The last picture written."""
    results: int = 0
    written: int = 0
    """Frames, repeated ones included."""

    def takes(self, frame: Pixels) -> bool:
        return frame.shape == self.shape and self.path.exists() and self.path.stat().st_size < MAX_BYTES

    def write(self, picture: Pixels, seconds: float) -> None:
        place = round((seconds - self.start) * self.fps)
        if abs(place - self.written) > LONGEST_GAP_S * self.fps:
            self.start = seconds - self.written / self.fps
            place = self.written
        if place < self.written - 1:  # one frame late is jitter
            return
        for _ in range(place - self.written):
            self._append(self.last)
        self._append(picture)
        self.last = picture
        self.results += 1

    def _append(self, picture: Pixels) -> None:
        self.writer.write(picture)
        self.written += 1

    def close(self) -> int:
        """How many results are not in the file: OpenCV does not tell when a frame could not be written."""
        self.writer.release()
        with plain_path(self.path) as name:
            reader = cv2.VideoCapture(name)
        readable = max(0, int(reader.get(cv2.CAP_PROP_FRAME_COUNT)))
        reader.release()
        return min(self.results, max(0, self.written - readable))


def _why(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
