"""Fixtures for the tests of the device library: tiny models, their cards, drawn pictures, and places that models come from."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from edgefake import Detector, ModelCard
from edgefake.models import download
from edgefake.models.card import Scaling
from edgefake.models.file import write_card
from edgefake.pixels import Pixels
from tests.edgefake.models.model_server import BODY, Answer, Server

MakeCard = Callable[..., ModelCard]

SCALINGS = {"int8": Scaling(128.0, 128.0), "uint8": Scaling(0.0, 255.0)}


@pytest.fixture(scope="session")
def models() -> Path:
    """The folder of tiny models without cards (made by its ``make_models.py``)."""
    return Path(__file__).parent / "models"


@pytest.fixture(scope="session")
def make_card() -> MakeCard:
    """A function that makes the card of a tiny model: ``make_card("int8", output="p_fake")``."""

    def make(model: str = "int8", **changes: object) -> ModelCard:
        fields = {
            "name": f"tiny_{model}",
            "architecture": "tiny",
            "precision": "int8" if model in SCALINGS else "float32",
            "input_size": 16,
            "crop_margin": 0.3,
            "output": "logit",
            "thresholds": {"fpr_5%": 0.5, "fpr_1%": 0.75},
            "scaling": SCALINGS.get(model, Scaling(127.5, 127.5)),
        }
        return ModelCard(**{**fields, **changes})  # type: ignore[arg-type]

    return make


@pytest.fixture
def model(tmp_path: Path, models: Path, make_card: MakeCard) -> Path:
    """A tiny INT8 model with its card."""
    path = tmp_path / "tiny_int8.tflite"
    shutil.copyfile(models / "int8.tflite", path)
    write_card(path, make_card())
    return path


@pytest.fixture
def detector(model: Path) -> Detector:
    return Detector(model, num_threads=1)


@pytest.fixture(scope="session")
def photo() -> Pixels:
    """A colourful frame of 320×240 with detail at every scale and no face."""
    rng = np.random.default_rng(3)
    layers = [
        cv2.resize(rng.integers(0, 256, (n * 3, n * 4, 3), dtype=np.uint8), (320, 240)).astype(float) for n in (1, 4, 16, 80)
    ]
    return np.clip((np.mean(layers, axis=0) - 128) * 2 + 128, 0, 255).astype(np.uint8)


@pytest.fixture
def no_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty cache in ``tmp_path``, no address, no proxy, and hardly a pause between attempts."""
    for name in ("EDGEFAKE_MODEL_URL", "EDGEFAKE_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("EDGEFAKE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setattr(download, "PAUSE_S", 0.001)


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Server]]:
    """Starts a server and makes it the address that models come from."""
    servers: list[Server] = []

    def start(*answers: Answer) -> Server:
        servers.append(Server(*answers))
        monkeypatch.setenv("EDGEFAKE_MODEL_URL", servers[-1].url)
        return servers[-1]

    yield start
    for server in servers:
        server.http.shutdown()
        server.http.server_close()


@pytest.fixture
def registry(tmp_path: Path) -> Path:
    """A registry of two models, of which ``tiny`` is bundled and ``small_int8`` is not."""
    entry = {"sha256": hashlib.sha256(BODY).hexdigest(), "bytes": len(BODY)}
    path = tmp_path / "zoo" / "models.json"
    path.parent.mkdir()
    files = {"tiny": "tiny.tflite", "small_int8": "small int8.tflite"}
    models = {name: {"kind": "detector", "files": [{"file": file, **entry}]} for name, file in files.items()}
    path.write_text(json.dumps(models))
    (path.parent / "tiny.tflite").write_bytes(BODY)
    return path


@pytest.fixture
def cached(tmp_path: Path) -> Path:
    """Where ``small_int8`` is cached; nothing is there yet."""
    return tmp_path / "cache" / "small int8.tflite"
