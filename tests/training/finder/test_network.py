from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tf_keras as keras

from convert.graph import read_graph
from convert.tflite import int8_tflite
from edgefake.faces.decode import cells
from training.device import on_device
from training.finder.network import STRIDES, VALUES, build, flat
from training.quantize import _QUANTIZABLE, QuantizedModel, fold


def test_it_is_small_and_every_layer_has_an_eight_bit_form() -> None:
    model = build()
    assert 70_000 <= model.count_params() <= 130_000
    assert {type(layer).__name__ for layer in model.layers} <= _QUANTIZABLE
    assert len({layer.name for layer in model.layers}) == len(model.layers)
    assert not [layer.name for layer in model.layers if layer.name.startswith(("conv2d", "re_lu", "batch_norm"))]  # lasting names


@pytest.mark.parametrize(("height", "width"), [(32, 32), (96, 160), (192, 320)])
def test_any_multiple_of_32_gives_a_row_for_every_cell(height: int, width: int) -> None:
    outputs = build()(np.zeros((2, height, width, 3), np.float32))
    shapes = [(2, height // s, width // s, c) for s in STRIDES for c in (2, 4, 10)]
    assert [tuple(output.shape) for output in outputs] == shapes
    values, at = flat(outputs).numpy(), cells(height, width)
    assert values.shape == (2, len(at), VALUES)
    for index, stride in enumerate(STRIDES):  # the last cell of each map is where cells() says
        rows = np.flatnonzero(at[:, 2] == stride)
        np.testing.assert_array_equal(values[0, rows[-1], 2:6], outputs[3 * index + 1].numpy()[0, -1, -1])
        np.testing.assert_array_equal(at[rows[-1], :2], (width - stride / 2, height - stride / 2))


def test_weights_fit_every_size() -> None:
    small, any_size = build(64, 96), build()
    any_size.set_weights(small.get_weights())
    image = np.random.default_rng(0).uniform(-1, 1, (1, 64, 96, 3)).astype(np.float32)
    np.testing.assert_allclose(flat(small(image)), flat(any_size(image)), atol=1e-5)


def test_qat_and_conversion_take_it_in_one_piece_of_eight_bits(tmp_path: Path) -> None:
    model = build(64, 64)
    image = np.random.default_rng(0).uniform(-1, 1, (2, 64, 64, 3)).astype(np.float32)
    model(image, training=True)
    # The map of stride 8 hangs on everything below the heads of the others.
    quantized = QuantizedModel(fold(keras.Model(model.input, model.get_layer("score_8").output, name=model.name)))
    quantized.calibrate([image])
    path = tmp_path / "finder.tflite"
    path.write_bytes(int8_tflite(quantized.model, size=64))
    graph = on_device(read_graph, path)
    assert graph.faults() == []
    assert graph.ops["TRANSPOSE_CONV"] == 2
