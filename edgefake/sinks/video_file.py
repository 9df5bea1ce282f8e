"""The stream as a video file, with what was found drawn in."""

from __future__ import annotations

import os
import shutil
from abc import ABC, abstractmethod
from pathlib import Path

import cv2

from edgefake.errors import InputError, SinkError
from edgefake.files import plain_path
from edgefake.pixels import Pixels
from edgefake.secrets import without_secrets
from edgefake.sinks.base import Sink, StreamInfo
from edgefake.sinks.h264 import H264File, h264_encoder
from edgefake.sinks.matroska import MatroskaFile
from edgefake.sinks.mp4 import Mp4File
from edgefake.streaming import overlay
from edgefake.streaming.result import FrameResult
from edgefake.streaming.sources import DEFAULT_FPS
from edgefake.text import printable

SUFFIXES = (".mp4", ".mkv", ".mov", ".avi")
MAX_BYTES = 2 << 30
"""A file that has grown to this is followed by another: FAT ends at 4 GB, and a crash costs no more than one file."""
RESERVE_BYTES = 16 << 20
"""With less room than this on the disk the file is closed, as long as its end has room."""
Writer = type[MatroskaFile] | type[Mp4File] | type[H264File]
SLOWEST_FPS = 0.01
"""FFmpeg writes no slower video."""
LONGEST_GAP_S = 2.0
"""Longer gaps in the stream are left out."""


class VideoFileSink(Sink):
    """Writes the stream, with what was found drawn in, to ``path`` (``.mp4``, ``.mkv``, ``.mov`` or ``.avi``).

    It is MPEG-4 (part 2), which costs a device least and players show, or with ``h264`` (``.mp4`` alone; see ``h264_encoder``)
    what browsers show too.

    Existing files are kept: the next free of NAME, NAME-2, NAME-3 … is taken, and again when the frame size changes, a file
    reaches ``MAX_BYTES``, or there is room on the disk again; ``files`` are those written, which only their owner may read.
    Frames are shown when they came; in ``.avi`` to within a frame, which is repeated until the next, and left out where more come
    than the stream's rate has room for. With ``show_fps`` the frames judged per second are shown in the corner, with ``footer``
    the model, its thresholds and the date at the foot.

    A file can be played up to its last frame at any moment, whatever ends the program; only an ``.avi`` lacks its last seconds,
    and H.264 is nothing before it is closed.

    Raises ``InputError`` for another suffix, or H.264 in another file than ``.mp4`` or without an encoder; ``open`` does
    for a stream of an impossible rate, and ``SinkError`` when the folder cannot be written. That the disk is full is told at
    once, other failures to write when the file is closed.
    """

    name = "video file"
    uses_frame = True

    def __init__(self, path: str | Path, *, show_fps: bool = True, footer: bool = False, h264: bool = False) -> None:
        self._path = Path(path)
        suffixes = (".mp4",) if h264 else SUFFIXES
        if self._path.suffix.lower() not in suffixes:
            name = printable(without_secrets(str(path)))
            raise InputError(f"expected a file ending in {', '.join(suffixes)} for the video, got {name}")
        if h264 and h264_encoder() is None:
            raise InputError("expected an encoder of H.264, got none here: pip install 'edgefake[h264]', or leave h264= out")
        self._show_fps, self._footer, self._h264 = show_fps, footer, h264
        self._file: _File | None = None
        self._began = 0.0
        self.files: list[Path] = []

    def open(self, stream: StreamInfo) -> None:
        fps = DEFAULT_FPS if stream.fps is None else stream.fps
        if not 0 < fps <= 1000:
            raise InputError(f"expected the frames per second of a video, above 0 and at most 1000, got {fps!r}")
        self._stream = stream
        self._fps = max(SLOWEST_FPS, float(fps))
        folder = self._path.parent
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except (OSError, ValueError) as error:
            raise SinkError(
                f"the folder {printable(folder)} cannot be made ({_why(error)}): give another for the video"
            ) from error
        if not os.access(folder, os.W_OK):
            raise SinkError(f"the folder {printable(folder)} cannot be written: give another one for the video")

    def send(self, frame: Pixels | None, result: FrameResult) -> None:
        assert frame is not None
        free = self._free()
        if self._file is not None and (free < RESERVE_BYTES or not self._file.takes(frame) or self._is_over(result)):
            self._finish(lost=1)
        if self._file is None:
            # Four times, so that one frame's room coming and going does not make a file each time.
            if free < 4 * RESERVE_BYTES:
                raise SinkError(f"the disk of {printable(self._path.parent)} is full ({free >> 20} MB left): make room")
            self._file = self._opened(frame, result)
        fps = self._stream.judged_fps() if self._show_fps else None
        self._file.write(overlay.draw(frame, result, fps=fps, footer=self._footer), result.seconds)

    def close(self) -> None:
        if self._file is not None:
            self._finish(lost=0)

    def _free(self) -> int:
        """Bytes that the disk has room for."""
        return shutil.disk_usage(self._path.parent).free

    def _is_over(self, result: FrameResult) -> bool:
        """Whether ``result`` belongs in another file than those before it."""
        return False

    def _opened(self, frame: Pixels, result: FrameResult) -> _File:
        path = self._made()
        self._began = result.seconds
        suffix = path.suffix.lower()
        try:
            file: _File
            if suffix == ".avi":
                file = _GridFile(path, frame, self._fps, result.seconds)
            else:
                writer = H264File if self._h264 else MatroskaFile if suffix == ".mkv" else Mp4File
                file = _TimedFile(path, frame, self._fps, result.seconds, writer)
        except (OSError, ValueError) as error:
            path.unlink(missing_ok=True)
            height, width = frame.shape[:2]
            raise SinkError(
                f"the video {printable(path)} of {width}×{height} cannot be opened ({printable(_why(error))}): "
                "check its folder and the frame size"
            ) from error
        self.files.append(path)
        return file

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


class _File(ABC):
    """One file being written; all its frames have one size."""

    def __init__(self, path: Path, frame: Pixels, fps: float, seconds: float) -> None:
        """Open ``path``, an empty file, for frames like ``frame``, the first of them at ``seconds`` of the stream.

        Raises ``OSError`` or ``ValueError``.
        """
        self.path = path
        self.results = 0
        self._shape = frame.shape
        self._fps = fps
        self._start = seconds
        self._last = 0.0

    def takes(self, frame: Pixels) -> bool:
        return frame.shape == self._shape and self.path.exists() and self.path.stat().st_size < MAX_BYTES

    def write(self, picture: Pixels, seconds: float) -> None:
        since = seconds - self._start
        if abs(since - self._last) > max(LONGEST_GAP_S, 1.5 / self._fps):
            self._start = seconds - self._last - 1 / self._fps
            since = seconds - self._start
        self._last = since
        self._append(picture, since)
        self.results += 1

    @abstractmethod
    def _append(self, picture: Pixels, seconds: float) -> None:
        """Write the next picture, ``seconds`` after the first."""

    @abstractmethod
    def close(self) -> int:
        """How many results are not in the file."""


class _TimedFile(_File):
    """Each frame has its own time."""

    def __init__(self, path: Path, frame: Pixels, fps: float, seconds: float, writer: Writer) -> None:
        super().__init__(path, frame, fps, seconds)
        self._writer = writer(path, (frame.shape[1], frame.shape[0]), fps)

    def takes(self, frame: Pixels) -> bool:
        return self._writer.error is None and super().takes(frame)

    def _append(self, picture: Pixels, seconds: float) -> None:
        self._writer.write(picture, seconds)

    def close(self) -> int:
        self._writer.close()
        return self.results - self._writer.written if self.path.exists() else self.results


class _GridFile(_File):
    """OpenCV's own: all frames are equally long, so that some are repeated and some left out."""

    def __init__(self, path: Path, frame: Pixels, fps: float, seconds: float) -> None:
        super().__init__(path, frame, fps, seconds)
        with plain_path(path) as name:
            self._writer = cv2.VideoWriter(name, cv2.VideoWriter.fourcc(*"mp4v"), fps, (frame.shape[1], frame.shape[0]))
        if not self._writer.isOpened():
            raise ValueError("OpenCV cannot encode it")
        self._written = 0
        self._shown = frame

    def _append(self, picture: Pixels, seconds: float) -> None:
        place = round(seconds * self._fps)
        if place < self._written - 1:  # one frame late is jitter
            return
        for _ in range(place - self._written):
            self._writer.write(self._shown)
        self._writer.write(picture)
        self._written = max(place, self._written) + 1
        self._shown = picture

    def close(self) -> int:
        self._writer.release()
        with plain_path(self.path) as name:  # OpenCV does not tell when a frame could not be written
            reader = cv2.VideoCapture(name)
        readable = max(0, int(reader.get(cv2.CAP_PROP_FRAME_COUNT)))
        reader.release()
        return min(self.results, max(0, self._written - readable))


def _why(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
