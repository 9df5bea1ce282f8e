"""The thread that judges videos, one after the other, as ``edgefake video`` does."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from edgefake.detector import Detector
from edgefake.errors import EdgefakeError
from edgefake.lines import video_line
from edgefake.serve.jobs import Job, JobStore
from edgefake.serve.metrics import Metrics
from edgefake.serve.options import Views
from edgefake.serve.refusals import FAULT
from edgefake.streaming.pipeline import watch
from edgefake.streaming.video import VideoTally
from edgefake.text import printable

_log = logging.getLogger(__name__)

LOOK_S = 0.5
"""So often a running job notes how far it is, and sees whether it is still wanted."""
EXPIRE_S = 60.0
"""So often old ones are forgotten, while there is nothing to do."""


class Runner:
    """Judges what is in ``store`` until ``close``. ``open_detector`` is called when the first video comes; a video whose frames
    have more than ``max_pixels`` is refused.
    """

    def __init__(self, store: JobStore, open_detector: Callable[[], Detector], metrics: Metrics, max_pixels: int) -> None:
        self._store, self._open, self._metrics, self._max_pixels = store, open_detector, metrics, max_pixels
        self._detector: Detector | None = None
        self._views: Views | None = None
        self._news = threading.Event()
        self.stopping = False
        self._thread = threading.Thread(target=self._work, name="jobs", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        """There is a new job."""
        self._news.set()

    def close(self) -> None:
        """Stop, so that what runs is judged from its beginning after the next start."""
        self.stopping = True
        self._news.set()
        if self._thread.is_alive():
            self._thread.join()
        if self._detector:
            self._detector.close()

    def _work(self) -> None:
        while not self.stopping:
            self._news.clear()
            try:
                self._store.expire()
                while not self.stopping and (job := self._store.next()):
                    self._judge(job)
            except Exception as error:  # the disk is full, perhaps, or no detector opens: it is tried again
                self._metrics.failed(error)
                _log.error("jobs cannot be kept or begun", exc_info=error)
            self._news.wait(EXPIRE_S)

    def _opened(self, job: Job) -> Views:
        """Where no detector can be opened the job is not to blame, and waits again."""
        if self._views is None:
            try:
                self._detector = self._open()
            except BaseException:
                self._store.requeue(job.id)
                raise
            self._views = Views(self._detector)
        return self._views

    def _judge(self, job: Job) -> None:
        path = self._store.video(job.id)
        views = self._opened(job)
        try:
            detector = views[job.options]
            tally, due = VideoTally(detector.thresholds, detector.prior), 0.0
            with watch(path, detector, max_pixels=self._max_pixels) as running:
                for _, result in running:
                    tally.add(result)
                    if self.stopping:
                        self._store.requeue(job.id)
                        return
                    if time.monotonic() >= due:
                        due = time.monotonic() + LOOK_S
                        share = min((result.index + 1) / running.total, 1.0) if running.total else None
                        if not self._store.advance(job.id, share):
                            return  # it was cancelled
            verdict = tally.verdict(running.coverage)
        except EdgefakeError as error:
            told = str(error).replace(printable(path), printable(job.name or "the video"))
            self._store.finish(job.id, None, told)
        except Exception as error:
            self._metrics.failed(error)
            _log.error("a video could not be judged", exc_info=error)
            self._store.finish(job.id, None, FAULT)
        else:
            self._store.finish(job.id, video_line(job.name, verdict, detector))
