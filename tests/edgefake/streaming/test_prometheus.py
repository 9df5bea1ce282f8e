"""The metrics page, scraped over loopback and read by a parser."""

from __future__ import annotations

import socket
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest
from prometheus_client.parser import text_string_to_metric_families

from edgefake.errors import InputError
from edgefake.streaming.health import Health
from edgefake.streaming.prometheus import MetricsServer

ODD = 'a "sink"\\with\nall'


@pytest.fixture
def health() -> Health:
    health = Health()
    health.count("frames_in", 5)
    health.count("frames_out", 4)
    health.count("dropped")
    health.lose("mqtt", 2)
    health.lose(ODD)
    for milliseconds in (10, 20, 30):
        health.time("infer", milliseconds / 1e3)
    return health


@pytest.fixture
def server(health: Health) -> Iterator[MetricsServer]:
    with MetricsServer(health, port=0) as server:
        yield server


def get(url: str) -> tuple[str, str]:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=30) as response:
        return response.headers["Content-Type"], response.read().decode()


def test_a_scrape(server: MetricsServer, health: Health) -> None:
    kind, text = get(server.url)
    assert kind.startswith("text/plain; version=0.0.4")
    lines = text.splitlines()
    assert {
        "edgefake_frames_in_total 5.0",
        "edgefake_frames_out_total 4.0",
        "edgefake_frames_dropped_total 1.0",
        "edgefake_reconnects_total 0.0",
        'edgefake_sink_lost_total{sink="mqtt"} 2.0',
        'edgefake_sink_lost_total{sink="a \\"sink\\"\\\\with\\nall"} 1.0',
        'edgefake_stage_seconds{quantile="0.5",stage="infer"} 0.02',
        'edgefake_stage_seconds_count{stage="infer"} 3.0',
    } <= set(lines)
    health.count("frames_in")
    assert "edgefake_frames_in_total 6.0\n" in get(server.url)[1]


def test_prometheus_reads_it(server: MetricsServer) -> None:
    families = {family.name: family for family in text_string_to_metric_families(get(server.url)[1])}
    samples = {(s.name, *s.labels.values()): s.value for family in families.values() for s in family.samples}
    assert families["edgefake_frames_in"].type == "counter"
    assert families["edgefake_stage_seconds"].type == "summary"
    assert samples["edgefake_sink_lost_total", ODD] == 1
    assert samples["edgefake_stage_seconds", "0.95", "infer"] == pytest.approx(0.029)
    assert samples["edgefake_stage_seconds_sum", "infer"] == pytest.approx(0.06)


def test_a_silent_client_stops_no_scrape(server: MetricsServer) -> None:
    port = int(server.url.split(":")[2].split("/")[0])
    with socket.create_connection(("127.0.0.1", port)):
        assert "edgefake_fps" in get(server.url)[1]


def test_a_port_in_use(server: MetricsServer) -> None:
    port = int(server.url.split(":")[2].split("/")[0])
    with pytest.raises(InputError, match=f"127.0.0.1:{port} .*another port"):
        MetricsServer(Health(), port=port)


@pytest.mark.parametrize(("address", "port"), [("127.0.0.1", 70000), ("127.0.0.1", -1), ("no.such.host.invalid", 0)])
def test_no_such_address(address: str, port: int) -> None:
    with pytest.raises(InputError, match="another port"):
        MetricsServer(Health(), port=port, address=address)


def test_closing_frees_the_port(health: Health) -> None:
    server = MetricsServer(health, port=0)
    server.close()
    with pytest.raises(urllib.error.URLError):
        get(server.url)
    MetricsServer(health, port=int(server.url.split(":")[2].split("/")[0])).close()
