"""What in a face moves a run's score: its own map, or Grad-CAM (Selvaraju et al. 2017, arXiv:1610.02391)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras as keras

from edgefake.errors import InputError
from edgefake.explanation import Map
from edgefake.faces import Box
from edgefake.faces.geometry import crop_square
from edgefake.heatmap import HOW, Panel, draw_panels
from edgefake.images import read_image, write_image
from edgefake.pixels import Pixels
from edgefake.preprocessing import face_pixels, to_float
from edgefake.text import percent_text
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
    model = run_model(run, checkpoint)
    how = HOW["map"] if len(model.outputs) > 1 else "map by Grad-CAM"
    out.mkdir(parents=True, exist_ok=True)
    found = []
    for number, (name, face) in enumerate(faces.faces.items(), start=1):
        path = Path(name)
        frame, margin, mode = read_image(path), run.margin, run.crop_mode
        p_fake, evidence = evidence_of(model, face_pixels(frame, face.box, size=run.size, margin=margin, mode=mode))
        overlay = out / f"{number:04}_{path.stem}.png"
        text = f"{percent_text(p_fake)} fake, before calibration"
        panel = Panel(crop_square(frame, face.box, margin, mode), evidence, text, how)
        write_image(overlay, draw_panels([panel], footer=[f"{run.recipe}, {run.stage}, {date.today().isoformat()}"]))
        found.append(Explanation(path, face.box, p_fake, overlay))
    note("picture(s) cannot be read: left out", faces.unreadable)
    note("picture(s) without a face", faces.faceless)
    return found


def run_model(run: Run, checkpoint: Path) -> Any:
    """The Keras model of ``checkpoint``, as it is converted."""
    return (quantized_model if run.is_qat else folded_model)(run, checkpoint)


def evidence_of(model: Any, face: Pixels) -> tuple[float, Map]:
    """p_fake, and what each place of ``face`` (uint8 (S, S, 3), RGB) speaks for: the model's own map, else ``grad_cam``."""
    if len(model.outputs) == 1:
        return grad_cam(model, face)
    logits, places, *_ = model(tf.constant(to_float(face[None])), training=False)
    return float(tf.sigmoid(_fake_against_real(logits))[0]), _fake_against_real(places)[0].numpy().astype(np.float32)


def grad_cam(model: Any, face: Pixels) -> tuple[float, Map]:
    """p_fake, and the map of what raises (positive) and lowers it: float32 (h, w), in log-odds before calibration.

    ``model`` is a Keras model whose first output is one logit or one per class; ``face`` is uint8 (S, S, 3), RGB. The map is that
    of the last layer on the way to it whose output is a stack of feature maps, and which is no output itself. Unlike the
    published one it keeps what lowers the score, and is not normalised but scaled so that, behind global pooling and one layer,
    its mean is the score but for the bias: pictures of different faces can be compared.
    """
    scoring = keras.Model(model.input, model.outputs[0], name=model.name)  # without what else branches off
    with_gradients = keras.Model(model.input, [_last_maps(scoring, model.outputs).output, scoring.output])
    pixels = tf.constant(to_float(face[None]))
    with tf.GradientTape() as tape:
        tape.watch(pixels)  # all that follows from it has gradients then, in frozen layers too
        maps, logits = with_gradients(pixels, training=False)
        score = _fake_against_real(logits)
    weights = tf.reduce_sum(tape.gradient(score, maps), axis=(1, 2), keepdims=True)
    return float(tf.sigmoid(score)[0]), tf.reduce_sum(weights * maps, axis=-1)[0].numpy().astype(np.float32)


def _fake_against_real(logits: Any) -> Any:
    """Of fake against real, of one logit (…, 1) or one per class (…, K), real first: (…)."""
    return logits[..., 0] if logits.shape[-1] == 1 else tf.reduce_logsumexp(logits[..., 1:], axis=-1) - logits[..., 0]


def _last_maps(model: Any, outputs: Any) -> Any:
    for layer in reversed(model.layers):
        given = any(layer.output is output for output in outputs)
        if not given and len(layer.output_shape) == 4 and max(layer.output_shape[1:3]) > 1:
            return layer
    raise InputError(f"{model.name} has no layer with feature maps: Grad-CAM explains convolutional detectors only")
