"""What the service tells Prometheus of itself."""

from __future__ import annotations

import time

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, ProcessCollector
from prometheus_client.exposition import choose_encoder

import edgefake
from edgefake.prediction import Prediction
from edgefake.text import printable

SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
SHARES = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)


class Metrics:
    """Counters, gauges and latencies of one service, with a registry of their own."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        build = Info("edgefake_build", "What is running.", registry=registry)
        build.info({"version": edgefake.__version__})
        self._requests = Counter("edgefake_requests", "Requests answered.", ["route", "status"], registry=registry)
        self._request_seconds = Histogram(
            "edgefake_request_seconds", "From a request's head to its answer.", ["route"], buckets=SECONDS, registry=registry
        )
        self._pictures = Counter("edgefake_pictures", "Pictures judged, by verdict or status.", ["answer"], registry=registry)
        self._stages = Histogram(
            "edgefake_stage_seconds", "Time per picture, inference per batch.", ["stage"], buckets=SHARES, registry=registry
        )
        self.batch = Histogram("edgefake_batch_files", "Files judged together.", buckets=(1, 2, 4, 8, 16, 32), registry=registry)
        self.waiting = Gauge("edgefake_waiting_files", "Files that wait for a worker.", registry=registry)
        self.inside = Gauge("edgefake_requests_inside", "Requests being received or judged.", registry=registry)
        self.jobs = Gauge("edgefake_jobs", "Videos by state.", ["state"], registry=registry)
        self._errors = Counter("edgefake_errors", "Faults of the service itself.", registry=registry)
        self._last_error = Info("edgefake_last_error", "The latest of them.", registry=registry)
        self._last_error_at = Gauge("edgefake_last_error_timestamp_seconds", "When that was.", registry=registry)

    def answered(self, route: str, status: int, seconds: float) -> None:
        self._requests.labels(route, str(int(status))).inc()
        self._request_seconds.labels(route).observe(seconds)

    def judged(self, prediction: Prediction) -> None:
        self._pictures.labels((prediction.verdict or prediction.status).value).inc()
        timings = prediction.timings
        for stage, ms in (("find_faces", timings.find_faces), ("preprocess", timings.preprocess), ("infer", timings.infer)):
            self._stages.labels(stage).observe(ms / 1e3)

    def unreadable(self) -> None:
        """One more picture that could not be read."""
        self._pictures.labels("error").inc()

    def failed(self, error: BaseException) -> None:
        self._errors.inc()
        self._last_error.info({"error": f"{type(error).__name__}: {printable(error)}"})
        self._last_error_at.set(time.time())

    def page(self, accept: str = "") -> tuple[bytes, str]:
        """All of it, and what format that is: the best of those that the header ``Accept`` names."""
        encode, kind = choose_encoder(accept)
        return encode(self.registry), kind
