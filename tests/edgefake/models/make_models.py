"""Make the tiny ``.tflite`` files beside this script; needs TensorFlow: ``python tests/edgefake/models/make_models.py``.

Each is a strided convolution with random weights, a mean and a dense layer on 16×16 pixels: enough to answer unlike faces
differently. The files carry no card: the tests say what they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

SIZE = 16
Network = Callable[[Any], Any]


def main() -> None:
    folder = Path(__file__).parent
    rng = np.random.default_rng(7)
    filters = tf.constant(rng.normal(0.0, 0.4, (4, 4, 3, 8)), tf.float32)
    dense = tf.constant(rng.normal(0.0, 3.0, (8, 1)), tf.float32)
    bias = -1.7

    def features(x: Any) -> Any:
        return tf.nn.relu(tf.nn.conv2d(x, filters, 4, "SAME"))

    def logit(x: Any) -> Any:
        return tf.reduce_mean(features(x), axis=[1, 2]) @ dense + bias

    def fixed_batch(x: Any) -> Any:  # a reshape that knows one face only, as some converters leave behind
        return tf.reduce_mean(tf.reshape(features(x), [1, 16, 8]), axis=1) @ dense + bias

    models = {
        "int8": converted(logit, tf.int8, low=-1.0, high=127 / 128),
        "uint8": converted(logit, tf.uint8, low=0.0, high=1.0),
        "float32": converted(logit, tf.float32, low=-1.0, high=1.0),
        "fixed_batch": converted(fixed_batch, tf.float32, low=-1.0, high=1.0, batch=1),
        "two_outputs": converted(lambda x: (logit(x), -logit(x)), tf.float32, low=-1.0, high=1.0),
        "two_numbers": converted(lambda x: tf.concat([logit(x), -logit(x)], axis=1), tf.float32, low=-1.0, high=1.0),
        "oblong": converted(logit, tf.float32, low=-1.0, high=1.0, width=2 * SIZE),
        # As others convert theirs:
        "nchw": converted(lambda x: logit(tf.transpose(x, [0, 2, 3, 1])), tf.float32, low=-1.0, high=1.0, face=(3, SIZE, SIZE)),
        "grey": converted(lambda x: logit(tf.repeat(x, 3, axis=3)), tf.float32, low=-1.0, high=1.0, face=(SIZE, SIZE, 1)),
        "raw_uint8": converted(lambda x: logit(tf.cast(x, tf.float32) / 127.5 - 1.0), tf.float32, low=0, high=1, takes=tf.uint8),
        "scalar": converted(lambda x: tf.reshape(logit(x), []), tf.float32, low=-1.0, high=1.0, batch=1),
        "one_for_all": converted(lambda x: tf.reduce_mean(logit(x), axis=0, keepdims=True), tf.float32, low=-1.0, high=1.0),
    }
    for name, data in models.items():
        (folder / f"{name}.tflite").write_bytes(data)
        print(f"{name}: {len(data)} bytes")


def converted(
    network: Network,
    dtype: Any,
    *,
    low: float,
    high: float,
    width: int = SIZE,
    batch: int | None = None,
    face: tuple[int, ...] | None = None,
    takes: Any = tf.float32,
) -> bytes:
    """``network`` as ``.tflite`` with inputs and outputs of ``dtype``; integers are calibrated on ``low``…``high``."""
    signature = tf.TensorSpec([batch, *(face or (SIZE, width, 3))], takes)
    function = tf.function(network).get_concrete_function(signature)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function])
    if dtype != tf.float32:

        def samples() -> Iterator[list[Any]]:
            rng = np.random.default_rng(8)
            for _ in range(20):
                x = rng.uniform(low, high, (1, SIZE // 4, width // 4, 3)).astype(np.float32).repeat(4, axis=1).repeat(4, axis=2)
                x.flat[:2] = low, high  # so that the input's scale and zero-point are exactly those of low…high
                yield [x]

        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = samples
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = dtype
    data: bytes = converter.convert()
    return data


if __name__ == "__main__":
    main()
