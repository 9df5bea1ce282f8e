from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from itertools import count, pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest

from edgefake import InputError
from edgefake.pixels import Pixels
from edgefake.streaming import capture as capture_module
from edgefake.streaming.capture import CAPACITY, Capture, Captured
from edgefake.streaming.decoding import Undecoded
from edgefake.streaming.health import CAPTURE, Health
from edgefake.streaming.sources import Reader, Source, SourceLike, find_source
from tests.edgefake.streaming.fake_camera import plug_in
from tests.edgefake.streaming.videos import moving_face, write_video

Start = Callable[..., Capture]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts captures, and closes them after the test."""
    started: list[Capture] = []

    def start(source: SourceLike, **options: object) -> Capture:
        started.append(Capture(find_source(source, **options), health=Health()))  # type: ignore[arg-type]
        return started[-1]

    yield start
    for capture in started:
        capture.close()


PATIENCE_S = 120.0


def numbered(count: int) -> list[Pixels]:
    return [np.full((4, 4, 3), n, np.uint8) for n in range(count)]


def until(condition: Callable[[], bool]) -> None:
    """Wait for what another thread is to bring about."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, f"it did not happen within {PATIENCE_S:g} s"
        time.sleep(0.002)


def rest(capture: Capture) -> list[Captured]:
    return list(iter(capture.next, None))


def test_a_file_waits_and_loses_nothing(start: Start, tmp_path: Path, portrait: Path) -> None:
    capture = start(write_video(tmp_path / "clip.mp4", moving_face(portrait, 12)))
    first = capture.next()
    assert first is not None
    time.sleep(0.1)  # a slow judge
    frames = [first, *rest(capture)]
    assert [frame.index for frame in frames] == list(range(12))
    assert capture.dropped == 0
    assert capture.total == 12


def test_never_more_than_the_capacity_is_read_ahead(start: Start) -> None:
    taken: list[int] = []

    def frames() -> Iterator[Pixels]:
        for index, frame in enumerate(numbered(20)):
            taken.append(index)
            yield frame

    start(frames())
    until(lambda: len(taken) > CAPACITY)
    time.sleep(0.05)
    assert len(taken) == CAPACITY + 1  # the last is in the hand of the thread


def test_a_live_source_drops_the_oldest_and_counts() -> None:
    health = Health()
    capture = Capture(find_source(iter(numbered(20)), live=True), health=health)
    until(lambda: health.report().frames_in == 20)
    frames = rest(capture)
    assert [frame.index for frame in frames] == list(range(20 - CAPACITY, 20))
    assert [int(frame.pixels[0, 0, 0]) for frame in frames] == [frame.index for frame in frames]
    assert capture.dropped == health.report().dropped == 20 - CAPACITY


def test_nothing_waits_when_it_is_closed() -> None:
    """Else a camera whose sink cannot be opened would be taken for one whose frames nobody judges."""
    health = Health()
    capture = Capture(find_source(iter(numbered(20)), live=True), health=health)
    until(lambda: health.report().frames_in == 20)
    assert health.report().queues[CAPTURE] == CAPACITY
    capture.close()
    assert health.report().queues[CAPTURE] == 0


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_an_error_of_the_iterable_comes_after_the_frames_before_it(start: Start, error: type[BaseException]) -> None:
    def frames() -> Iterator[Pixels]:
        yield from numbered(2)
        raise error("their own")

    capture = start(frames())
    assert [capture.next() is not None for _ in range(2)] == [True, True]
    with pytest.raises(error, match="their own"):
        capture.next()
    assert capture.next() is None


def test_a_file_cut_short_ends_and_says_so(
    start: Start, tmp_path: Path, portrait: Path, caplog: pytest.LogCaptureFixture
) -> None:
    whole = write_video(tmp_path / "whole.avi", moving_face(portrait, 40), codec="MJPG")
    data = whole.read_bytes()
    (tmp_path / "cut.avi").write_bytes(data[: len(data) // 2])
    frames = rest(start(tmp_path / "cut.avi"))
    assert 10 < len(frames) < 30
    assert f"cut.avi ended after {len(frames)} of 40 frames" in caplog.text
    caplog.clear()
    assert len(rest(start(whole))) == 40
    assert not caplog.text


def test_pictures_that_cannot_be_read_are_told_counted_and_left_out(
    start: Start, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for index, pixels in enumerate(numbered(5)):
        assert cv2.imwrite(str(tmp_path / f"{index}.png"), pixels)
    for index in (1, 4):
        (tmp_path / f"{index}.png").write_bytes(b"")
    capture = start(tmp_path, fps=10)
    frames = rest(capture)
    assert [(frame.index, int(frame.pixels[0, 0, 0]), frame.seconds) for frame in frames] == [(0, 0, 0), (2, 2, 0.2), (3, 3, 0.3)]
    assert capture.dropped == capture._health.report().dropped == 2
    assert [record.getMessage() for record in caplog.records] == [
        f"{tmp_path / f'{index}.png'} is empty (0 bytes): give a picture; it is left out" for index in (1, 4)
    ]


def test_a_folder_without_a_readable_picture_is_an_error(start: Start, tmp_path: Path) -> None:
    for name in ("a.jpg", "b.jpg"):
        (tmp_path / name).write_text("no picture")
    with pytest.raises(InputError, match=f"{tmp_path} .*no picture"):
        start(tmp_path).next()


def test_wall_clock_set_back_changes_nothing_but_the_date(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    dates = count(1000, -100)
    monkeypatch.setattr(capture_module.time, "time", lambda: float(next(dates)))
    frames = rest(start(iter(numbered(5))))
    assert [frame.captured for frame in frames] == [1000, 900, 800, 700, 600]
    assert all(a.seconds < b.seconds and a.arrived <= b.arrived for a, b in pairwise(frames))


def test_stop_while_waiting_for_a_frame(start: Start) -> None:
    blocked = threading.Event()

    def frames() -> Iterator[Pixels]:
        yield from numbered(1)
        blocked.wait(20)

    capture = start(frames())
    assert capture.next() is not None
    threading.Timer(0.05, capture.stop).start()
    assert capture.next() is None
    blocked.set()


def test_stop_while_the_buffer_is_full(start: Start) -> None:
    capture = start(iter(numbered(20)))
    until(lambda: len(capture._frames) == CAPACITY)
    capture.close()
    assert not capture._thread.is_alive()
    assert capture.next() is None


def test_a_camera_unplugged_and_back(start: Start, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(capture_module, "FIRST_WAIT_S", 0.01)
    camera = plug_in(monkeypatch)
    capture = start(0)
    before = capture.next()
    camera.plugged = False
    until(lambda: "attempt 3" in caplog.text)
    camera.plugged = True
    until(lambda: capture.reconnects == 1)
    after = [frame for frame in (capture.next() for _ in range(CAPACITY + 2)) if frame]
    assert before is not None and after[-1].index > before.index
    assert "0 is back after" in caplog.text
    capture.close()
    assert camera.opened == camera.released == 2


def test_waits_grow_are_random_and_start_anew_after_a_frame(
    start: Start, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(capture_module, "FIRST_WAIT_S", 0.2)
    monkeypatch.setattr(capture_module, "LONGEST_WAIT_S", 0.8)
    camera = plug_in(monkeypatch)
    capture = start(0)
    waits: list[float] = []
    monkeypatch.setattr(
        capture_module._log, "warning", lambda text, *values: waits.append(values[2]) if "attempt" in text else None
    )
    camera.plugged = False
    until(lambda: len(waits) == 4)
    camera.plugged = True
    until(lambda: capture.reconnects == 1)
    until(lambda: bool(capture._frames) and capture._frames[-1].pixels is not None and capture._attempts == 0)
    camera.plugged = False
    until(lambda: len(waits) == 5)
    for wait, longest in zip(waits, [0.2, 0.4, 0.8, 0.8, 0.2], strict=True):
        assert longest / 2 <= wait <= longest
    assert len(set(waits)) == 5


def test_stop_during_reconnect_returns_at_once(
    start: Start, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(capture_module, "FIRST_WAIT_S", 1000.0)
    monkeypatch.setattr(capture_module, "LONGEST_WAIT_S", 1000.0)
    camera = plug_in(monkeypatch)
    capture = start(0)
    camera.plugged = False
    until(lambda: "is lost" in caplog.text)
    capture.close()
    assert not capture._thread.is_alive()
    assert capture.next() is None


def test_a_source_that_is_not_there_at_the_start_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.mp4"):
        Capture(find_source(tmp_path / "none.mp4"), health=Health())


def test_a_camera_that_is_not_yet_there_is_waited_for_if_asked_and_told_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(capture_module, "FIRST_WAIT_S", 0.01)
    camera = plug_in(monkeypatch)
    camera.plugged = False
    with pytest.raises(InputError, match=r"camera 0 .*answer"):
        Capture(find_source(0), health=Health())
    capture = Capture(find_source(0), health=Health(), wait=True)
    assert capture.fps is None
    until(lambda: capture._attempts > 2)
    camera.plugged = True
    assert capture.next() is not None
    capture.close()
    assert (capture.fps, capture.reconnects) == (30.0, 0)
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 2 and told[0].endswith("; it is waited for") and told[1].startswith("0 is there after")


def test_a_camera_of_another_size_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capture_module, "FIRST_WAIT_S", 0.01)
    camera = plug_in(monkeypatch)
    with pytest.raises(InputError, match="camera 0 gives 320×240"):
        Capture(find_source(0, size=(640, 480)), health=Health(), wait=True)
    camera.plugged = False
    capture = Capture(find_source(0, size=(640, 480)), health=Health(), wait=True)
    camera.plugged = True
    with pytest.raises(InputError, match="camera 0 gives 320×240"):
        capture.next()


def test_a_file_that_is_not_there_is_not_waited_for(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.mp4"):
        Capture(find_source(tmp_path / "none.mp4"), health=Health(), wait=True)


def test_a_read_that_never_returns_is_told(
    start: Start, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(capture_module, "CLOSE_S", 0.05)
    blocked = threading.Event()

    def frames() -> Iterator[Pixels]:
        blocked.wait(20)
        yield from numbered(1)

    with caplog.at_level(logging.WARNING):
        start(frames()).close()
    assert "iterable is still busy with a read" in caplog.text
    blocked.set()


@pytest.mark.parametrize("live", [True, False])
def test_frames_that_cannot_be_decoded_are_counted_and_told_once(live: bool, caplog: pytest.LogCaptureFixture) -> None:
    def frames() -> Iterator[tuple[Pixels | Undecoded, float | None]]:
        for index, pixels in enumerate(numbered(4)):
            yield Undecoded("refused"), None
            yield pixels, None if live else index / 10

    capture = Capture(Source("cam", live, False, lambda: Reader(frames(), 8, 20.0, 0.4)), health=Health())  # type: ignore[arg-type]
    until(lambda: capture._ended or len(capture._frames) == CAPACITY)
    assert [frame.index for frame in rest(capture)][-1] == 7
    assert capture.dropped >= 4
    assert len(caplog.records) == 1 and "cannot be decoded" in caplog.text.replace("could not", "cannot")
    assert capture.coverage == (None if live else 0.5)
    capture.close()


@pytest.mark.parametrize(
    ("frames", "total", "seconds", "coverage"),
    [
        (98, 195, 6.5, 1.0),  # twice the real rate is announced: all the time is there
        (49, 195, 6.5, 0.5),
        (60, None, None, 1.0),
        (89, 90, 6.0, 1.0),  # containers may be a frame or two off
        (45, 90, 6.0, 0.5),
    ],
)
def test_how_much_of_a_file_was_read(
    frames: int, total: int | None, seconds: float | None, coverage: float, caplog: pytest.LogCaptureFixture
) -> None:
    read = ((pixels, index / 15) for index, pixels in enumerate(numbered(frames)))
    capture = Capture(Source("clip", False, False, lambda: Reader(read, total, None, seconds)), health=Health())  # type: ignore[arg-type]
    assert len(rest(capture)) == frames
    assert capture.coverage == pytest.approx(coverage, abs=0.02)
    assert ("it is cut short" in caplog.text) == (coverage < 1)
    capture.close()
