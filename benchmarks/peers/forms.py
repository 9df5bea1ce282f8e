"""One network in every form that the peers read. Loads TensorFlow: call ``make_forms`` in a process of its own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from edgefake.defaults import DEFAULT_MARGIN, DEFAULT_THRESHOLD
from edgefake.pixels import Pixels

FACES = 16


@dataclass(frozen=True, slots=True)
class Forms:
    """Where the forms are."""

    folder: Path
    size: int

    @property
    def keras(self) -> Path:
        """The float model, for tf_keras."""
        return self.folder / "model.h5"

    @property
    def fp32_tflite(self) -> Path:
        return self.folder / "fp32.tflite"

    @property
    def int8_tflite(self) -> Path:
        """With a card."""
        return self.folder / "int8.tflite"

    @property
    def fp32_onnx(self) -> Path:
        return self.folder / "fp32.onnx"

    @property
    def int8_onnx(self) -> Path:
        return self.folder / "int8.onnx"


def faces(size: int) -> Pixels:
    """Coloured blobs, uint8 (``FACES``, size, size, 3): what a picture shows does not change how long it takes."""
    blobs = np.random.default_rng(0).integers(0, 256, (FACES, 8, 8, 3), dtype=np.uint8)
    return np.stack([cv2.resize(blob, (size, size), interpolation=cv2.INTER_CUBIC) for blob in blobs])


def make_forms(recipe: str, size: int | None, folder: Path) -> Forms:
    """Build ``recipe`` with random weights and write all its forms into ``folder``; INT8 by way of QAT, as for real models."""
    import tf2onnx
    import tf_keras as keras

    from convert.onnx import OPSET, export_onnx
    from convert.tflite import float_tflite, int8_tflite
    from edgefake.models.card import ModelCard
    from edgefake.models.file import write_card
    from edgefake.preprocessing import to_float
    from training.quantize import QuantizedModel, fold
    from training.recipes import build, recipe_named

    forms = Forms(folder, size or recipe_named(recipe).size)
    model, inputs = build(recipe, forms.size), to_float(faces(forms.size))
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.0
    model(inputs, training=True)  # statistics as after training: without them the sums grow from block to block
    model = fold(model)
    model.save(forms.keras)
    forms.fp32_tflite.write_bytes(float_tflite(model, size=forms.size, precision="float32"))
    quantized = QuantizedModel(model)
    quantized.calibrate([inputs])
    forms.int8_tflite.write_bytes(int8_tflite(quantized.model, size=forms.size))
    write_card(
        forms.int8_tflite,
        ModelCard(f"{recipe}_int8", recipe, "int8", forms.size, DEFAULT_MARGIN, "logit", {DEFAULT_THRESHOLD: 0.5}),
    )
    export_onnx(forms.int8_tflite, forms.int8_onnx)
    tf2onnx.convert.from_tflite(str(forms.fp32_tflite), opset=OPSET, output_path=str(forms.fp32_onnx))
    return forms
