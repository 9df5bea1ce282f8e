"""A stream's health for Prometheus, by its own client library."""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType
from typing import TYPE_CHECKING

from edgefake.errors import InputError
from edgefake.streaming.health import Health, HealthReport

if TYPE_CHECKING:
    from prometheus_client import Metric


class MetricsServer:
    """Answers scrapes at ``address``:``port`` until it is closed, in threads of its own; also a context manager.

    The default address is seen by this machine alone; ``0.0.0.0`` opens it to the network, without any protection. Port 0 takes
    a free one, which ``url`` names. Raises ``InputError`` when the port cannot be had, or the extra ``stream`` is not installed.
    """

    def __init__(self, health: Health, *, port: int, address: str = "127.0.0.1") -> None:
        try:
            from prometheus_client import CollectorRegistry, start_http_server
        except ImportError as error:
            raise InputError("prometheus-client is not installed: pip install 'edgefake[stream]'") from error
        registry = CollectorRegistry()
        registry.register(HealthCollector(health))
        try:
            self._http, self._thread = start_http_server(port, address, registry)
        except (OSError, OverflowError) as error:
            raise InputError(f"metrics cannot be served at {address}:{port} ({error}): choose another port or address") from error
        self.url = f"http://{address}:{self._http.server_port}/metrics"

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def __enter__(self) -> MetricsServer:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


class HealthCollector:
    """A stream's health as metrics named ``edgefake_…``, in seconds and degrees Celsius, for a registry."""

    def __init__(self, health: Health) -> None:
        self._health = health

    def collect(self) -> Iterator[Metric]:
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        report = self._health.report()
        yield GaugeMetricFamily("edgefake_uptime_seconds", "Time since the start.", report.uptime_s)
        rates = GaugeMetricFamily("edgefake_fps", "Frames per second, captured (in) and judged (out).", labels=["direction"])
        rates.add_metric(["in"], report.fps_in)
        rates.add_metric(["out"], report.fps_out)
        yield rates
        yield CounterMetricFamily("edgefake_frames_in", "Frames captured.", report.frames_in)
        yield CounterMetricFamily("edgefake_frames_out", "Frames judged.", report.frames_out)
        yield CounterMetricFamily("edgefake_frames_dropped", "Frames thrown away or unreadable.", report.dropped)
        yield CounterMetricFamily("edgefake_reconnects", "Connections to the source made again.", report.reconnects)
        lost = CounterMetricFamily("edgefake_sink_lost", "Results that could not be delivered.", labels=["sink"])
        for sink, number in sorted(report.lost.items()):
            lost.add_metric([sink], number)
        yield lost
        yield _stages(report)
        if report.temperature_c is not None:
            yield GaugeMetricFamily("edgefake_temperature_celsius", "Hottest thermal zone of the device.", report.temperature_c)


def _stages(report: HealthReport) -> Metric:
    """A summary with quantiles, which the library's own summaries lack."""
    from prometheus_client import Metric

    name = "edgefake_stage_seconds"
    summary = Metric(name, "Time per run of a stage.", "summary")
    for stage, times in report.stages.items():
        for quantile, milliseconds in (("0.5", times.recent_ms.median), ("0.95", times.recent_ms.p95)):
            summary.add_sample(name, {"stage": stage, "quantile": quantile}, milliseconds / 1e3)
        summary.add_sample(f"{name}_sum", {"stage": stage}, times.total_s)
        summary.add_sample(f"{name}_count", {"stage": stage}, times.runs)
    return summary
