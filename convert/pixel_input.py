"""The first nodes of the QDQ graph: from uint8 pixels to what the INT8 network takes, borders of another grey included."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper

from convert.onnx_graph import INPUT, Graph
from edgefake.errors import InputError

ONE_LSB = 1.0 / 128  # the input quantizer's scale: one step is one pixel value


def pixel_input(graph: Graph, faces: int | str) -> None:
    """The input becomes ``face``: uint8 pixels, scaled to (pixel - 128) / 128 and quantized inside the graph."""
    (old,) = graph.proto.input
    height, width = (old.type.tensor_type.shape.dim[axis].dim_value for axis in (1, 2))
    added = [
        helper.make_node("Cast", [INPUT], ["face_float"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["face_float"], ["face_planes"], perm=[0, 3, 1, 2]),
    ]
    half, step = graph.add_constant("face_offset", np.float32(128)), graph.add_constant("face_step", np.float32(ONE_LSB))
    added += _bordered_inputs(graph, old.name, step)
    if graph.consumers(old.name):
        transpose = _first_transpose(graph, old.name)
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
    graph.proto.input[0].CopyFrom(helper.make_tensor_value_info(INPUT, TensorProto.UINT8, [faces, height, width, 3]))


def _first_transpose(graph: Graph, tensor: str) -> onnx.NodeProto:
    """That by which the input, or what was put around it, gets its channels first."""
    user = graph.consumers(tensor)[0]
    return user if user.op_type == "Transpose" else _first_transpose(graph, user.output[0])


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
