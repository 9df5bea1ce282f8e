"""Fixtures: a machine with a fake GPU and a fake TensorRT, and a model for it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edgefake import ModelCard
from edgefake.models.card import Golden
from edgefake.models.file import ModelFile, write_card
from edgefake.models.golden import encode_pixels
from edgefake.runtimes.tensorrt import TensorRTRuntime, engines, open_model
from edgefake.runtimes.tensorrt.gpu import Gpu
from tests.edgefake.runtimes.tensorrt.fake_cuda import FakeCuda
from tests.edgefake.runtimes.tensorrt.fake_tensorrt import FakeTensorRT, logit, onnx_file

ORIN = Gpu("Fake Orin", "8.7")

UseMachine = Callable[..., FakeTensorRT]


@pytest.fixture
def use_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> UseMachine:
    """A function that puts a fake GPU and TensorRT in the place of this machine's; the cache is in ``tmp_path / "home"``."""

    def use(trt: FakeTensorRT | None = None, gpu: Gpu = ORIN) -> FakeTensorRT:
        trt = trt or FakeTensorRT()
        monkeypatch.setattr(engines, "find_gpu", lambda number: gpu)
        monkeypatch.setattr(engines, "load_tensorrt", lambda: trt)
        monkeypatch.setattr(engines, "cuda_layer", lambda: FakeCuda)
        return trt

    monkeypatch.setenv("EDGEFAKE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(FakeCuda, "opened", [])
    return use


@pytest.fixture
def trt(use_machine: UseMachine) -> FakeTensorRT:
    """The fake TensorRT 10 of a machine that has a GPU."""
    return use_machine()


@pytest.fixture
def faces() -> np.ndarray:
    """Forty unlike faces, uint8 (40, 16, 16, 3)."""
    levels = np.linspace(0, 200, 40).astype(np.uint8)[:, None, None, None]
    return levels + np.random.default_rng(0).integers(0, 50, (40, 16, 16, 3), dtype=np.uint8)


@pytest.fixture
def card(make_card: Callable[..., ModelCard], faces: np.ndarray) -> ModelCard:
    """With two golden vectors."""
    golden = tuple(Golden(encode_pixels(face), float(logit(face[None])[0, 0])) for face in faces[:2])
    return make_card("int8", golden=golden, golden_tolerance=0.05)


def open_engine_of(path: Path, card: ModelCard, device: int | None = None) -> TensorRTRuntime:
    """The runtime with the ``.onnx`` or ``.engine`` at ``path``, which is what ``card`` says."""
    return open_model(ModelFile(path, card), card.input_spec, device, 1)


@pytest.fixture
def model(tmp_path: Path, card: ModelCard) -> Path:
    """An ``.onnx`` file with its card."""
    path = tmp_path / "tiny.onnx"
    path.write_bytes(onnx_file())
    write_card(path, card)
    return path
