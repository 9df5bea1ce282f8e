"""A stream recorded without end: files of some minutes, of which the oldest go."""

from __future__ import annotations

import os
from pathlib import Path

from edgefake.errors import InputError, SinkError
from edgefake.sinks.base import StreamInfo
from edgefake.sinks.retention import Series, file_name
from edgefake.sinks.video_file import RESERVE_BYTES, VideoFileSink
from edgefake.streaming.result import FrameResult
from edgefake.text import printable

SUFFIX = ".mkv"


class RecordingsSink(VideoFileSink):
    """Writes the stream, with what was found drawn in, into ``folder``: a file for each ``segment_minutes``.

    They are called ``CAMERA-NUMBER-TIME.mkv`` (the time in UTC), only their owner may read them, and each can be played up to its
    last frame, whatever ends the program. Of them ``keep_days`` and ``keep_mb`` (10⁶ bytes) are kept, without these all; the
    oldest go when the disk is full, and other files in the folder are never touched.

    Raises ``InputError`` for numbers that are not above 0; ``open`` raises as ``VideoFileSink`` does.
    """

    name = "recordings"
    _labelled = False

    def __init__(
        self,
        folder: str | Path,
        *,
        segment_minutes: float = 5.0,
        keep_days: float | None = None,
        keep_mb: float | None = None,
        footer: bool = False,
    ) -> None:
        super().__init__(Path(folder, f"recording{SUFFIX}"), show_fps=False, footer=footer)
        if not segment_minutes > 0:
            raise InputError(f"expected segment_minutes above 0, got {segment_minutes!r}")
        self._folder, self._segment_s = Path(folder), 60.0 * segment_minutes
        self._keep_days, self._keep_mb = keep_days, keep_mb
        self._label = ""
        self._series = self._named("camera")

    def open(self, stream: StreamInfo) -> None:
        super().open(stream)
        self._series = self._named(file_name(stream.camera or stream.name))
        self._series.tidy()

    def _named(self, stem: str) -> Series:
        return Series(self._folder, stem, SUFFIX, keep_days=self._keep_days, keep_mb=self._keep_mb, labelled=self._labelled)

    def _free(self) -> int:
        """After the oldest have gone, where there was too little."""
        free = super()._free()
        while free < 4 * RESERVE_BYTES and self._series.make_room(but=[self._file.path] if self._file else []):
            free = super()._free()
        return free

    def _is_over(self, result: FrameResult) -> bool:
        return abs(result.seconds - self._began) >= self._segment_s

    def _made(self) -> Path:
        self._series.tidy()
        self.files.clear()  # a camera that runs for years makes many
        path = self._series.next(self._label)
        try:
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        except OSError as error:
            raise SinkError(f"the video {printable(path)} cannot be made ({error.strerror}): check its folder") from error
        return path
