"""Frames are judged when they were decoded, in the shape they are shown in, and behind damage too."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import cv2
import numpy as np
import pytest

from edgefake import InputError
from edgefake.pixels import Pixels
from edgefake.streaming import decoding
from edgefake.streaming.decoding import FILE_PATIENCE, LIVE_PATIENCE, UNWRITTEN_LIVE, Decoder, Undecoded
from edgefake.streaming.sources import find_source
from tests.edgefake.streaming.videos import damage, interlaced, moving_face, wide_pixels, write_video

GREY = np.full((8, 8, 3), 90, np.uint8)


class FakeCapture:
    """In the place of a ``cv2.VideoCapture``: gives ``frames``, and a failed read where there is None."""

    def __init__(self, frames: Iterable[Pixels | None]) -> None:
        self._frames = iter(frames)
        self.reads = 0
        self.released = False

    def read(self) -> tuple[bool, Pixels | None]:
        self.reads += 1
        frame = next(self._frames, None)
        return frame is not None, frame

    def get(self, name: int) -> float:
        return 0.0

    def release(self) -> None:
        self.released = True


class UnwrittenCapture(FakeCapture):
    """Reads every frame and writes none: what is seen is what the buffer was filled with when it was made."""

    def __init__(self, count: int, fill: int, *, refused: int = 0, then: Iterable[Pixels] = ()) -> None:
        unwritten = np.full((8, 8, 3), fill ^ 0xFF, np.uint8)
        super().__init__([*[None] * refused, *[unwritten] * count, *then])


def noise(seed: int) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)


def decoder(capture: FakeCapture, *, live: bool = False, again: Callable[[], FakeCapture] | None = None) -> Decoder:
    return Decoder(capture, "clip", live=live, ffmpeg=True, again=again)  # type: ignore[arg-type]


def kinds(frames: Iterable[Pixels | Undecoded]) -> str:
    return "".join("-" if isinstance(frame, Undecoded) else "+" for frame in frames)


def test_interlaced_video_is_decoded_or_told_but_never_another_films_pixels(tmp_path: Path, portrait: Path) -> None:
    """Which of the two depends on the OpenCV that is installed; the first film leaves its pixels in memory."""
    frames = moving_face(portrait, 20, size=(320, 256))
    before = write_video(tmp_path / "before.avi", frames[::-1], codec="MJPG")
    film = interlaced(tmp_path / "film.mpg", frames)
    for _ in range(3):
        assert len(list(find_source(before).open().frames)) == 20
        read: list[Pixels] = []
        try:
            read.extend(pixels for pixels, _ in find_source(film).open().frames if isinstance(pixels, np.ndarray))
        except InputError as error:
            assert "none of 20 frames" in str(error) and "interlaced" in str(error)
            assert read == []
        else:
            assert len(read) == 20
            assert all(np.abs(a.astype(int) - b).mean() < 10 for a, b in zip(read, frames, strict=True))


@pytest.mark.parametrize("refused", [0, 2])
def test_frames_that_were_not_written_are_seen_in_a_capture_that_writes_none(refused: int) -> None:
    capture = UnwrittenCapture(6 - refused, decoding._FILLS[0], refused=refused)
    other = UnwrittenCapture(6, decoding._FILLS[1], refused=refused)
    frames = decoder(capture, again=lambda: other).frames()
    with pytest.raises(InputError, match=r"none of 6 frames .*clip .*: OpenCV .* of interlaced"):
        assert not [frame for frame in frames if not isinstance(frame, Undecoded)]
    assert other.released


def test_what_is_written_after_all_is_judged_and_what_then_stands_still_is_not() -> None:
    capture = UnwrittenCapture(2, decoding._FILLS[0], then=[noise(1), noise(1), noise(2)])
    found = kinds(decoder(capture, again=lambda: UnwrittenCapture(1, decoding._FILLS[1])).frames())
    assert found == "--+-+"


def test_a_film_that_begins_with_the_very_colour_of_an_unwritten_buffer() -> None:
    plain = np.full((8, 8, 3), decoding._FILLS[0] ^ 0xFF, np.uint8)
    assert kinds(decoder(FakeCapture([plain] * 4), again=lambda: FakeCapture([plain])).frames()) == "++++"


def test_a_live_stream_that_is_not_decoded_is_given_up() -> None:
    capture = UnwrittenCapture(500, decoding._FILLS[0])
    with pytest.raises(InputError, match=f"none of {UNWRITTEN_LIVE} frames"):
        list(decoder(capture, live=True).frames())
    assert capture.reads == UNWRITTEN_LIVE


def test_a_still_picture_as_a_film_is_a_film(tmp_path: Path, portrait: Path) -> None:
    still = write_video(tmp_path / "still.avi", moving_face(portrait, 1) * 20, codec="MJPG")
    assert len(list(find_source(still).open().frames)) == 20


def test_a_film_that_is_black_is_told(tmp_path: Path) -> None:
    black = write_video(tmp_path / "black.avi", [np.zeros((64, 64, 3), np.uint8)] * 20, codec="FFV1")
    with pytest.raises(InputError, match=r"black\.avi .* 20 frames"):
        list(find_source(black).open().frames)


def test_one_picture_is_no_film(tmp_path: Path, portrait: Path) -> None:
    one = write_video(tmp_path / "one.avi", moving_face(portrait, 1), codec="MJPG")
    with pytest.raises(InputError, match=r"one\.avi .*one still .*`edgefake predict`"):
        list(find_source(one).open().frames)


def test_frames_behind_damaged_packets_are_read_with_their_times(tmp_path: Path, portrait: Path) -> None:
    film = damage(write_video(tmp_path / "film.avi", moving_face(portrait, 60), codec="FMP4"), [20, 21, 40])
    read = list(find_source(film).open().frames)
    assert kinds(frame for frame, _ in read).count("+") >= 57  # type: ignore[misc]
    assert 1 <= kinds(frame for frame, _ in read).count("-") <= 3  # type: ignore[misc]
    times = [seconds for _, seconds in read if seconds is not None]
    assert times[-1] == pytest.approx(59 / 30, abs=0.01)
    assert times == sorted(times)


def test_an_end_is_told_from_a_refused_packet() -> None:
    capture = FakeCapture([noise(1), None, None, noise(2)])
    assert kinds(decoder(capture).frames()) == "+--+"
    assert capture.reads == 4 + FILE_PATIENCE
    live = FakeCapture([noise(1), None, noise(2)])
    assert kinds(decoder(live, live=True).frames()) == "+-+"
    assert live.reads == 3 + LIVE_PATIENCE


def test_a_read_that_waited_long_before_it_failed_is_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "SLOW_S", -1.0)
    capture = FakeCapture([noise(1), noise(2), None, noise(3)])
    assert kinds(decoder(capture).frames()) == "++"


def test_pixels_that_are_not_square_are_shown_as_they_should(tmp_path: Path, portrait: Path) -> None:
    tall = [cv2.resize(frame, (160, 240)) for frame in moving_face(portrait, 5)]
    (first, _), *_ = find_source(wide_pixels(tmp_path / "tall.mpg", tall)).open().frames
    assert isinstance(first, np.ndarray) and first.shape == (240, 320, 3)
    assert np.abs(first.astype(int) - moving_face(portrait, 1)[0]).mean() < 12


def test_memory_is_filled_only_meanwhile() -> None:
    """Elsewhere than in the GNU C library nothing is filled, and nothing breaks."""
    with decoding._filled_buffers(decoding._FILLS[0]):
        pass
    assert not np.all(np.empty(1 << 16, np.uint8) == decoding._FILLS[0] ^ 0xFF)
