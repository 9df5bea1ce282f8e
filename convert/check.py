"""``python -m convert check``: float, QAT and what was converted from them, on the same faces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tf_keras as keras

from convert.gate import Comparison, Scores, compare, detection_faults
from convert.layers import LayerNoise, int8_activations, layer_noise
from convert.source import Source, keras_outputs
from edgefake.defaults import DEFAULT_THRESHOLD
from edgefake.errors import InputError
from edgefake.models.card import ModelCard
from edgefake.models.file import ModelFile, require_card
from edgefake.models.forms import FORMS
from edgefake.runtimes import Outputs
from training.batches import all_pixels
from training.device import on_device, raw_outputs
from training.samples import Sample, fake_labels

LAYER_FACES = 32


@dataclass(frozen=True, slots=True)
class Check:
    """The outcome of a check: every form of the detector against those before it, and the layers, worst first."""

    comparisons: tuple[Comparison, ...]
    layers: tuple[LayerNoise, ...]
    detection: tuple[str, ...] = ()
    """Why a converted form is no detector, whatever it came from."""

    def faults(self) -> list[str]:
        """Why the gate fails, with the worst layers; empty when it is passed."""
        found = [fault for comparison in self.comparisons for fault in comparison.faults()]
        if found:
            worst = ", ".join(f"{layer.layer} ({layer.snr_db:.1f} dB)" for layer in self.layers[:3])
            found += [f"the layers furthest from float are {worst}"] if worst else []
        return [*self.detection, *found]


def check_models(paths: Sequence[Path], source: Source, samples: Sequence[Sample]) -> Check:
    """Compare the INT8 models at ``paths`` (``.tflite``, ``.onnx``) with the float and the QAT model they came from."""
    run = source.run
    cards = [_card_of(path, source) for path in paths]
    labels = fake_labels(samples)
    pixels = all_pixels(samples, size=run.size, margin=run.margin, mode=run.crop_mode)
    card = cards[0]

    def scores(name: str, own: ModelCard, outputs: Outputs, *, converted: bool) -> Scores:
        p_fake = np.array(own.p_fake(own.one_output(outputs[0])))
        return Scores(name, p_fake, converted, dict(zip(own.outputs[1:], outputs[1:], strict=True)))

    forms = [scores("float", card, keras_outputs(source.float_model, pixels), converted=False)]
    if not source.post_training:
        forms.append(scores("QAT", card, keras_outputs(source.int8_model, pixels), converted=False))
    for path, own in zip(paths, cards, strict=True):
        name, outputs = f"{FORMS[path.suffix].name} INT8", on_device(raw_outputs, path, own, pixels)
        forms.append(scores(name, own, outputs, converted=True))
    threshold = card.threshold(DEFAULT_THRESHOLD)
    comparisons = [compare(labels, form, earlier, threshold) for n, form in enumerate(forms) for earlier in forms[:n]]
    detection = [fault for form in forms for fault in detection_faults(labels, form, threshold)]
    return Check(tuple(comparisons), _layers(paths, source, pixels), tuple(detection))


def _layers(paths: Sequence[Path], source: Source, pixels: np.ndarray) -> tuple[LayerNoise, ...]:
    tflite = [path for path in paths if path.suffix == ".tflite"]
    if not tflite or not isinstance(source.float_model, keras.Model):  # a user's, as it is
        return ()
    some = pixels[:: max(1, len(pixels) // LAYER_FACES)]
    outputs = dict(zip(source.outputs, source.float_model.output_names, strict=True))
    activations = {outputs.get(name, name): values for name, values in on_device(int8_activations, tflite[0], some).items()}
    return tuple(layer_noise(activations, source.float_model, some))


def _card_of(path: Path, source: Source) -> ModelCard:
    run = source.run
    card = require_card(ModelFile(path))
    if card.precision != "int8":
        raise InputError(f"{path} is a {card.precision} model: check compares INT8 models with their parents")
    if run.recipe != card.architecture or run.size != card.side:
        raise InputError(
            f"{path} is a {card.architecture} at {card.side} px, the run trained a {run.recipe} at {run.size} px: "
            "name the run it came from"
        )
    if card.outputs != source.outputs:
        raise InputError(
            f"{path} gives {', '.join(card.outputs)}, the run's network {', '.join(source.outputs)}: name the run it came from"
        )
    return card
