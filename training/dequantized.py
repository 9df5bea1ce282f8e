"""Weights read back from an INT8 ``.tflite`` of this project: to train a published model on, without its float parent."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tf_keras as keras
from tensorflow.lite.python import schema_py_generated as schema
from tensorflow.lite.tools import flatbuffer_utils

from edgefake.errors import InputError
from edgefake.models.file import model_bytes

OPERATORS = {
    schema.BuiltinOperator.CONV_2D: (1, 2, 3, 0),  # output channels first, in Keras last
    schema.BuiltinOperator.DEPTHWISE_CONV_2D: (1, 2, 3, 0),
}


def load_dequantized(features: Any, path: Path) -> None:
    """Set the convolutions of ``features`` to the weights of the INT8 model at ``path``, where their BatchNorms are folded in.

    The BatchNorms of ``features`` become additions of a bias; ``training.start.adapt_batch_norm`` makes them trainable again.
    Raises ``InputError`` for a file that is no INT8 model of this architecture.
    """
    model_bytes(path)  # refuses what is no model
    try:
        stored = _stored_weights(path)
    except Exception as error:  # what reading a FlatBuffer raises depends on the damage
        raise InputError(f"{path} is damaged ({type(error).__name__}): get the file again") from error
    for layer in features.layers:
        if not isinstance(layer, (keras.layers.Conv2D, keras.layers.DepthwiseConv2D)):
            continue
        kernel, bias = stored.get(layer.name, (None, None))
        expected = tuple(layer.get_weights()[0].shape)
        if kernel is None or kernel.size != np.prod(expected):
            found = "has none" if kernel is None else f"has one of {kernel.shape}"
            raise InputError(
                f"{path} is no INT8 model of {features.name}: {layer.name} needs a kernel of {expected}, the file {found}"
            )
        norm = layer.outbound_nodes[0].outbound_layer
        layer.set_weights([kernel.reshape(expected)])
        norm.set_weights([np.ones_like(bias), bias, np.zeros_like(bias), np.full_like(bias, 1.0 - norm.epsilon)])


def _stored_weights(path: Path) -> dict[str, tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]]:
    """Dequantized kernel (height, width, input, output) and bias of every convolution, by the name of its Keras layer."""
    model = flatbuffer_utils.read_model(str(path))
    subgraph, buffers = model.subgraphs[0], model.buffers
    found = {}
    for op in subgraph.operators:
        axes = OPERATORS.get(model.operatorCodes[op.opcodeIndex].builtinCode)
        kernel, bias = (subgraph.tensors[i] for i in op.inputs[1:3]) if axes else (None, None)
        layer = re.search(r"quant_([^/;]+)/LastValueQuant", kernel.name.decode()) if kernel else None
        if layer and kernel.type == schema.TensorType.INT8:
            found[layer.group(1)] = _values(kernel, buffers).transpose(axes), _values(bias, buffers)
    return found


def _values(tensor: Any, buffers: Any) -> npt.NDArray[np.float32]:
    dtype = {schema.TensorType.INT8: np.int8, schema.TensorType.INT32: np.int32}[tensor.type]
    values = buffers[tensor.buffer].data.view(dtype).reshape(tensor.shape).astype(np.float32)
    along = [1] * values.ndim
    along[tensor.quantization.quantizedDimension] = -1
    return values * np.asarray(tensor.quantization.scale, np.float32).reshape(along)
