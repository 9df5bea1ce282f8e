"""How the bridge is, over HTTP."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from pathlib import Path

from edgefake import Detector
from edgefake.frigate import Bridge, FrigateConfig, health
from edgefake.frigate.health import serve_health


def get(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=60) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_a_bridge_whose_frigate_and_broker_are_away_is_alive_and_not_ready(detector: Detector, tmp_path: Path) -> None:
    config = FrigateConfig(url="http://127.0.0.1:1", broker="mqtt://127.0.0.1:1", state=str(tmp_path / "state.json"))
    with Bridge(config, detector) as bridge, serve_health(bridge, port=0, address="127.0.0.1") as server:
        bridge.counts["front_door", "fake"] = 3
        assert get(f"{server.url}/healthz") == (200, '{"status": "ok"}\n')
        status, text = get(f"{server.url}/readyz")
        assert status == 503 and json.loads(text) == {
            "status": "not ready",
            "broker": False,
            "frigate": False,
            "version": None,
        }
        metrics = get(f"{server.url}/metrics")[1]
        assert 'edgefake_frigate_people_total{answer="fake",camera="front_door"} 3.0' in metrics
        assert "edgefake_frigate_ready 0.0" in metrics
        bridge._beaten_at -= health.STUCK_S + 1
        assert get(f"{server.url}/healthz")[0] == 503
