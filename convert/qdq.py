"""From tf2onnx's reading of an INT8 ``.tflite`` to the quantize/dequantize (QDQ) graph that TensorRT runs in eight bits.

What TensorRT asks of such a graph is in its developer guide, "Working with Quantized Types": zero-points of 0, float biases, a
quantizer on every input of a convolution, and none between a convolution and the addition of its residual.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from edgefake.errors import InputError

INPUT, OUTPUT = "face", "output"
ONE_LSB = 1.0 / 128  # the input quantizer's scale: one step is one pixel value


class Graph:
    """An ONNX graph with the look-ups that rewriting needs."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self.proto = model.graph

    def nodes(self, *kinds: str) -> list[onnx.NodeProto]:
        """A copy of the list, so that nodes may be removed meanwhile."""
        return [node for node in self.proto.node if not kinds or node.op_type in kinds]

    def producer(self, tensor: str) -> onnx.NodeProto | None:
        return next((node for node in self.proto.node if tensor in node.output), None)

    def consumers(self, tensor: str) -> list[onnx.NodeProto]:
        return [node for node in self.proto.node if tensor in node.input]

    def constant(self, tensor: str) -> np.ndarray | None:
        found = next((i for i in self.proto.initializer if i.name == tensor), None)
        return None if found is None else numpy_helper.to_array(found)

    def add_constant(self, name: str, value: Any) -> str:
        self.proto.initializer.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def insert_before(self, node: onnx.NodeProto, *new: onnx.NodeProto) -> None:
        at = list(self.proto.node).index(node)
        for offset, one in enumerate(new):
            self.proto.node.insert(at + offset, one)

    def remove(self, *nodes: onnx.NodeProto) -> None:
        for node in nodes:
            self.proto.node.remove(node)

    def reconnect(self, old: str, new: str) -> None:
        """Whatever read the tensor ``old`` reads ``new``."""
        for node in self.proto.node:
            for index, name in enumerate(node.input):
                if name == old:
                    node.input[index] = new


def to_qdq(model: onnx.ModelProto, *, batch: int | None = None) -> onnx.ModelProto:
    """Rewrite what tf2onnx made of a symmetric INT8 ``.tflite`` with batch 1; ``model`` is changed and returned.

    The result takes ``face``, uint8 (N, S, S, 3), RGB, and gives ``output``, float32 (N, K), the ``.tflite``'s dequantized.
    N is ``batch`` where that is given, else any. Raises ``InputError`` for a graph with zero-points, which TensorRT refuses.
    """
    graph = Graph(model)
    faces = batch or "N"
    _check_symmetric(graph)
    _flat_heads(graph, model)
    _pixel_input(graph, faces)
    _float_biases(graph)
    _plain_relus(graph)
    _padding_inside(graph)
    _mean_before_quantizer(graph)
    _quantized_once(graph)
    _no_axis_of_scalars(graph)
    _bare_residuals(graph)
    _check_layout(graph)
    _name_output(graph, faces)
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
        users = [user.op_type for user in _through_quantizers(graph, squeeze.output[0])]
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
        users = list(_through_quantizers(graph, pad.output[0]))
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


def _through_quantizers(graph: Graph, tensor: str) -> Iterator[onnx.NodeProto]:
    for node in graph.consumers(tensor):
        if node.op_type in ("QuantizeLinear", "DequantizeLinear"):
            yield from _through_quantizers(graph, node.output[0])
        else:
            yield node


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
    left = sorted({node.op_type for node in graph.nodes("Transpose", "Reshape", "Squeeze")[1:]})
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
        products = [product for user in users for product in _through_quantizers(graph, user.output[0])]
        if _order(transpose) != [0, 2, 3, 1] or {node.op_type for node in users} != {"Reshape"}:
            continue
        height, width, channels = shapes[transpose.output[0]][1:]
        kernels = [_kernel_of(graph, product, height * width * channels) for product in products]
        if any(kernel is None for kernel in kernels):
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


def _pixel_input(graph: Graph, faces: int | str) -> None:
    """The input becomes ``face``: uint8 pixels, scaled to (pixel - 128) / 128 and quantized inside the graph."""
    (old,) = graph.proto.input
    size = old.type.tensor_type.shape.dim[1].dim_value
    added = [
        helper.make_node("Cast", [INPUT], ["face_float"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["face_float"], ["face_planes"], perm=[0, 3, 1, 2]),
    ]
    half, step = graph.add_constant("face_offset", np.float32(128)), graph.add_constant("face_step", np.float32(ONE_LSB))
    added += _bordered_inputs(graph, old.name, step)
    if graph.consumers(old.name):
        transpose = graph.nodes("Transpose")[0]
        node = graph.producer(transpose.input[0])
        while node is not None:
            if node.op_type == "Pad":  # still batch, height, width, channels
                amounts = graph.constant(node.input[1])
                assert amounts is not None
                node.input[1] = graph.add_constant("face_padding", amounts[[0, 3, 1, 2, 4, 7, 5, 6]])
            node = graph.producer(node.input[0])
        graph.reconnect(transpose.output[0], transpose.input[0])
        graph.remove(transpose)
        quantizer = _input_quantizer(graph, old.name)
        graph.reconnect(old.name, "face_int8")
        added += [
            helper.make_node("Sub", ["face_planes", half], ["face_centred"]),
            helper.make_node("Mul", ["face_centred", step], ["face_scaled"]),
            helper.make_node("QuantizeLinear", ["face_scaled", *quantizer], ["face_int8"]),
        ]
    graph.insert_before(graph.proto.node[0], *added)
    graph.proto.input[0].CopyFrom(helper.make_tensor_value_info(INPUT, TensorProto.UINT8, [faces, size, size, 3]))


def _bordered_inputs(graph: Graph, pixels: str, step: str) -> list[onnx.NodeProto]:
    """Where a border of one colour is joined to the input before anything else (see ``training.border``): the nodes instead.

    The colour is taken off before the padding with zeros and added behind it, which is exact and takes any number of faces,
    unlike the constants of one face that a Concat would join.
    """
    added: list[onnx.NodeProto] = []
    for transpose in graph.nodes("Transpose"):
        source, around, colour, joins = _border(graph, transpose.input[0])
        if source != pixels or not joins:
            continue
        name = f"face_border{len(added) or ''}"
        quantizer = _input_quantizer(graph, transpose.output[0])
        offset = graph.add_constant(f"{name}_offset", (colour + 128).astype(np.float32).reshape(1, 3, 1, 1))
        value = graph.add_constant(f"{name}_colour", (colour / 128).astype(np.float32).reshape(1, 3, 1, 1))
        padding = graph.add_constant(f"{name}_padding", np.array([0, 0, *around[:2], 0, 0, *around[2:]], np.int64))
        added += [
            helper.make_node("Sub", ["face_planes", offset], [f"{name}_centred"]),
            helper.make_node("Mul", [f"{name}_centred", step], [f"{name}_scaled"]),
            helper.make_node("Pad", [f"{name}_scaled", padding], [f"{name}_padded"]),
            helper.make_node("Add", [f"{name}_padded", value], [f"{name}_bordered"]),
            helper.make_node("QuantizeLinear", [f"{name}_bordered", *quantizer], [f"{name}_int8"]),
        ]
        graph.reconnect(transpose.output[0], f"{name}_int8")
        graph.remove(transpose)
        for join in joins:
            if not graph.consumers(join.output[0]):
                graph.remove(join)
    return added


def _border(graph: Graph, tensor: str) -> tuple[str, list[int], Any, list[onnx.NodeProto]]:
    """What ``tensor`` is a border around: (inner tensor, [top, left, bottom, right], INT8 colour (3,), the Concats)."""
    around, colours, joins = [0, 0, 0, 0], [], []
    node = graph.producer(tensor)
    while node is not None and node.op_type == "Concat":
        parts = [graph.constant(name) for name in node.input]
        inner = [index for index, part in enumerate(parts) if part is None]
        axis = node.attribute[0].i - 1  # of height and width
        if len(inner) != 1 or axis not in (0, 1):
            break
        for index, part in enumerate(parts):
            if part is not None:
                around[axis + 2 * (index > inner[0])] += part.shape[axis + 1]
                colours.append(part.reshape(-1, part.shape[-1]))
        joins.append(node)
        tensor = node.input[inner[0]]
        node = graph.producer(tensor)
    found = np.unique(np.concatenate(colours), axis=0) if colours else np.zeros((1, 3), np.int8)
    return (tensor, around, found[0].astype(np.int64), joins) if len(found) == 1 else (tensor, around, None, [])


def _input_quantizer(graph: Graph, tensor: str) -> list[str]:
    """Scale and zero-point at which the input is read."""
    dequantizer = graph.consumers(tensor)[0]
    scale = graph.constant(dequantizer.input[1]) if dequantizer.op_type == "DequantizeLinear" else None
    if scale is None or scale.ndim or scale != ONE_LSB:
        found = f"scale {scale:g}" if scale is not None and not scale.ndim else f"{dequantizer.op_type} at its input"
        raise InputError(f"the network has {found}, expected scale 1/128: fine-tune it with python -m training qat")
    return list(dequantizer.input[1:])


def _shapes(model: onnx.ModelProto) -> dict[str, list[int]]:
    """The shapes of all tensors of a model of batch 1."""
    inferred = onnx.shape_inference.infer_shapes(model).graph
    values = [*inferred.value_info, *inferred.output]
    return {value.name: [dim.dim_value for dim in value.type.tensor_type.shape.dim] for value in values}


def _order(transpose: onnx.NodeProto) -> list[int]:
    return next((list(a.ints) for a in transpose.attribute if a.name == "perm"), [])


def _name_output(graph: Graph, faces: int | str) -> None:
    """The output becomes ``output``, float32 (N, K), on the very steps of the INT8 model's."""
    (old,) = graph.proto.output
    outputs = old.type.tensor_type.shape.dim[-1].dim_value
    last = graph.producer(old.name)
    assert last is not None
    if last.op_type == "QuantizeLinear":
        graph.proto.node.append(helper.make_node("DequantizeLinear", [old.name, *last.input[1:]], [OUTPUT]))
    else:
        last.output[0] = OUTPUT
    graph.proto.output[0].CopyFrom(helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, [faces, outputs]))


def _in_order(graph: Graph) -> None:
    """Keep what the output needs, each node behind those that feed it: the same order for the same network, unlike tf2onnx's."""
    producers = {tensor: node for node in graph.proto.node for tensor in node.output}
    constants = {initializer.name: initializer for initializer in graph.proto.initializer}
    placed: dict[str, onnx.NodeProto] = {}
    used: dict[str, onnx.TensorProto] = {}
    pending = [OUTPUT]
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


def replace_node(graph: Graph, old: onnx.NodeProto, new: onnx.NodeProto) -> None:
    """Put ``new`` in the place of ``old``."""
    graph.insert_before(old, new)
    graph.remove(old)


def _rename(graph: Graph) -> None:
    """Nodes and tensors are called after the Keras layers, where tf2onnx keeps TensorFlow's long paths."""
    names: dict[str, str] = {INPUT: INPUT, OUTPUT: OUTPUT}
    taken = set(names.values())

    def unique(name: str) -> str:
        number = 1
        while (candidate := name if number == 1 else f"{name}_{number}") in taken:
            number += 1
        taken.add(candidate)
        return candidate

    for node in graph.proto.node:
        node.name = unique(_node_name(graph, node, names))
        for output in node.output:
            names.setdefault(output, node.name)
    for node in graph.proto.node:
        for index, tensor in enumerate(node.input):
            if tensor and tensor not in names:
                names[tensor] = unique(f"{node.name}_{_ROLES.get(node.op_type, _ROLES['Conv'])[min(index, 2)]}")
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


def _node_name(graph: Graph, node: onnx.NodeProto, names: dict[str, str]) -> str:
    if node.op_type in ("Conv", "Gemm", "MatMul"):
        weights = graph.producer(node.input[1])
        return _layer(weights.input[0] if weights is not None else node.input[1]) or node.op_type.lower()
    if node.op_type == "DequantizeLinear" and node.input[0] not in names:
        return f"{_layer(node.input[0]) or 'constant'}_weights_dequantize"
    if node.op_type in _SUFFIXES:
        source = names.get(node.input[0], "")
        return f"{source.removesuffix('_quantize')}_{_SUFFIXES[node.op_type]}"
    return _layer(node.output[0]) or node.output[0].split("/")[-1]


def _layer(tensor: str) -> str | None:
    """The Keras layer in a name such as ``resnet18/quant_s1b1_add/add``; of fused layers the last, which convolves."""
    found: list[str] = re.findall(r"quant_([^/;]+)/", tensor)
    return found[-1] if found else None
