"""The form of eight-bit weights that TensorRT 8 reads."""

from __future__ import annotations

import importlib

from edgefake.errors import BackendError


def float_weights(model: bytes) -> bytes:
    """The ONNX ``model`` with every int8 weight + DequantizeLinear as float weight + QuantizeLinear + DequantizeLinear.

    TensorRT 8 takes no int8 initializers and quantizes float ones itself, to the very same numbers: rounding q·s / s gives q
    back. Raises ``BackendError`` when the ``onnx`` package is missing.
    """
    try:
        onnx = importlib.import_module("onnx")
        numpy_helper = importlib.import_module("onnx.numpy_helper")
    except ImportError as error:
        raise BackendError(
            f"TensorRT 8 needs the weights in another form, and for that onnx ({error}): pip install onnx"
        ) from error
    proto = onnx.load_model_from_string(model)
    graph = proto.graph
    initializers = {tensor.name: tensor for tensor in graph.initializer}
    for index, node in reversed(list(enumerate(graph.node))):
        weight = initializers.get(node.input[0]) if node.op_type == "DequantizeLinear" else None
        if weight is None or weight.data_type != onnx.TensorProto.INT8:
            continue
        values = numpy_helper.to_array(weight)
        scale = numpy_helper.to_array(initializers[node.input[1]])
        axis = next((a.i for a in node.attribute if a.name == "axis"), 1)
        shape = [-1 if scale.ndim and i == axis % values.ndim else 1 for i in range(values.ndim)]
        weight.CopyFrom(numpy_helper.from_array(values * scale.reshape(shape), weight.name))
        quantized = f"{weight.name}_quantized"
        quantize = onnx.helper.make_node("QuantizeLinear", node.input, [quantized], name=f"{node.name}_quantize", axis=axis)
        node.input[0] = quantized
        graph.node.insert(index, quantize)
    return bytes(proto.SerializeToString())
