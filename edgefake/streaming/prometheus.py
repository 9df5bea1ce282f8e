"""A stream's health for Prometheus, over HTTP in its text exposition format 0.0.4."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType

from edgefake.errors import InputError
from edgefake.streaming.health import Health, HealthReport

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
TIMEOUT_S = 5.0
"""A client that says nothing for so long is disconnected."""

Sample = tuple[str, dict[str, str], float]


def exposition(report: HealthReport) -> str:
    """``report`` as metrics named ``edgefake_…``, in seconds and degrees Celsius."""
    return "".join(f"{line}\n" for line in _lines(report))


class MetricsServer:
    """Answers ``GET /metrics`` at ``address``:``port`` until it is closed, in threads of its own; also a context manager.

    The default address is seen by this machine alone; ``0.0.0.0`` opens it to the network, without any protection. Port 0 takes
    a free one, which ``url`` names. Raises ``InputError`` when the port cannot be had.
    """

    def __init__(self, health: Health, *, port: int, address: str = "127.0.0.1") -> None:
        class Handler(_Handler):
            stream = health

        try:
            self._http = _Server((address, port), Handler)
        except (OSError, OverflowError) as error:
            raise InputError(f"metrics cannot be served at {address}:{port} ({error}): choose another port or address") from error
        self.url = f"http://{address}:{self._http.server_port}/metrics"
        threading.Thread(target=self._http.serve_forever, args=(0.1,), name="metrics", daemon=True).start()

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()

    def __enter__(self) -> MetricsServer:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A scraper that went away is no news."""


class _Handler(BaseHTTPRequestHandler):
    stream: Health
    timeout = TIMEOUT_S

    def do_GET(self) -> None:
        if self.path.split("?")[0] != "/metrics":
            self.send_error(404, "metrics are at /metrics")
            return
        body = exposition(self.stream.report()).encode()
        self.send_response(200)
        self.send_header("Content-Type", CONTENT_TYPE)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


def _lines(report: HealthReport) -> Iterator[str]:
    def counter(name: str, description: str, value: float) -> Iterator[str]:
        return _family(name, "counter", description, [(name, {}, value)])

    yield from _family(
        "edgefake_uptime_seconds", "gauge", "Time since the start.", [("edgefake_uptime_seconds", {}, report.uptime_s)]
    )
    rates = [("edgefake_fps", {"direction": "in"}, report.fps_in), ("edgefake_fps", {"direction": "out"}, report.fps_out)]
    yield from _family("edgefake_fps", "gauge", "Frames per second, captured (in) and judged (out).", rates)
    yield from counter("edgefake_frames_in_total", "Frames captured.", report.frames_in)
    yield from counter("edgefake_frames_out_total", "Frames judged.", report.frames_out)
    yield from counter("edgefake_frames_dropped_total", "Frames thrown away or unreadable.", report.dropped)
    yield from counter("edgefake_reconnects_total", "Connections to the source made again.", report.reconnects)
    lost: list[Sample] = [("edgefake_sink_lost_total", {"sink": sink}, number) for sink, number in sorted(report.lost.items())]
    yield from _family("edgefake_sink_lost_total", "counter", "Results that could not be delivered.", lost)
    yield from _family("edgefake_stage_seconds", "summary", "Time per run of a stage.", _stage_samples(report))
    heat: list[Sample] = [] if report.temperature_c is None else [("edgefake_temperature_celsius", {}, report.temperature_c)]
    yield from _family("edgefake_temperature_celsius", "gauge", "Hottest thermal zone of the device.", heat)


def _stage_samples(report: HealthReport) -> Iterator[Sample]:
    for stage, times in report.stages.items():
        for quantile, milliseconds in (("0.5", times.recent_ms.median), ("0.95", times.recent_ms.p95)):
            yield "edgefake_stage_seconds", {"stage": stage, "quantile": quantile}, milliseconds / 1e3
        yield "edgefake_stage_seconds_sum", {"stage": stage}, times.total_s
        yield "edgefake_stage_seconds_count", {"stage": stage}, times.runs


def _family(name: str, kind: str, description: str, samples: Iterable[Sample]) -> Iterator[str]:
    yield f"# HELP {name} {description}"
    yield f"# TYPE {name} {kind}"
    for sample, labels, value in samples:
        inside = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
        yield f"{sample}{{{inside}}} {value!r}" if labels else f"{sample} {value!r}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
