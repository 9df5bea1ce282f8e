"""Health over HTTP, asked over loopback and read by Prometheus's own parser."""

from __future__ import annotations

import json
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest
from prometheus_client.parser import text_string_to_metric_families

from edgefake.errors import InputError
from edgefake.streaming import health as health_module
from edgefake.streaming.health import CAPTURE, Health
from edgefake.streaming.health_server import FRESH_S, STUCK_S, HealthServer
from edgefake.thresholds import Verdict

ODD = 'a "sink"\\with\nall'


@pytest.fixture
def cameras() -> dict[str, Health]:
    health = Health()
    health.count("frames_in", 5)
    health.count("frames_out", 4)
    health.count("dropped")
    health.lose("mqtt", 2)
    health.lose(ODD)
    health.queued("mqtt", 7)
    health.queued(CAPTURE, 1)
    for verdict in (Verdict.FAKE, Verdict.REAL, Verdict.REAL):
        health.give(verdict)
    for milliseconds in (10, 20, 30):
        health.time("infer", milliseconds / 1e3)
    return {"door": health}


@pytest.fixture
def server(cameras: dict[str, Health]) -> Iterator[HealthServer]:
    with HealthServer(lambda: cameras, port=0) as server:
        yield server


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    """Seconds that health thinks have passed besides."""
    passed = {"s": 0.0}
    real = time.monotonic

    class Clock:
        monotonic = staticmethod(lambda: real() + passed["s"])
        perf_counter = staticmethod(time.perf_counter)

    monkeypatch.setattr(health_module, "time", Clock)
    return passed


def get(url: str) -> tuple[int, str, str]:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=30) as response:
            return response.status, response.headers["Content-Type"], response.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers["Content-Type"], error.read().decode()


def test_a_scrape(server: HealthServer, cameras: dict[str, Health]) -> None:
    status, kind, text = get(f"{server.url}/metrics")
    assert status == 200 and kind.startswith("text/plain; version=0.0.4")
    assert {
        'edgefake_frames_in_total{camera="door"} 5.0',
        'edgefake_frames_out_total{camera="door"} 4.0',
        'edgefake_frames_dropped_total{camera="door"} 1.0',
        'edgefake_reconnects_total{camera="door"} 0.0',
        'edgefake_faces_total{camera="door",verdict="fake"} 1.0',
        'edgefake_faces_total{camera="door",verdict="real"} 2.0',
        'edgefake_faces_total{camera="door",verdict="unsure"} 0.0',
        'edgefake_queue_length{camera="door",queue="capture"} 1.0',
        'edgefake_queue_length{camera="door",queue="mqtt"} 7.0',
        'edgefake_sink_lost_total{camera="door",sink="mqtt"} 2.0',
        'edgefake_sink_lost_total{camera="door",sink="a \\"sink\\"\\\\with\\nall"} 1.0',
        'edgefake_stage_seconds{camera="door",quantile="0.5",stage="infer"} 0.02',
        'edgefake_stage_seconds_count{camera="door",stage="infer"} 3.0',
        "edgefake_look_interval_seconds 0.0",
    } <= set(text.splitlines())
    assert "process_open_fds" in text and "process_resident_memory_bytes" in text
    cameras["door"].count("frames_in")
    cameras["yard"] = Health()  # as after a reload
    text = get(f"{server.url}/metrics")[2]
    assert 'edgefake_frames_in_total{camera="door"} 6.0\n' in text
    assert 'edgefake_frames_in_total{camera="yard"} 0.0\n' in text
    assert 'edgefake_last_frame_age_seconds{camera="yard"}' not in text  # there was none


def test_prometheus_reads_it(server: HealthServer, later: dict[str, float]) -> None:
    later["s"] = 100.0
    families = {family.name: family for family in text_string_to_metric_families(get(f"{server.url}/metrics")[2])}
    samples = {(s.name, *map(s.labels.get, sorted(s.labels))): s.value for family in families.values() for s in family.samples}
    assert families["edgefake_frames_in"].type == families["edgefake_faces"].type == "counter"
    assert families["edgefake_stage_seconds"].type == "summary"
    assert samples["edgefake_sink_lost_total", "door", ODD] == 1
    assert samples["edgefake_stage_seconds", "door", "0.95", "infer"] == pytest.approx(0.029)
    assert samples["edgefake_stage_seconds_sum", "door", "infer"] == pytest.approx(0.06)
    assert samples["edgefake_last_frame_age_seconds", "door"] >= 100


def test_ready_is_who_has_a_camera_that_sends(server: HealthServer, cameras: dict[str, Health], later: dict[str, float]) -> None:
    status, kind, text = get(f"{server.url}/readyz")
    assert (status, kind) == (200, "application/json")
    answer = json.loads(text)
    assert answer["status"] == "ready" and answer["cameras"]["door"]["ready"]
    later["s"] = FRESH_S + 1
    status, _, text = get(f"{server.url}/readyz")
    assert status == 503 and json.loads(text)["cameras"]["door"]["frame_age_s"] > FRESH_S
    cameras["door"].count("frames_in")
    cameras["yard"] = Health()
    status, _, text = get(f"{server.url}/readyz")
    answer = json.loads(text)
    assert status == 503 and answer["cameras"]["yard"] == {"ready": False, "ended": False, "frame_age_s": None}
    assert answer["cameras"]["door"]["ready"]
    cameras["yard"].end()  # a file
    assert get(f"{server.url}/readyz")[0] == 200


def test_alive_is_who_judges_what_comes(server: HealthServer, cameras: dict[str, Health], later: dict[str, float]) -> None:
    assert get(f"{server.url}/healthz") == (200, "application/json", '{"status": "ok"}\n')
    later["s"] = STUCK_S + 1
    status, _, text = get(f"{server.url}/healthz")
    assert (status, json.loads(text)) == (503, {"status": "stuck", "cameras": ["door"]})
    cameras["door"].queued(CAPTURE, 0)  # nothing waits: the camera is away
    assert get(f"{server.url}/healthz")[0] == 200


def test_what_else_is_asked_for(server: HealthServer) -> None:
    status, _, text = get(f"{server.url}/")
    assert status == 404 and "/healthz" in text
    request = urllib.request.Request(f"{server.url}/metrics", data=b"x", method="POST")
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30)
    assert caught.value.code == 501
    caught.value.close()


def test_a_silent_client_stops_no_other_and_not_the_end(cameras: dict[str, Health]) -> None:
    server = HealthServer(lambda: cameras, port=0)
    with socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2]))):
        assert get(f"{server.url}/healthz")[0] == 200
        server.close()


def test_a_port_in_use(server: HealthServer) -> None:
    port = int(server.url.rpartition(":")[2])
    with pytest.raises(InputError, match=f"127.0.0.1:{port} .*another port"):
        HealthServer(dict, port=port)


@pytest.mark.parametrize(("address", "port"), [("127.0.0.1", 70000), ("127.0.0.1", -1), ("no.such.host.invalid", 0)])
def test_no_such_address(address: str, port: int) -> None:
    with pytest.raises(InputError, match="another port"):
        HealthServer(dict, port=port, address=address)


def test_closing_frees_the_port(cameras: dict[str, Health]) -> None:
    server = HealthServer(lambda: cameras, port=0)
    server.close()
    with pytest.raises(urllib.error.URLError):
        get(f"{server.url}/healthz")
    HealthServer(lambda: cameras, port=int(server.url.rpartition(":")[2])).close()
