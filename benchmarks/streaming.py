"""Whether ``edgefake.watch`` keeps up with a camera, what it costs besides faces and inference, and whether memory stays flat."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

import edgefake
from benchmarks.goals import Goal
from benchmarks.timing import milliseconds
from edgefake import Detector, InputError
from edgefake.pixels import Pixels
from edgefake.statistics import Summary
from edgefake.system import resident_mb

FPS = 30.0

IN_MEMORY = 60
"""Frames kept for the runs that must not wait for a decoder: 166 MB at 1280×720."""


@dataclass(frozen=True, slots=True)
class VideoRun:
    """One video played as a camera would, and again as fast as its frames can be judged."""

    video: str
    size: tuple[int, int]
    frames: int
    faces: tuple[float, int]
    """Tracks per frame: mean and maximum."""
    dropped: int
    latency_ms: Summary
    """From the arrival of a frame with scored faces to its result."""
    overhead: Summary
    """Of a frame, everything but finding faces and inference."""

    @property
    def goals(self) -> tuple[Goal, ...]:
        return (
            Goal(f"{self.video}: frames dropped at {FPS:g} fps", self.dropped, 0, ""),
            Goal(f"{self.video}: latency, 95th percentile", self.latency_ms.p95, 66.0, "ms"),
            Goal(f"{self.video}: overhead per frame, median", self.overhead.median, 2.0, "ms"),
        )


@dataclass(frozen=True, slots=True)
class Endurance:
    """Resident memory, in 10⁶ bytes, after a tenth of the frames and after all."""

    frames: int
    early_mb: float
    late_mb: float

    @property
    def goals(self) -> tuple[Goal, ...]:
        return (Goal(f"growth of memory up to frame {self.frames:,}", self.late_mb - self.early_mb, 10.0, "MB"),)


@dataclass(frozen=True, slots=True)
class Streaming:
    model: str
    runtime: str
    runs: tuple[VideoRun, ...]
    endurance: Endurance | None

    @property
    def goals(self) -> tuple[Goal, ...]:
        parts = (*self.runs, self.endurance) if self.endurance else self.runs
        return tuple(goal for part in parts for goal in part.goals)

    def __str__(self) -> str:
        rows = [f"{self.model} on {self.runtime}, each video looped like a camera of {FPS:g} fps"]
        rows += [f"{'':<24}{'size':>10}{'faces':>12}{'dropped':>12}{'latency p50':>13}{'p95':>7}{'max':>7}{'overhead':>10}  ms"]
        for run in self.runs:
            faces, dropped = f"{run.faces[0]:.1f}, ≤ {run.faces[1]}", f"{run.dropped} of {run.frames}"
            latency = run.latency_ms
            rows.append(
                f"{run.video:<24}{run.size[0]:>5}×{run.size[1]:<4}{faces:>12}{dropped:>12}"
                f"{latency.median:13.1f}{latency.p95:7.1f}{latency.max:7.1f}{run.overhead.median:10.3f}"
            )
        if self.endurance:
            rows.append(f"memory {self.endurance.early_mb:.1f} MB early, {self.endurance.late_mb:.1f} MB late")
        return "\n".join(rows)


def measure_streaming(
    model: str | os.PathLike[str], videos: Sequence[str], *, seconds: float = 20.0, endurance: int = 0
) -> Streaming:
    """Run every video; then judge ``endurance`` frames of the first (Linux: memory is read from /proc)."""
    with Detector(model) as detector:
        detector.warm_up()
        runs = tuple(_run(detector, video, seconds) for video in videos)
        lasting = _endure(detector, videos[0], endurance) if endurance else None
        return Streaming(detector.scorer.name, detector.runtime, runs, lasting)


def _run(detector: Detector, video: str, seconds: float) -> VideoRun:
    with edgefake.watch(_as_camera(video, seconds), detector, live=True) as watch:
        results = [result for _, result in watch]
    height, width = _frames(video, 0, 1)[0].shape[:2]
    tracks = [len(result.tracks) for result in results]
    scored = [result for result in results if result.timings.infer]
    if not scored:
        raise InputError(f"no face was found in {video}: give videos with faces to measure on")
    dropped = results[-1].index + 1 - len(results)
    return VideoRun(
        video=Path(video).name,
        size=(width, height),
        frames=results[-1].index + 1,
        faces=(float(np.mean(tracks)), max(tracks)),
        dropped=dropped,
        latency_ms=Summary.of([result.latency for result in scored]),
        overhead=milliseconds(_overheads(detector, _frames(video, scored[0].index, IN_MEMORY))),
    )


def _as_camera(video: str, seconds: float) -> Iterator[Pixels]:
    """Frames of the looped video, decoded when they are due."""
    count = int(seconds * FPS)
    started = time.perf_counter()
    for index, frame in enumerate(itertools.islice(_looped(video), count)):
        time.sleep(max(0.0, started + index / FPS - time.perf_counter()))
        yield frame


def _looped(video: str) -> Iterator[Pixels]:
    capture = cv2.VideoCapture(video, cv2.CAP_FFMPEG)
    while True:
        read, frame = capture.read()
        if not read:
            raise InputError(f"{video} is no video that OpenCV can read: give video files to measure on")
        while read:
            yield np.asarray(frame, np.uint8)
            read, frame = capture.read()
        capture.set(cv2.CAP_PROP_POS_FRAMES, 0)  # much faster than opening it again, which no camera does


def _frames(video: str, start: int, count: int) -> list[Pixels]:
    """``count`` frames of the looped video from number ``start`` on."""
    return list(itertools.islice(_looped(video), start, start + count))


def _overheads(detector: Detector, frames: list[Pixels]) -> list[float]:
    """Seconds per frame with scored faces that went neither into finding faces nor into inference, over looped ``frames``.

    Frames without a face leave next to nothing to do. Raises ``InputError`` when there are no others.
    """
    looped = itertools.islice(itertools.cycle(frames), 5 * len(frames))
    seconds = []
    with edgefake.watch(looped, detector) as watch:
        started = time.perf_counter()
        for _, result in watch:
            elapsed = time.perf_counter() - started
            if result.timings.infer and result.index >= len(frames):  # the first round warms up
                seconds.append(elapsed - (result.timings.detect + result.timings.infer) / 1e3)
            started = time.perf_counter()
    if not seconds:
        raise InputError("no face stays long enough to be scored: give videos with faces to measure on")
    return seconds


def _endure(detector: Detector, video: str, count: int) -> Endurance:
    early = late = 0.0
    frames = itertools.islice(itertools.cycle(_frames(video, 0, IN_MEMORY)), count)
    with edgefake.watch(frames, detector) as watch:
        for _, result in watch:
            if result.index == count // 10:
                early = _resident_mb()
            if result.index == count - 1:
                late = _resident_mb()
    return Endurance(count, early, late)


def _resident_mb() -> float:
    found = resident_mb()
    if found is None:
        raise InputError("this system does not tell how much memory a process has: measure on Linux, or without --endurance")
    return found
