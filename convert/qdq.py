"""From tf2onnx's reading of an INT8 ``.tflite`` to the quantize/dequantize (QDQ) graph that TensorRT runs in eight bits.

What TensorRT asks of such a graph is in its developer guide, "Working with Quantized Types": zero-points of 0, float biases, a
quantizer on every input of a convolution, and none between a convolution and the addition of its residual.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from convert.onnx_graph import INPUT, Graph, replace_node, through_quantizers
from convert.pixel_input import pixel_input
from convert.transposed import plain_convolutions
from edgefake.errors import InputError

CHANNELS_LAST = [0, 2, 3, 1]
"""The order of axes by which maps of ONNX become those of TFLite."""


def to_qdq(model: onnx.ModelProto, *, outputs: Sequence[str] = ("score",), batch: int | None = None) -> onnx.ModelProto:
    """Rewrite what tf2onnx made of a symmetric INT8 ``.tflite`` with batch 1; ``model`` is changed and returned.

    The result takes ``face``, uint8 (N, height, width, 3), RGB, and gives what ``outputs`` names, float32 (N, K) or
    (N, h, w, K): those of the ``.tflite`` in their order, dequantized. N is ``batch`` where that is given, else any.
    Raises ``InputError`` for a graph with zero-points, which TensorRT refuses, and outputs of other shapes.
    """
    graph = Graph(model)
    faces = batch or "N"
    _check_symmetric(graph)
    _float_outputs(graph, model, outputs, faces)
    _flat_heads(graph, model)
    pixel_input(graph, faces)
    _float_biases(graph)
    plain_convolutions(graph)
    _plain_relus(graph)
    _padding_inside(graph)
    _mean_before_quantizer(graph)
    _quantized_once(graph)
    _no_axis_of_scalars(graph)
    _bare_residuals(graph)
    _check_layout(graph)
    _in_order(graph)
    _rename(graph)
    del model.graph.value_info[:]
    onnx.checker.check_model(model, full_check=True)
    return model


def _check_symmetric(graph: Graph) -> None:
    for node in graph.nodes("QuantizeLinear", "DequantizeLinear"):
        zero_point = graph.constant(node.input[2])
        if zero_point is not None and np.any(zero_point):
            raise InputError(
                f"the tensor {_layer(node.input[0]) or node.input[0]} has a zero-point other than 0, which TensorRT refuses: "
                "models from python -m training qat are symmetric, those from post-training quantization are not"
            )


def _float_biases(graph: Graph) -> None:
    """int32 biases that are dequantized in the graph become the floats they stand for."""
    for node in graph.nodes("DequantizeLinear"):
        values = graph.constant(node.input[0])
        if values is not None and values.dtype == np.int32:
            scale = graph.constant(node.input[1])
            graph.add_constant(node.output[0], (values * np.asarray(scale, np.float64)).astype(np.float32))
            graph.remove(node)


def _plain_relus(graph: Graph) -> None:
    """A ReLU6 whose quantizer ends at 6 or below is a ReLU, and so is the LEAKY_RELU that ``convert.rewrite`` made of one."""
    for node in graph.nodes("Clip", "LeakyRelu"):
        (quantizer,) = graph.consumers(node.output[0])
        scale = float(graph.constant(quantizer.input[1]))  # type: ignore[arg-type]
        if node.op_type == "Clip":
            low, high = (graph.constant(name) for name in node.input[1:3])
            plain = low is not None and high is not None and float(low) == 0.0 and float(high) >= 127 * scale * (1 - 1e-3)
        else:
            taken = graph.producer(node.input[0])
            step = float(graph.constant(taken.input[1])) if taken is not None else 0.0  # type: ignore[arg-type]
            plain = node.attribute[0].f * step * 127 <= 0.5 * scale * (1 + 1e-2)
        if plain:
            replace_node(graph, node, helper.make_node("Relu", node.input[:1], node.output))


def _mean_before_quantizer(graph: Graph) -> None:
    """Mean → Q → Squeeze → DQ becomes mean → Flatten → Q → DQ: nothing may stand between a quantizer and its dequantizer."""
    for squeeze in graph.nodes("Squeeze", "Reshape"):
        quantizer = graph.producer(squeeze.input[0])
        users = [user.op_type for user in through_quantizers(graph, squeeze.output[0])]
        if quantizer is None or quantizer.op_type != "QuantizeLinear" or not set(users) <= {"Gemm", "MatMul"}:
            continue
        mean = quantizer.input[0]
        graph.insert_before(quantizer, helper.make_node("Flatten", [mean], [f"{mean}_flat"], axis=1))
        quantizer.input[0] = f"{mean}_flat"
        graph.reconnect(squeeze.output[0], quantizer.output[0])
        graph.remove(squeeze)


def _padding_inside(graph: Graph) -> None:
    """Zeros that are put around an input in a step of their own become the padding of the convolution or pooling behind it."""
    for pad in graph.nodes("Pad"):
        amounts, value = graph.constant(pad.input[1]), graph.constant(pad.input[2]) if len(pad.input) > 2 else None
        users = list(through_quantizers(graph, pad.output[0]))
        if amounts is None or (value is not None and np.any(value)) or not all(_pads_with_zeros(graph, u, pad) for u in users):
            continue
        around = [int(amounts[i]) for i in (2, 3, 6, 7)]
        for user in users:
            pads = next((a for a in user.attribute if a.name == "pads"), None)
            before = list(pads.ints) if pads is not None else [0, 0, 0, 0]
            if pads is not None:
                user.attribute.remove(pads)
            user.attribute.append(helper.make_attribute("pads", [p + q for p, q in zip(before, around, strict=True)]))
        graph.reconnect(pad.output[0], pad.input[0])
        graph.remove(pad)


def _pads_with_zeros(graph: Graph, user: onnx.NodeProto, pad: onnx.NodeProto) -> bool:
    """Whether padding inside ``user`` is the same: a pooling pads with minus infinity, which is as good as 0 behind a ReLU."""
    if user.op_type != "MaxPool":
        return user.op_type == "Conv"
    node = graph.producer(pad.input[0])
    while node is not None and node.op_type in ("QuantizeLinear", "DequantizeLinear"):
        node = graph.producer(node.input[0])
    return node is not None and node.op_type == "Relu"


def _quantized_once(graph: Graph) -> None:
    """DQ → Q → DQ on one scale is what is left where a padding was: the first DQ is enough."""
    for quantizer in graph.nodes("QuantizeLinear"):
        dequantizer = graph.producer(quantizer.input[0])
        if dequantizer is None or dequantizer.op_type != "DequantizeLinear":
            continue
        if graph.constant(dequantizer.input[1]) == graph.constant(quantizer.input[1]):
            graph.reconnect(quantizer.output[0], dequantizer.input[0])
            graph.remove(quantizer)


def _no_axis_of_scalars(graph: Graph) -> None:
    """One scale for all has no axis; tf2onnx names one or not by chance, and the same network shall give the same file."""
    for node in graph.nodes("QuantizeLinear", "DequantizeLinear"):
        scale = graph.constant(node.input[1])
        if scale is not None and scale.ndim == 0:
            del node.attribute[:]


def _bare_residuals(graph: Graph) -> None:
    """Conv → Q → DQ → Add loses its Q and DQ on one side, so that TensorRT adds inside the convolution, in more than 8 bits."""
    for add in graph.nodes("Add"):
        for tensor in add.input:
            dequantizer = graph.producer(tensor)
            quantizer = graph.producer(dequantizer.input[0]) if dequantizer is not None else None
            if dequantizer is None or quantizer is None or quantizer.op_type != "QuantizeLinear":
                continue
            source = graph.producer(quantizer.input[0])
            alone = all(len(graph.consumers(node.output[0])) == 1 for node in (quantizer, dequantizer))
            if source is not None and source.op_type == "Conv" and alone:
                graph.reconnect(tensor, quantizer.input[0])
                graph.remove(quantizer, dequantizer)
                break


def _check_layout(graph: Graph) -> None:
    left = sorted(
        {
            node.op_type
            for node in graph.nodes("Transpose", "Reshape", "Squeeze")[1:]
            if not any(graph.is_output(user.output[0]) for user in (node, *graph.consumers(node.output[0])))
        }
    )
    if left:
        raise InputError(
            f"{' and '.join(left)} operations are left inside the network, which would take it out of eight bits: where its "
            "feature maps shrink to 1×1 before the last layers train it at a larger --size, else replace those layers"
        )


def _flat_heads(graph: Graph, model: onnx.ModelProto) -> None:
    """Feature maps that become a vector before a Dense do so channels first, as they lie here: its rows are put in that order."""
    shapes = _shapes(model)
    for transpose in graph.nodes("Transpose"):
        users = graph.consumers(transpose.output[0])
        products = [product for user in users for product in through_quantizers(graph, user.output[0])]
        shape = shapes.get(transpose.output[0], [])
        if _order(transpose) != CHANNELS_LAST or {node.op_type for node in users} != {"Reshape"} or len(shape) != 4:
            continue
        _, height, width, channels = shape
        kernels = [_kernel_of(graph, product, height * width * channels) for product in products]
        if not kernels or any(kernel is None for kernel in kernels):
            continue
        for kernel in kernels:
            values = numpy_helper.to_array(kernel)
            reordered = values.reshape(height, width, channels, -1).transpose(2, 0, 1, 3).reshape(values.shape)
            kernel.CopyFrom(numpy_helper.from_array(reordered, kernel.name))  # type: ignore[union-attr]
        graph.reconnect(transpose.output[0], transpose.input[0])
        graph.remove(transpose)


def _kernel_of(graph: Graph, product: onnx.NodeProto, rows: int) -> onnx.TensorProto | None:
    """The INT8 kernel (rows, K) of a matrix product; None where it is none with so many rows, or not its own."""
    dequantizer = graph.producer(product.input[1]) if product.op_type in ("Gemm", "MatMul") else None
    if dequantizer is None or any(a.name == "transB" and a.i for a in product.attribute):
        return None
    found = [i for i in graph.proto.initializer if i.name == dequantizer.input[0] and i.dims[0] == rows]
    alone = len(graph.consumers(product.input[1])) == len(graph.consumers(dequantizer.input[0])) == 1
    return found[0] if found and alone else None


def _shapes(model: onnx.ModelProto) -> dict[str, list[int]]:
    """The shapes of all tensors of a model of batch 1."""
    inferred = onnx.shape_inference.infer_shapes(model).graph
    values = [*inferred.value_info, *inferred.output]
    return {value.name: [dim.dim_value for dim in value.type.tensor_type.shape.dim] for value in values}


def _order(transpose: onnx.NodeProto) -> list[int]:
    return next((list(a.ints) for a in transpose.attribute if a.name == "perm"), [])


def _float_outputs(graph: Graph, model: onnx.ModelProto, names: Sequence[str], faces: int | str) -> None:
    """The outputs become ``names``, float32, on the very steps of the INT8 model's; maps get their channels last behind that."""
    _order_outputs(graph, names)
    shapes = _shapes(model)
    for index, name in enumerate(names):
        shape, tensor = shapes[graph.proto.output[index].name], f"{name}_int8"
        graph.rename(graph.proto.output[index].name, tensor)  # it may be called like what takes its place
        shapes[tensor] = shape
        arranging = _arranging(graph, tensor)
        source = arranging[-1].input[0] if arranging else tensor
        orders = [_order(node) for node in arranging if node.op_type == "Transpose"]
        steps = _arranged(shapes[source], shape, orders)
        if steps is None:
            raise InputError(f"the output {name} has the shape {shape}, expected numbers (N, K) or a map (N, h, w, K)")
        quantizer = graph.producer(source)
        nodes = [helper.make_node("Identity", [source], [f"{name}_float"])]
        if quantizer is not None and quantizer.op_type == "QuantizeLinear":
            nodes = [helper.make_node("DequantizeLinear", [source, *quantizer.input[1:]], [f"{name}_float"])]
        for kind, settings in steps:
            nodes.append(helper.make_node(kind, list(nodes[-1].output), [f"{name}_{kind.lower()}"], **settings))
        nodes[-1].output[0] = name
        for node in arranging:
            if not graph.consumers(node.output[0]):
                graph.remove(node)
        graph.proto.node.extend(nodes)
        graph.proto.output[index].CopyFrom(helper.make_tensor_value_info(name, TensorProto.FLOAT, [faces, *shape[1:]]))


def _order_outputs(graph: Graph, names: Sequence[str]) -> None:
    """Bring the outputs into the order of ``names``; tf2onnx calls them as the ``.tflite`` does, but promises no order."""
    if len(names) == 1:
        return
    found = {output.name: output.SerializeToString() for output in graph.proto.output}
    if set(found) != set(names):
        raise InputError(f"expected outputs called {', '.join(names)}, got {', '.join(found)}: convert the .tflite again")
    del graph.proto.output[:]
    graph.proto.output.extend(onnx.ValueInfoProto.FromString(found[name]) for name in names)


def _arranging(graph: Graph, tensor: str) -> list[onnx.NodeProto]:
    """What moves or regroups numbers right before an output, last first."""
    node = graph.producer(tensor)
    if node is None or node.op_type not in ("Transpose", "Reshape", "Squeeze"):
        return []
    return [node, *_arranging(graph, node.input[0])]


def _arranged(source: list[int], wanted: list[int], orders: list[list[int]]) -> list[tuple[str, dict[str, Any]]] | None:
    """What makes the shape ``wanted`` of ``source``, channels first, for any batch; None where that is something else."""
    last = "Transpose", {"perm": CHANNELS_LAST}
    if source == wanted and not orders:
        return []
    if len(source) != 4 or orders not in ([], [CHANNELS_LAST]):
        return None
    if wanted == [source[axis] for axis in CHANNELS_LAST]:
        return [last]
    if len(wanted) == 2 and math.prod(wanted) == math.prod(source):
        return [last] * len(orders) + [("Flatten", {"axis": 1})]
    return None


def _in_order(graph: Graph) -> None:
    """Keep what the outputs need, each node behind those that feed it: the same order for the same network, unlike tf2onnx's."""
    producers = {tensor: node for node in graph.proto.node for tensor in node.output}
    constants = {initializer.name: initializer for initializer in graph.proto.initializer}
    placed: dict[str, onnx.NodeProto] = {}
    used: dict[str, onnx.TensorProto] = {}
    pending = [output.name for output in reversed(graph.proto.output)]
    while pending:
        tensor = pending[-1]
        node = producers.get(tensor)
        waiting = [name for name in node.input if name in producers and name not in placed] if node is not None else []
        if node is None or tensor in placed or not waiting:
            pending.pop()
            if node is not None and tensor not in placed:
                used |= {name: constants[name] for name in node.input if name in constants}
                placed |= dict.fromkeys(node.output, node)
        else:
            pending += reversed(waiting)
    nodes = list({id(node): node for node in placed.values()}.values())
    copies = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
    initializers = [onnx.TensorProto.FromString(tensor.SerializeToString()) for tensor in used.values()]
    for node in copies:
        node.ClearField("domain")  # all are ONNX's own; some say so, at random
    del graph.proto.node[:], graph.proto.initializer[:]
    graph.proto.node.extend(copies)
    graph.proto.initializer.extend(initializers)


def _rename(graph: Graph) -> None:
    """Nodes and tensors are called after the Keras layers, where tf2onnx keeps TensorFlow's long paths."""
    names = {name: name for name in (INPUT, *(output.name for output in graph.proto.output))}
    nodes: set[str] = set()
    tensors, sources = set(names), dict(names)

    def unique(name: str, taken: set[str]) -> str:
        number = 1
        while (candidate := name if number == 1 else f"{name}_{number}") in taken:
            number += 1
        taken.add(candidate)
        return candidate

    for node in graph.proto.node:
        node.name = unique(_node_name(graph, node, sources), nodes)
        for output in node.output:
            sources[output] = node.name
            if output not in names:
                names[output] = unique(node.name, tensors)
    for node in graph.proto.node:
        for index, tensor in enumerate(node.input):
            if tensor and tensor not in names:
                names[tensor] = unique(f"{node.name}_{_ROLES.get(node.op_type, _ROLES['Conv'])[min(index, 2)]}", tensors)
    for node in graph.proto.node:
        node.input[:] = [names.get(tensor, tensor) for tensor in node.input]
        node.output[:] = [names[tensor] for tensor in node.output]
    for initializer in graph.proto.initializer:
        initializer.name = names[initializer.name]


_ROLES = {
    "Conv": ("input", "weights", "bias"),
    "QuantizeLinear": ("input", "scale", "zero_point"),
    "DequantizeLinear": ("int8", "scale", "zero_point"),
}
_SUFFIXES: dict[str, str] = {"QuantizeLinear": "quantize", "DequantizeLinear": "dequantize", "Relu": "relu", "Flatten": "flatten"}


def _node_name(graph: Graph, node: onnx.NodeProto, sources: dict[str, str]) -> str:
    if node.op_type in ("Conv", "ConvTranspose", "Gemm", "MatMul"):
        weights = graph.producer(node.input[1])
        return _layer(weights.input[0] if weights is not None else node.input[1]) or node.op_type.lower()
    if node.op_type == "DequantizeLinear" and node.input[0] not in sources:
        return f"{_layer(node.input[0]) or 'constant'}_weights_dequantize"
    if node.op_type in _SUFFIXES:
        source = sources.get(node.input[0], "")
        return f"{source.removesuffix('_quantize')}_{_SUFFIXES[node.op_type]}"
    return _layer(node.output[0]) or node.output[0].split("/")[-1]


def _layer(tensor: str) -> str | None:
    """The Keras layer in a name such as ``resnet18/quant_s1b1_add/add``; of fused layers the last, which convolves."""
    found: list[str] = re.findall(r"quant_([^/;]+)/", tensor)
    return found[-1] if found else None
