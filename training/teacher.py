"""Distillation (Hinton et al. 2015, arXiv:1503.02531): a network learns from what a better one says of each face."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from edgefake.errors import InputError
from edgefake.odds import p_fake_of
from training.batches import Batch
from training.loop import all_outputs
from training.qat import folded_model
from training.quantize import fold
from training.recipes import RECIPES, build, recipe_named
from training.runs import Run, read_run
from training.safe.headers import model_name
from training.start import load_weights

SHARE = 0.5
"""Of the teacher's p_fake in a target; the rest is the label."""
CERTAIN = 1e-3
"""No p_fake of a teacher is closer to 0 or 1, so that a target still says which label it came from."""


class Teacher:
    """A float detector of real and fake that another run's targets come from."""

    def __init__(self, checkpoint: Path, run: Run) -> None:
        """The ``.h5`` of a recipe, or of a run whose folder it lies in.

        Raises ``InputError`` where it is no such detector, tells kinds of fakes, or sees another crop than ``run`` does.
        """
        if run.classes:
            raise InputError("--distil teaches what is real and what fake, not kinds of fakes: leave --classes or --distil out")
        self._size, self._model = _read(checkpoint, run)

    def targets(self, batches: Iterable[Batch]) -> Iterator[Batch]:
        """``batches`` with targets (N, 1) half-way between the label and the teacher's p_fake: of real faces below 0.5."""
        for x, y in batches:
            seen = x if x.shape[1] == self._size else tf.image.resize(x, (self._size, self._size), antialias=True)
            p_fake = p_fake_of(np.asarray(all_outputs(self._model, seen)[0], np.float32))
            yield x, (1 - SHARE) * np.asarray(y, np.float32) + SHARE * np.clip(p_fake, CERTAIN, 1 - CERTAIN)


def _read(checkpoint: Path, run: Run) -> tuple[int, Any]:
    """(the side of its input, the model without dropout)."""
    name = model_name(checkpoint)
    if (checkpoint.parent / "run.json").exists():
        teacher = read_run(checkpoint.parent)
        if teacher.is_qat or teacher.classes:
            raise InputError(f"expected a float detector of real and fake for --distil, got {checkpoint}: name another")
        if (teacher.margin, teacher.crop_mode) != (run.margin, run.crop_mode):
            raise InputError(
                f"{checkpoint} sees faces with a margin of {teacher.margin:g} ({teacher.crop_mode}), the run with "
                f"{run.margin:g} ({run.crop_mode}): give the run the teacher's"
            )
        return teacher.size, folded_model(teacher, checkpoint)
    if name is None:
        raise InputError(
            f"{checkpoint} holds weights that do not say of which recipe: make a run of them (training fit RECIPE --weights "
            f"{checkpoint} --epochs 0), and give its best.h5 to --distil"
        )
    if name not in RECIPES:
        raise InputError(f"{checkpoint} is of {name}, which is no recipe and no run: give the best.h5 of a run to --distil")
    size = recipe_named(name).size
    model = build(name, size, outputs=1)
    load_weights(model, checkpoint)
    return size, fold(model)
