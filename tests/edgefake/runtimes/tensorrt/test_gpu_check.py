"""``benchmarks.gpu_check`` on a fake machine: what it compares, tells and exits with."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from benchmarks.gpu_check import main
from edgefake import BackendError
from edgefake.runtimes.tensorrt import engines
from tests.edgefake.runtimes.tensorrt.fake_tensorrt import FakeTensorRT


@pytest.fixture
def both(model: Path, models: Path) -> Path:
    """An ``.onnx`` with a ``.tflite`` of the same name beside it, which answers otherwise than the fake GPU."""
    shutil.copyfile(models / "int8.tflite", model.with_suffix(".tflite"))
    return model


def test_a_table_and_json(
    trt: FakeTensorRT, both: Path, portrait: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "check.json"
    code = main([str(both), "--images", str(portrait.parent), "--runs", "5", "--json", str(out)])
    told = capsys.readouterr().out
    (check,) = json.loads(out.read_text())["checks"]
    assert told.startswith("Fake Orin (compute capability 8.7), tensorrt (10.3.0, fake CUDA):\n\n| model ")
    assert "| tiny_int8 " in told
    assert (check["model"], check["int8_layers"], check["golden_error"]) == ("tiny_int8", 2, 0.0)
    assert check["agreement"]["faces"] == 1 and check["agreement"]["mean"] > 0.01
    assert check["one_face"]["runs"] == 5
    assert code == 1 and "MISSED" in told
    assert len(trt._configs) == 1 and not trt._live


def test_without_pictures_nothing_is_compared(trt: FakeTensorRT, both: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(both), "--runs", "5"]) == 0
    assert "| - | - | - |" in " ".join(capsys.readouterr().out.split())


def test_no_runs_are_refused_before_the_build(trt: FakeTensorRT, both: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(both), "--runs", "0"]) == 2
    assert capsys.readouterr().err == "benchmarks.gpu_check: error: --runs must be at least 1, got 0\n"
    assert not trt._configs


def test_no_gpu_is_one_sentence(both: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def no_gpu(number: int) -> None:
        raise BackendError("the NVIDIA driver finds no GPU")

    monkeypatch.setattr(engines, "find_gpu", no_gpu)
    assert main([str(both)]) == 2
    assert capsys.readouterr().err == "benchmarks.gpu_check: error: the NVIDIA driver finds no GPU\n"
