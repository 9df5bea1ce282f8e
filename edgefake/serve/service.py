"""All that an application stands on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any, get_args

from edgefake.detector import Detector
from edgefake.serve.jobs import JobStore, State
from edgefake.serve.judging import Served, Workers
from edgefake.serve.keys import Keys
from edgefake.serve.limits import Limits
from edgefake.serve.metrics import Metrics
from edgefake.serve.refusals import Refusal
from edgefake.serve.runner import Runner

DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Service:
    """Workers and jobs, who may call them, and what is told of them."""

    workers: Workers
    limits: Limits
    keys: Keys
    metrics: Metrics
    jobs: JobStore
    runner: Runner

    @staticmethod
    def of(
        open_detector: Callable[[], Detector],
        folder: Path,
        *,
        limits: Limits,
        failed: Callable[[Exception], None],
        keys: Keys | None = None,
        keep_s: float = DAY_S,
        **of_workers: Any,
    ) -> Service:
        """With jobs in ``folder``; the rest is as for ``Workers``. Raises ``InputError`` where the folder cannot be used."""
        metrics = Metrics()
        workers = Workers(open_detector, limits=limits, metrics=metrics, failed=failed, **of_workers)
        jobs = JobStore(folder, keep_s=keep_s)
        for state in get_args(State):
            metrics.jobs.labels(state).set_function(partial(jobs.count, state))
        return Service(workers, limits, keys or Keys(), metrics, jobs, Runner(jobs, open_detector, metrics, limits.pixels))

    def start(self) -> None:
        self.workers.start()
        self.runner.start()

    def close(self) -> None:
        """Finish the pictures that were begun; a video is begun again after the next start. Twice is fine."""
        self.runner.close()
        self.workers.close()
        self.jobs.close()

    def served(self) -> Served:
        """What is served, once it is ready. Raises ``Refusal`` before and after."""
        served = self.workers.served
        if served is None or not self.workers.ready:
            raise Refusal(HTTPStatus.SERVICE_UNAVAILABLE, "the model is being loaded: try again in a moment", retry_after_s=1)
        return served
