"""What several cameras cost while nobody is there: the processor time of a process that watches them, decoding included."""

from __future__ import annotations

import http.server
import multiprocessing
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection

import cv2
import numpy as np

from benchmarks.goals import Goal
from edgefake.config import CameraConfig, Config, DetectorConfig
from edgefake.errors import InputError
from edgefake.pixels import Pixels
from edgefake.station import Station
from edgefake.streaming.capture import Capture
from edgefake.streaming.events import Event
from edgefake.streaming.health import Health
from edgefake.streaming.sources import find_source

WARM_UP_S = 5.0
PICTURES = 40
"""Different frames that each camera sends, over and over: the same room under the noise of a sensor."""
NOISE = 4.0
"""Its standard deviation, in grey levels."""


@dataclass(frozen=True, slots=True)
class Idle:
    """Shares of one core."""

    cameras: int
    fps: float
    """Frames per second of each camera, as they were judged."""
    size: tuple[int, int]
    model: str
    reading: float
    """For frames that are read and decoded, and no more."""
    whole: float
    """For all of it."""
    search_ms: float
    """Of one search for faces: the median of the camera where it took longest."""
    searches: float
    """Of faces, per second, of all cameras together."""

    @property
    def goals(self) -> tuple[Goal, ...]:
        return (Goal(f"{self.cameras} cameras at {self.fps:.1f} fps, of one core", 100 * self.whole, 15.0, "%"),)

    def __str__(self) -> str:
        return (
            f"{self.cameras} MJPEG cameras of {self.size[0]}×{self.size[1]}, {self.fps:.2f} fps each, no face, {self.model}\n"
            f"of one core: {self.whole:.1%} in all, of that {self.reading:.1%} for reading and decoding; "
            f"{self.searches:.1f} searches per second, {self.search_ms:.1f} ms each"
        )


def measure_idle(
    model: str, *, cameras: int = 4, fps: float = 5.0, size: tuple[int, int] = (1280, 720), seconds: float = 30.0
) -> Idle:
    """Read ``cameras``, then watch them, for ``seconds`` each. Raises ``InputError`` where a face is found in the empty room."""
    with _room(fps, size) as url:
        reading = _reading(url, cameras, seconds)
        listed = tuple(
            CameraConfig(name=f"camera{n}", source=url, detector=DetectorConfig(model=model, threads=1)) for n in range(cameras)
        )
        events: list[Event] = []
        with Station(Config(cameras=listed), listener=lambda camera, result, news: events.extend(news)) as station:
            health = station.health()
            _until_all(health)
            time.sleep(WARM_UP_S)
            before = _counts(health)
            whole, elapsed = _spent(seconds)
            after = _counts(health)
            reports = [one.report() for one in health.values()]
    if events:
        raise InputError("a face was found in the empty room, and cost what faces cost: nothing was measured")
    frames, searches = (late - early for early, late in zip(before, after, strict=True))
    return Idle(
        cameras=cameras,
        fps=frames / elapsed / cameras,
        size=size,
        model=model,
        reading=reading,
        whole=whole,
        search_ms=max(report.stages["detect"].recent_ms.median for report in reports),
        searches=searches / elapsed,
    )


def _spent(seconds: float) -> tuple[float, float]:
    """The share of one core that this process takes from now on, and how long that was looked at."""
    wall, cpu = time.monotonic(), time.process_time()
    time.sleep(seconds)
    elapsed = time.monotonic() - wall
    return (time.process_time() - cpu) / elapsed, elapsed


def _reading(url: str, cameras: int, seconds: float) -> float:
    """What it costs to read the cameras and throw the frames away."""
    captures = [Capture(find_source(url), health=Health()) for _ in range(cameras)]
    try:
        time.sleep(WARM_UP_S)
        return _spent(seconds)[0]
    finally:
        for capture in captures:
            capture.close()


def _counts(health: dict[str, Health]) -> tuple[int, int]:
    """Frames judged and searches made so far."""
    reports = [one.report() for one in health.values()]
    return sum(r.frames_out for r in reports), sum(r.stages["detect"].runs for r in reports if "detect" in r.stages)


def _until_all(health: dict[str, Health], patience_s: float = 60.0) -> None:
    deadline = time.monotonic() + patience_s
    while not all(one.report().frames_out for one in health.values()):
        if time.monotonic() > deadline:
            raise InputError("a camera did not start within a minute: measure on a machine with less to do")
        time.sleep(0.2)


@contextmanager
def _room(fps: float, size: tuple[int, int]) -> Iterator[str]:
    """The address of a camera that shows an empty room; it sends from a process of its own."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, fps, size), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{ours.recv()}/"
    finally:
        process.terminate()
        process.join()


def _serve(told: Connection, fps: float, size: tuple[int, int]) -> None:
    parts = [_part(picture) for picture in _pictures(size)]

    class Handler(http.server.BaseHTTPRequestHandler):
        def log_message(self, *arguments: object) -> None:
            """Nothing is told of who connects."""

        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
            self.end_headers()
            started, number = time.monotonic(), 0
            while True:
                self.wfile.write(parts[number % PICTURES])
                number += 1
                time.sleep(max(0.0, started + number / fps - time.monotonic()))

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.handle_error = lambda *of: None  # type: ignore[method-assign]
    told.send(server.server_port)
    server.serve_forever()


def _part(picture: Pixels) -> bytes:
    data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 85])[1].tobytes()
    return b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(data) + data + b"\r\n"


def _pictures(size: tuple[int, int]) -> list[Pixels]:
    rng = np.random.default_rng(0)
    width, height = size
    room = cv2.resize(rng.integers(60, 190, (9, 16, 3), np.uint8), size, interpolation=cv2.INTER_CUBIC).astype(np.float32)
    cv2.rectangle(room, (width // 8, height // 4), (width // 3, height - 1), (90, 70, 60), -1)
    cv2.rectangle(room, (width // 2, height // 5), (7 * width // 8, 3 * height // 5), (200, 205, 210), -1)
    return [np.clip(room + rng.normal(0, NOISE, room.shape), 0, 255).astype(np.uint8) for _ in range(PICTURES)]
