"""Changes to a finished INT8 graph that keep its results, up to rounding, and let XNNPACK run all of it."""

from __future__ import annotations

from typing import Any

from tensorflow.lite.python import schema_py_generated as schema
from tensorflow.lite.tools import flatbuffer_utils


def leaky_relus(model: bytes) -> bytes:
    """Replace every stand-alone INT8 RELU by a LEAKY_RELU of so small a slope that negative values round to 0.

    A RELU that follows no convolution (Xception has eleven) stays an operator of its own, for which XNNPACK has no INT8 kernel;
    each one cuts the graph in two. It has one for LEAKY_RELU, down to 1/256 of an output step per input step: with 1/255, -127
    becomes -0.498 and rounds to 0. Only -128, which a saturated addition may give, becomes -1. After post-training quantization
    a RELU's 0 is the lowest value, -128, at which everything below it ends. Positive values may round to the next step, because
    XNNPACK keeps the ratio of the two scales in 8 bits behind the point.
    """
    graph = flatbuffer_utils.read_model_from_bytearray(bytearray(model))
    builtin = schema.BuiltinOperator
    relu = [index for index, code in enumerate(graph.operatorCodes) if code.builtinCode == builtin.RELU]
    subgraph = graph.subgraphs[0]
    found = [op for op in subgraph.operators if op.opcodeIndex in relu and _ends_at_zero(subgraph, op)]
    if not found:
        return model
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = builtin.LEAKY_RELU
    code.version = 2  # the first with INT8
    graph.operatorCodes.append(code)
    for op in found:
        op.opcodeIndex = len(graph.operatorCodes) - 1
        op.builtinOptionsType = schema.BuiltinOptions.LeakyReluOptions
        op.builtinOptions = schema.LeakyReluOptionsT()
        op.builtinOptions.alpha = _scale(subgraph, op.outputs[0]) / _scale(subgraph, op.inputs[0]) / 255
    return bytes(flatbuffer_utils.convert_object_to_bytearray(graph))


def _ends_at_zero(subgraph: Any, op: Any) -> bool:
    """Whether an operator is INT8, with zero-points at which a small slope below 0 cannot be seen."""
    tensors = [subgraph.tensors[op.inputs[0]], subgraph.tensors[op.outputs[0]]]
    if any(tensor.type != schema.TensorType.INT8 for tensor in tensors):
        return False
    taken, given = (int(tensor.quantization.zeroPoint[0]) for tensor in tensors)
    return given == -128 or taken == given == 0


def _scale(subgraph: Any, tensor: int) -> float:
    return float(subgraph.tensors[tensor].quantization.scale[0])
