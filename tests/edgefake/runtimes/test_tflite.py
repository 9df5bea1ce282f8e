"""The TFLite runtime: exact input encoding, batches, and files that are no model."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgefake import BackendError, ModelCard, ModelFileError
from edgefake.models.card import Scaling
from edgefake.preprocessing import to_grey
from edgefake.runtimes import Runtime
from edgefake.runtimes.inputs import InputEncoder, Layout
from edgefake.testing import check_runtime
from tests.edgefake.runtimes import opening
from tests.edgefake.runtimes.opening import numbers

RGB = Layout(16, 16)
EVERY = np.arange(256, dtype=np.uint8)
SCALINGS = [Scaling(128.0, 128.0), Scaling(0.0, 255.0), Scaling(127.5, 127.5), Scaling(0.0, 1.0), Scaling(123.68, 58.4)]

MakeCard = Callable[..., ModelCard]


@pytest.fixture
def opened(models: Path, make_card: MakeCard) -> Callable[..., Runtime]:
    def open_tiny(name: str, **changes: object) -> Runtime:
        return opening.opened(models / f"{name}.tflite", make_card(name, **changes))

    return open_tiny


@pytest.fixture
def faces() -> np.ndarray:
    """Seven unlike faces: blocks of colour, uint8 (7, 16, 16, 3)."""
    blocks = np.random.default_rng(0).integers(0, 256, (7, 4, 4, 3), dtype=np.uint8)
    return blocks.repeat(4, axis=1).repeat(4, axis=2)


def encode(encoder: InputEncoder, pixels: np.ndarray, dtype: type) -> np.ndarray:
    tensor = np.empty(pixels.shape, dtype)
    encoder(pixels, tensor)
    return tensor


def test_every_output_is_given_as_the_graph_has_it(opened: Callable[..., Runtime], faces: np.ndarray) -> None:
    logit = numbers(opened("float32"), faces)
    for count in (7, 1):
        (both,) = opened("two_numbers").run(faces[:count])  # the same network's logit, and its negative
        assert both == pytest.approx(np.stack([logit, -logit], axis=1)[:count], rel=1e-4)
        first, second = opened("two_outputs").run(faces[:count])
        assert first == pytest.approx(logit[:count, None], rel=1e-4) and np.array_equal(second, -first)


@pytest.mark.parametrize("scaling", SCALINGS)
@pytest.mark.parametrize(
    ("dtype", "scale", "zero_point"), [(np.int8, 1 / 128, 0), (np.int8, 1 / 127.5, -1), (np.int8, 1 / 255, -128)]
)
def test_int8_input_is_scaled_and_quantized(dtype: type, scale: float, zero_point: int, scaling: Scaling) -> None:
    real = (EVERY.astype(np.float64) - scaling.offset) / scaling.scale
    expected = np.clip(np.round(real / scale) + zero_point, -128, 127).astype(np.int8)
    encoder = InputEncoder(dtype, (scale, zero_point), scaling, RGB)
    assert np.array_equal(encode(encoder, EVERY, dtype), expected)
    assert encoder.flips_top_bit == np.array_equal(expected, (EVERY ^ 0x80).view(np.int8))


def test_the_top_bit_is_flipped_exactly_where_that_is_the_same() -> None:
    def flips(scaling: Scaling, scale: float, zero_point: int, dtype: type = np.int8) -> bool:
        return InputEncoder(dtype, (scale, zero_point), scaling, RGB).flips_top_bit

    assert flips(Scaling(128.0, 128.0), 1 / 128, 0)
    assert flips(Scaling(0.0, 255.0), 1 / 255, -128)
    assert not flips(Scaling(127.5, 127.5), 1 / 127.5, 0)  # half a step off
    assert not flips(Scaling(128.0, 128.0), 1 / 128, 1)
    assert not flips(Scaling(128.0, 128.0), 1 / 128, 0, np.uint8)
    assert not flips(Scaling(128.0, 128.0), 0.0, 0, np.float32)


@pytest.mark.parametrize("scaling", SCALINGS)
def test_uint8_input_is_scaled_and_quantized(scaling: Scaling) -> None:
    real = (EVERY.astype(np.float64) - scaling.offset) / scaling.scale
    expected = np.clip(np.round(real / 0.01) + 3, 0, 255).astype(np.uint8)
    assert np.array_equal(encode(InputEncoder(np.uint8, (0.01, 3), scaling, RGB), EVERY, np.uint8), expected)


@pytest.mark.parametrize("scaling", SCALINGS)
def test_float_input_is_scaled(scaling: Scaling) -> None:
    expected = ((EVERY.astype(np.float64) - scaling.offset) / scaling.scale).astype(np.float32)
    assert np.array_equal(encode(InputEncoder(np.float32, (0.0, 0), scaling, RGB), EVERY, np.float32), expected)


def test_integer_input_without_scale_is_refused() -> None:
    with pytest.raises(ModelFileError, match="no quantization"):
        InputEncoder(np.int8, (0.0, 0), Scaling(), RGB)


def test_int8_and_float_models_agree(opened: Callable[..., Runtime], faces: np.ndarray) -> None:
    int8 = numbers(opened("int8"), faces)
    exact = numbers(opened("float32", scaling=Scaling(128.0, 128.0)), faces)  # the same network, fed the same x
    assert int8.dtype == exact.dtype == np.float32 and int8.shape == exact.shape == (7,)
    assert np.ptp(exact) > 0.5  # faces that differ are answered differently
    assert np.abs(int8 - exact).max() < 0.15


def test_other_layouts_hold_the_same_faces(opened: Callable[..., Runtime], faces: np.ndarray) -> None:
    expected = numbers(opened("float32"), faces)
    assert numbers(opened("nchw"), faces) == pytest.approx(expected, abs=1e-5)
    grey = np.repeat(to_grey(faces), 3, axis=3)
    assert numbers(opened("grey"), faces) == pytest.approx(numbers(opened("float32"), grey), abs=1e-5)
    swapped = np.ascontiguousarray(faces[..., ::-1])
    assert np.array_equal(numbers(opened("grey", colour_order="BGR"), swapped), numbers(opened("grey"), faces))


def test_a_uint8_input_without_quantization_takes_pixels(opened: Callable[..., Runtime], faces: np.ndarray) -> None:
    expected = numbers(opened("float32"), faces)  # whose card scales as that file does itself
    for scaling in (Scaling(0.0, 1.0), Scaling(128.0, 128.0)):
        assert numbers(opened("raw_uint8", scaling=scaling), faces) == pytest.approx(expected, abs=1e-5)
    with pytest.raises(ModelFileError, match=r"as they .* got Scaling\(offset=0\.0, scale=255\.0\)"):
        opened("raw_uint8", scaling=Scaling(0.0, 255.0))


@pytest.mark.parametrize("name", ["scalar", "one_for_all"])
def test_every_face_has_its_own_answer(opened: Callable[..., Runtime], faces: np.ndarray, name: str) -> None:
    """Though the graph has one for all that it is given."""
    assert numbers(opened(name), faces) == pytest.approx(numbers(opened("float32"), faces), abs=1e-5)


@pytest.mark.parametrize("name", ["int8", "uint8", "float32", "fixed_batch"])
def test_any_batch_equals_single_faces(opened: Callable[..., Runtime], faces: np.ndarray, name: str) -> None:
    """``fixed_batch`` is a graph with a batch of one written into it."""
    runtime = opened(name)
    single = np.concatenate([numbers(runtime, face[None]) for face in faces])
    for count in (1, 4, 1, 7, 2, 7):
        assert np.array_equal(numbers(runtime, faces[:count]), single[:count])


def test_threads_do_not_mix_their_faces(opened: Callable[..., Runtime], faces: np.ndarray) -> None:
    runtime = opened("int8")
    single = numbers(runtime, faces)
    many = np.repeat(faces, 40, axis=0)
    expected = {0: single, 1: np.repeat(single, 40), 2: single[:1]}
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda i: numbers(runtime, (faces, many, faces[:1])[i % 3]), range(600)))
    assert all(np.array_equal(answer, expected[i % 3]) for i, answer in enumerate(answers))


def test_the_name_says_which_interpreter(opened: Callable[..., Runtime]) -> None:
    runtime = opened("int8")
    assert runtime.name.startswith("tflite (")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("oblong", r"\[1, 16, 16, 3\] \(or \[1, 3, .*card.*\[1, 16, 32, 3\]"),
    ],
)
def test_models_of_another_shape_are_refused(opened: Callable[..., Runtime], name: str, message: str) -> None:
    with pytest.raises(ModelFileError, match=message):
        opened(name)


def test_a_card_of_another_size_is_refused(opened: Callable[..., Runtime]) -> None:
    with pytest.raises(ModelFileError, match=r"\[1, 32, 32, 3\].*card"):
        opened("int8", input_size=32)


def test_runtimes_are_never_guessed(models: Path, make_card: MakeCard) -> None:
    with pytest.raises(BackendError, match="unknown runtime 'tensorrt9': choose auto, tflite"):
        opening.opened(models / "int8.tflite", make_card(), "tensorrt9")
    with pytest.raises(BackendError, match=r"\.onnx .*'onnx', .*int8\.tflite"):
        opening.opened(models / "int8.tflite", make_card(), "onnx")


def test_damage_that_shows_when_it_runs(models: Path, make_card: MakeCard, faces: np.ndarray, tmp_path: Path) -> None:
    model = edited(models / "int8.tflite")
    weights = max(range(len(model.buffers)), key=lambda i: len(model.buffers[i].data) if model.buffers[i].data is not None else 0)
    model.buffers[weights].data = None
    runtime = opening.opened(written(model, tmp_path / "cut.tflite"), make_card(), "tflite")
    with pytest.raises(ModelFileError, match=r"cut\.tflite .*ai-edge-litert .*lacks data"):
        numbers(runtime, faces)


@pytest.mark.parametrize(
    ("operator", "message"),
    [("edgetpu-custom-op", "Coral Edge TPU"), ("Theirs", "loaded by .*custom op: Theirs")],
)
def test_operators_that_are_not_there(operator: str, message: str, models: Path, make_card: MakeCard, tmp_path: Path) -> None:
    model = edited(models / "float32.tflite")
    model.operatorCodes[0].builtinCode = model.operatorCodes[0].deprecatedBuiltinCode = 32  # CUSTOM
    model.operatorCodes[0].customCode = operator
    with pytest.raises(ModelFileError, match=message):
        opening.opened(written(model, tmp_path / "custom.tflite"), make_card(), "tflite")


def edited(path: Path) -> Any:
    from ai_edge_litert import schema_py_generated as schema

    return schema.ModelT.InitFromPackedBuf(path.read_bytes())


def written(model: Any, path: Path) -> Path:
    import flatbuffers

    builder = flatbuffers.Builder()
    builder.Finish(model.Pack(builder), b"TFL3")
    path.write_bytes(builder.Output())
    return path


def load_in_child(folder: Path) -> subprocess.CompletedProcess[str]:
    """Load and run every file in ``folder`` in a process of its own, because a crash there must fail a test and not end it."""
    script = (
        "import pathlib, sys\n"
        "import numpy as np\n"
        "from edgefake import ModelCard, ModelFileError\n"
        "from edgefake.models.file import ModelFile\n"
        "from edgefake.runtimes import open_runtime\n"
        "card = ModelCard('bad', 'tiny', 'int8', 16, 0.0, 'logit', {'fpr_5%': 0.5})\n"
        "for path in sorted(pathlib.Path(sys.argv[1]).iterdir()):\n"
        "    try:\n"
        "        runtime = open_runtime(ModelFile(path, card), card.input_spec, name='tflite', num_threads=1)\n"
        "        runtime.run(np.zeros((1, 16, 16, 3), np.uint8))\n"
        "        print(path.name, 'runs')\n"
        "    except ModelFileError as error:\n"
        "        print(path.name, 'refused:', ' '.join(str(error).split()))\n"
    )
    return subprocess.run([sys.executable, "-c", script, str(folder)], capture_output=True, text=True)


def test_truncated_and_random_files_are_refused_without_a_crash(models: Path, tmp_path: Path) -> None:
    data = (models / "int8.tflite").read_bytes()
    for length in {*range(0, len(data), 37), len(data) - 1}:
        (tmp_path / f"{length:05}.tflite").write_bytes(data[:length])
    noise = random.Random(0)
    for number in range(20):
        (tmp_path / f"random{number}.tflite").write_bytes(noise.randbytes(4) + b"TFL3" + noise.randbytes(2000))
    (tmp_path / "text.tflite").write_text("I am no model at all")
    child = load_in_child(tmp_path)
    assert child.returncode == 0, child.stderr
    lines = child.stdout.splitlines()
    assert len(lines) == len(list(tmp_path.iterdir()))
    assert all(" refused: " in line for line in lines)


TINY = ("int8", "uint8", "float32", "fixed_batch", "grey", "nchw", "scalar", "one_for_all", "two_numbers", "two_outputs")


@pytest.mark.parametrize("name", TINY)
def test_the_contract(opened: Callable[..., Runtime], make_card: MakeCard, name: str) -> None:
    check_runtime(opened(name), make_card(name))
