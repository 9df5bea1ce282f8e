"""How the bridge to a Frigate is doing, over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus
from typing import TYPE_CHECKING

from edgefake.frigate.bridge import Bridge
from edgefake.streaming.health_server import Answer, StatusServer

if TYPE_CHECKING:
    from prometheus_client import Metric

STUCK_S = 180.0
"""Nothing may take so long; only a new start helps."""


def alive(bridge: Bridge) -> Answer:
    """503 when it stands still. That Frigate or the broker is away is no reason for a new start."""
    stuck = bridge.idle_s > STUCK_S
    return (HTTPStatus.SERVICE_UNAVAILABLE, {"status": "stuck"}) if stuck else (HTTPStatus.OK, {"status": "ok"})


def ready(bridge: Bridge) -> Answer:
    """200 when broker and Frigate are there."""
    is_ready = bridge.connected and not bridge.away and bridge.version is not None
    status = HTTPStatus.OK if is_ready else HTTPStatus.SERVICE_UNAVAILABLE
    return status, {
        "status": "ready" if is_ready else "not ready",
        "broker": bridge.connected,
        "frigate": bridge.version is not None and not bridge.away,
        "version": bridge.version,
    }


class BridgeCollector:
    """Metrics named ``edgefake_frigate_…``, for a registry."""

    def __init__(self, bridge: Bridge) -> None:
        self._bridge = bridge

    def collect(self) -> Iterator[Metric]:
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        bridge = self._bridge
        people = CounterMetricFamily("edgefake_frigate_people", "People who were judged.", labels=["camera", "answer"])
        for (camera, answer), number in sorted(bridge.counts.items()):
            people.add_metric([camera, answer], number)
        yield people
        failures = CounterMetricFamily("edgefake_frigate_failures", "What went wrong.", labels=["what"])
        for what, number in sorted(bridge.failures.items()):
            failures.add_metric([what], number)
        yield failures
        yield GaugeMetricFamily("edgefake_frigate_waiting", "People it is not done with.", bridge.waiting)
        yield GaugeMetricFamily(
            "edgefake_frigate_ready", "Whether broker and Frigate are there.", ready(bridge)[0] == HTTPStatus.OK
        )


def serve_health(bridge: Bridge, *, port: int, address: str) -> StatusServer:
    """``/healthz``, ``/readyz`` and ``/metrics`` of ``bridge``; raises as ``StatusServer``."""
    answers = {"/healthz": lambda: alive(bridge), "/readyz": lambda: ready(bridge)}
    return StatusServer(answers, BridgeCollector(bridge), port=port, address=address)
