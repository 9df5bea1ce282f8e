from __future__ import annotations

import logging
import os
import socket
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest

from edgefake import InputError
from edgefake.streaming import sources
from edgefake.streaming.sources import DEFAULT_FPS, find_source
from tests.edgefake.streaming.fake_camera import plug_in
from tests.edgefake.streaming.videos import announce, moving_face, write_video


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


@pytest.mark.skipif(cv2.videoio_registry.hasBackend(cv2.CAP_GSTREAMER), reason="this OpenCV has GStreamer")
def test_a_pipeline_needs_an_opencv_with_gstreamer() -> None:
    long = "videotestsrc ! " + "videoconvert ! " * 300 + "appsink"
    for pipeline in ("videotestsrc ! videoconvert ! appsink", long):
        with pytest.raises(InputError, match=r"GStreamer.* PyPI"):
            find_source(pipeline)


@pytest.mark.skipif(not cv2.videoio_registry.hasBackend(cv2.CAP_GSTREAMER), reason="this OpenCV has no GStreamer")
def test_a_pipeline() -> None:
    source = find_source("videotestsrc num-buffers=5 ! videoconvert ! video/x-raw,format=BGR ! appsink")
    assert source.live
    assert len(list(source.open().frames)) == 5


def test_a_video_file_gives_its_frames_with_their_times(tmp_path: Path, portrait: Path) -> None:
    frames = moving_face(portrait, 20)
    reader = find_source(write_video(tmp_path / "clip.mp4", frames, fps=25.0)).open()
    read = list(reader.frames)
    assert reader.total == len(read) == 20
    assert reader.fps == 25.0
    assert [seconds for _, seconds in read] == pytest.approx([n / 25 for n in range(20)])
    assert all(pixels.dtype == np.uint8 and pixels.shape == (240, 320, 3) for pixels, _ in read)
    assert np.abs(read[7][0].astype(int) - frames[7]).mean() < 10  # BGR, in order


def test_a_path_may_have_the_name_of_a_pipeline_or_camera(
    tmp_path: Path, portrait: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a ! b.avi", "0"):
        write_video(tmp_path / "clip.avi", moving_face(portrait, 3), codec="MJPG").rename(tmp_path / name)
        assert len(list(find_source(Path(name)).open().frames)) == 3


def test_media_time_never_runs_backwards_where_recordings_were_joined(tmp_path: Path, portrait: Path) -> None:
    part = write_video(tmp_path / "part.ts", moving_face(portrait, 20), codec="mpg2").read_bytes()
    (tmp_path / "joined.ts").write_bytes(part + part)
    times = [seconds for _, seconds in find_source(tmp_path / "joined.ts").open().frames]
    assert len(times) >= 38
    assert all(a < b for a, b in pairwise(times))  # type: ignore[operator]


def test_missing_empty_and_unreadable_files(tmp_path: Path, portrait: Path) -> None:
    with pytest.raises(InputError, match=r"no video .*none\.mp4"):
        find_source(tmp_path / "none.mp4").open()
    whole = write_video(tmp_path / "whole.mp4", moving_face(portrait, 30)).read_bytes()
    for data, told in (
        (b"", r"is empty \(0 bytes\)"),
        (b"no video at all\n" * 100, "is a text, not a video"),
        (whole[: len(whole) // 2], "is cut short, its index is missing: get the whole file"),  # that of an .mp4 is at its end
        (whole.replace(b"vide", b"soun"), "holds sound and no picture"),
        (np.random.default_rng(0).bytes(5000), "is damaged, cut short or no video that FFmpeg can read"),
    ):
        (tmp_path / "bad.mp4").write_bytes(data)
        with pytest.raises(InputError, match=rf"bad\.mp4 {told}"):
            find_source(tmp_path / "bad.mp4").open()


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


@pytest.mark.parametrize("name", ["list.mp4", "list.ffconcat", "list.m3u8"])
@pytest.mark.parametrize("text", ["ffconcat version 1.0\nfile a.avi\n", "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\na.avi\n"])
def test_a_text_that_names_other_files_opens_none(name: str, text: str, tmp_path: Path, portrait: Path) -> None:
    write_video(tmp_path / "a.avi", moving_face(portrait, 3), codec="MJPG")
    for prefix in (b"", b"ID3\x04\x00\x00\x00\x00\x00\x05\xff\xfe\x00\x00\x00"):
        (tmp_path / name).write_bytes(prefix + text.encode())
        with pytest.raises(InputError, match="playlist"):
            find_source(tmp_path / name).open()


def test_a_declared_size_is_bounded_before_anything_is_decoded(
    tmp_path: Path, portrait: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = write_video(tmp_path / "clip.avi", moving_face(portrait, 3), codec="MJPG")
    monkeypatch.setattr(sources, "MAX_PIXELS", 320 * 240 - 1)
    with pytest.raises(InputError, match=r"megapixels, got 320×240 .*clip\.avi"):
        find_source(clip).open()


def test_the_frame_rate_is_that_of_the_frames_where_a_slower_one_is_announced(tmp_path: Path, portrait: Path) -> None:
    clip = write_video(tmp_path / "clip.mkv", moving_face(portrait, 20), fps=15)
    assert find_source(announce(clip, 10)).open().fps == 15
    reader = find_source(announce(clip, 30)).open()
    assert reader.fps == pytest.approx(30, abs=0.1)
    assert [seconds for _, seconds in reader.frames] == pytest.approx([n / 15 for n in range(20)], abs=0.001)


def test_a_folder_gives_its_pictures_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    for number in (1, 2, 10):
        assert cv2.imwrite(str(tmp_path / f"frame{number}.png"), np.full((40, 40, 3), number, np.uint8))
    reader = find_source(tmp_path, fps=10).open()
    assert reader.total == 3
    assert [(int(pixels[0, 0, 0]), seconds) for pixels, seconds in reader.frames] == [(1, 0.0), (2, 0.1), (10, 0.2)]
    with pytest.raises(InputError, match="no pictures"):
        (tmp_path / "sub").mkdir()
        find_source(tmp_path / "sub").open()


def test_a_picture_that_cannot_be_read_leaves_its_place_to_the_reason(tmp_path: Path) -> None:
    for number in (1, 3):
        assert cv2.imwrite(str(tmp_path / f"{number}.png"), np.zeros((40, 40, 3), np.uint8))
    (tmp_path / "2.png").write_text("no picture")
    (first, _), (second, seconds), (third, _) = find_source(tmp_path, fps=10).open().frames
    assert isinstance(first, np.ndarray) and isinstance(third, np.ndarray)
    assert isinstance(second, InputError) and str(tmp_path / "2.png") in str(second)
    assert seconds == 0.1


def test_a_stream_that_changes_its_picture_size_is_told(tmp_path: Path, portrait: Path, caplog: pytest.LogCaptureFixture) -> None:
    wide = write_video(tmp_path / "wide.ts", moving_face(portrait, 30), codec="mpg2").read_bytes()
    small = write_video(tmp_path / "small.ts", moving_face(portrait, 30, size=(192, 160), face=100), codec="mpg2").read_bytes()
    (tmp_path / "same.ts").write_bytes(wide + wide)
    find_source(tmp_path / "same.ts").open().frames.close()
    assert not caplog.text
    (tmp_path / "both.ts").write_bytes(wide + small + small)
    find_source(tmp_path / "both.ts").open().frames.close()
    assert "both.ts changes its picture size (320×240, then 192×160)" in caplog.text


def test_a_file_without_a_frame_is_an_error(tmp_path: Path, portrait: Path) -> None:
    data = write_video(tmp_path / "clip.avi", moving_face(portrait, 3), codec="MJPG").read_bytes()
    (tmp_path / "hollow.avi").write_bytes(data[: data.index(b"movi") + 4])
    with pytest.raises(InputError, match=r"hollow\.avi .*no frame .*FFmpeg .*MJPG"):
        list(find_source(tmp_path / "hollow.avi").open().frames)


def test_an_iterable_has_a_frame_rate_unless_it_is_live() -> None:
    frames = [np.zeros((4, 4, 3), np.uint8)] * 3
    assert [seconds for _, seconds in find_source(frames).open().frames] == [n / DEFAULT_FPS for n in range(3)]
    assert [seconds for _, seconds in find_source(frames, fps=2).open().frames] == [0.0, 0.5, 1.0]
    assert [seconds for _, seconds in find_source(iter(frames), live=True).open().frames] == [None] * 3


def test_a_camera_that_is_not_there() -> None:
    with pytest.raises(InputError, match="/dev/video99"):
        find_source("/dev/video99").open()


def test_a_camera_gives_the_size_asked_for_or_says_what_it_gives(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    camera = plug_in(monkeypatch)
    with pytest.raises(InputError, match="camera 0 gives 320×240, not 640×480"):
        find_source(0, size=(640, 480)).open()
    assert (camera.opened, camera.released) == (1, 1)
    with caplog.at_level(logging.WARNING):
        reader = find_source(0, size=(320, 240), fps=60).open()
    assert "it gives 30" in caplog.text
    assert next(reader.frames)[1] is None
    reader.frames.close()
    assert camera.released == 2


@pytest.mark.skipif(not hasattr(cv2, "Animation"), reason="this OpenCV writes no animated pictures")
@pytest.mark.parametrize("suffix", [".webp", ".png", ".gif"])
def test_an_animated_picture_is_played(suffix: str, tmp_path: Path, portrait: Path) -> None:
    animation = cv2.Animation()
    animation.frames = moving_face(portrait, 60)[::10]
    animation.durations = np.full(6, 100)
    path = tmp_path / f"anim{suffix}"
    assert cv2.imwriteanimation(str(path), animation)
    read = list(find_source(path).open().frames)
    assert [seconds for _, seconds in read] == pytest.approx([n / 10 for n in range(6)], abs=0.001)
    assert all(
        isinstance(frame, np.ndarray) and np.abs(frame.astype(int) - wanted).mean() < 15
        for (frame, _), wanted in zip(read, animation.frames, strict=True)
    )


def test_a_still_picture_is_sent_to_predict(tmp_path: Path, portrait: Path) -> None:
    with pytest.raises(InputError, match=r"portrait\.jpg .*`edgefake predict`"):
        find_source(portrait).open()
    write_video(tmp_path / "clip.avi", moving_face(portrait, 3), codec="MJPG").rename(tmp_path / "clip.png")
    assert len(list(find_source(tmp_path / "clip.png").open().frames)) == 3
    (tmp_path / "photo.mp4").write_bytes(portrait.read_bytes())
    with pytest.raises(InputError, match=r"photo\.mp4 .*one still"):
        list(find_source(tmp_path / "photo.mp4").open().frames)
