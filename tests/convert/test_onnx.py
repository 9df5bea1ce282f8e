"""The QDQ form of every architecture: the same numbers as the INT8 ``.tflite``, and the graph that TensorRT wants."""

import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import tf_keras as keras
from onnx import numpy_helper

from convert import qdq
from convert.cli import main
from convert.onnx import _tf2onnx, read_qdq
from convert.tflite import int8_tflite, post_training_tflite
from edgefake.errors import InputError
from edgefake.models.card import Scaling
from edgefake.models.file import ModelFile, write_card
from edgefake.preprocessing import to_int8
from tests.conftest import Converted
from tests.interpreted import graphs_and_outputs
from tests.own_detectors import randomised
from tests.small import ARCHITECTURES, FACES, SHALLOW, SIZE, float_model, int8_file, pixels
from training.device import on_device
from training.own.feed import feed_named
from training.own.files import open_model
from training.own.standard import standard
from training.quantize import QuantizedModel, fold

layers = keras.layers


def _run(model: onnx.ModelProto, faces: np.ndarray) -> np.ndarray:
    options = onnxruntime.SessionOptions()
    # Fused kernels add in another order, and one value that is rounded otherwise stirs all layers behind it.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    batches = [faces] if session.get_inputs()[0].shape[0] == "N" else faces[:, None]
    return np.concatenate([session.run(None, {name: batch})[0] for batch in batches])


@pytest.fixture(scope="module", params=ARCHITECTURES)
def recipe(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def read(recipe: str) -> onnx.ModelProto:
    """What tf2onnx makes of the recipe."""
    return _tf2onnx(int8_file(recipe))


def _copy(model: onnx.ModelProto) -> onnx.ModelProto:
    return onnx.ModelProto.FromString(model.SerializeToString())


def test_the_graph_is_what_tensorrt_fuses(read: onnx.ModelProto) -> None:
    model = qdq.to_qdq(_copy(read))
    facts = read_qdq(model)
    assert facts.faults() == []
    assert facts.ops["Transpose"] == facts.ops["Cast"] == 1
    assert not facts.ops.keys() & {"Squeeze", "Reshape", "Pad", "Clip", "LeakyRelu"}
    assert model.opset_import[0].version <= 17
    (face,), (output,) = model.graph.input, model.graph.output
    assert (face.name, face.type.tensor_type.elem_type) == ("face", onnx.TensorProto.UINT8)
    assert [d.dim_param or d.dim_value for d in face.type.tensor_type.shape.dim] == ["N", SIZE, SIZE, 3]
    assert (output.name, output.type.tensor_type.elem_type) == ("score", onnx.TensorProto.FLOAT)

    constants = {i.name: numpy_helper.to_array(i) for i in model.graph.initializer}
    dequantized = {
        node.output[0]: constants.get(node.input[0]) for node in model.graph.node if node.op_type == "DequantizeLinear"
    }
    scales = {node.output[0]: constants[node.input[1]] for node in model.graph.node if node.op_type == "DequantizeLinear"}
    for node in model.graph.node:
        if node.op_type == "Conv":
            weights = dequantized[node.input[1]]
            assert weights is not None and weights.dtype == np.int8
            assert scales[node.input[1]].shape == (weights.shape[0],)  # per output channel
            assert constants[node.input[2]].dtype == np.float32
    assert Counter(constant.dtype for constant in constants.values())[np.dtype(np.int32)] == 0


def test_rewriting_changes_no_number(read: onnx.ModelProto, monkeypatch: pytest.MonkeyPatch) -> None:
    """All but the quantizers before additions, which are taken away for good: see the next test."""
    monkeypatch.setattr(qdq, "_bare_residuals", lambda graph: None)
    before = _run(read, to_int8(pixels()))
    scale = next(numpy_helper.to_array(i) for i in read.graph.initializer if i.name == _last_quantizer(read).input[1])
    after = _run(qdq.to_qdq(_copy(read)), pixels())
    np.testing.assert_allclose(after, before.reshape(after.shape) * scale, atol=1e-3 * scale)


def _last_quantizer(model: onnx.ModelProto) -> onnx.NodeProto:
    return next(node for node in model.graph.node if model.graph.output[0].name in node.output)


@pytest.mark.parametrize("recipe", SHALLOW)
def test_scores_are_those_of_the_tflite(recipe: str) -> None:
    ((_, _, expected),) = on_device(graphs_and_outputs, [int8_file(recipe)], to_int8(pixels()))
    got = _run(qdq.to_qdq(_tf2onnx(int8_file(recipe))), pixels())
    assert (
        np.corrcoef(got[:, 0], expected[:, 0])[0, 1] > 0.95
    )  # processors round otherwise: 0.977 without VNNI, above 0.98 with it
    if recipe == "cnn":  # no additions: the same up to one step, but where a value lies on the edge between two
        step = np.unique(np.abs(np.diff(np.sort(expected[:, 0]))))[1]
        assert np.sort(np.abs(got - expected)[:, 0])[-2] <= 1.01 * step


def test_a_quantizer_taken_away_is_noticed() -> None:
    model = qdq.to_qdq(_tf2onnx(int8_file("resnet18")))
    graph = qdq.Graph(model)
    conv = next(node for node in graph.nodes("Conv") if node.name == "s2b1_1_conv")
    dequantizer = graph.producer(conv.input[0])
    quantizer = graph.producer(dequantizer.input[0])
    conv.input[0] = quantizer.input[0]
    assert read_qdq(model).float_layers == ("s1b2_2_conv", "s2b1_1_conv")  # what gives the tensor, and what takes it
    assert read_qdq(model).faults() == ["2 layers are not in eight bits: s1b2_2_conv, s2b1_1_conv"]


def test_quantizers_at_an_addition_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(qdq, "_bare_residuals", lambda graph: None)
    faults = read_qdq(qdq.to_qdq(_tf2onnx(int8_file("resnet18")))).faults()
    assert faults == ["a quantizer stands between convolution and addition at " + ", ".join(_additions())]


def _additions() -> list[str]:
    return [f"s{stage}b{block}_add" for stage in (1, 2, 3, 4) for block in (1, 2)]


def test_zero_points_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "shifted.tflite"
    path.write_bytes(post_training_tflite(fold(float_model("cnn")), [FACES], size=SIZE))
    with pytest.raises(InputError, match=r"zero-point other than 0.*TensorRT.*python -m training qat"):
        qdq.to_qdq(_tf2onnx(path))


def test_the_command_writes_the_same_card_beside_the_model(
    converted: Converted, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "tiny_int8.tflite"
    shutil.copyfile(converted.int8, source)
    assert main(["onnx", str(source)]) == 0
    card, origin = ModelFile(tmp_path / "tiny_int8.onnx").card, ModelFile(source).card
    assert card is not None and origin is not None
    assert replace(card, toolchain=origin.toolchain, payload_sha256=origin.payload_sha256) == origin  # but for its own network
    assert card.toolchain.keys() - origin.toolchain.keys() == {"onnx", "tf2onnx"}
    onnx.checker.check_model(onnx.load(tmp_path / "tiny_int8.onnx"), full_check=True)

    first = (tmp_path / "tiny_int8.onnx").read_bytes()
    assert main(["onnx", str(source), "--out", str(tmp_path / "new" / "again.onnx")]) == 0
    assert (tmp_path / "new" / "again.onnx").read_bytes() == first


def test_a_batch_can_be_fixed(converted: Converted, tmp_path: Path) -> None:
    from edgefake import Detector

    path, any_number = tmp_path / "three.onnx", tmp_path / "any.onnx"
    assert main(["onnx", str(converted.int8), "--out", str(path), "--batch", "3"]) == 0
    assert main(["onnx", str(converted.int8), "--out", str(any_number)]) == 0
    shapes = [[d.dim_param or d.dim_value for d in i.type.tensor_type.shape.dim] for i in onnx.load(path).graph.input]
    assert shapes == [[3, 32, 32, 3]]
    crops = [np.random.default_rng(i).integers(0, 256, (32, 32, 3), dtype=np.uint8) for i in range(4)]
    scores = [Detector(file).predict_faces(crops) for file in (path, any_number)]
    assert scores[0] == scores[1]


def test_what_has_no_onnx_form(converted: Converted, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def error(path: Path, *more: str) -> str:
        assert main(["onnx", str(path), *more]) == 2
        return capsys.readouterr().err

    assert "is a float32 model: the ONNX form is made of the INT8 one" in error(converted.out / "tiny_fp32.tflite")
    assert "python -m convert card" in error(int8_file("cnn"))
    other, card = tmp_path / "other.tflite", ModelFile(converted.int8).card
    assert card is not None
    shutil.copyfile(converted.int8, other)
    write_card(other, replace(card, scaling=Scaling(0.0, 255.0), payload_sha256=None, golden=()))
    assert "the ONNX form scales inside, to (pixel - 128) / 128 and no other" in error(other)
    (tmp_path / "text.tflite").write_text("no model at all")
    assert "is no TFLite model" in error(tmp_path / "text.tflite")
    assert "there is no file" in error(tmp_path / "absent.tflite")
    assert main(["onnx", str(converted.int8), "--out", str(tmp_path / "tiny.onnx")]) == 0
    assert "tiny.onnx is no .tflite: the ONNX form is made of" in error(tmp_path / "tiny.onnx")
    assert "cannot be written" in error(converted.int8, "--out", "/proc/x/model.onnx")


def test_an_edited_model_is_noticed_when_it_is_loaded(converted: Converted, tmp_path: Path) -> None:
    from edgefake import BackendError, Detector

    path = tmp_path / "tiny.onnx"
    assert main(["onnx", str(converted.int8), "--out", str(path)]) == 0
    Detector(path).close()
    card, model = ModelFile(path).card, onnx.load(path)
    assert card is not None
    for initializer in model.graph.initializer:
        if initializer.name == "logit_bias":
            initializer.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(initializer) + np.float32(20), "logit_bias"))
    onnx.save(model, path)
    write_card(path, card)
    with pytest.raises(BackendError, match=r"tiny_int8.*onnx \(onnxruntime .*CPUExecutionProvider\)"):
        Detector(path)


def _first_padded() -> Any:
    """Two first convolutions with different borders."""
    picture = layers.Input((SIZE, SIZE, 3))
    sides = [layers.Conv2D(4, kernel, strides=2, padding="same", activation="relu")(picture) for kernel in (3, 5)]
    return keras.Model(picture, layers.Dense(1)(layers.GlobalAveragePooling2D()(layers.Concatenate()(sides))))


def _padded_by_itself() -> Any:
    head = layers.GlobalAveragePooling2D(), layers.Dense(1, activation="sigmoid")
    inside = layers.ZeroPadding2D(((2, 1), (1, 3))), layers.Conv2D(4, 3, strides=2, activation="relu")
    return keras.Sequential([layers.Input((SIZE, SIZE, 3)), *inside, *head])


def _flat(pooled: bool) -> Any:
    inside = [layers.Conv2D(4, 3, strides=4, activation="relu"), *([layers.MaxPooling2D((2, 3))] if pooled else [])]
    head = [layers.Flatten(), layers.Dense(6, activation="relu"), layers.Dropout(0.3), layers.Dense(1)]
    return keras.Sequential([layers.Input((SIZE, SIZE, 3)), *inside, *head])


@pytest.mark.parametrize(
    ("make", "scaling"),
    [
        (_first_padded, "caffe"),
        (_padded_by_itself, "x/255"),
        (lambda: _flat(False), "torch"),
        (lambda: _flat(True), "pixels"),
    ],
)
def test_own_detectors_give_the_same_as_their_tflite(make: Callable[[], Any], scaling: str, tmp_path: Path) -> None:
    """Borders of another grey than 128, and feature maps that become a vector, neither of which this project's recipes have."""
    randomised(make()).save(tmp_path / "mine.keras")
    model = standard(open_model(tmp_path / "mine.keras"), feed_named(scaling), ("real", "fake"))
    quantized = QuantizedModel(fold(model))
    quantized.calibrate([FACES])
    tflite = tmp_path / "mine.tflite"
    tflite.write_bytes(int8_tflite(quantized.model, size=SIZE))
    exported = qdq.to_qdq(_tf2onnx(tflite))
    assert read_qdq(exported).faults() == []
    ((_, _, expected),) = on_device(graphs_and_outputs, [tflite], to_int8(pixels()))
    assert np.ptp(expected) > 0
    np.testing.assert_allclose(_run(exported, pixels()), expected, atol=1e-5 * np.abs(expected).max())
