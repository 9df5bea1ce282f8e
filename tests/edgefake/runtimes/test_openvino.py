"""The OpenVINO runtime: the numbers of the TFLite runtime from the same files."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edgefake import Detector, ModelCard, ModelFileError, read_image
from edgefake.models.card import Scaling
from edgefake.models.store import find_model
from edgefake.runtimes.openvino import options_of
from edgefake.testing import check_runtime
from tests.edgefake.runtimes.opening import numbers, opened

MakeCard = Callable[..., ModelCard]
BUNDLED = ("resnet18_int8", "mobilenet_v2_035_int8", "cnn_int8")


@pytest.fixture
def faces() -> np.ndarray:
    """Seven unlike faces: blocks of colour, uint8 (7, 16, 16, 3)."""
    blocks = np.random.default_rng(0).integers(0, 256, (7, 4, 4, 3), dtype=np.uint8)
    return blocks.repeat(4, axis=1).repeat(4, axis=2)


@pytest.mark.parametrize("scaling", [Scaling(128.0, 128.0), Scaling(0.0, 255.0)])
@pytest.mark.parametrize("name", ["int8", "uint8", "float32", "fixed_batch", "grey", "nchw"])
def test_the_numbers_are_those_of_tflite(
    name: str, scaling: Scaling, models: Path, make_card: MakeCard, faces: np.ndarray
) -> None:
    path, card = models / f"{name}.tflite", make_card(name, scaling=scaling)
    expected = numbers(opened(path, card, "tflite"), faces)
    runtime = opened(path, card, "openvino")
    assert runtime.name.startswith("openvino (OpenVINO 20")
    for count in (7, 1, 3):
        got = numbers(runtime, faces[:count])
        assert got.dtype == np.float32
        assert got == pytest.approx(
            expected[:count], abs=0.06 if name in ("int8", "uint8") else 1e-5
        )  # a step or two of the output
    assert np.ptp(expected) > 0.1


@pytest.mark.parametrize("name", ["two_numbers", "two_outputs"])
def test_several_numbers_and_outputs(name: str, models: Path, make_card: MakeCard, faces: np.ndarray) -> None:
    path, card = models / f"{name}.tflite", make_card(name)
    expected, got = (opened(path, card, runtime).run(faces) for runtime in ("tflite", "openvino"))
    assert len(got) == len(expected)
    for one, other in zip(got, expected, strict=True):
        assert one.shape == other.shape and one == pytest.approx(other, abs=1e-4)


@pytest.mark.parametrize("name", BUNDLED)
def test_the_bundled_models_pass_their_golden_vectors(name: str, portrait: Path) -> None:
    frame = read_image(portrait)
    with Detector(name, runtime="openvino", num_threads=1) as openvino, Detector(name, num_threads=1) as tflite:
        assert openvino.runtime.startswith("openvino")
        assert tflite.runtime.startswith("tflite")  # auto does not change with what is installed
        (got,), (expected,) = openvino.predict(frame).faces, tflite.predict(frame).faces
        assert got.p_fake == pytest.approx(expected.p_fake, abs=0.05)
        assert got.verdict is expected.verdict


@pytest.mark.parametrize("name", BUNDLED)
def test_the_onnx_form_scores_like_onnxruntime(name: str, portrait: Path) -> None:
    path, frame = find_model(name, suffix=".onnx"), read_image(portrait)
    with Detector(path, runtime="openvino", num_threads=1) as openvino, Detector(path, runtime="onnx", num_threads=1) as onnx:
        (got,), (expected,) = openvino.predict(frame).faces, onnx.predict(frame).faces
        assert got.p_fake == pytest.approx(expected.p_fake, abs=0.02)
        assert got.verdict is expected.verdict
        assert len(openvino.predict_batch([frame] * 3)) == 3


def test_an_onnx_model_of_another_shape(make_card: MakeCard) -> None:
    path = find_model("cnn_int8", suffix=".onnx")
    with pytest.raises(ModelFileError, match=r"\[N, 16, 16, 3\].*card.*\[N, 128, 128, 3\]"):
        opened(path, make_card(), "openvino")


def test_raw_pixels(models: Path, make_card: MakeCard, faces: np.ndarray) -> None:
    card = make_card("raw_uint8", scaling=Scaling(0.0, 1.0))
    got, expected = (numbers(opened(models / "raw_uint8.tflite", card, runtime), faces) for runtime in ("openvino", "tflite"))
    assert got == pytest.approx(expected, abs=1e-5)


def test_a_number_without_a_shape_is_refused(models: Path, make_card: MakeCard) -> None:
    with pytest.raises(ModelFileError, match=r"scalar\.tflite .*\(\[\]\).* OpenVINO"):
        opened(models / "scalar.tflite", make_card("scalar"), "openvino")


def test_files_that_will_not_do(models: Path, make_card: MakeCard, tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match=r"card.*\[1, 16, 32, 3\]"):
        opened(models / "oblong.tflite", make_card(), "openvino")
    data = (models / "int8.tflite").read_bytes()
    for number, bad in enumerate((b"text", data[: len(data) // 2])):
        (tmp_path / f"{number}.tflite").write_bytes(bad)
        with pytest.raises(ModelFileError, match=rf"{number}\.tflite"):
            opened(tmp_path / f"{number}.tflite", make_card(), "openvino")
    for number, bad in enumerate((b"text", find_model("cnn_int8", suffix=".onnx").read_bytes()[:5000])):
        (tmp_path / f"{number}.onnx").write_bytes(bad)
        with pytest.raises(ModelFileError, match=rf"{number}\.onnx"):
            opened(tmp_path / f"{number}.onnx", make_card(), "openvino")


def test_without_openvino_the_extra_is_named() -> None:
    script = (
        "import sys; sys.modules['openvino'] = None\n"
        "import edgefake\n"
        "try: edgefake.Detector('cnn_int8', runtime='openvino')\n"
        "except edgefake.BackendError as error: print(error)\n"
    )
    child = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert child.stdout == "openvino is not installed: pip install 'edgefake[openvino]'\n", child.stderr


@pytest.mark.parametrize("name", ["int8", "uint8", "float32", "fixed_batch", "grey", "nchw", "two_numbers", "two_outputs"])
def test_the_contract(name: str, models: Path, make_card: MakeCard) -> None:
    check_runtime(opened(models / f"{name}.tflite", make_card(name), "openvino"), make_card(name))


@pytest.mark.parametrize(("device", "told"), [("CPU", True), ("GPU", True), ("GPU.1", True), ("NPU", False)])
def test_devices_compute_in_32_bits_but_those_that_refuse(device: str, told: bool) -> None:
    """Plugins of the NPU know f16 and i8 alone, so that none would be loaded there; none was at hand."""
    assert ("INFERENCE_PRECISION_HINT" in options_of(device, 2)) is told
    assert ("INFERENCE_NUM_THREADS" in options_of(device, 2)) is (device == "CPU")
