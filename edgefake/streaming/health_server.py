"""``/healthz``, ``/readyz`` and ``/metrics`` of running streams over HTTP."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, TypeVar

from edgefake.errors import InputError
from edgefake.schema import seconds_or_ms
from edgefake.streaming.health import CAPTURE, HealthReport
from edgefake.streaming.metrics import Cameras, HealthCollector

FRESH_S = 10.0
"""A camera whose last frame came longer ago than this is not ready."""
STUCK_S = 60.0
"""A stream in which frames wait and none was judged for so long is stuck; only a new start helps."""
SILENT_S = 10.0
"""Who is connected and asks for nothing for so long is sent away."""

Answer = tuple[HTTPStatus, dict[str, Any]]

S = TypeVar("S", bound="StatusServer")


def alive(cameras: Cameras) -> Answer:
    """For whoever starts what has died again: 503 when judging is stuck. A camera that is away is no reason for a new start."""
    reports = {name: health.report() for name, health in cameras().items()}
    stuck = [name for name, report in reports.items() if report.queues.get(CAPTURE) and _idle_s(report) > STUCK_S]
    if stuck:
        return HTTPStatus.SERVICE_UNAVAILABLE, {"status": "stuck", "cameras": stuck}
    return HTTPStatus.OK, {"status": "ok"}


def _idle_s(report: HealthReport) -> float:
    """Since the last frame was judged, or the beginning."""
    return report.uptime_s if report.judged_age_s is None else report.judged_age_s


def ready(cameras: Cameras) -> Answer:
    """200 when every camera has given a frame within ``FRESH_S``; those whose file has ended are not counted."""
    reports = {name: health.report() for name, health in cameras().items()}
    shown = {
        name: {
            "ready": report.ended or (report.frame_age_s is not None and report.frame_age_s <= FRESH_S),
            "ended": report.ended,
            "frame_age_s": None if report.frame_age_s is None else seconds_or_ms(report.frame_age_s),
        }
        for name, report in reports.items()
    }
    is_ready = bool(shown) and all(camera["ready"] for camera in shown.values())
    status = HTTPStatus.OK if is_ready else HTTPStatus.SERVICE_UNAVAILABLE
    return status, {"status": "ready" if is_ready else "not ready", "cameras": shown}


class StatusServer:
    """Serves ``answers`` by path, as JSON, and at ``/metrics`` what ``collector`` gives, at ``address``:``port`` until it is
    closed, in threads of its own; also a context manager.

    The default address is seen by this machine alone; ``0.0.0.0`` opens it to the network, without any protection. Port 0 takes
    a free one, which ``url`` names. Raises ``InputError`` when the port cannot be had, or the extra ``stream`` is not installed.
    """

    def __init__(
        self, answers: Mapping[str, Callable[[], Answer]], collector: Any, *, port: int, address: str = "127.0.0.1"
    ) -> None:
        try:
            from prometheus_client import CollectorRegistry, ProcessCollector
            from prometheus_client.exposition import choose_encoder
        except ImportError as error:
            raise InputError("prometheus-client is not installed: pip install 'edgefake[stream]'") from error
        registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        registry.register(collector)

        def metrics(accept: str) -> tuple[bytes, str]:
            encode, kind = choose_encoder(accept)
            return encode(registry), kind

        handler = type("Handler", (_Handler,), {"answers": dict(answers), "page": staticmethod(metrics)})
        try:
            self._http = _Server((address, port), handler)
        except (OSError, OverflowError) as error:
            raise InputError(f"health cannot be served at {address}:{port} ({error}): choose another port or address") from error
        self.url = f"http://{address}:{self._http.server_port}"
        self._thread = threading.Thread(target=self._http.serve_forever, name="health", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def __enter__(self: S) -> S:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


class HealthServer(StatusServer):
    """``/healthz``, ``/readyz`` and ``/metrics`` of streams; raises as ``StatusServer``."""

    def __init__(self, cameras: Cameras, *, port: int, address: str = "127.0.0.1") -> None:
        answers = {"/healthz": lambda: alive(cameras), "/readyz": lambda: ready(cameras)}
        super().__init__(answers, HealthCollector(cameras), port=port, address=address)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False  # a silent client would hold up the end

    def server_bind(self) -> None:
        """As that of HTTPServer, which asks DNS for its name as well."""
        socketserver.TCPServer.server_bind(self)
        host, self.server_port = self.server_address[:2]
        self.server_name = str(host)


class _Handler(BaseHTTPRequestHandler):
    timeout = SILENT_S
    server_version, sys_version = "edgefake", ""
    answers: dict[str, Callable[[], Answer]]
    page: Callable[[str], tuple[bytes, str]]

    def do_GET(self) -> None:
        path = self.path.split("?", 1)[0]
        if path == "/metrics":
            self._send(HTTPStatus.OK, *self.page(self.headers.get("Accept", "")))
        elif path in self.answers:
            status, answer = self.answers[path]()
            self._send(status, json.dumps(answer).encode() + b"\n", "application/json")
        else:
            known = ", ".join(("/metrics", *self.answers))
            self._send(HTTPStatus.NOT_FOUND, f"there is {known}\n".encode(), "text/plain; charset=utf-8")

    do_HEAD = do_GET

    def log_message(self, format: str, *arguments: Any) -> None:
        """Scrapes are no news."""

    def _send(self, status: HTTPStatus, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
