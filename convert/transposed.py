"""Transposed convolutions as plain ones: neither TensorRT nor onnxruntime runs the transposed in eight bits."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import helper, numpy_helper

from convert.onnx_graph import Graph, replace_node


def plain_convolutions(graph: Graph) -> None:
    """Where a transposed convolution's windows do not overlap, each pixel becomes a block of its own.

    A 1×1 convolution gives the block as channels, which DepthToSpace lays out (pixel shuffle, Shi et al. 2016): the same products
    and sums. Biases are constants already, see ``convert.qdq``.
    """
    for node in graph.nodes("ConvTranspose"):
        settings = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        side = settings["strides"][0]
        dequantizer = graph.producer(node.input[1])
        kernel = next((i for i in graph.proto.initializer if dequantizer and i.name == dequantizer.input[0]), None)
        alone = [side, side] == list(settings["strides"]) == list(settings["kernel_shape"]) and settings.get("group", 1) == 1
        if kernel is None or dequantizer is None or not alone or any(settings.get("pads", [])):
            continue
        values = numpy_helper.to_array(kernel)  # input, output, height, width
        kernel.CopyFrom(numpy_helper.from_array(values.transpose(2, 3, 1, 0).reshape(-1, len(values), 1, 1), kernel.name))
        scale = graph.constant(dequantizer.input[1])
        if scale is not None and scale.ndim:
            dequantizer.input[1] = graph.add_constant(f"{kernel.name}_scale", np.tile(scale, side**2))
            dequantizer.input[2] = graph.add_constant(f"{kernel.name}_zero_point", np.zeros(len(scale) * side**2, np.int8))
            del dequantizer.attribute[:]
            dequantizer.attribute.append(helper.make_attribute("axis", 0))
        inputs = list(node.input[:2])
        if len(node.input) > 2:
            inputs.append(graph.add_constant(f"{node.input[2]}_blocks", np.tile(_bias(graph, node), side**2)))
        blocks = f"{node.output[0]}_blocks"
        shuffle = helper.make_node("DepthToSpace", [blocks], node.output, blocksize=side)
        convolution = helper.make_node("Conv", inputs, [blocks], kernel_shape=[1, 1])
        graph.insert_before(node, convolution)
        replace_node(graph, node, shuffle)


def _bias(graph: Graph, node: onnx.NodeProto) -> np.ndarray:
    bias = graph.constant(node.input[2])
    assert bias is not None
    return bias
