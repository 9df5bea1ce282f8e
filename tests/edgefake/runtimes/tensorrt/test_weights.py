"""The form of weights for TensorRT 8 computes what the original does, and has no int8 weight left."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from edgefake.errors import BackendError
from edgefake.runtimes.tensorrt.weights import float_weights

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

from tests.edgefake.runtimes.tensorrt.networks import PRODUCTS, SIZE, network  # noqa: E402


def test_outputs_stay_the_same_to_the_last_bit() -> None:
    faces = np.random.default_rng(1).integers(0, 256, (5, SIZE, SIZE, 3), dtype=np.uint8)
    before, after = (
        onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"]).run(None, {"face": faces})[0]
        for model in (network(), float_weights(network()))
    )
    assert np.ptp(before) > 0
    assert np.array_equal(before, after)


def test_every_weight_is_float_then_quantized_then_dequantized() -> None:
    model = onnx.load_model_from_string(float_weights(network()))
    onnx.checker.check_model(model, full_check=True)  # in topological order, too
    initializers = {tensor.name: tensor for tensor in model.graph.initializer}
    producers = {node.output[0]: node for node in model.graph.node}
    for node in model.graph.node:
        if node.name in PRODUCTS:
            dequantize = producers[node.input[1]]
            quantize = producers[dequantize.input[0]]
            assert (dequantize.op_type, quantize.op_type) == ("DequantizeLinear", "QuantizeLinear")
            assert initializers[quantize.input[0]].data_type == onnx.TensorProto.FLOAT
            assert dequantize.input[1:] == quantize.input[1:]
            assert quantize.attribute == dequantize.attribute


def test_a_missing_onnx_package_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(BackendError, match=r"TensorRT 8 .*install onnx"):
        float_weights(network())
