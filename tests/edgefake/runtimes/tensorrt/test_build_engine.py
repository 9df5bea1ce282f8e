"""``edgefake build-engine`` on a fake machine."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from edgefake import BackendError
from edgefake.cli import main
from edgefake.runtimes.tensorrt import engines
from tests.edgefake.runtimes.tensorrt.fake_tensorrt import FakeTensorRT, onnx_file


def test_builds_once_and_says_what(trt: FakeTensorRT, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["build-engine", str(model)]) == 0
    told = capsys.readouterr()
    (engine,) = (tmp_path / "home" / "engines").glob("tiny-*.engine")
    assert told.out.startswith(f"{engine}: built in ")
    assert told.out.endswith("Fake Orin, TensorRT 10.3.0, 2 layers in INT8, off the golden outputs by 0 (at most 0.05)\n")
    assert told.err == ""
    assert main(["build-engine", str(model)]) == 0
    assert capsys.readouterr().out.startswith(f"{engine}: was there already\n")
    assert len(trt._configs) == 1 and not trt._live


def test_json_and_options(trt: FakeTensorRT, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["build-engine", str(model), "--cache", str(tmp_path / "here"), "--workspace", "64", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert Path(told["engine"]).parent == tmp_path / "here" and Path(told["engine"]).is_file()
    assert (told["built"], told["int8_layers"], told["tensorrt"], told["capability"]) == (True, 2, "10.3.0", "8.7")
    assert trt._configs[0]._workspace == 64 << 20


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--workspace", "0"], "expected --workspace to be at least 1 MB, got 0"),
    ],
)
def test_what_cannot_be_asked_for(
    trt: FakeTensorRT, model: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], told: str
) -> None:
    assert main(["build-engine", str(model), *arguments]) == 2
    assert capsys.readouterr().err == f"edgefake: error: {told}\n"
    assert not trt._configs


def test_files_that_are_no_model(trt: FakeTensorRT, tmp_path: Path, capsys: pytest.CaptureFixture[str], models: Path) -> None:
    bare, broken = tmp_path / "bare.onnx", tmp_path / "broken.onnx"
    bare.write_bytes(onnx_file())
    broken.write_bytes(b"\xff" * 10)
    for path, told in (
        (models / "int8.tflite", "expected an .onnx file"),
        (bare, "no model card"),
        (broken, "is no ONNX model"),
        (tmp_path / "missing.onnx", "does not exist"),
    ):
        assert main(["build-engine", str(path)]) == 2
        assert told in capsys.readouterr().err


def test_a_machine_without_a_gpu(model: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def no_gpu(number: int) -> None:
        raise BackendError("no GPU")

    monkeypatch.setattr(engines, "find_gpu", no_gpu)
    assert main(["build-engine", str(model)]) == 2
    assert capsys.readouterr().err == "edgefake: error: no GPU\n"


def test_ctrl_c_ends_a_build_at_once_and_is_python_s_again_afterwards(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    during = []

    def find_gpu(number: int) -> None:
        during.append(signal.getsignal(signal.SIGINT))
        raise BackendError("no GPU")

    monkeypatch.setattr(engines, "find_gpu", find_gpu)
    before = signal.getsignal(signal.SIGINT)
    assert main(["build-engine", str(model)]) == 2
    assert during == [signal.SIG_DFL]
    assert signal.getsignal(signal.SIGINT) is before
