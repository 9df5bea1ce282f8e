"""The face finder of a detector on a GPU: there where its engine was built, else on the processor."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgefake import BackendError, Detector, write_card
from edgefake.cli import main
from edgefake.faces.edge import EdgeFinder
from edgefake.models.card import Scaling
from edgefake.runtimes.tensorrt.gpu import Gpu
from tests.edgefake.faces.finder_model import HEIGHT, WIDTH, finder_card, write_finder
from tests.edgefake.runtimes.tensorrt.conftest import UseMachine
from tests.edgefake.runtimes.tensorrt.fake_tensorrt import FINDER_OUTPUTS, FakeTensorRT, onnx_file


@pytest.fixture
def finder_file(tmp_path: Path) -> Path:
    path = tmp_path / "finder.onnx"
    path.write_bytes(onnx_file(size=HEIGHT, width=WIDTH, outputs=FINDER_OUTPUTS))
    write_card(path, finder_card(scaling=Scaling(128.0, 128.0)))
    return path


def executed_by(detector: Detector) -> str:
    assert isinstance(detector.finder, EdgeFinder)
    return detector.finder.runtime.name.partition(" ")[0]


def test_it_is_on_the_gpu_once_its_engine_is_built(trt: FakeTensorRT, model: Path, finder_file: Path) -> None:
    assert main(["build-engine", str(finder_file)]) == 0
    with Detector(model, runtime="tensorrt", faces=f"edge:{finder_file}") as detector:
        assert executed_by(detector) == "tensorrt"
        assert detector.find_faces(np.zeros((30, 40, 3), np.uint8)) == []


def test_no_detector_waits_for_the_engine_of_its_finder(trt: FakeTensorRT, model: Path, tmp_path: Path) -> None:
    finder_file = write_finder(tmp_path / "red.onnx")
    with Detector(model, runtime="tensorrt", faces=f"edge:{finder_file}") as detector:
        assert executed_by(detector) == "onnx"
    assert len(trt._configs) == 1  # the model's


def test_what_the_machine_lacks_is_told_as_of_the_model(use_machine: UseMachine, model: Path, finder_file: Path) -> None:
    use_machine(gpu=Gpu("Fake Nano", "5.3"))
    with pytest.raises(BackendError, match="Fake Nano"):
        Detector(model, runtime="tensorrt", faces="edge:" + str(write_finder(finder_file)))
    use_machine()
    with pytest.raises(BackendError, match="'CPU'"):
        Detector(model, runtime="tensorrt", device="CPU", faces=f"edge:{finder_file}")
