from __future__ import annotations

import os
import socket
from pathlib import Path

import numpy as np
import pytest

from edgefake import InputError
from edgefake.streaming.sources import DEFAULT_FPS, find_source
from tests.edgefake.streaming.videos import moving_face, write_video


@pytest.mark.parametrize(
    ("source", "name", "live", "reconnects"),
    [
        (0, "0", True, True),
        ("1", "1", True, True),
        ("/dev/video2", "/dev/video2", True, True),
        ("/dev/v4l/by-id/usb-cam-index0", "/dev/v4l/by-id/usb-cam-index0", True, True),
        ("rtsp://host:554/main", "rtsp://host:554/main", True, True),
        ("http://host/stream.mjpg", "http://host/stream.mjpg", True, True),
        ("HTTP://host/stream.mjpg", "HTTP://host/stream.mjpg", True, True),
        ("clip.mp4", "clip.mp4", False, False),
        (Path("some/clip.mkv"), "some/clip.mkv", False, False),
        ([np.zeros((4, 4, 3), np.uint8)], "iterable", False, False),
    ],
)
def test_what_a_source_stands_for(source: object, name: str, live: bool, reconnects: bool) -> None:
    found = find_source(source)  # type: ignore[arg-type]
    assert (found.name, found.live, found.reconnects) == (name, live, reconnects)


def test_only_urls_and_iterables_can_be_told_whether_they_are_live(tmp_path: Path) -> None:
    file = find_source("http://host/clip.mp4", live=False)
    assert (file.live, file.reconnects) == (False, False)
    assert find_source(iter([]), live=True).live
    with pytest.raises(InputError, match=r"clip\.mp4 .*not .*live"):
        find_source("clip.mp4", live=True)
    with pytest.raises(InputError, match=r"live=False \(--not-live\)"):
        find_source(0, live=False)


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("rtsp://admin:secret@host:554/main?channel=1&password=secret", "rtsp://host:554/main"),
        ("rtsp://admin:se@cret@host/main", "rtsp://host/main"),
        ("rtsp://admin:it's se[cr]et@host/main", "rtsp://host/main"),
        ("rtsp://host/user=admin_password=secret_channel=1", "rtsp://host/…"),
        ("https://host/a?token=secret#secret", "https://host/a"),
    ],
)
def test_names_hold_no_credentials(url: str, name: str) -> None:
    assert find_source(url).name == name


def test_errors_hold_no_credentials() -> None:
    with pytest.raises(InputError) as caught:
        find_source("rtsp://admin:secret@host/main?key=secret", fps=5)
    assert "secret" not in str(caught.value)
    with pytest.raises(InputError, match=r"rtsp://127\.0\.0\.1:9/main .*answer") as caught:
        find_source("rtsp://admin:secret@127.0.0.1:9/main?key=secret").open()
    assert "secret" not in str(caught.value)
    with pytest.raises(InputError, match=r"rtsp://127\.0\.0\.1:9/main .*: .*machine"):
        find_source("rtsp://admin:[@127.0.0.1:9/main").open()
    for mistyped in ("rtsp:/admin:secret@host/main", "admin:secret@host/main", "gopher://admin:secret@host"):
        with pytest.raises(InputError, match="host") as caught:
            find_source(mistyped).open()
        assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"source": None}, "camera .*URL .*got None"),
        ({"source": True}, "got True"),
        ({"source": 1.5}, "got 1.5"),
        ({"source": np.zeros((4, 4, 3), np.uint8)}, r"got .*\(4, 4, 3\): .*Detector\.predict"),
        ({"source": "ftp://host/clip.mp4"}, "rtsp.*, got ftp://host/clip.mp4"),
        ({"source": "clip.mp4", "size": (640, 480)}, "camera .*size, got 640×480"),
        ({"source": 0, "size": (640,)}, r"width, height.*got \(640,\)"),
        ({"source": 0, "size": (640, 0)}, r"width, height.*got \(640, 0\)"),
        ({"source": "clip.mp4", "fps": 25.0}, r"clip\.mp4 .*fps=25"),
        ({"source": 0, "fps": 0.0}, r"rate .* 0 .*got 0\.0"),
        ({"source": 0, "fps": float("nan")}, "rate .* 0 .*got nan"),
    ],
)
def test_arguments_that_make_no_sense(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        find_source(**arguments)  # type: ignore[arg-type]


def test_a_path_may_have_the_name_of_a_pipeline_or_camera(
    tmp_path: Path, portrait: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a ! b.avi", "0"):
        write_video(tmp_path / "clip.avi", moving_face(portrait, 3), codec="MJPG").rename(tmp_path / name)
        assert len(list(find_source(Path(name)).open().frames)) == 3


NAMES = [
    "file:a.avi",
    "2026-11-26T12:30:05.avi",
    "tcp:a.avi",
    "data:x.avi",
    "concat:a.avi|b.avi",
    "a%03d.avi",
    "-i.avi",
    "x ! y.avi",
]


@pytest.mark.parametrize("name", [*NAMES, os.fsdecode(b"film\xe9.avi"), "ü" * 123 + ".avi"])
def test_a_path_is_a_path_whatever_it_looks_like(
    name: str, tmp_path: Path, portrait: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for other in ("a.avi", "a001.avi"):
        write_video(tmp_path / other, moving_face(portrait, 9), codec="MJPG")
    write_video(tmp_path / "clip.avi", moving_face(portrait, 3), codec="MJPG").rename(name)
    for source in (name, Path(name), tmp_path / name):
        found = find_source(source)
        assert found.name.encode() and len(list(found.open().frames)) == 3


def test_a_local_path_that_looks_like_an_address_asks_no_network(
    tmp_path: Path, portrait: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        folder = Path(f"http:/127.0.0.1:{server.getsockname()[1]}")
        monkeypatch.chdir(tmp_path)
        folder.mkdir(parents=True)
        write_video(tmp_path / "clip.avi", moving_face(portrait, 3), codec="MJPG").rename(folder / "x.avi")
        for source in (folder / "x.avi", str(folder / "x.avi")):
            assert len(list(find_source(source).open().frames)) == 3
        with pytest.raises(TimeoutError):
            server.accept()


def test_an_iterable_has_a_frame_rate_unless_it_is_live() -> None:
    frames = [np.zeros((4, 4, 3), np.uint8)] * 3
    assert [seconds for _, seconds in find_source(frames).open().frames] == [n / DEFAULT_FPS for n in range(3)]
    assert [seconds for _, seconds in find_source(frames, fps=2).open().frames] == [0.0, 0.5, 1.0]
    assert [seconds for _, seconds in find_source(iter(frames), live=True).open().frames] == [None] * 3


def test_a_file_that_is_named_like_a_camera_is_given_as_a_path(
    tmp_path: Path, portrait: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_video(tmp_path / "clip.avi", moving_face(portrait, 3), codec="MJPG").rename("picamera2:0")
    assert find_source("picamera2:0").live
    assert len(list(find_source(Path("picamera2:0")).open().frames)) == 3
