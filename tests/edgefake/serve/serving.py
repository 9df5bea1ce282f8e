"""A real server on loopback, and a client of it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import cv2
import numpy as np
import requests

from edgefake import Box, Detector, Score
from edgefake.pixels import Pixels
from edgefake.serve.app import make_app
from edgefake.serve.keys import Keys
from edgefake.serve.limits import Limits
from edgefake.serve.server import Server
from edgefake.serve.service import Service

PATIENCE_S = 60.0


@dataclass
class Serving:
    """What is running, and a session of a client."""

    server: Server
    service: Service
    session: requests.Session
    failures: list[Exception]

    @property
    def port(self) -> int:
        return int(self.server.url.rpartition(":")[2])

    def ask(self, method: str, path: str, **options: Any) -> requests.Response:
        return self.session.request(method, self.server.url + path, timeout=PATIENCE_S, **options)

    def get(self, path: str, **options: Any) -> requests.Response:
        return self.ask("GET", path, **options)

    def post(self, path: str, **options: Any) -> requests.Response:
        return self.ask("POST", path, **options)

    def send(self, data: bytes, path: str = "/predict", **options: Any) -> requests.Response:
        """One file as it is."""
        return self.post(path, data=data, headers={"Content-Type": "image/jpeg"}, **options)


@contextmanager
def serving(
    open_detector: Callable[[], Detector],
    *,
    limits: Limits | None = None,
    keys: Sequence[str] = (),
    is_ready: bool = True,
    jobs: Path | None = None,
    **options: Any,
) -> Iterator[Serving]:
    """A service on a free port, ready to be asked."""
    limits, failures = limits or Limits(), list[Exception]()
    with TemporaryDirectory() as own, ExitStack() as stack:
        jobs = jobs or Path(own)
        service = Service.of(open_detector, jobs, limits=limits, failed=failures.append, keys=Keys(keys), **options)
        server = stack.enter_context(Server(make_app(service), port=0))
        session = stack.enter_context(requests.Session())
        session.trust_env = False
        running = Serving(server, service, session, failures)
        if is_ready:
            until(lambda: service.workers.ready)
        yield running


def until(condition: Callable[[], bool]) -> None:
    """Wait for what another thread does."""
    pause, waited = threading.Event(), 0
    while not condition():
        assert waited < PATIENCE_S / 0.01, "it did not come"
        pause.wait(0.01)
        waited += 1


class Held:
    """A scorer that waits until it is let go, and takes every face for real."""

    name, threshold, crop_margin = "held", 0.5, 0.0

    def __init__(self) -> None:
        self.begun, self.go = threading.Semaphore(0), threading.Event()
        self.go.set()
        self.scored = 0

    def crop(self, frame: Pixels, box: Box | None) -> Pixels:
        return np.asarray(cv2.resize(frame, (64, 64)), np.uint8)

    def score(self, crops: Sequence[Pixels]) -> list[Score]:
        self.begun.release()
        assert self.go.wait(PATIENCE_S)
        self.scored += len(crops)
        return [Score(0.1)] * len(crops)

    def close(self) -> None:
        self.go.set()

    def detector(self) -> Detector:
        return Detector(self, faces="frame")

    def hold(self) -> None:
        self.go.clear()
        while self.begun.acquire(blocking=False):
            pass


small = partial(Detector, "cnn_int8", num_threads=1)
"""The smallest that finds faces."""
