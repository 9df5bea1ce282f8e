from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest

from edgefake import InputError
from edgefake.streaming.sources import find_source, opencv
from tests.edgefake.streaming.videos import announce, moving_face, write_video


def test_a_video_file_gives_its_frames_with_their_times(tmp_path: Path, portrait: Path) -> None:
    frames = moving_face(portrait, 20)
    reader = find_source(write_video(tmp_path / "clip.mp4", frames, fps=25.0)).open()
    read = list(reader.frames)
    assert reader.total == len(read) == 20
    assert reader.fps == 25.0
    assert [seconds for _, seconds in read] == pytest.approx([n / 25 for n in range(20)])
    assert all(pixels.dtype == np.uint8 and pixels.shape == (240, 320, 3) for pixels, _ in read)
    assert np.abs(read[7][0].astype(int) - frames[7]).mean() < 10  # BGR, in order


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
    monkeypatch.setattr(opencv, "MAX_PIXELS", 320 * 240 - 1)
    with pytest.raises(InputError, match=r"megapixels, got 320×240 .*clip\.avi"):
        find_source(clip).open()


def test_the_frame_rate_is_that_of_the_frames_where_a_slower_one_is_announced(tmp_path: Path, portrait: Path) -> None:
    clip = write_video(tmp_path / "clip.mkv", moving_face(portrait, 20), fps=15)
    assert find_source(announce(clip, 10)).open().fps == 15
    reader = find_source(announce(clip, 30)).open()
    assert reader.fps == pytest.approx(30, abs=0.1)
    assert [seconds for _, seconds in reader.frames] == pytest.approx([n / 15 for n in range(20)], abs=0.001)


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
