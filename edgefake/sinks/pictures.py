"""Pictures of what happened, as JPEG files."""

from __future__ import annotations

import errno
from pathlib import Path

from edgefake.errors import SinkError
from edgefake.files import ABANDONED_S, remove_partials, write_atomically
from edgefake.pixels import Pixels
from edgefake.sinks.base import Sink, StreamInfo
from edgefake.sinks.retention import Series, file_name
from edgefake.streaming.events import Event
from edgefake.streaming.pictures import Picture, PictureKind, picture_of
from edgefake.streaming.result import FrameResult
from edgefake.text import printable


class PicturesSink(Sink):
    """Writes a picture of each event but ``gone`` into ``folder``: of the face with what is around it (``crop``), or of the whole
    frame (``snapshot``); of pictures in a folder, of each face in them.

    They are called ``CAMERA-NUMBER-TIME-ID-EVENT.jpg``, ID being that of the event, and only their owner may read them. Of them
    ``keep_days`` and ``keep_mb`` (10⁶ bytes) are kept, without these all; the oldest go when the disk is full, and other files in
    the folder are never touched. Raises ``InputError`` for limits that are not above 0, ``open`` ``SinkError`` when the folder
    cannot be made.
    """

    name = "pictures"
    every = "event"
    uses_frame = True

    def __init__(
        self,
        folder: str | Path,
        *,
        picture: PictureKind = "crop",
        keep_days: float | None = None,
        keep_mb: float | None = None,
    ) -> None:
        self._kind: PictureKind = picture
        self.picture = picture
        self._folder, self._keep_days, self._keep_mb = Path(folder), keep_days, keep_mb
        self._series = self._named("camera")

    def open(self, stream: StreamInfo) -> None:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            remove_partials(self._folder, older_than_s=ABANDONED_S)  # other cameras write there too
        except OSError as error:
            raise SinkError(f"the folder {printable(self._folder)} cannot be made ({error.strerror}): give another") from error
        self._series = self._named(file_name(stream.camera or stream.name))

    def send(self, frame: Pixels | None, result: FrameResult) -> None:
        assert frame is not None
        for track in result.tracks:
            said = track.verdict.value if track.verdict else track.status.value
            self._write(picture_of(frame, track.box, self._kind), f"{track.id}-{said}")

    def send_event(self, event: Event) -> None:
        if event.picture:
            self._write(event.picture, f"{event.id}-{event.event.value}")

    def _named(self, stem: str) -> Series:
        return Series(self._folder, stem, ".jpg", keep_days=self._keep_days, keep_mb=self._keep_mb, labelled=True)

    def _write(self, picture: Picture, label: str) -> None:
        path = self._series.next(label)
        while True:
            try:
                write_atomically(path, picture.jpeg, mode=0o600)
                break
            except OSError as error:
                if error.errno != errno.ENOSPC or not self._series.make_room():
                    raise SinkError(f"{printable(path)} cannot be written ({error.strerror}): make room") from error
        self._series.tidy(but=[path])
