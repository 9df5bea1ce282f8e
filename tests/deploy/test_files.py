"""The files in ``deploy``: what they say agrees with what edgefake does."""

from __future__ import annotations

import configparser
import json
import re
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.exposition import generate_latest

from edgefake.config import read_config
from edgefake.config.reading import read_tables
from edgefake.frigate import FrigateConfig
from edgefake.streaming.health import Health
from edgefake.streaming.metrics import HealthCollector
from edgefake.thresholds import Verdict

DEPLOY = Path(__file__).parents[2] / "deploy"
DOCS = DEPLOY.parent / "docs"


def metrics() -> set[str]:
    """The names of all that there is to be scraped."""
    health = Health()
    with health.timed("latency"):
        health.give(Verdict.FAKE)
    health.queued("capture", 0)
    health.lose("mqtt")
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    registry.register(HealthCollector(lambda: {"door": health}))
    text = generate_latest(registry).decode()
    return set(re.findall(r"^([a-z_]+)[{ ]", text, re.MULTILINE)) | set(re.findall(r"# TYPE (\w+)", text))


def test_the_dashboard_shows_what_there_is() -> None:
    board = json.loads((DEPLOY / "grafana" / "dashboard.json").read_text())
    queries = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    asked = {name for query in queries for name in re.findall(r"\b(?:edgefake|process)_\w+", query)}
    # What only some machines have.
    assert asked - metrics() <= {"edgefake_temperature_celsius", "edgefake_last_frame_age_seconds"}
    assert len(asked) >= 9 and len(queries) >= len(asked)
    ids = [panel["id"] for panel in board["panels"]]
    assert len(set(ids)) == len(ids)


def test_the_configuration_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOOR", "rtsp://door/main")
    config = read_config(DEPLOY / "edgefake.toml")
    assert [camera.name for camera in config.cameras] == ["door"]
    assert config.health is not None and config.health.port == 9100


def test_the_container_runs_as_somebody_who_is_nobody_and_says_how_it_is() -> None:
    text = (DEPLOY / "Dockerfile").read_text()
    last = text[text.rindex("\nFROM ") :]
    assert re.search(r"^USER [1-9]\d+$", last, re.MULTILINE) and "HEALTHCHECK" in last and ":9100/healthz" in last
    assert text.index('"/src[stream]"') > 0


def test_compose_gives_it_no_more_than_it_needs() -> None:
    text = (DEPLOY / "compose.yaml").read_text()
    service = text[text.index("  edgefake:") : text.index("  broker:")]
    for line in ("read_only: true", "cap_drop: [ALL]", "no-new-privileges:true", "/var/lib/edgefake", "127.0.0.1:9100:9100"):
        assert line in service
    assert not re.search(r"password\s*[:=]\s*\w", text, re.IGNORECASE)
    ports = re.findall(r"ports: \[\"([^\"]+)\"", text)
    assert len(ports) == 4 and all(port.startswith("127.0.0.1:") for port in ports)


def test_what_is_packed_has_all_that_the_build_copies() -> None:
    ignored = (DEPLOY.parent / ".dockerignore").read_text().splitlines()
    setup = configparser.ConfigParser()
    setup.read(DEPLOY.parent / "setup.cfg")
    licences = re.findall(r"\S+", setup["metadata"]["license_files"])
    kept = [line[1:] for line in ignored if line.startswith("!")]
    for name in ("edgefake", "setup.cfg", "pyproject.toml", "README.md", *licences):
        assert any(Path(name).match(pattern) for pattern in kept), name


def test_the_page_about_frigate_has_every_key(tmp_path: Path) -> None:
    page = (DOCS / "frigate.md").read_text()
    table = "\n".join(line for line in page.splitlines() if line.startswith("|"))
    for key in FrigateConfig.__dataclass_fields__:
        assert f"`{key}`" in table, key
    example = page[page.index("```toml\n") + 8 :]
    path = tmp_path / "frigate.toml"
    path.write_text(example[: example.index("```")].replace("${MQTT_PASSWORD}", "x"))
    assert set(read_tables(path, ("frigate", "detector"), missing="")) == {"frigate", "detector"}
