"""Making an ordinary float run out of a user's detector."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from edgefake.errors import InputError
from training.batches import all_pixels, readable
from training.loop import logits
from training.metrics import auc
from training.own.feed import Feed
from training.own.files import UserModel
from training.own.head import check_classes, log_odds, real_first
from training.own.standard import standard
from training.runs import Run, State, open_run, write_json

COMPARED = 256  # faces on which the imported model is compared with the user's
MAX_DIFFERENCE = 0.02  # of p_fake; half a grey level at the border, which eight bits cannot tell, may cost 0.005


@dataclass(frozen=True, slots=True)
class Own:
    """A user's detector, and what they say about it."""

    model: UserModel
    feed: Feed
    """What it was fed in its training."""
    classes: tuple[str, ...]
    """What its outputs mean, in their order; one output rises with the second."""

    @property
    def outputs(self) -> int:
        """How many numbers it gives per face."""
        return self.model.outputs(np.zeros((1, self.model.size, self.model.size, 3), np.float32)).shape[1]

    def run(self, settings: Run) -> Run:
        """``settings`` with what the model decides. Raises ``InputError`` when ``classes`` do not fit its outputs."""
        check_classes(self.classes, self.outputs)
        classes = real_first(self.classes) if self.outputs > 1 else ()
        return replace(settings, recipe=self.model.name, size=self.model.size, classes=classes, weights=str(self.model.path))


def import_model(own: Own, run: Run, folder: Path) -> State:
    """Write a user's model as the float run ``run`` into ``folder``; one that is there already stays.

    Raises ``InputError`` when it is no graph of layers that tf_keras has, or scores real faces higher than fakes.
    """
    run = replace(run, model=str(folder / "best.h5"))
    if (folder / "state.json").exists():
        return open_run(run, folder)
    validation = readable(run.training_samples()[1])
    labels = np.array([sample.fake for sample in validation], int)
    pixels = all_pixels(validation, size=run.size, margin=run.margin)
    some = slice(None, None, max(1, len(pixels) // COMPARED))
    path = own.model.path
    try:
        imported = standard(own.model, own.feed, own.classes)
        scores = logits(imported, pixels)
        difference = check_same(log_odds(own.model.outputs(own.feed(pixels[some])), own.classes), scores[some])
    except InputError as error:
        raise InputError(
            f"{path} cannot be imported: {error}; python -m convert tflite {path} --post-training takes it without import and QAT"
        ) from error
    value = check_order(labels, scores, own.classes)
    print(f"{path} at {run.size} px: validation AUC {value:.4f} on {len(labels)} faces; imported p_fake within {difference:.1g}")
    open_run(run, folder)
    _save(imported, Path(run.model))
    state = State(run.learning_rate, best_auc=value)
    write_json(folder / "state.json", state)
    return state


def check_order(labels: npt.NDArray[np.int_], scores: npt.NDArray[np.floating], classes: Sequence[str]) -> float:
    """AUC of a user's detector; ``InputError`` when it scores real faces higher, so that ``classes`` must be in another order."""
    value = auc(labels, scores)
    if value < 0.5:
        order = f"--classes {','.join(reversed(classes))}" if len(classes) == 2 else "the names in the order of its training"
        raise InputError(
            f"with --classes {','.join(classes)} this detector scores real faces higher than fakes (AUC {value:.3f}): give "
            f"{order}, or another --scaling or --margin where it was trained with that"
        )
    return value


def check_same(expected: npt.NDArray[np.floating], got: npt.NDArray[np.floating]) -> float:
    """Largest difference in p_fake between the logits (N,) of a user's model and the imported one; ``InputError`` above 0.02."""
    difference = float(np.abs(expit(expected) - expit(got)).max())
    if difference > MAX_DIFFERENCE:
        raise InputError(f"rebuilt in tf_keras, its p_fake differs by up to {difference:.2f}: a layer means something else there")
    return difference


def _save(model: Any, path: Path) -> None:
    partial = path.with_name(f"partial-{path.name}")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*HDF5 file.*legacy")  # the one format that QAT models survive too
        model.save(partial)
    os.replace(partial, path)
