"""Networks with several outputs: which is which, and what each says, in every form."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import tf_keras as keras

from convert import qdq
from convert.graph import read_graph
from convert.onnx import _tf2onnx, read_qdq
from convert.rewrite import name_outputs
from convert.tflite import float_tflite, int8_tflite, output_names, post_training_tflite
from edgefake.errors import InputError
from edgefake.preprocessing import to_float
from tests.interpreted import named_outputs
from tests.small import settled
from tests.training.finder.small import small_network
from training.device import on_device
from training.finder import network
from training.quantize import QuantizedModel, fold
from training.recipes.layers import conv_bn

layers = keras.layers
HEIGHT, WIDTH = 32, 64


def _pixels() -> np.ndarray:
    """Uint8 (8, HEIGHT, WIDTH, 3): coloured blocks with noise."""
    rng = np.random.default_rng(0)
    blocks = np.kron(rng.integers(0, 256, (8, 4, 8, 3)), np.ones((1, 8, 8, 1)))
    return np.clip(blocks + rng.normal(0, 10, blocks.shape), 0, 255).astype(np.uint8)


PIXELS = _pixels()


def local() -> Any:
    """A map of logits and their mean; the deeper output comes first."""
    picture = keras.Input((HEIGHT, WIDTH, 3), name="face")
    places = layers.Conv2D(1, 1, name="map")(conv_bn(conv_bn(picture, 8, 3, stride=2, name="a"), 8, 3, stride=2, name="b"))
    return keras.Model(picture, [layers.GlobalAveragePooling2D(name="score")(places), places], name="local")


def crossed() -> Any:
    """Outputs of three depths and shapes, in the order of none, one of which goes on into a ReLU."""
    picture = keras.Input((HEIGHT, WIDTH, 3), name="face")
    early = layers.Conv2D(3, 3, 2, "same", name="early")(picture)
    late = conv_bn(layers.ReLU(name="early_relu")(early), 8, 3, stride=2, name="late")
    vector = layers.GlobalAveragePooling2D(name="gap")(late)
    return keras.Model(
        picture, [layers.Dense(2, name="numbers")(vector), early, layers.Flatten(name="flat")(late)], name="crossed"
    )


def finder() -> Any:
    with small_network():
        return network.build(HEIGHT, WIDTH)


NETWORKS = [local, crossed, finder]


def _quantized(make: Callable[[], Any]) -> Any:
    keras.utils.set_random_seed(1)
    quantized = QuantizedModel(fold(settled(make(), to_float(PIXELS))))
    quantized.calibrate([to_float(PIXELS)])
    return quantized.model


def _close(values: np.ndarray, expected: np.ndarray, mean: float, make: Callable[[], Any]) -> None:
    """A rounding here and there; the finder's forty untrained layers amplify it, but the outputs' shapes tell them apart."""
    if make is finder:
        assert np.corrcoef(values.ravel(), expected.ravel())[0, 1] > 0.3
    else:
        assert np.abs(values - expected).mean() <= mean


@pytest.mark.parametrize("make", NETWORKS)
def test_every_form_gives_what_qat_gives_under_the_same_names(make: Callable[[], Any], tmp_path: Path) -> None:
    model = _quantized(make)
    path, names = tmp_path / "int8.tflite", output_names(model)
    path.write_bytes(int8_tflite(model, size=(HEIGHT, WIDTH)))
    assert on_device(read_graph, path).faults() == []
    found, steps = on_device(named_outputs, path, PIXELS)
    assert list(found) == list(names)
    for name, expected in zip(names, model.predict_on_batch(to_float(PIXELS)), strict=True):
        assert found[name].shape == expected.shape
        _close(found[name], expected, steps[name], make)

    read = _tf2onnx(path)
    for order in (names, names[::-1]):  # whatever order tf2onnx finds them in
        exported = qdq.to_qdq(onnx.ModelProto.FromString(read.SerializeToString()), outputs=order)
        assert read_qdq(exported).faults() == []
        assert [output.name for output in exported.graph.output] == list(order)
    session = onnxruntime.InferenceSession(exported.SerializeToString(), providers=["CPUExecutionProvider"])
    for name, answer in zip(order, session.run(None, {"face": PIXELS}), strict=True):
        assert answer.shape == found[name].shape
        _close(answer, found[name], 0.01 * steps[name], make)


@pytest.mark.parametrize("make", NETWORKS)
@pytest.mark.parametrize("form", ["float32", "post-training"])
def test_other_forms_keep_order_and_names_too(make: Callable[[], Any], form: str, tmp_path: Path) -> None:
    keras.utils.set_random_seed(1)
    model = fold(settled(make(), to_float(PIXELS)))
    if form == "float32":
        converted = float_tflite(model, size=(HEIGHT, WIDTH), precision=form)
    else:
        converted = post_training_tflite(model, [to_float(PIXELS)], size=(HEIGHT, WIDTH))
    path = tmp_path / "model.tflite"
    path.write_bytes(converted)
    found, steps = on_device(named_outputs, path, PIXELS)
    for (name, values), expected in zip(found.items(), model.predict_on_batch(to_float(PIXELS)), strict=True):
        _close(values, expected, 2 * steps[name] + 1e-4, make)
    assert list(found) == list(output_names(model))


def test_a_known_range_is_kept_through_calibration(tmp_path: Path) -> None:
    quantized = QuantizedModel(fold(settled(local(), to_float(PIXELS))), limits={"map": 2.54})
    quantized.calibrate([to_float(PIXELS)])
    path = tmp_path / "limited.tflite"
    path.write_bytes(int8_tflite(quantized.model, size=(HEIGHT, WIDTH)))
    assert on_device(read_graph, path).faults() == []
    assert on_device(named_outputs, path, PIXELS[:1])[1]["map"] == pytest.approx(0.02)


def test_one_output_is_the_score_whatever_its_layer_is_called(tmp_path: Path) -> None:
    model = local()
    alone = keras.Model(model.input, model.outputs[0])
    path = tmp_path / "alone.tflite"
    path.write_bytes(float_tflite(alone, size=(HEIGHT, WIDTH), precision="float32"))
    assert list(on_device(named_outputs, path, PIXELS)[0]) == ["score"]


def test_outputs_that_cannot_be_told_apart_are_refused() -> None:
    converted = int8_tflite(_quantized(local), size=(HEIGHT, WIDTH))
    with pytest.raises(InputError, match=r"score, map.*map, heat"):
        name_outputs(converted, ["map", "heat"], ["map", "heat"])


def test_onnx_outputs_of_other_names_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "local.tflite"
    path.write_bytes(int8_tflite(_quantized(local), size=(HEIGHT, WIDTH)))
    with pytest.raises(InputError, match=r"score, heat.*score, map"):
        qdq.to_qdq(_tf2onnx(path), outputs=("score", "heat"))


def test_an_onnx_output_of_another_arrangement_is_refused(tmp_path: Path) -> None:
    picture = keras.Input((HEIGHT, WIDTH, 3), name="face")
    maps = conv_bn(picture, 4, 3, stride=2, name="a")
    turned = keras.Model(
        picture, [layers.GlobalAveragePooling2D(name="score")(maps), layers.Reshape((8, 8, 32), name="map")(maps)]
    )
    path = tmp_path / "turned.tflite"
    path.write_bytes(int8_tflite(_quantized(lambda: turned), size=(HEIGHT, WIDTH)))
    with pytest.raises(InputError, match=r"output map .*\[1, 8, 8, 32\].*a map \(N, h, w, K\)"):
        qdq.to_qdq(_tf2onnx(path), outputs=("score", "map"))


def test_blocks_of_pixels_of_a_transposed_convolution_are_those_of_a_plain_one() -> None:
    """Numbers and names, per channel and per tensor, without the rest of a network."""
    rng = np.random.default_rng(0)
    for scale in (np.float32(0.1), rng.uniform(0.1, 0.2, 5).astype(np.float32)):
        model = _transposed(rng.integers(-127, 128, (3, 5, 2, 2)).astype(np.int8), scale)
        x = {"x": rng.normal(size=(2, 3, 4, 6)).astype(np.float32)}
        expected = _run(model, x)
        qdq.plain_convolutions(qdq.Graph(model))
        onnx.checker.check_model(model, full_check=True)
        assert [node.op_type for node in model.graph.node] == ["DequantizeLinear", "Conv", "DepthToSpace"]
        np.testing.assert_allclose(_run(model, x), expected, rtol=1e-4, atol=1e-3)


def _transposed(kernel: np.ndarray, scale: np.ndarray) -> onnx.ModelProto:
    helper, constant = onnx.helper, onnx.numpy_helper.from_array
    nodes = [
        helper.make_node("DequantizeLinear", ["kernel", "scale", "zero"], ["weights"], axis=1),
        helper.make_node("ConvTranspose", ["x", "weights", "bias"], ["y"], kernel_shape=[2, 2], strides=[2, 2]),
    ]
    constants = [
        constant(kernel, "kernel"),
        constant(np.asarray(scale), "scale"),
        constant(np.zeros_like(scale, np.int8), "zero"),
        constant(np.arange(5, dtype=np.float32), "bias"),
    ]
    taken = helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [2, 3, 4, 6])
    given = helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [2, 5, 8, 12])
    opset = [helper.make_opsetid("", 17)]
    return helper.make_model(helper.make_graph(nodes, "g", [taken], [given], constants), opset_imports=opset, ir_version=8)


def _run(model: onnx.ModelProto, x: dict[str, np.ndarray]) -> np.ndarray:
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, x)[0])
