"""Grad-CAM (Selvaraju et al. 2017, arXiv:1610.02391): which parts of a face raise a detector's score."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import tensorflow as tf
import tf_keras as keras

from edgefake.errors import InputError
from edgefake.faces import Box
from edgefake.images import read_image, write_image
from edgefake.pixels import Pixels
from edgefake.preprocessing import face_pixels, to_float
from training.faces_table import FoundFaces
from training.notes import note
from training.qat import folded_model, quantized_model
from training.runs import Run


@dataclass(frozen=True, slots=True)
class Explanation:
    """One face with its map."""

    path: Path
    box: Box
    p_fake: float
    """Before calibration, which a run does not have."""
    overlay: Path
    """The face beside the same face under its map."""


def explain(run: Run, checkpoint: Path, faces: FoundFaces, out: Path) -> list[Explanation]:
    """Write an overlay for each of ``faces`` into ``out``, their names being paths; names on stderr the pictures without one."""
    model = (quantized_model if run.is_qat else folded_model)(run, checkpoint)
    out.mkdir(parents=True, exist_ok=True)
    found = []
    for number, (name, face) in enumerate(faces.faces.items(), start=1):
        path = Path(name)
        pixels = face_pixels(read_image(path), face.box, size=run.size, margin=run.margin, mode=run.crop_mode)
        p_fake, heat = grad_cam(model, pixels)
        overlay = out / f"{number:04}_{path.stem}.png"
        write_image(overlay, np.concatenate([pixels[:, :, ::-1], overlaid(pixels, heat)], axis=1))
        found.append(Explanation(path, face.box, p_fake, overlay))
    note("picture(s) cannot be read: left out", faces.unreadable)
    note("picture(s) without a face", faces.faceless)
    return found


def grad_cam(model: Any, face: Pixels) -> tuple[float, npt.NDArray[np.float32]]:
    """p_fake, and the map of what raises it: float32, (S, S), 0…1; 0 everywhere where nothing does.

    ``model`` is a Keras model whose first output is one logit or one per class; ``face`` is uint8 (S, S, 3), RGB. The map is that
    of the last layer on the way to it whose output is a stack of feature maps.
    """
    scoring = keras.Model(model.input, model.outputs[0], name=model.name)  # without what else branches off
    with_gradients = keras.Model(model.input, [_last_maps(scoring).output, scoring.output])
    pixels = tf.constant(to_float(face[None]))
    with tf.GradientTape() as tape:
        tape.watch(pixels)  # all that follows from it has gradients then, in frozen layers too
        maps, logits = with_gradients(pixels, training=False)
        score = logits[:, 0] if logits.shape[1] == 1 else tf.reduce_logsumexp(logits[:, 1:], axis=1) - logits[:, 0]
    weights = tf.reduce_mean(tape.gradient(score, maps), axis=(1, 2), keepdims=True)
    heat = tf.nn.relu(tf.reduce_sum(weights * maps, axis=-1))[0].numpy().astype(np.float32)
    heat = heat / heat.max() if heat.max() > 0 else heat
    side = face.shape[0]
    return float(tf.sigmoid(score)[0]), np.clip(cv2.resize(heat, (side, side), interpolation=cv2.INTER_CUBIC), 0, 1)


def overlaid(face: Pixels, heat: npt.NDArray[np.float32]) -> Pixels:
    """``face`` (RGB) under a colour map of ``heat``, as BGR: blue does nothing, red raises the score most."""
    colours = cv2.applyColorMap(np.uint8(255 * heat), cv2.COLORMAP_JET)
    return np.asarray(cv2.addWeighted(np.ascontiguousarray(face[:, :, ::-1]), 0.6, colours, 0.4, 0), np.uint8)


def _last_maps(model: Any) -> Any:
    for layer in reversed(model.layers):
        if len(layer.output_shape) == 4 and max(layer.output_shape[1:3]) > 1:
            return layer
    raise InputError(f"{model.name} has no layer with feature maps: Grad-CAM explains convolutional detectors only")
