from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from convert.rewrite import leaky_relus
from tests.interpreted import graphs_and_outputs
from training.device import on_device
from training.quantize import QuantizedModel, fold

layers = keras.layers
SIZE = 32


def _network() -> Any:
    """ReLUs before separable convolutions, of sums that are needed without them too: what Xception is made of."""
    keras.utils.set_random_seed(1)
    face = keras.Input((SIZE, SIZE, 3))
    x = layers.BatchNormalization(momentum=0.0)(layers.Conv2D(8, 3, strides=2)(face))
    for _ in range(2):
        y = layers.SeparableConv2D(8, 3, padding="same")(layers.ReLU()(x))
        x = layers.Add()([x, layers.BatchNormalization(momentum=0.0)(y)])
    return keras.Model(face, layers.Dense(1)(layers.GlobalAveragePooling2D()(x)), name="network")


@pytest.fixture(scope="module", params=["QAT", "post-training"])
def model(request: pytest.FixtureRequest) -> bytes:
    """INT8 as the converter leaves it."""
    faces = np.random.default_rng(0).uniform(-1, 1, (16, SIZE, SIZE, 3)).astype(np.float32)
    network = _network()
    network(faces, training=True)  # with a momentum of 0, BatchNorm then normalises these faces
    network = fold(network)
    if request.param == "QAT":
        quantized = QuantizedModel(network)
        quantized.calibrate([faces])
        network = quantized.model
    taken = tf.TensorSpec((1, SIZE, SIZE, 3))
    function = tf.function(lambda x: network(x, training=False)).get_concrete_function(taken)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function], network)
    converter.experimental_lower_to_saved_model = False
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    if request.param == "post-training":
        converter.representative_dataset = lambda: ([face[None]] for face in faces)
    return bytes(converter.convert())


def test_leaky_relus_give_the_same_outputs_up_to_rounding_in_one_partition(model: bytes, tmp_path: Path) -> None:
    before, after = tmp_path / "before.tflite", tmp_path / "after.tflite"
    before.write_bytes(model)
    after.write_bytes(leaky_relus(model))
    coarse = np.random.default_rng(1).integers(-128, 128, (40, 4, 4, 3), dtype=np.int8)
    faces = coarse.repeat(SIZE // 4, axis=1).repeat(SIZE // 4, axis=2)
    (before_graph, before_outputs, _), (after_graph, after_outputs, _) = on_device(graphs_and_outputs, [before, after], faces)
    assert before_graph.ops["RELU"] == after_graph.ops["LEAKY_RELU"] == 2
    assert "RELU" not in after_graph.ops
    assert before_graph.delegate_partitions > 1
    assert before_graph.undelegated == 2
    assert (after_graph.delegate_partitions, after_graph.undelegated) == (1, 0)
    assert len(np.unique(before_outputs)) > 10
    steps = np.abs(before_outputs.astype(int) - after_outputs)  # XNNPACK rounds the ratio of the scales
    assert np.mean(steps > 1) <= 0.05  # what then lies on the edge between two steps, moves what follows
    assert steps.mean() < 0.2


def test_a_graph_without_such_a_relu_stays_as_it_is() -> None:
    face = keras.Input((SIZE, SIZE, 3))
    network = keras.Model(face, layers.Dense(1)(layers.Flatten()(layers.Conv2D(4, 3, activation="relu")(face))))
    function = tf.function(network).get_concrete_function(tf.TensorSpec((1, SIZE, SIZE, 3)))
    model = bytes(tf.lite.TFLiteConverter.from_concrete_functions([function], network).convert())
    assert leaky_relus(model) == model
