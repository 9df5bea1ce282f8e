"""Whether several cameras can be left running: memory, files, threads and events over many frames.

Each camera plays a looped video as fast as it is judged, its faces leaving at the end of each round, so that there are events
without end. These go to files that rotate, to pictures of which the oldest go, and to a server that is away half of the time.
"""

from __future__ import annotations

import itertools
import json
import os
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np

from benchmarks.goals import Goal
from edgefake import InputError
from edgefake.config import CameraConfig, Config, DetectorConfig, SinkConfig
from edgefake.pixels import Pixels
from edgefake.station import Station
from edgefake.streaming.events import Event
from edgefake.streaming.result import FrameResult
from edgefake.system import resident_mb

WIDTH = 320
"""Frames are made so small: what is measured is what lasts, not what a frame costs."""
WITH_FACES, WITHOUT = 60, 240
"""Frames of a video that are played, and frames without a face behind them."""
AWAY_S, THERE_S = 5.0, 5.0
"""How long the server answers 503, and how long it takes what comes."""
SAMPLES = 20


@dataclass(frozen=True, slots=True)
class Sample:
    """How the process was after so many frames of all cameras."""

    frames: int
    resident_mb: float
    descriptors: int
    threads: int


@dataclass(frozen=True, slots=True)
class Soak:
    """What came of it."""

    cameras: int
    frames: int
    seconds: float
    events: int
    """That happened."""
    arrived: dict[str, int]
    """How many of them, by sink; each counted once."""
    lost: int
    """By what the sinks say."""
    refused: int
    """How often the server was away."""
    samples: tuple[Sample, ...]

    @property
    def goals(self) -> tuple[Goal, ...]:
        early, *later = self.samples[len(self.samples) // 10 :]
        grown_mb = max(sample.resident_mb for sample in later) - early.resident_mb
        half = len(later) // 2
        # A post or a picture that is on its way has descriptors too: the fewest are those that stay.
        descriptors, threads = (
            min(getattr(s, name) for s in later[half:]) - min(getattr(s, name) for s in [early, *later[:half]])
            for name in ("descriptors", "threads")
        )
        missing = [self.events - count for count in self.arrived.values()]
        return (
            Goal(f"growth of memory up to frame {self.frames:,}", grown_mb, 10.0, "MB"),
            Goal("further file descriptors", descriptors, 0, ""),
            Goal("further threads", threads, 0, ""),
            Goal("events that a sink did not get", max(*missing, self.lost), 0, ""),
        )

    def __str__(self) -> str:
        rate = self.frames / self.seconds
        rows = [
            f"{self.frames:,} frames of {self.cameras} cameras in {self.seconds:.0f} s, {rate:.0f} per second",
            f"{self.events} events; those that arrived: {self.arrived}; posts that the server refused: {self.refused}",
            f"{'frames':>12}{'memory':>12}{'descriptors':>14}{'threads':>10}",
        ]
        rows += [f"{s.frames:>12,}{s.resident_mb:>9.1f} MB{s.descriptors:>14}{s.threads:>10}" for s in self.samples]
        return "\n".join(rows)


def measure_soak(model: str, videos: Sequence[str], *, cameras: int = 4, frames: int = 300_000) -> Soak:
    """Judge ``frames`` in all. Raises ``InputError`` for a video that cannot be read, and where /proc does not tell."""
    rounds = [_round(video) for video in videos]
    counted = _Counted()
    with TemporaryDirectory(prefix="edgefake-soak-") as folder, _Server() as server:
        config = Config(
            cameras=tuple(
                CameraConfig(
                    name=f"camera{number}",
                    source=_Looped(rounds[number % len(rounds)], -(-frames // cameras)),
                    fps=30.0,
                    detect_every=15,
                    detector=DetectorConfig(model=model, threads=1),
                    sinks=_sinks(Path(folder), server.url),
                )
                for number in range(cameras)
            )
        )
        started = time.perf_counter()
        with Station(config, listener=counted.add) as station:
            samples = list(_samples(station, counted, frames, server))
            seconds = time.perf_counter() - started
            watching = list(station.cameras.values())
        lost = sum(sum(camera.health.report().lost.values()) for camera in watching)
        arrived = {"jsonl": _lines(Path(folder)), "webhook": len(server.ids)}
    return Soak(cameras, counted.frames, seconds, counted.events, arrived, lost, server.refused, tuple(samples))


def _sinks(folder: Path, url: str) -> tuple[SinkConfig, ...]:
    log = {"path": str(folder / "{camera}.jsonl"), "rotate_mb": 0.1}
    pictures = {"folder": str(folder / "pictures"), "keep_mb": 0.5}
    return (
        SinkConfig(name="jsonl", kind="jsonl", options=log),
        SinkConfig(name="pictures", kind="pictures", options=pictures),
        SinkConfig(name="webhook", kind="webhook", options={"url": url}),
    )


class _Looped:
    """``count`` frames in all, the same again and again."""

    def __init__(self, frames: list[Pixels], count: int) -> None:
        self._frames, self._count = frames, count

    def __iter__(self) -> Iterator[Pixels]:
        return itertools.islice(itertools.cycle(self._frames), self._count)


def _round(video: str) -> list[Pixels]:
    """The beginning of ``video``, made small, and as many frames without a face."""
    capture = cv2.VideoCapture(video, cv2.CAP_FFMPEG)
    frames: list[Pixels] = []
    while len(frames) < WITH_FACES and (read := capture.read())[0]:
        height = round(WIDTH * read[1].shape[0] / read[1].shape[1])
        frames.append(np.asarray(cv2.resize(read[1], (WIDTH, height), interpolation=cv2.INTER_AREA), np.uint8))
    if not frames:
        raise InputError(f"{video} is no video that OpenCV can read: give video files with faces")
    return frames + [np.full_like(frames[0], 128)] * WITHOUT


class _Counted:
    """Frames and events of all cameras."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.frames = self.events = 0

    def add(self, camera: str, result: FrameResult | None, events: list[Event]) -> None:
        with self._lock:
            self.frames += result is not None
            self.events += len(events)


class _Server:
    """Takes events, but half of the time answers 503."""

    def __init__(self) -> None:
        self.ids: set[str] = set()
        self.refused = 0
        self._stays = False
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                is_there = server._stays or time.monotonic() % (AWAY_S + THERE_S) >= AWAY_S
                if is_there:
                    server.ids.add(json.loads(body)["id"])
                else:
                    server.refused += 1
                self.send_response(200 if is_there else 503)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._http = HTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._http.serve_forever, daemon=True)
        self.url = f"http://127.0.0.1:{self._http.server_port}/"

    def stay(self) -> None:
        """Be away no more."""
        self._stays = True

    def __enter__(self) -> _Server:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()


def _samples(station: Station, counted: _Counted, frames: int, server: _Server) -> Iterator[Sample]:
    """One whenever another part of the frames is done, and the last when all are; in the last part the server is there."""
    for part in range(1, SAMPLES + 1):
        if part == SAMPLES:
            server.stay()  # a stream that has ended waits for it no longer than a few seconds
        while counted.frames < part * frames // SAMPLES and not station.ended:
            time.sleep(0.05)
        yield Sample(counted.frames, _resident(), len(os.listdir("/proc/self/fd")), threading.active_count())


def _resident() -> float:
    found = resident_mb()
    if found is None:
        raise InputError("this system does not tell how much memory a process has: measure on Linux")
    return found


def _lines(folder: Path) -> int:
    """How many events are in the files, each counted once."""
    ids = Counter(json.loads(line)["id"] for path in folder.glob("*.jsonl") for line in path.read_text().splitlines())
    return len(ids)
