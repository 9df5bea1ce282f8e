"""``python -m convert check``: float, QAT and INT8 on the same faces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tf_keras as keras

from convert.gate import Comparison, compare
from convert.layers import LayerNoise, int8_activations, layer_noise
from convert.source import Source, one_outputs
from edgefake.card_files import read_card
from edgefake.errors import InputError
from training.batches import all_pixels
from training.device import device_outputs, on_device
from training.samples import Sample

LAYER_FACES = 32


@dataclass(frozen=True, slots=True)
class Check:
    """The outcome of a check: the comparisons with float and QAT, and the layers, worst first."""

    comparisons: tuple[Comparison, ...]
    layers: tuple[LayerNoise, ...]

    def faults(self) -> list[str]:
        """Why the gate is closed, with the worst layers; empty when it is open."""
        found = [fault for comparison in self.comparisons for fault in comparison.faults()]
        if found:
            worst = ", ".join(f"{layer.layer} ({layer.snr_db:.1f} dB)" for layer in self.layers[:3])
            found += [f"the layers furthest from float are {worst}"] if worst else []
        return found


def check_model(path: Path, source: Source, samples: Sequence[Sample]) -> Check:
    """Compare the INT8 model at ``path`` with the float and the QAT model it came from, on ``samples``."""
    card = read_card(path)
    if card is None:
        raise InputError(f"{path} carries no card: convert it with python -m convert tflite")
    run = source.run
    if card.precision != "int8":
        raise InputError(f"{path} is a {card.precision} model: check compares INT8 models with their parents")
    if run.recipe != card.architecture or run.size != card.input_size:
        raise InputError(
            f"{path} is a {card.architecture} at {card.input_size} px, the run trained a {run.recipe} at {run.size} px: "
            "name the run it came from"
        )
    labels = np.array([s.fake for s in samples], int)
    pixels = all_pixels(samples, size=run.size, margin=run.margin)
    p_fake = np.array(card.p_fake(on_device(device_outputs, path, card, samples)))
    references = {"float": source.float_model} | ({} if source.post_training else {"QAT": source.int8_model})
    threshold = card.threshold("fpr_5%")
    comparisons = [
        compare(name, labels, p_fake, np.array(card.p_fake(one_outputs(card, model, pixels))), threshold)
        for name, model in references.items()
    ]
    if not isinstance(source.float_model, keras.Model):  # a user's, as it is
        return Check(tuple(comparisons), ())
    some = pixels[:: max(1, len(pixels) // LAYER_FACES)]
    return Check(tuple(comparisons), tuple(layer_noise(on_device(int8_activations, path, some), source.float_model, some)))
