"""Changes to a finished TFLite graph that keep its results, up to rounding: so that XNNPACK runs all of it, and in its names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from tensorflow.lite.python import schema_py_generated as schema
from tensorflow.lite.tools import flatbuffer_utils

from edgefake.errors import InputError


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


def name_outputs(model: bytes, layers: Sequence[str], names: Sequence[str]) -> bytes:
    """Bring the outputs of a graph into the order of the Keras ``layers`` that they come from, and call them ``names``.

    The converter promises no order. It calls an output after its layer, or after its place in the function that it converted.
    """
    graph = flatbuffer_utils.read_model_from_bytearray(bytearray(model))
    subgraph = graph.subgraphs[0]
    called = {int(index): subgraph.tensors[index].name.decode() for index in subgraph.outputs}
    places = {index: _place(name, layers) for index, name in called.items()} if len(layers) > 1 else dict.fromkeys(called, 0)
    if sorted(places.values()) != list(range(len(layers))):
        raise InputError(
            f"the converted network's outputs ({', '.join(called.values())}) are not one for each of {', '.join(layers)}: let "
            "every output come from a layer of its own"
        )
    subgraph.outputs = sorted(places, key=places.__getitem__)
    for index, name in zip(subgraph.outputs, names, strict=True):
        subgraph.tensors[index].name = name.encode()
    return bytes(flatbuffer_utils.convert_object_to_bytearray(graph))


def _place(tensor: str, layers: Sequence[str]) -> int:
    """Which of ``layers`` an output tensor is of: ``model/map/Conv2D;…`` or, by its number, ``Identity_1``; -1 for none."""
    if numbered := re.fullmatch(r"Identity(?:_(\d+))?", tensor):
        return int(numbered.group(1) or 0)
    layer = re.match(r"[^/;]+/([^/;]+)/", tensor)  # of fused ones the last, which is named first
    return list(layers).index(layer.group(1)) if layer and layer.group(1) in layers else -1


def _ends_at_zero(subgraph: Any, op: Any) -> bool:
    """Whether an operator is INT8, with zero-points at which a small slope below 0 cannot be seen."""
    tensors = [subgraph.tensors[op.inputs[0]], subgraph.tensors[op.outputs[0]]]
    if any(tensor.type != schema.TensorType.INT8 for tensor in tensors):
        return False
    taken, given = (int(tensor.quantization.zeroPoint[0]) for tensor in tensors)
    return given == -128 or taken == given == 0


def _scale(subgraph: Any, tensor: int) -> float:
    return float(subgraph.tensors[tensor].quantization.scale[0])
