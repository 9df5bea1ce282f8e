"""Where the finder of a detector is executed: beside the model, where that can be."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgefake import BackendError, Detector
from edgefake.faces import open_finder
from edgefake.faces.edge import EdgeFinder
from edgefake.models.store import find_model
from tests.edgefake.ensemble import Ensemble
from tests.edgefake.faces.finder_model import HEIGHT, ONE_CELL, WIDTH, with_faces, write_finder


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_finder(tmp_path_factory.mktemp("finder") / "red.onnx")


def executed_by(detector: Detector) -> str:
    assert isinstance(detector.finder, EdgeFinder)
    assert len(detector.find_faces(with_faces((WIDTH, HEIGHT), (100, 90, ONE_CELL)))) == 1
    return detector.finder.runtime.name.partition(" ")[0]


@pytest.mark.parametrize(
    ("runtime", "device", "expected"),
    [
        ("onnx", None, "onnx"),
        ("openvino", None, "openvino"),
        ("openvino", "CPU", "openvino"),
        ("tflite", None, "onnx"),  # LiteRT does not read the finder's .onnx
        ("auto", None, "onnx"),
    ],
)
def test_the_models_runtime_executes_it_or_the_first_that_reads_its_file(
    file: Path, runtime: str, device: str | None, expected: str
) -> None:
    with Detector("cnn_int8", runtime=runtime, device=device, faces=f"edge:{file}", num_threads=1) as detector:
        assert executed_by(detector) == expected


def test_beside_a_path_a_scorer_and_a_finder_that_is_open(file: Path) -> None:
    with Detector(find_model("cnn_int8", suffix=".onnx"), faces=f"edge:{file}", num_threads=1) as detector:
        assert executed_by(detector) == "onnx"
    with Detector(Ensemble("cnn_int8"), faces=f"edge:{file}") as detector:
        assert executed_by(detector) == "onnx"
    mine = open_finder(f"edge:{file}", runtime="openvino", num_threads=1)
    frame = with_faces((WIDTH, HEIGHT), (100, 90, ONE_CELL))
    with Detector("cnn_int8", faces=mine, num_threads=1) as detector:
        assert detector.find_faces(frame) == mine.find(frame) != []
    assert mine.find(frame)  # it is whose it was


@pytest.mark.parametrize("runtime", ["nonsense", None, ["onnx"]])
def test_an_unknown_runtime_is_told_as_of_the_model(file: Path, runtime: object) -> None:
    with pytest.raises(BackendError, match="runtime"):
        Detector("cnn_int8", runtime=runtime, faces=f"edge:{file}")  # type: ignore[arg-type]
