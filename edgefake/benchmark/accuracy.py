"""How well a detector separates a labelled folder, by the very calls that a user makes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edgefake.benchmark.figures import RESAMPLES
from edgefake.detector import Detector
from edgefake.errors import InputError
from edgefake.images import find_images, read_image
from edgefake.statistics import Interval, auc

Scores = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Figures over the pictures in which a face was scored."""

    data: str
    """The folder's name."""
    real: int
    fake: int
    unscored: int
    """Pictures without a face that could be scored; they count in no figure."""
    threshold: float
    """The p_fake from which the detector calls a picture fake."""
    auc: Interval
    balanced_accuracy: Interval


def labelled_pictures(folder: Path) -> tuple[list[Path], list[Path]]:
    """The pictures in ``folder/real`` and ``folder/fake`` (in any case), sorted. Raises ``InputError`` where one is not there."""
    if not folder.is_dir():
        raise InputError(f"there is no folder {folder}: give one with the folders real and fake in it")
    classes = {path.name.lower(): path for path in sorted(folder.iterdir()) if path.is_dir()}
    if missing := [name for name in ("real", "fake") if name not in classes]:
        raise InputError(
            f"{folder} has no folder {' and no folder '.join(missing)}: accuracy needs both classes, in real/ and fake/"
        )
    return find_images(str(classes["real"])), find_images(str(classes["fake"]))


def measure_accuracy(detector: Detector, folder: Path) -> Accuracy:
    """Judge every picture of ``folder``. Raises ``InputError`` for one that cannot be read, or a class without a scored face."""
    answers = [[detector.predict(read_image(path)).p_fake for path in paths] for paths in labelled_pictures(folder)]
    real, fake = (np.array([p_fake for p_fake in scores if p_fake is not None]) for scores in answers)
    for scores, name in ((real, "real"), (fake, "fake")):
        if not len(scores):
            raise InputError(f"no face was scored in the {name} pictures of {folder}: choose another face finder with --faces")
    auc_interval, balanced = separation(real, fake, detector.threshold)
    unscored = sum(map(len, answers)) - len(real) - len(fake)
    return Accuracy(folder.resolve().name, len(real), len(fake), unscored, detector.threshold, auc_interval, balanced)


def separation(real: Scores, fake: Scores, threshold: float) -> tuple[Interval, Interval]:
    """AUC, and balanced accuracy at ``threshold``, of the p_fake of real and fake faces; the bootstrap is stratified by class."""
    rng = np.random.default_rng(0)
    figures = np.array([_figures(rng.choice(real, len(real)), rng.choice(fake, len(fake)), threshold) for _ in range(RESAMPLES)])
    area, balanced = _figures(real, fake, threshold)
    return Interval.of(area, figures[:, 0]), Interval.of(balanced, figures[:, 1])


def _figures(real: Scores, fake: Scores, threshold: float) -> Sequence[float]:
    labels = np.repeat((0, 1), (len(real), len(fake)))
    balanced = float((np.mean(fake >= threshold) + np.mean(real < threshold)) / 2)
    return auc(labels, np.concatenate([real, fake])), balanced
