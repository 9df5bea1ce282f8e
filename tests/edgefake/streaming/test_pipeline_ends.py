"""How streams end: by themselves, by ``stop``, by an error, or with the program."""

from __future__ import annotations

import itertools
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import edgefake
from edgefake import Box, Detector
from edgefake.errors import SinkError
from edgefake.pixels import Pixels
from edgefake.sinks import StreamInfo
from edgefake.sinks.queue import FRAMES
from edgefake.streaming import pipeline
from edgefake.streaming.result import FrameResult
from tests.edgefake.streaming.videos import moving_face, write_video
from tests.edgefake.streaming.watching import Kept, textured


def test_an_error_of_the_source_comes_out_and_closes_the_sinks(model: Path) -> None:
    def frames() -> Iterator[Pixels]:
        yield textured()
        raise RuntimeError("their own")

    sink = Kept()
    with Detector(model, num_threads=1) as detector:
        watch = edgefake.watch(frames(), detector, sinks=[sink])
        next(watch)
        with pytest.raises(RuntimeError, match="their own"):
            next(watch)
    assert (len(sink.results), sink.closed) == (1, 1)
    assert list(watch) == []


@pytest.mark.parametrize("live", [True, False])
def test_an_error_of_the_users_face_finder_comes_out(model: Path, live: bool) -> None:
    def finder(frame: Pixels) -> list[Box]:
        raise RuntimeError("their own")

    sink = Kept()
    frames = itertools.repeat(textured())
    with Detector(model, num_threads=1, faces=finder) as detector, pytest.raises(RuntimeError, match="their own"):
        for _ in edgefake.watch(frames, detector, live=live, sinks=[sink]):
            pass
    assert sink.closed == 1


def test_stop_ends_the_iteration_and_close_is_idempotent(model: Path) -> None:
    sink = Kept()
    with (
        Detector(model, num_threads=1) as detector,
        edgefake.watch(itertools.repeat(textured()), detector, sinks=[sink]) as watch,
    ):
        for _, result in watch:
            if result.index == 5:
                watch.stop()
        watch.close()
    assert [result.index for result in sink.results] == list(range(6))
    assert sink.closed == 1
    assert not watch._capture._thread.is_alive()


def test_stop_ends_the_wait_for_a_sink_that_hangs_and_loses_nothing(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closing = threading.Event()
    close_all = pipeline.close_all
    monkeypatch.setattr(pipeline, "close_all", lambda sinks: (closing.set(), close_all(sinks)))

    class Stuck(Kept):
        def send(self, frame: Pixels | None, result: FrameResult) -> None:
            assert closing.wait(60)
            super().send(frame, result)

    with (
        Detector(model, num_threads=1) as detector,
        edgefake.watch(itertools.repeat(textured()), detector, sinks=[sink := Stuck()]) as watch,
    ):
        reader = threading.Thread(target=list, args=(watch,), daemon=True)
        reader.start()
        while watch.health.report().frames_out < 1 + FRAMES + 1:  # one at the sink, those in its queue, and one that waits
            time.sleep(0.002)
        watch.stop()
        assert closing.wait(20)
        reader.join(20)
    assert [result.index for result in sink.results] == list(range(1 + FRAMES + 1))
    assert watch.sink_reports()[0].lost == 0


def test_sinks_are_told_of_the_stream_and_can_stop_it(model: Path, tmp_path: Path, portrait: Path) -> None:
    class Enough(Kept):
        def send(self, frame: Pixels | None, result: FrameResult) -> None:
            super().send(frame, result)
            if result.index == 2:
                assert self.stream is not None and self.stream.judged_fps() > 0
                self.stream.stop()

    video = write_video(tmp_path / "clip.avi", moving_face(portrait, 40), fps=20, codec="MJPG")
    sink = Enough()
    with Detector(model, num_threads=1) as detector:
        results = [result for _, result in edgefake.watch(video, detector, sinks=[sink])]
    assert sink.stream is not None
    assert (sink.stream.name, sink.stream.fps, sink.stream.total) == (str(video), 20, 40)
    assert 3 <= len(results) == len(sink.results) < 40


def test_a_sink_that_cannot_be_opened_ends_the_stream_before_it_begins(model: Path) -> None:
    class Refusing(Kept):
        def open(self, stream: StreamInfo) -> None:
            raise SinkError("no place")

    first, refusing = Kept(), Refusing()
    with Detector(model, num_threads=1) as detector, pytest.raises(SinkError, match="no place"):
        edgefake.watch(itertools.repeat(textured()), detector, sinks=[first, refusing])
    assert (first.closed, refusing.closed) == (1, 0)
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith(("capture", "faces"))]


def test_a_sink_whose_opening_is_interrupted_is_closed(model: Path) -> None:
    """In a process of its own: where pytest watches for crashes signals get a small stack, which AMX's registers overflow."""
    code = """
import itertools, os, signal, sys, threading, time
import edgefake
from tests.edgefake.streaming.watching import textured

class Slow(edgefake.sinks.Sink):
    closed = 0

    def open(self, stream):
        time.sleep(0.1)  # until the stream waits for it
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.1)

    def send(self, frame, result):
        pass

    def close(self):
        self.closed += 1

sink = Slow()
signal.signal(signal.SIGINT, signal.default_int_handler)  # in the background it is ignored
try:
    with edgefake.Detector(sys.argv[1], num_threads=1, faces="frame") as detector:
        edgefake.watch(itertools.repeat(textured()), detector, sinks=[sink])
except KeyboardInterrupt:
    print(sink.closed, [t.name for t in threading.enumerate() if t.name.startswith(("capture", "faces", "sink"))])
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(model)], capture_output=True, text=True, timeout=60, cwd=Path(__file__).parents[3]
    )
    assert (done.stdout, done.returncode) == ("1 []\n", 0), done.stderr


def test_leaving_the_block_early_closes_everything(model: Path) -> None:
    sink = Kept()
    with Detector(model, num_threads=1) as detector:
        with edgefake.watch(itertools.repeat(textured()), detector, sinks=[sink]) as watch:
            next(watch)
        assert sink.closed == 1
        assert next(watch, None) is None
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith(("capture", "faces", "sink"))]


def test_a_stream_that_is_dropped_closes_everything(model: Path) -> None:
    sink = Kept()
    with Detector(model, num_threads=1) as detector:
        for _ in edgefake.watch(itertools.repeat(textured()), detector, sinks=[sink]):
            break
    assert (len(sink.results), sink.closed) == (1, 1)
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith(("capture", "faces", "sink"))]


@pytest.mark.parametrize(
    "ending",
    [
        "for frame, result in edgefake.watch(video, detector): break",
        "for frame, result in edgefake.watch(video, detector): raise SystemExit(0)",
        "running = edgefake.watch(video, detector, sinks=[print_index]); next(running)",
    ],
)
def test_a_program_may_end_in_the_midst_of_a_stream(ending: str, tmp_path: Path) -> None:
    """Reading a large frame takes long: at the end of the program it is going on."""
    large = np.random.default_rng(0).integers(0, 256, (1440, 2560, 3), np.uint8)
    video = tmp_path / "large.avi"
    write_video(video, [large] * 8, codec="MJPG")
    code = (
        "import sys, edgefake\n"
        "def print_index(frame, result): print(result.index)\n"
        "video, detector = sys.argv[1], edgefake.Detector('cnn_int8', faces='frame', num_threads=1)\n"
    )
    for _ in range(3):
        done = subprocess.run([sys.executable, "-c", code + ending, str(video)], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        assert done.stdout == ("0\n" if "sinks" in ending else "")


def test_a_fork_leaves_the_stream_to_its_parent(model: Path) -> None:
    sink = Kept()
    with (
        Detector(model, num_threads=1) as detector,
        edgefake.watch(itertools.repeat(textured()), detector, sinks=[sink]) as running,
    ):
        next(running)
        child = os.fork()
        if not child:
            running.close()  # as it is at the end of any process
            os._exit(1 if sink.closed else 0)
        assert os.waitpid(child, 0)[1] == 0
        next(running)
    assert sink.closed == 1


def test_an_empty_iterable_ends_at_once(model: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING), Detector(model, num_threads=1) as detector:
        assert list(edgefake.watch([], detector)) == []
    assert not caplog.text
