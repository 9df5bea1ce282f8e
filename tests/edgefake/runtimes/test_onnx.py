"""The onnxruntime runtime: numbers, batches, threads, providers that are not there, and files that are no such model."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from edgefake import BackendError, Detector, ModelCard, ModelFileError, ModelNotFoundError
from edgefake.models.card import Scaling
from edgefake.models.file import ModelFile, write_card
from edgefake.testing import check_runtime
from tests.edgefake.runtimes.opening import numbers, opened

MakeCard = Callable[..., ModelCard]
WEIGHTS = np.array([[3.0], [-2.0], [0.5]], np.float32)


def network(outputs: int = 1, *, batch: int | str = "N", kind: int = TensorProto.UINT8, side: int = 16) -> onnx.ModelProto:
    """The mean colour, weighted: uint8 (N, 16, 16, 3) → float32 (N, outputs)."""
    weights = np.tile(WEIGHTS, (1, outputs)) * np.arange(1, outputs + 1, dtype=np.float32)
    graph = helper.make_graph(
        [
            helper.make_node("Cast", ["face"], ["float"], to=TensorProto.FLOAT),
            helper.make_node("ReduceMean", ["float"], ["mean"], axes=[1, 2], keepdims=0),
            helper.make_node("MatMul", ["mean", "weights"], ["output"]),
        ],
        "tiny",
        [helper.make_tensor_value_info("face", kind, [batch, side, side, 3])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, [batch, outputs])],
        [numpy_helper.from_array(weights / 128, "weights")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    onnx.save(network(), tmp_path / "tiny.onnx")
    return tmp_path / "tiny.onnx"


@pytest.fixture
def faces() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (7, 16, 16, 3), dtype=np.uint8)


def expected(faces: np.ndarray) -> np.ndarray:
    return np.asarray((faces.astype(np.float64).mean(axis=(1, 2)) @ WEIGHTS / 128)[:, 0])


@pytest.mark.parametrize("batch", ["N", 1])
def test_outputs_of_any_batch(batch: int | str, tmp_path: Path, faces: np.ndarray, make_card: MakeCard) -> None:
    onnx.save(network(batch=batch), tmp_path / "tiny.onnx")
    runtime = opened(tmp_path / "tiny.onnx", make_card())
    assert runtime.name.startswith("onnx (onnxruntime ")
    for count in (7, 1, 3):
        got = numbers(runtime, faces[:count])
        assert got.dtype == np.float32
        assert got == pytest.approx(expected(faces[:count]), abs=1e-4)


def test_several_numbers(tmp_path: Path, faces: np.ndarray, make_card: MakeCard) -> None:
    onnx.save(network(2), tmp_path / "two.onnx")
    (both,) = opened(tmp_path / "two.onnx", make_card(), "onnx").run(faces)
    assert both == pytest.approx(np.stack([expected(faces), 2 * expected(faces)], axis=1), abs=1e-4)


def test_large_eight_bit_products_are_not_cut_off(tmp_path: Path, make_card: MakeCard) -> None:
    """On processors without VNNI as well, where onnxruntime by itself adds such products in 16 bits."""
    nodes = [
        helper.make_node("Cast", ["face"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("Sub", ["float", "middle"], ["centred"]),
        helper.make_node("Transpose", ["centred"], ["planes"], perm=[0, 3, 1, 2]),
    ]
    for name, source in (("taken", "planes"), ("given", "sums")):
        if source == "sums":
            nodes.append(helper.make_node("DequantizeLinear", ["kernel", "one", "zero"], ["weights"]))
            nodes.append(helper.make_node("Conv", ["taken", "weights"], ["sums"]))
        scale = "one" if source == "planes" else "step"
        nodes.append(helper.make_node("QuantizeLinear", [source, scale, "zero"], [f"{name}_q"]))
        nodes.append(helper.make_node("DequantizeLinear", [f"{name}_q", scale, "zero"], [name]))
    nodes.append(helper.make_node("ReduceMean", ["given"], ["output"], axes=[2, 3], keepdims=0))
    constants = {"middle": np.float32(128), "one": np.float32(1), "step": np.float32(512), "zero": np.int8(0)}
    kernel = np.full((1, 3, 1, 1), 127, np.int8)
    graph = helper.make_graph(
        nodes,
        "loud",
        [helper.make_tensor_value_info("face", TensorProto.UINT8, ["N", 16, 16, 3])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, ["N", 1])],
        [
            *(numpy_helper.from_array(np.array(value), name) for name, value in constants.items()),
            numpy_helper.from_array(kernel, "kernel"),
        ],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), tmp_path / "loud.onnx")
    white = np.full((1, 16, 16, 3), 255, np.uint8)
    assert numbers(opened(tmp_path / "loud.onnx", make_card()), white) == pytest.approx([3 * 127 * 127], abs=256)


def test_a_detector_reads_the_card_in_the_file(path: Path, portrait: Path, make_card: MakeCard) -> None:
    import edgefake

    with pytest.raises(edgefake.CardError, match=r"tiny\.onnx .*card"):
        Detector(path)
    write_card(path, make_card())
    with Detector(path) as detector:
        assert detector.runtime.startswith("onnx (onnxruntime")
        assert detector.predict(edgefake.read_image(portrait)).p_fake is not None


@pytest.mark.parametrize("device", ["cuda", "tensorrt"])
def test_a_provider_that_is_not_there_is_no_reason_to_take_another(device: str, path: Path, make_card: MakeCard) -> None:
    import onnxruntime

    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this onnxruntime has GPU providers")
    with pytest.raises(BackendError, match=r"has no .*ExecutionProvider, only .*CPUExecutionProvider: install onnxruntime-gpu"):
        opened(path, make_card(), "onnx", device)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"side": 8}, r"\[N, 16, 16, 3\] \(or .*card.*\[N, 8, 8, 3\]"),
        ({"kind": TensorProto.INT32}, r" uint8 or float.*int32 \[N, 16, 16, 3\]"),
    ],
)
def test_networks_of_other_shapes(changes: dict[str, int], message: str, tmp_path: Path, make_card: MakeCard) -> None:
    onnx.save(network(**changes), tmp_path / "other.onnx")  # type: ignore[arg-type]
    with pytest.raises(ModelFileError, match=message):
        opened(tmp_path / "other.onnx", make_card(), "onnx")


@pytest.mark.parametrize("name", ["onnx", "openvino"])
@pytest.mark.parametrize("kind", [TensorProto.FLOAT, TensorProto.FLOAT16])
@pytest.mark.parametrize("scaling", [Scaling(0.0, 255.0), Scaling(127.5, 127.5)])
def test_float_input_is_scaled_on_the_device(
    name: str, kind: int, scaling: Scaling, tmp_path: Path, faces: np.ndarray, make_card: MakeCard
) -> None:
    """As PyTorch exports: (N, 3, H, W), and scaled by whoever calls it."""
    onnx.save(exported(kind), tmp_path / "theirs.onnx")
    runtime = opened(tmp_path / "theirs.onnx", make_card(scaling=scaling), name)
    means = ((faces.astype(np.float64) - scaling.offset) / scaling.scale).mean(axis=(1, 2))
    for count in (7, 1, 3):
        got = numbers(runtime, faces[:count])
        assert got == pytest.approx((means @ WEIGHTS)[:count, 0], abs=1e-5 if kind == TensorProto.FLOAT else 0.01)


@pytest.mark.parametrize("name", ["onnx", "openvino"])
@pytest.mark.parametrize("order", ["RGB", "BGR"])
def test_one_channel_is_grey(name: str, order: str, tmp_path: Path, faces: np.ndarray, make_card: MakeCard) -> None:
    onnx.save(exported(channels=1), tmp_path / "grey.onnx")
    card = make_card(scaling=Scaling(0.0, 1.0), colour_order=order)
    runtime = opened(tmp_path / "grey.onnx", card, name)
    weights = [0.299, 0.587, 0.114][:: 1 if order == "RGB" else -1]
    assert numbers(runtime, faces) == pytest.approx((faces.mean(axis=(1, 2)) @ weights) * WEIGHTS[0, 0], abs=0.5)


def test_sides_that_are_left_open(tmp_path: Path, faces: np.ndarray, make_card: MakeCard) -> None:
    model = exported()
    for axis in (2, 3):
        model.graph.input[0].type.tensor_type.shape.dim[axis].dim_param = f"side_{axis}"
    onnx.save(model, tmp_path / "open.onnx")
    results = [numbers(opened(tmp_path / "open.onnx", make_card(), name), faces) for name in ("onnx", "openvino")]
    assert results[0] == pytest.approx(results[1], abs=1e-5)


def exported(kind: int = TensorProto.FLOAT, *, channels: int = 3) -> onnx.ModelProto:
    """``network`` for (N, C, 16, 16) of a float type."""
    weights = (WEIGHTS[:channels]).astype(helper.tensor_dtype_to_np_dtype(kind))
    graph = helper.make_graph(
        [
            helper.make_node("ReduceMean", ["face"], ["mean"], axes=[2, 3], keepdims=0),
            helper.make_node("MatMul", ["mean", "weights"], ["output"]),
        ],
        "main_graph",
        [helper.make_tensor_value_info("face", kind, ["batch", channels, 16, 16])],
        [helper.make_tensor_value_info("output", kind, ["batch", 1])],
        [numpy_helper.from_array(weights, "weights")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


@pytest.mark.parametrize("name", ["onnx", "openvino"])
def test_pixels_that_the_file_scales_itself(name: str, path: Path, faces: np.ndarray, make_card: MakeCard) -> None:
    """A uint8 input: another scaling in the card would not be heeded, so it is refused."""
    for scaling in (Scaling(0.0, 1.0), Scaling(128.0, 128.0)):
        runtime = opened(path, make_card(scaling=scaling), name)
        assert numbers(runtime, faces) == pytest.approx(expected(faces), abs=1e-4)
    for scaling in (Scaling(0.0, 255.0), Scaling(1000.0, 1.0)):
        with pytest.raises(ModelFileError, match=r"Scaling\(0, 1\) .*as they .* got Scaling"):
            opened(path, make_card(scaling=scaling), name)


@pytest.mark.parametrize("name", ["onnx", "openvino"])
def test_an_output_of_which_the_file_tells_nothing(name: str, tmp_path: Path, faces: np.ndarray, make_card: MakeCard) -> None:
    model = network(2)
    del model.graph.output[0].type.tensor_type.shape.dim[:]  # says nothing of what it gives
    model.graph.output[0].type.tensor_type.ClearField("shape")
    onnx.save(model, tmp_path / "unknown.onnx")
    (both,) = opened(tmp_path / "unknown.onnx", make_card(), name).run(faces)
    assert both == pytest.approx(np.stack([expected(faces), 2 * expected(faces)], axis=1), abs=1e-4)


def test_a_number_without_a_shape(tmp_path: Path, faces: np.ndarray, make_card: MakeCard) -> None:
    model = network(batch=1)
    model.graph.node[-1].output[0] = "number"
    model.graph.initializer.append(numpy_helper.from_array(np.zeros(0, np.int64), "none"))
    model.graph.node.append(helper.make_node("Reshape", ["number", "none"], ["output"]))
    del model.graph.output[0].type.tensor_type.shape.dim[:]
    onnx.save(model, tmp_path / "scalar.onnx")
    runtime = opened(tmp_path / "scalar.onnx", make_card(), "onnx")
    assert numbers(runtime, faces) == pytest.approx(expected(faces), abs=1e-4)
    with pytest.raises(ModelFileError, match="OpenVINO"):  # it would crash
        opened(tmp_path / "scalar.onnx", make_card(), "openvino")


def test_what_fails_while_it_runs_is_told(tmp_path: Path, faces: np.ndarray, make_card: MakeCard) -> None:
    model = network()
    model.graph.initializer.append(numpy_helper.from_array(np.array([5, 1]), "five"))
    model.graph.node[-1].output[0] = "number"
    model.graph.node.append(helper.make_node("Reshape", ["number", "five"], ["output"]))
    onnx.save(model, tmp_path / "five.onnx")
    runtime = opened(tmp_path / "five.onnx", make_card(), "onnx")
    with pytest.raises(ModelFileError, match=r"five\.onnx .*onnxruntime.*: .*Reshape"):
        numbers(runtime, faces)


def test_files_that_are_no_model(path: Path, tmp_path: Path, make_card: MakeCard) -> None:
    data = path.read_bytes()
    for number, bad in enumerate((b"", b"text", data[:100], data[:-3], bytes(range(256)))):
        broken = tmp_path / f"{number}.onnx"
        broken.write_bytes(bad)
        with pytest.raises(ModelFileError, match=rf"{number}\.onnx"):
            opened(broken, make_card(), "onnx")


def test_a_runtime_reads_its_own_files(path: Path, models: Path, make_card: MakeCard) -> None:
    with pytest.raises(BackendError, match=r"\.tflite .*'tflite', .*tiny\.onnx"):
        opened(path, make_card(), "tflite")
    with pytest.raises(BackendError, match=r"\.onnx .*'onnx', .*int8\.tflite"):
        opened(models / "int8.tflite", make_card(), "onnx")


def test_without_onnxruntime_the_extra_is_named(path: Path) -> None:
    script = (
        "import sys; sys.modules['onnxruntime'] = None\n"
        "import pathlib, edgefake\n"
        "from edgefake.models.card import ModelCard\n"
        "card = ModelCard('n', 'a', 'int8', 16, 0.0, 'logit', {'fpr_5%': 0.5})\n"
        "try: edgefake.Detector(sys.argv[1], card=card)\n"
        "except edgefake.BackendError as error: print(error)\n"
    )
    child = subprocess.run([sys.executable, "-c", script, str(path)], capture_output=True, text=True)
    assert child.stdout == "onnxruntime is not installed: pip install 'edgefake[onnx]'\n", child.stderr


def test_a_name_stands_for_the_file_that_the_runtime_reads(tmp_path: Path) -> None:
    for name in ("resnet18_int8", "cnn_int8", "mobilenet_v2_035_int8"):
        with (
            Detector(name, runtime="onnx", num_threads=1) as by_onnx,
            Detector(name, runtime="tflite", num_threads=1) as by_tflite,
        ):
            assert by_onnx.card.golden == by_tflite.card.golden  # which both replayed
    with pytest.raises(ModelNotFoundError, match="'resnet18'"):
        Detector("resnet18", runtime="onnx")


def test_edited_weights_are_not_those_of_the_card(path: Path, make_card: MakeCard) -> None:
    written = write_card(path, make_card())
    model = onnx.load(path)
    onnx.save(model, path)  # whoever saves it again changes nothing
    assert ModelFile(path).card == written
    weights = model.graph.initializer[0]
    values = numpy_helper.to_array(weights).copy()
    values.reshape(-1)[:3] += 1
    weights.CopyFrom(numpy_helper.from_array(values, weights.name))
    onnx.save(model, path)
    for open_it in (ModelFile, Detector, lambda path: Detector(path, card=written)):
        with pytest.raises(ModelFileError, match="the network"):
            open_it(path)


def test_the_card_in_an_onnx_file(path: Path, make_card: MakeCard) -> None:
    assert ModelFile(path).card is None
    model = onnx.load(path)
    model.metadata_props.add(key="maker", value="somebody")
    model.doc_string = "kept"
    onnx.save(model, path)
    for name in ("first", "sécond" * 30):  # longer than 127 bytes, and replacing the one before
        write_card(path, make_card(name=name))
        card = ModelFile(path).card
        assert card is not None and card.name == name
    again = onnx.load(path)
    assert [(entry.key, len(entry.value) > 0) for entry in again.metadata_props] == [("maker", True), ("edgefake_card", True)]
    assert (again.graph, again.doc_string) == (model.graph, "kept")


def in_a_subgraph(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same, with its nodes and weights in one branch of a condition."""
    graph = model.graph
    branch = helper.make_graph(list(graph.node), "branch", [], list(graph.output), list(graph.initializer))
    condition = numpy_helper.from_array(np.array(True), "yes")
    node = helper.make_node("If", ["yes"], ["output"], then_branch=branch, else_branch=branch)
    del graph.node[:], graph.initializer[:]
    graph.node.append(node)
    graph.initializer.append(condition)
    return model


@pytest.mark.parametrize("name", ["onnx", "openvino"])
@pytest.mark.parametrize("nested", [False, True])
def test_weights_in_another_file_are_refused(nested: bool, name: str, tmp_path: Path, make_card: MakeCard) -> None:
    """They can be changed without a trace: the digest is of this file."""
    model, path = in_a_subgraph(network()) if nested else network(), tmp_path / "two_files.onnx"
    onnx.save(model, path, save_as_external_data=True, size_threshold=0, convert_attribute=True)
    assert len(list(tmp_path.iterdir())) > 1
    with pytest.raises(ModelFileError, match=r"two_files\.onnx .*another file"):
        Detector(path, card=make_card(), runtime=name, faces="frame")
    onnx.save(onnx.load(path), path)
    Detector(path, card=make_card(), runtime="onnx", faces="frame").close()


@pytest.mark.parametrize("batch", ["N", 1, 4])
def test_the_contract(batch: int | str, tmp_path: Path, make_card: MakeCard) -> None:
    onnx.save(network(2, batch=batch), tmp_path / "tiny.onnx")
    check_runtime(opened(tmp_path / "tiny.onnx", make_card()), make_card())
