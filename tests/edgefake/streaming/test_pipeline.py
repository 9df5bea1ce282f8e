from __future__ import annotations

import itertools
import math
import subprocess
import sys
import threading
from pathlib import Path

import cv2
import numpy as np
import pytest

import edgefake
from edgefake import Box, Detector, InputError, Status, Verdict
from edgefake.pixels import Pixels
from edgefake.streaming.health import Health
from edgefake.streaming.judge import Judge
from edgefake.streaming.result import FrameResult, TrackResult, Watched
from tests.edgefake.streaming.videos import captured, moving_face, write_video
from tests.edgefake.streaming.watching import Broken, Kept, textured


def test_a_video_of_one_face(model: Path, tmp_path: Path, portrait: Path) -> None:
    video = write_video(tmp_path / "clip.mp4", moving_face(portrait, 40))
    sink = Kept()
    with Detector(model, num_threads=1) as detector:
        watched = list(edgefake.watch(video, detector, sinks=[sink]))
    results = [result for _, result in watched]
    assert [result.index for result in results] == list(range(40))
    assert sink.results == results
    assert sink.closed == 1
    (track,) = results[-1].tracks
    assert (track.id, track.status) == (1, Status.OK)
    assert track.scored > 30
    assert track.verdict is (Verdict.FAKE if track.p_fake >= 0.5 else Verdict.REAL)
    assert results[-1].p_fake == track.p_fake
    first = next(result for result in results if result.verdict)
    assert 0.5 < first.seconds < 0.65
    assert all(result.timings.detect > 0 for result in results)  # the finder is quick enough for every frame
    assert results[-1].model == "tiny_int8" and results[-1].source == str(video)
    assert isinstance(watched[0], Watched) and watched[0].frame.shape == (240, 320, 3)


@pytest.mark.parametrize(("faces", "every"), [("edge", 1), ("haar", 5)])
def test_faces_are_searched_as_often_as_the_finder_says(model: Path, portrait: Path, faces: str, every: int) -> None:
    with Detector(model, faces=faces, num_threads=1) as detector:
        results = [result for _, result in edgefake.watch(moving_face(portrait, 30), detector)]
    searched = [result.index for result in results if result.timings.detect > 0]
    assert searched == [*range(30)] if every == 1 else len(searched) < 15
    assert {track.id for result in results for track in result.tracks} == {1}


def test_the_score_of_a_frame_is_that_of_the_detector(model: Path, tmp_path: Path, portrait: Path) -> None:
    with Detector(model, num_threads=1) as detector:
        for frame, result in edgefake.watch(moving_face(portrait, 10), detector):
            for track in result.tracks:
                assert track.frame_p_fake == detector.predict(frame, boxes=[track.box]).p_fake


def test_importing_edgefake_does_not_load_streams() -> None:
    code = "import sys, edgefake; print('edgefake.streaming' in sys.modules, edgefake.watch.__module__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "edgefake.streaming.pipeline"]


def test_thirty_faces_take_fair_turns_within_the_budget(model: Path) -> None:
    faces = [Box(10 + 100 * (i % 10), 10 + 100 * (i // 10), 80, 80) for i in range(30)]
    frames = [textured((1040, 320))] * 40
    with Detector(model, num_threads=1, faces=lambda frame: faces) as detector:
        results = [result for _, result in edgefake.watch(frames, detector, faces_per_frame=4)]
    scored = [[track.id for track in result.tracks if track.frame_p_fake is not None] for result in results]
    assert {len(ids) for ids in scored[1:]} == {4}
    assert len(results[-1].tracks) == 30
    counts = [track.scored for track in results[-1].tracks]
    assert max(counts) - min(counts) <= 1
    for start in range(1, 30):  # nobody waits for more than eight frames
        assert len(set(itertools.chain(*scored[start : start + math.ceil(30 / 4)]))) == 30


def test_the_resolution_of_a_file_may_change(model: Path, tmp_path: Path, portrait: Path) -> None:
    frames = [frame for size in ((320, 240), (480, 360), (200, 160)) for frame in moving_face(portrait, 12, size=size, face=120)]
    video = tmp_path / "changing.mjpeg"
    video.write_bytes(b"".join(cv2.imencode(".jpg", frame)[1].tobytes() for frame in frames))
    with Detector(model, num_threads=1) as detector:
        watched = list(edgefake.watch(video, detector))
    assert {frame.shape for frame, _ in watched} == {(240, 320, 3)}  # OpenCV scales all to the first
    assert len(watched) == 36
    assert watched[11].result.tracks and watched[35].result.tracks


def test_the_resolution_of_an_iterable_may_change(model: Path, portrait: Path) -> None:
    frames = [frame for size in ((320, 240), (480, 360), (200, 160)) for frame in moving_face(portrait, 12, size=size, face=120)]
    with Detector(model, num_threads=1) as detector:
        results = [result for _, result in edgefake.watch(frames, detector)]
    for start in (0, 12, 24):
        assert [bool(result.tracks) for result in results[start : start + 3]] == [False, True, True]
    assert {track.id for result in results for track in result.tracks} == {1, 2, 3}


def test_no_face_for_long_keeps_nothing(model: Path) -> None:
    searched = 0

    def finder(frame: Pixels) -> list[Box]:
        nonlocal searched
        searched += 1
        return [Box(100, 50, 80, 80)] if searched <= 10 else []

    with Detector(model, num_threads=1, faces=finder) as detector:
        judge = Judge(detector, source="test", live=False, detect_every=5, faces_per_frame=4)
        frame = textured()
        results = [judge.judge(captured(frame, index), dropped=0, reconnects=0) for index in range(2000)]
    assert results[20].verdict is not None
    assert all(result.tracks == () and result.verdict is None and result.p_fake is None for result in results[200:])
    assert searched <= 2000 / 5 + 12
    assert judge._faces == {}


def test_a_face_is_scored_only_where_it_was_found(model: Path) -> None:
    found = iter([[Box(100, 50, 80, 80)]] * 3 + [[]] * 100)
    with Detector(model, num_threads=1, faces=lambda frame: next(found)) as detector:
        results = [result for _, result in edgefake.watch([textured()] * 20, detector)]
    last_scored = max(result.index for result in results if result.tracks and result.tracks[0].frame_p_fake is not None)
    last_shown = max(result.index for result in results if result.tracks)
    assert last_scored < last_shown
    assert results[last_shown].tracks[0].p_fake is not None


def test_faces_too_small_to_be_scored_are_shown_with_their_status(model: Path) -> None:
    with Detector(model, num_threads=1, faces=lambda frame: [Box(100, 50, 20, 20)]) as detector:
        result = [result for _, result in edgefake.watch([textured()] * 8, detector)][-1]
    assert [(track.status, track.p_fake, track.verdict) for track in result.tracks] == [(Status.FACE_TOO_SMALL, None, None)]


def test_a_finder_may_return_tuples_and_must_return_boxes(model: Path) -> None:
    with Detector(model, num_threads=1, faces=lambda frame: ((100, 50, 60, 60),)) as detector:
        results = [result for _, result in edgefake.watch([textured()] * 8, detector, detect_every=np.int64(2))]  # type: ignore[arg-type]
    assert results[-1].tracks[0].p_fake is not None
    message = "faces= .*got None"
    none = Detector(model, num_threads=1, faces=lambda frame: None)  # type: ignore[arg-type,return-value]
    with none, pytest.raises(InputError, match=message):
        list(edgefake.watch([textured()] * 8, none))


def test_faces_that_leave_the_picture_are_no_error(model: Path) -> None:
    at = itertools.count(0, 30)
    with Detector(model, num_threads=1, faces=lambda frame: [Box(200 + next(at), 100, 60, 60)]) as detector:
        results = [result for _, result in edgefake.watch([textured()] * 40, detector, detect_every=1)]
    assert results[2].tracks[0].frame_p_fake is not None
    assert all(track.frame_p_fake is None for track in results[-1].tracks)


def test_a_whole_frame_is_scored_as_the_detector_does(model: Path, photo: Pixels) -> None:
    with Detector(model, num_threads=1, faces="frame") as detector:
        results = [result for _, result in edgefake.watch([photo] * 8, detector)]
        assert results[-1].tracks[0].frame_p_fake == detector.predict(photo).p_fake


def test_a_sink_that_raises_is_counted_and_told_once(model: Path, caplog: pytest.LogCaptureFixture) -> None:
    good, health = Kept(), Health()
    with Detector(model, num_threads=1) as detector:
        watch = edgefake.watch([textured()] * 9, detector, sinks=[Broken(), good], health=health)
        results = list(watch)
    assert len(results) == len(good.results) == 9
    assert good.closed == 1
    assert health.report().lost == {"Broken": 9}
    assert caplog.text.count("their own") == 1
    assert [(report.delivered, report.lost) for report in watch.sink_reports()] == [(0, 9), (9, 0)]


def test_a_sink_that_is_stuck_holds_up_no_live_stream(model: Path) -> None:
    go_on = threading.Event()

    class Stuck(Kept):
        def send(self, frame: Pixels | None, result: FrameResult) -> None:
            assert go_on.wait(20)
            super().send(frame, result)

    sink = Stuck()
    frames = itertools.repeat(textured())
    with Detector(model, num_threads=1) as detector, edgefake.watch(frames, detector, live=True, sinks=[sink]) as watch:
        results = [next(watch).result for _ in range(100)]
        go_on.set()
    (report,) = watch.sink_reports()
    assert report.delivered + report.lost == len(results) == 100
    assert report.lost > 0
    assert sink.results[-1] == results[-1]


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (None, "NumPy array.* got NoneType"),
        (np.zeros((64, 64), np.uint8), r"grey .*\(64, 64\)"),
        (np.zeros((64, 64, 3)), "uint8 .* got float64"),
    ],
)
def test_an_iterable_of_something_else(model: Path, frame: object, message: str) -> None:
    with Detector(model, num_threads=1) as detector, pytest.raises(InputError, match=message):
        list(edgefake.watch([frame], detector))  # type: ignore[list-item]


def test_what_is_no_frame_is_refused_while_faces_are_searched(model: Path) -> None:
    go_on = threading.Event()

    def slow_finder(frame: Pixels) -> list[Box]:
        assert go_on.wait(20)
        return []

    frames = [textured(), np.uint8(3)]
    with Detector(model, num_threads=1, faces=slow_finder) as detector:
        watch = edgefake.watch(iter(frames), detector, live=True)  # type: ignore[arg-type]
        next(watch)
        threading.Timer(0.2, go_on.set).start()  # closing waits for the search
        with pytest.raises(InputError, match=r"NumPy array.* got uint8"):
            next(watch)


def test_a_live_stream_goes_on_while_faces_are_searched(model: Path) -> None:
    searching, go_on = threading.Event(), threading.Event()

    def slow_finder(frame: Pixels) -> list[Box]:
        searching.set()
        assert go_on.wait(20)
        return [Box(100, 50, 80, 80)]

    frames = itertools.repeat(textured())
    with (
        Detector(model, num_threads=1, faces=slow_finder) as detector,
        edgefake.watch(frames, detector, live=True) as watch,
    ):
        assert [next(watch).result.tracks for _ in range(20)] == [()] * 20
        assert searching.is_set()
        go_on.set()
        assert next(result for _, result in watch if result.p_fake is not None).tracks[0].id == 1


def test_a_live_stream_searches_every_frame_that_it_can(model: Path) -> None:
    searched = []

    def finder(frame: Pixels) -> list[Box]:
        searched.append(frame[0, 0, 0])
        return [Box(100, 50, 80, 80)]

    with Detector(model, num_threads=1, faces=finder) as detector:
        judge = Judge(detector, source="test", live=True, detect_every=1, faces_per_frame=4)
        for index in range(6):
            frame = textured()
            frame[0, 0] = index
            result = judge.judge(captured(frame, index), dropped=0, reconnects=0)
            judge._searcher.submit(int).result()  # the search before it is done
        judge.close()
    assert searched == [*range(6)]
    assert result.timings.detect > 0 and result.tracks[0].frame_p_fake is not None


def test_a_search_is_forgotten_when_the_resolution_changes_meanwhile(model: Path) -> None:
    go_on = threading.Event()
    go_on.set()

    def finder(frame: Pixels) -> list[Box]:
        assert go_on.wait(20)
        return [Box(100, 50, 80, 80)] if frame.shape[1] == 640 else []

    with Detector(model, num_threads=1, faces=finder) as detector:
        judge = Judge(detector, source="test", live=True, detect_every=1, faces_per_frame=4)
        index = itertools.count()

        def tracks(width: int) -> tuple[TrackResult, ...]:
            return judge.judge(captured(textured((width, 240)), next(index)), dropped=0, reconnects=0).tracks

        while not tracks(640):
            pass
        go_on.clear()
        assert tracks(640) and tracks(640)  # a search has begun, and waits
        assert not tracks(320)
        go_on.set()
        assert not any(tracks(320) for _ in range(30))
        judge.close()


def test_a_sink_may_be_a_function_and_may_come_later(model: Path) -> None:
    seen: list[tuple[Pixels, int]] = []
    later = Kept()
    with Detector(model, num_threads=1) as detector:
        running = edgefake.watch([textured()] * 5, detector, sinks=(lambda frame, result: seen.append((frame, result.index)),))
        next(running)
        running.attach(later)
        frames = [frame for frame, _ in running]
    assert [index for _, index in seen] == [0, 1, 2, 3, 4]
    assert all(got is frame for (got, _), frame in zip(seen[1:], frames, strict=True))
    assert [result.index for result in later.results] == [1, 2, 3, 4] and later.closed == 1
    with pytest.raises(InputError, match="ended"):
        running.attach(later)  # nobody would close it


def test_a_stream_says_what_it_is(model: Path) -> None:
    with Detector(model, num_threads=1) as detector:
        with edgefake.watch([], detector, live=True, sinks=[Kept()]) as running:
            assert repr(running) == "<Watch of iterable, live, 1 sinks>"
        assert repr(running) == "<Watch of iterable, closed, 1 sinks>"


@pytest.mark.parametrize("sinks", [Kept(), Kept, [Kept], ["results.jsonl"]])
def test_what_are_no_sinks_is_told_before_the_source_is_opened(model: Path, sinks: object) -> None:
    with Detector(model, num_threads=1) as detector, pytest.raises(InputError, match="sink"):
        edgefake.watch("/absent.mp4", detector, sinks=sinks)  # type: ignore[arg-type]


def test_health_counts_and_times_the_stream(model: Path, portrait: Path) -> None:
    with Detector(model, num_threads=1) as detector, edgefake.watch(moving_face(portrait, 20), detector) as watch:
        results = [result for _, result in watch]
    report = watch.health.report()
    assert (report.frames_in, report.frames_out, report.dropped) == (20, 20, 0)
    assert report.stages.keys() == {"capture", "detect", "track", "preprocess", "infer", "latency"}
    assert report.stages["latency"].runs == 20
    assert report.stages["detect"].runs == sum(result.timings.detect > 0 for result in results)


@pytest.mark.parametrize(
    "arguments",
    [{"detect_every": 0}, {"faces_per_frame": 0}, {"detect_every": 2.5}, {"detect_every": True}, {"faces_per_frame": "2"}],
)
def test_arguments_out_of_range(model: Path, arguments: dict[str, int]) -> None:
    with Detector(model, num_threads=1) as detector, pytest.raises(InputError, match=r"whole number .* 1"):
        edgefake.watch([], detector, **arguments)
