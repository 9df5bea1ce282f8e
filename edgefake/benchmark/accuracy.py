"""How well a detector separates a labelled folder, by the very calls that a user makes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edgefake.benchmark.figures import RESAMPLES
from edgefake.detector import Detector
from edgefake.errors import InputError
from edgefake.images import find_images, read_image
from edgefake.statistics import Interval, auc
from edgefake.thresholds import Verdict

Scores = npt.NDArray[np.float64]
Right = npt.NDArray[np.bool_]
Indices = npt.NDArray[np.int_]

CLASSES = (Verdict.REAL, Verdict.FAKE)


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
    """The p_fake from which the detector calls a face fake."""
    auc: Interval
    balanced_accuracy: Interval
    """By the verdicts on the pictures; unsure is never right."""
    unsure: int = 0
    """Pictures that the detector calls neither real nor fake."""


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
    answers = [[detector.predict(read_image(path)) for path in paths] for paths in labelled_pictures(folder)]
    real, fake = (np.array([one.p_fake for one in predictions if one.p_fake is not None]) for predictions in answers)
    verdicts = [[one.verdict for one in predictions if one.verdict] for predictions in answers]
    for scores, name in ((real, "real"), (fake, "fake")):
        if not len(scores):
            raise InputError(f"no face was scored in the {name} pictures of {folder}: choose another face finder with --faces")
    right = [np.array([verdict is own for verdict in part]) for own, part in zip(CLASSES, verdicts, strict=True)]
    area, balanced = separation(real, fake, *right)
    unscored = sum(map(len, answers)) - len(real) - len(fake)
    unsure = sum(part.count(Verdict.UNSURE) for part in verdicts)
    return Accuracy(folder.resolve().name, len(real), len(fake), unscored, detector.threshold, area, balanced, unsure)


def separation(real: Scores, fake: Scores, real_right: Right, fake_right: Right) -> tuple[Interval, Interval]:
    """AUC of the p_fake of ``real`` (N,) and ``fake`` (M,) pictures, and balanced accuracy: which of either were called right.

    The bootstrap is stratified by class.
    """
    rng = np.random.default_rng(0)

    def figures(reals: Indices, fakes: Indices) -> tuple[float, float]:
        labels = np.repeat((0, 1), (len(reals), len(fakes)))
        balanced = float((np.mean(fake_right[fakes]) + np.mean(real_right[reals])) / 2)
        return auc(labels, np.concatenate([real[reals], fake[fakes]])), balanced

    drawn = np.array([figures(*(rng.choice(len(part), len(part)) for part in (real, fake))) for _ in range(RESAMPLES)])
    area, balanced = figures(np.arange(len(real)), np.arange(len(fake)))
    return Interval.of(area, drawn[:, 0]), Interval.of(balanced, drawn[:, 1])
