"""Workers that judge pictures: threads, each with a detector of its own, that take what waits in small batches."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from http import HTTPStatus
from queue import Empty, SimpleQueue
from typing import Any, Literal

import cv2

from edgefake.arguments import whole_number
from edgefake.detector import Detector
from edgefake.errors import EdgefakeError, InputError
from edgefake.images import NoPictureError, PictureFile, TooManyPixelsError
from edgefake.lines import picture_line
from edgefake.pixels import Pixels
from edgefake.prediction import Prediction
from edgefake.scorer import CardScorer
from edgefake.serve.limits import Limits
from edgefake.serve.metrics import Metrics
from edgefake.serve.options import DEFAULT, Options, Views
from edgefake.text import printable

_log = logging.getLogger(__name__)

LONGEST_WINDOW_MS = 1000.0

MOST_EXPLAINED = 8
"""Faces in a report whose evidence is shown, which takes some fifty runs of the model for each."""
LONGEST_JPEG = 65_500
"""Pixels of a side; libjpeg writes no longer ones."""

_STATUSES = ((NoPictureError, HTTPStatus.UNSUPPORTED_MEDIA_TYPE), (TooManyPixelsError, HTTPStatus.REQUEST_ENTITY_TOO_LARGE))


@dataclass(frozen=True, slots=True)
class Judged:
    """What became of one picture."""

    line: dict[str, Any]
    """As ``edgefake predict --json`` prints it."""
    status: int = HTTPStatus.OK
    """Why it could not be judged, for HTTP."""
    attached: bytes | None = None
    """A JPEG with the faces marked, or a report as HTML, where one was asked for."""


@dataclass(slots=True)
class Task:
    """One file, or one frame, to be judged; ``future`` has an answer for each picture in it."""

    picture: bytes | Pixels
    """A whole file, or a frame: uint8, H×W×3, BGR."""
    name: str | None = None
    """Of the file, for people."""
    options: Options = DEFAULT
    most: int = 1
    """So many pictures may be in the file."""
    attach: Literal["jpeg", "report"] | None = None
    """What is wanted beside the line."""
    future: Future[list[Judged]] = field(default_factory=Future)
    judged: list[Judged] = field(default_factory=list)
    wanted: bool = True
    """False once nobody waits for it: what was begun of it stops at the next picture."""

    @property
    def called(self) -> str:
        return self.name or "the picture"


@dataclass(frozen=True, slots=True)
class _Picture:
    task: Task
    frame: Pixels
    number: int
    count: int


@dataclass(frozen=True, slots=True)
class Served:
    """What is served, for those who ask."""

    model: str
    runtime: str
    card: str | None
    """As JSON; None where the scorer is something else than one model."""
    thresholds: dict[str, float]
    """Those of the card, by name."""


class Workers:
    """``count`` threads that judge what is submitted, until ``close``.

    Args:
        open_detector: makes a detector; called in each worker.
        batch: at most so many files are judged together.
        window_ms: so long a worker waits for a batch to fill; 0 takes what waits already.
        failed: called once a detector cannot be opened, from that thread.
    """

    def __init__(
        self,
        open_detector: Callable[[], Detector],
        *,
        limits: Limits,
        metrics: Metrics,
        failed: Callable[[Exception], None],
        count: int = 1,
        batch: int = 4,
        window_ms: float = 0.0,
    ) -> None:
        count, batch = whole_number("workers", count), whole_number("batch", batch)
        if not 0.0 <= window_ms <= LONGEST_WINDOW_MS:
            raise InputError(f"expected a window of 0…{LONGEST_WINDOW_MS:g} ms for batches, got {window_ms:g}")
        self._open, self._limits, self._metrics, self._failed = open_detector, limits, metrics, failed
        self._batch, self._window = batch, window_ms / 1e3
        self._tasks: SimpleQueue[Task | None] = SimpleQueue()
        self._opening = threading.Lock()
        self._warm = 0
        self._closed = False
        self.served: Served | None = None
        """None until the first detector is open."""
        self._threads = [threading.Thread(target=self._work, name=f"judge-{n}", daemon=True) for n in range(count)]
        metrics.waiting.set_function(self._tasks.qsize)

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    @property
    def ready(self) -> bool:
        """Whether all are warm, and none is to stop."""
        return self._warm == len(self._threads) and not self._closed

    def submit(self, task: Task) -> None:
        self._tasks.put(task)

    def close(self) -> None:
        """Finish what was begun, and cancel what waits."""
        self._closed = True
        while True:
            try:
                task = self._tasks.get_nowait()
            except Empty:
                break
            if task:
                task.future.cancel()
        for _ in self._threads:
            self._tasks.put(None)
        for thread in self._threads:
            if thread.is_alive():
                thread.join()

    def _work(self) -> None:
        try:
            with self._opening:  # the first may download a model or build an engine, which the others then find
                if self._closed:
                    return
                detector = self._open()
                detector.warm_up()
                self.served = self.served or _served(detector)
                self._warm += 1
            with detector:
                views = Views(detector)
                while tasks := self._take():
                    self._judge(tasks, views)
        except Exception as error:  # whatever it is, nobody else hears of it in this thread
            self._metrics.failed(error)
            self._failed(error)

    def _take(self) -> list[Task]:
        """What waits, at most a batch of it, once anything does; nothing at the end."""
        first = self._tasks.get()
        if first is None:
            return []
        taken, until = [first], time.monotonic() + self._window
        waiting = 1 + self._tasks.qsize()
        share = -(-waiting // len(self._threads))  # the other workers have theirs
        room = self._batch if self._window else min(self._batch, share)
        while len(taken) < room:
            left = until - time.monotonic()
            try:
                task = self._tasks.get(timeout=left) if left > 0 else self._tasks.get_nowait()
            except Empty:
                break
            if task is None:
                self._tasks.put(None)
                break
            taken.append(task)
        return taken

    def _judge(self, tasks: Sequence[Task], views: Views) -> None:
        running = [task for task in tasks if task.future.set_running_or_notify_cancel()]  # its client may be gone
        self._metrics.batch.observe(len(running))
        together: list[_Picture] = []
        for task in running:
            try:
                if task.attach == "report":
                    self._report(task, views[task.options])
                    continue
                for picture in self._pictures(task, views):
                    together.append(picture)
                    if sum(picture.frame.size // 3 for picture in together) >= self._limits.pixels:
                        self._score(together, views)
                        together = []
            except Exception as error:  # of strangers' bytes anything comes; the other requests go on
                self._give_up(task, error)
        self._score(together, views)
        for task in running:
            if not task.future.done():
                task.future.set_result(sorted(task.judged, key=lambda judged: judged.line.get("picture") or 0))

    def _pictures(self, task: Task, views: Views) -> Iterator[_Picture]:
        """Decode one after the other; what cannot be is judged already."""
        if not isinstance(task.picture, bytes):
            yield _Picture(task, task.picture, 1, 1)
            return
        try:
            file = self._opened(task)
        except InputError as error:
            self._refuse(task, error, views[task.options], None, None)
            return
        for number, frame in enumerate(file, 1):
            if not task.wanted:
                return
            if isinstance(frame, InputError):
                self._refuse(task, frame, views[task.options], number, len(file))
            elif task.attach == "jpeg" and max(frame.shape[:2]) > LONGEST_JPEG:
                height, width = frame.shape[:2]
                too_long = InputError(
                    f"expected sides of {LONGEST_JPEG} pixels at most to mark, got {width}×{height}: ask for JSON"
                )
                self._refuse(task, too_long, views[task.options], number, len(file))
            else:
                yield _Picture(task, frame, number, len(file))

    def _opened(self, task: Task) -> PictureFile:
        assert isinstance(task.picture, bytes)
        file = PictureFile.open(task.picture, max_pixels=self._limits.pixels, name=task.called)
        if len(file) > task.most:
            raise InputError(f"expected {task.most} pictures at most in {file.name}, got {len(file)}: send them one by one")
        return file

    def _report(self, task: Task, detector: Detector) -> None:
        from edgefake.report import picture_report

        try:
            file = self._opened(task)
            predictions: list[Prediction | None] = []
            for frame in file:
                if not task.wanted:
                    return
                predictions.append(None if isinstance(frame, InputError) else detector.predict(frame))
            known = [prediction for prediction in predictions if prediction]
            explain = sum(len(prediction.faces) for prediction in known) <= MOST_EXPLAINED
            if not task.wanted:
                return
            report = picture_report(file, detector, name=task.called, predictions=None if explain else predictions)
            task.judged.append(Judged(report.to_dict(), attached=report.html.encode()))
        except InputError as error:
            self._refuse(task, error, detector, None, None)
            return
        for prediction in known:
            self._metrics.judged(prediction)

    def _score(self, pictures: Sequence[_Picture], views: Views) -> None:
        for options in dict.fromkeys(picture.task.options for picture in pictures):
            alike = [picture for picture in pictures if picture.task.options == options]
            try:
                predictions = views[options].predict_batch([picture.frame for picture in alike])
            except Exception as error:
                if len(alike) == 1:
                    self._give_up(alike[0].task, error)
                    continue
                for picture in alike:  # one of them is to blame, and the others are not
                    self._score([picture], views)
                continue
            for picture, prediction in zip(alike, predictions, strict=True):
                try:
                    self._answer(picture, prediction, views[options])
                except Exception as error:  # as in _judge
                    self._give_up(picture.task, error)

    def _answer(self, picture: _Picture, prediction: Prediction, detector: Detector) -> None:
        task = picture.task
        line = picture_line(task.name, prediction, detector, picture=picture.number, pictures=picture.count)
        marked = cv2.imencode(".jpg", prediction.draw(picture.frame))[1].tobytes() if task.attach == "jpeg" else None
        task.judged.append(Judged(line, attached=marked))
        self._metrics.judged(prediction)

    def _refuse(self, task: Task, error: InputError, detector: Detector, number: int | None, count: int | None) -> None:
        line = picture_line(task.name, str(error), detector, picture=number, pictures=count)
        status = next((status for kind, status in _STATUSES if isinstance(error, kind)), HTTPStatus.UNPROCESSABLE_ENTITY)
        task.judged.append(Judged(line, status))
        self._metrics.unreadable()

    def _give_up(self, task: Task, error: Exception) -> None:
        """A fault of ours, or of the runtime: the task fails, and the worker goes on."""
        self._metrics.failed(error)
        if not isinstance(error, EdgefakeError):
            _log.error("judging %s failed", printable(task.called), exc_info=error)
        if not task.future.done():
            task.future.set_exception(error)


def _served(detector: Detector) -> Served:
    scorer = detector.scorer
    if not isinstance(scorer, CardScorer):
        return Served(scorer.name, detector.runtime, None, {})
    return Served(scorer.name, detector.runtime, scorer.card.to_json(), dict(scorer.card.thresholds))
