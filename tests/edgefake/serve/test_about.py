"""What a service tells of itself."""

from __future__ import annotations

import re
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

import edgefake
from edgefake import Detector, ModelCard
from tests.edgefake.serve.serving import Held, Serving, serving, until


def test_health(served: Serving) -> None:
    assert served.get("/health/live").json() == {"status": "live"}
    assert served.get("/health/ready").json() == {"status": "ready"}


def test_version_and_card(served: Serving) -> None:
    told = served.get("/version").json()
    assert (told["version"], told["model"]) == (edgefake.__version__, "cnn_int8") and told["runtime"].startswith("tflite")
    with Detector("cnn_int8", num_threads=1) as detector:
        assert ModelCard.from_json(served.get("/model").text) == detector.card


def test_it_is_ready_when_its_model_is_warm(held: Held, jpeg: bytes) -> None:
    held.go.clear()
    with serving(held.detector, is_ready=False) as running:
        assert held.begun.acquire(timeout=60)
        assert running.get("/health/live").status_code == 200
        for answer in (running.get("/health/ready"), running.get("/version"), running.send(jpeg)):
            assert answer.status_code == 503 and answer.headers["Retry-After"] == "1"
        held.go.set()
        until(lambda: running.service.workers.ready)
        assert running.get("/health/ready").status_code == 200
        assert running.get("/model").status_code == 404 and "held" in running.get("/model").json()["error"]


def test_a_model_that_fails_to_open(tmp_path: Path) -> None:
    with serving(lambda: Detector(tmp_path / "none.tflite"), is_ready=False) as running:
        until(lambda: bool(running.failures))
        assert isinstance(running.failures[0], edgefake.ModelNotFoundError)
        assert running.get("/health/ready").status_code == 503


def test_pages_ask_for_nothing_from_elsewhere(served: Serving) -> None:
    page = served.get("/docs").text
    assets = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert len(assets) >= 3
    for asset in assets:
        assert asset.startswith("/"), asset
        assert served.get(asset).status_code == 200
    assert not re.findall(r"https?://", page)
    assert "/predict" in served.get("/openapi.json").json()["paths"]


def test_what_is_not_there(served: Serving) -> None:
    for answer, status in ((served.get("/photo.jpg"), 404), (served.get("/predict"), 405), (served.get("/../etc/hostname"), 404)):
        assert answer.status_code == status and [*answer.json()] == ["error"]


def test_other_pages_may_not_read_it(served: Serving, jpeg: bytes) -> None:
    headers = {"Origin": "https://example.org", "Content-Type": "image/jpeg"}
    answer = served.post("/predict", data=jpeg, headers=headers)
    assert not [name for name in answer.headers if name.lower().startswith("access-control")]


def test_metrics(jpeg: bytes, portrait: Path) -> None:
    with serving(lambda: Detector("cnn_int8", num_threads=1)) as running:
        assert [running.send(data).status_code for data in (jpeg, portrait.read_bytes(), b"?")] == [200, 200, 415]
        running.get("/made/up")
        page = running.get("/metrics")
    assert page.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    samples = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(page.text)
        for sample in family.samples
    }
    assert samples["edgefake_pictures_total", "real"] == samples["edgefake_pictures_total", "no_face"] == 1
    assert samples["edgefake_pictures_total", "error"] == 1
    assert samples["edgefake_requests_total", "/predict", "200"] == 2
    assert samples["edgefake_requests_total", "/predict", "415"] == 1
    assert samples["edgefake_requests_total", "other", "404"] == 1
    assert samples["edgefake_request_seconds_count", "/predict"] == 3
    assert samples["edgefake_stage_seconds_count", "infer"] == 2
    assert (
        samples[("edgefake_waiting_files",)] == samples[("edgefake_requests_inside",)] == samples[("edgefake_errors_total",)] == 0
    )


def test_a_fault_is_told_and_ends_nothing(held: Held, jpeg: bytes) -> None:
    def fail(crops: object) -> list[edgefake.Score]:
        raise RuntimeError("the runtime fell over")

    with serving(held.detector) as running:
        score, held.score = held.score, fail  # type: ignore[method-assign,assignment]
        answer = running.send(jpeg)
        assert answer.status_code == 500 and "fell over" not in answer.text
        assert 'edgefake_last_error_info{error="RuntimeError: the runtime fell over"} 1' in running.get("/metrics").text
        held.score = score  # type: ignore[method-assign]
        assert running.send(jpeg).status_code == 200
