"""The health of streams for Prometheus, by its own client library; every figure of a stream has its label ``camera``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from edgefake.streaming.health import Health, HealthReport
from edgefake.streaming.pace import PACE, Pace
from edgefake.system import temperature_c
from edgefake.thresholds import Verdict

if TYPE_CHECKING:
    from prometheus_client import Metric

Cameras = Callable[[], Mapping[str, Health]]
"""The streams that there are now, by the names of their cameras."""


class HealthCollector:
    """Metrics named ``edgefake_…``, in seconds and degrees Celsius, for a registry."""

    def __init__(self, cameras: Cameras, pace: Pace = PACE) -> None:
        self._cameras = cameras
        self._pace = pace

    def collect(self) -> Iterator[Metric]:
        reports = {name: health.report() for name, health in self._cameras().items()}
        for name, help, kind, labels, samples in _TABLE:
            metric = kind(name, help, labels=["camera", *labels])
            for camera, report in reports.items():
                for *values, number in samples(report):
                    metric.add_metric([camera, *values], number)
            yield metric
        yield _stages(reports)
        yield from self._machine()

    def _machine(self) -> Iterator[Metric]:
        from prometheus_client.core import GaugeMetricFamily

        if (temperature := temperature_c()) is not None:
            yield GaugeMetricFamily("edgefake_temperature_celsius", "Hottest thermal zone of the device.", temperature)
        if self._pace.throttled is not None:
            yield GaugeMetricFamily("edgefake_throttled", "Whether the processor is throttled.", float(self._pace.throttled))
        rest = "Seconds of which one look at a stream's faces is enough: more than 0 while the processor is throttled."
        yield GaugeMetricFamily("edgefake_look_interval_seconds", rest, self._pace.interval_s)


def _gauge(*arguments: Any, **options: Any) -> Any:
    from prometheus_client.core import GaugeMetricFamily

    return GaugeMetricFamily(*arguments, **options)


def _counter(*arguments: Any, **options: Any) -> Any:
    from prometheus_client.core import CounterMetricFamily

    return CounterMetricFamily(*arguments, **options)


Samples = Callable[[HealthReport], list[tuple[Any, ...]]]
"""Values of the labels but ``camera``, and the number."""


def _known(number: float | None) -> list[tuple[Any, ...]]:
    return [] if number is None else [(number,)]


_TABLE: list[tuple[str, str, Callable[..., Any], list[str], Samples]] = [
    ("edgefake_uptime_seconds", "Time since the start.", _gauge, [], lambda r: [(r.uptime_s,)]),
    (
        "edgefake_fps",
        "Frames per second, captured (in) and judged (out).",
        _gauge,
        ["direction"],
        lambda r: [("in", r.fps_in), ("out", r.fps_out)],
    ),
    ("edgefake_frames_in", "Frames captured.", _counter, [], lambda r: [(r.frames_in,)]),
    ("edgefake_frames_out", "Frames judged.", _counter, [], lambda r: [(r.frames_out,)]),
    ("edgefake_frames_dropped", "Frames thrown away or unreadable.", _counter, [], lambda r: [(r.dropped,)]),
    ("edgefake_reconnects", "Connections to the source made again.", _counter, [], lambda r: [(r.reconnects,)]),
    ("edgefake_last_frame_age_seconds", "Since the last frame came.", _gauge, [], lambda r: _known(r.frame_age_s)),
    (
        "edgefake_faces",
        "Faces given this verdict; one whose verdict changes counts again.",
        _counter,
        ["verdict"],
        lambda r: [(verdict.value, r.faces.get(verdict, 0)) for verdict in Verdict],
    ),
    (
        "edgefake_queue_length",
        "Frames that wait to be judged (capture), and what a sink has not delivered yet.",
        _gauge,
        ["queue"],
        lambda r: sorted(r.queues.items()),
    ),
    (
        "edgefake_sink_lost",
        "Events and results that could not be delivered.",
        _counter,
        ["sink"],
        lambda r: sorted(r.lost.items()),
    ),
]
"""Name, help, kind, labels beside ``camera``, and the samples of a report."""


def _stages(reports: Mapping[str, HealthReport]) -> Metric:
    """A summary with quantiles, which the library's own summaries lack."""
    from prometheus_client import Metric

    name = "edgefake_stage_seconds"
    summary = Metric(name, "Time per run of a stage.", "summary")
    for camera, report in reports.items():
        for stage, times in report.stages.items():
            labels = {"camera": camera, "stage": stage}
            for quantile, milliseconds in (("0.5", times.recent_ms.median), ("0.95", times.recent_ms.p95)):
                summary.add_sample(name, {**labels, "quantile": quantile}, milliseconds / 1e3)
            summary.add_sample(f"{name}_sum", labels, times.total_s)
            summary.add_sample(f"{name}_count", labels, times.runs)
    return summary
