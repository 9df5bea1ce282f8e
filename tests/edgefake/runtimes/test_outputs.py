"""What every runtime gives of a graph: all outputs, in its order, one answer per picture, whatever the graph's batch is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from edgefake import BackendError, ModelCard, ModelFileError
from edgefake.models.file import ModelFile
from edgefake.runtimes import Runtime, open_runtime
from edgefake.runtimes.outputs import OutputDecoder
from edgefake.runtimes.spec import InputSpec, Scaling
from tests.edgefake.runtimes.opening import opened

HEIGHT, WIDTH = 12, 20
SPEC = InputSpec(HEIGHT, WIDTH)

MakeCard = Callable[..., ModelCard]


def network(*, batch: int | str = "N", last: str = "per picture") -> bytes:
    """Pictures of 12×20 → their mean colour (N, 3), that of each row (N, 12, 3), and their brightness, ``last`` as told."""
    nodes = [
        helper.make_node("Cast", ["pixels"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["float"], ["colour"], axes=[1, 2], keepdims=0),
        helper.make_node("ReduceMean", ["float"], ["rows"], axes=[2], keepdims=0),
    ]
    axes = {"per picture": [1, 2, 3], "for all": [0, 1, 2, 3], "axis for all": [0, 1, 2, 3]}[last]
    nodes.append(helper.make_node("ReduceMean", ["float"], ["bright"], axes=axes, keepdims=int(last == "axis for all")))
    shapes = {"per picture": [batch], "for all": [], "axis for all": [1, 1, 1, 1]}
    outputs = {"colour": [batch, 3], "rows": [batch, HEIGHT, 3], "bright": shapes[last]}
    graph = helper.make_graph(
        nodes,
        "three",
        [helper.make_tensor_value_info("pixels", TensorProto.UINT8, [batch, HEIGHT, WIDTH, 3])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in outputs.items()],
        [numpy_helper.from_array(np.zeros(1, np.float32), "unused")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(model.SerializeToString())


@pytest.fixture
def pictures() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (5, HEIGHT, WIDTH, 3), dtype=np.uint8)


def expected(pictures: np.ndarray) -> tuple[np.ndarray, ...]:
    real = pictures.astype(np.float64)
    return real.mean(axis=(1, 2)), real.mean(axis=2), real.mean(axis=(1, 2, 3))


def check(runtime: Runtime, pictures: np.ndarray) -> None:
    for count in (1, 5, 2):
        got = runtime.run(pictures[:count])
        assert [output.dtype for output in got] == [np.float32] * 3
        for output, wanted in zip(got, expected(pictures[:count]), strict=True):
            assert output.reshape(wanted.shape) == pytest.approx(wanted, abs=1e-3)
            assert len(output) == count


@pytest.mark.parametrize("name", ["onnx", "openvino"])
@pytest.mark.parametrize("changes", [{}, {"batch": 1}, {"last": "axis for all"}, {"batch": 1, "last": "axis for all"}], ids=str)
def test_every_picture_has_its_answer_in_every_output(
    name: str, changes: dict[str, object], tmp_path: Path, pictures: np.ndarray
) -> None:
    """Also where one output of three answers once for all."""
    path = tmp_path / "three.onnx"
    path.write_bytes(network(**changes))  # type: ignore[arg-type]
    check(open_runtime(ModelFile(path), SPEC, name=name, num_threads=1), pictures)


@pytest.mark.parametrize("batch", ["N", 1])
def test_a_number_for_all_without_an_axis(batch: int | str, tmp_path: Path, pictures: np.ndarray) -> None:
    path = tmp_path / "three.onnx"
    path.write_bytes(network(batch=batch, last="for all"))
    check(open_runtime(ModelFile(path), SPEC, num_threads=1), pictures)


def test_a_batch_of_four_that_is_written_in(tmp_path: Path, pictures: np.ndarray) -> None:
    path = tmp_path / "three.onnx"
    path.write_bytes(network(batch=4))
    check(open_runtime(ModelFile(path), SPEC, num_threads=1), pictures)
    path.write_bytes(network(batch=4, last="axis for all"))
    with pytest.raises(ModelFileError, match=r"for 4 .*\[1, 1, 1, 1\]"):
        open_runtime(ModelFile(path), SPEC, num_threads=1).run(pictures)


def test_a_tflite_that_is_not_square(models: Path, make_card: MakeCard) -> None:
    """Two squares side by side have the mean of both."""
    pair = np.random.default_rng(0).integers(0, 256, (2, 4, 8, 3), dtype=np.uint8).repeat(4, axis=1).repeat(4, axis=2)
    card = make_card("float32")
    file, spec = ModelFile(models / "oblong.tflite"), InputSpec(16, 32, card.scaling)
    (square,) = opened(models / "float32.tflite", card).run(np.concatenate([pair[:, :, :16], pair[:, :, 16:]]))
    for name in ("tflite", "openvino"):
        (output,) = open_runtime(file, spec, name=name, num_threads=1).run(pair)
        assert output == pytest.approx((square[:2] + square[2:]) / 2, abs=1e-4)


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int16, np.float16, np.float32])
def test_numbers_are_dequantised_as_reals(dtype: type) -> None:
    integer = np.issubdtype(dtype, np.integer)
    tensor = np.arange(-128, 128).astype(dtype).reshape(2, 16, 8)
    got = OutputDecoder(dtype, (0.0371, 5) if integer else (0.0, 0))(tensor)
    exact = [(value - 5) * 0.0371 if integer else float(value) for value in tensor.ravel().tolist()]
    assert got.dtype == np.float32 and np.array_equal(got, np.array(exact, np.float32).reshape(2, 16, 8))


def test_integers_without_a_scale_are_refused() -> None:
    with pytest.raises(ModelFileError, match="quantization scale"):
        OutputDecoder(np.int8, (0.0, 0))


@pytest.mark.parametrize(
    ("name", "device", "told"),
    [
        ("tflite", "GPU", "'GPU'"),
        ("onnx", "gpu", "'gpu'.*cpu, cuda.*tensorrt"),
        ("onnx", "cuda:first", "'cuda:first'"),
        ("onnx", "cpu:1", "'cpu:1'"),
        ("onnx", 1, "device 1"),
        ("openvino", "GPU.7", r"'GPU\.7'.*CPU"),
        ("tensorrt", "GPU", "'GPU'"),
        ("tensorrt", -1, "device -1"),
    ],
)
def test_a_device_that_a_runtime_has_not_is_one_sentence(
    name: str, device: str | int, told: str, models: Path, make_card: MakeCard, tmp_path: Path
) -> None:
    (tmp_path / "three.onnx").write_bytes(network())
    path = models / "int8.tflite" if name in ("tflite", "openvino") else tmp_path / "three.onnx"
    with pytest.raises(BackendError, match=told) as caught:
        opened(path, make_card(), name, device)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("name", "device"), [("onnx", "cpu"), ("openvino", "CPU")])
def test_the_processor_may_be_named(name: str, device: str, tmp_path: Path, pictures: np.ndarray) -> None:
    path = tmp_path / "three.onnx"
    path.write_bytes(network())
    check(open_runtime(ModelFile(path), SPEC, name=name, device=device, num_threads=1), pictures)


def test_a_network_takes_what_the_spec_says(models: Path) -> None:
    assert Scaling() == InputSpec(16, 16).scaling
    with pytest.raises(ModelFileError, match=r"\[1, 32, 16, 3\].*\[1, 16, 32, 3\]"):
        open_runtime(ModelFile(models / "oblong.tflite"), InputSpec(32, 16), num_threads=1)
