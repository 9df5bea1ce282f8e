"""Pictures of events as files."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from edgefake import Detector, watch
from edgefake.errors import SinkError
from edgefake.sinks import StreamInfo, pictures
from edgefake.sinks.pictures import PicturesSink
from edgefake.streaming.events import Event, Events
from edgefake.streaming.pictures import picture_of
from edgefake.testing import check_sink
from tests.edgefake.streaming.results import result, track
from tests.edgefake.streaming.videos import moving_face
from tests.edgefake.streaming.watching import textured


def told(count: int) -> list[Event]:
    """The appearance of a face, again and again, with its picture."""
    picture = picture_of(textured(), track().box, "crop")
    events = Events("door")
    news = [event for index in range(count) for event in events.update(result(0, track(index + 1)))]
    return [Event(e.id, e.event, e.camera, e.track, e.previous, e.result, picture) for e in news if e.event.value == "appeared"]


def opened(folder: Path, **options: float) -> PicturesSink:
    sink = PicturesSink(folder, **options)
    sink.open(StreamInfo("rtsp://door/main", camera="door"))
    return sink


def test_a_stream_leaves_one_of_each_event_but_gone(tmp_path: Path, portrait: Path, detector: Detector) -> None:
    with watch(moving_face(portrait, 40), detector, sinks=[PicturesSink(tmp_path / "out")], camera="door") as stream:
        ids = [event.id for _ in stream for event in stream.news]
    files = sorted((tmp_path / "out").iterdir())
    assert [path.stem.split("Z-")[1] for path in files] == [f"{ids[0]}-appeared", f"{ids[1]}-verdict"]
    for path in files:
        assert cv2.imread(str(path)).shape[0] == cv2.imread(str(path)).shape[1] and path.stat().st_mode & 0o777 == 0o600


def test_pictures_of_a_folder_leave_one_of_each_face(tmp_path: Path, portrait: Path, detector: Detector) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.jpg").write_bytes(portrait.read_bytes())
    with watch(tmp_path / "in", detector, sinks=[PicturesSink(tmp_path / "out", picture="snapshot")]) as stream:
        list(stream)
    (path,) = (tmp_path / "out").iterdir()
    assert cv2.imread(str(path)).shape == (600, 480, 3)


def test_the_oldest_go(tmp_path: Path) -> None:
    events = told(5)
    assert events[0].picture
    sink = opened(tmp_path, keep_mb=2.5 * len(events[0].picture.jpeg) / 1e6)
    for event in events:
        sink.send_event(event)
    assert [path.name[:11] for path in sorted(tmp_path.iterdir())] == ["door-000004", "door-000005"]


def test_a_full_disk_loses_the_oldest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk with room for two pictures."""
    write = pictures.write_atomically

    def write_if_room(path: Path, data: bytes, *, mode: int) -> None:
        if len(list(tmp_path.iterdir())) >= 2:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write(path, data, mode=mode)

    monkeypatch.setattr(pictures, "write_atomically", write_if_room)
    sink = opened(tmp_path)
    for event in told(5):
        sink.send_event(event)
    assert [path.name[:11] for path in sorted(tmp_path.iterdir())] == ["door-000004", "door-000005"]


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SinkError, match="be made"):
        opened(tmp_path / "file" / "out")


def test_the_contract(tmp_path: Path) -> None:
    check_sink(PicturesSink(tmp_path))
    assert np.size(list(tmp_path.iterdir())) == 0  # its events have no pictures
