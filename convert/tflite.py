"""Keras model → TFLite bytes. Inputs are float (N, height, width, 3); outputs keep their order and get the card's names."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable
from typing import Any, Literal

import tensorflow as tf
from tensorflow.lite.python.convert import ConverterError

from convert.rewrite import leaky_relus, name_outputs
from edgefake.errors import InputError
from edgefake.runtimes.quiet import quiet

Size = int | tuple[int, int]
"""(height, width) of an input in pixels, or the side of a square one."""


def output_names(model: Any) -> tuple[str, ...]:
    """What the outputs of a Keras model are called in its card and in every form of it: one is the score, several are called
    after their layers."""
    names = tuple(name.removeprefix("quant_") for name in model.output_names)  # which QAT puts before them
    return names if len(names) > 1 else ("score",)


def int8_tflite(qat_model: Any, *, size: Size) -> bytes:
    """Convert a QAT model to TFLite with int8 input, int8 outputs and int8 everything between."""
    converter = _converter(qat_model, size)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    # uint8 input or output would each add a QUANTIZE op; flipping the pixels' top bit costs nothing.
    converter.inference_input_type = converter.inference_output_type = tf.int8
    return leaky_relus(_converted(converter, qat_model))


def post_training_tflite(model: Any, faces: Iterable[Any], *, size: Size) -> bytes:
    """Convert a float model to INT8 with the ranges that ``faces`` (batches of its inputs) show: post-training quantization.

    Activations have zero-points of their own; operators without an INT8 kernel stay float.
    Raises ``InputError`` for a model that TFLite has no operators for.
    """
    converter = _converter(model, size)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([face[None]] for batch in faces for face in batch)
    converter.inference_input_type = converter.inference_output_type = tf.int8
    if _loops(converter):
        raise InputError("TFLite cannot measure the ranges of recurrent layers, which are loops: replace them and train again")
    try:
        return leaky_relus(_converted(converter, model))
    except (ConverterError, ValueError) as error:
        missing = re.search(r"(?:TF Select|Flex|Custom) ops: [^\n]+", str(error))
        cause = missing.group(0) if missing else str(error).strip().splitlines()[0]
        raise InputError(f"TFLite cannot run this model ({cause}): replace those operations and train again") from error


def float_tflite(model: Any, *, size: Size, precision: Literal["float32", "float16"]) -> bytes:
    """Convert a float model to TFLite; ``float16`` stores the weights in half precision, computing stays float32 on CPUs."""
    converter = _converter(model, size)
    if precision == "float16":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.target_spec.supported_types = [tf.float16]
    return _converted(converter, model)


def _converted(converter: Any, model: Any) -> bytes:
    with quiet(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Statistics for quantized inputs were expected")  # they are in the model
        converted = bytes(converter.convert())
    return name_outputs(converted, model.output_names, output_names(model))


def _loops(converter: Any) -> bool:
    """Whether there are loops in the graph, in which TFLite's calibration crashes."""
    (function,) = converter._funcs
    graph = function.graph.as_graph_def()
    nodes = [*graph.node, *(node for part in graph.library.function for node in part.node_def)]
    return any(node.op in ("While", "StatelessWhile") for node in nodes)


def _converter(model: Any, size: Size) -> Any:
    """A converter for batch 1, through a concrete function: ``from_keras_model`` takes Keras 3 models only."""
    height, width = (size, size) if isinstance(size, int) else size
    signature = tf.TensorSpec((1, height, width, 3), tf.float32, name="face")
    function = tf.function(lambda face: model(face, training=False)).get_concrete_function(signature)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function], model)
    converter.experimental_lower_to_saved_model = False  # by way of a SavedModel, every layer is traced anew: 15 times as long
    return converter
