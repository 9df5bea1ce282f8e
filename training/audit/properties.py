"""How well one property of the pictures, alone, separates real from fake."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.metrics import make_scorer
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.naive_bayes import CategoricalNB
from sklearn.tree import DecisionTreeClassifier

from edgefake.statistics import auc
from training.audit.pictures import Picture
from training.metrics import Labels

SUSPICIOUS = 0.6
"""A property whose AUC is above this is a warning."""

LEAST = 10
"""Pictures of each class below which nothing is measured."""

NUMERIC = "fi"  # kinds of NumPy type

FOLDS = StratifiedKFold(5, shuffle=True, random_state=0)


@dataclass(frozen=True, slots=True)
class Property:
    """Something that should say nothing about the class."""

    name: str
    reaches_model: bool
    """Whether the face crop carries it, or only the whole picture or its file does."""
    of: Callable[[Picture], float | str]
    """A number, NaN where there is none, or the name of a kind."""


PROPERTIES = (
    Property("face size (px)", True, lambda p: p.sample.box.size),
    Property("framing (face / picture)", False, lambda p: p.sample.box.size / max(p.width, p.height)),
    Property("face position x", False, lambda p: (p.sample.box.x + p.sample.box.width / 2) / p.width),
    Property("face position y", False, lambda p: (p.sample.box.y + p.sample.box.height / 2) / p.height),
    Property("crop outside picture", True, lambda p: p.crop_outside),
    Property("picture width", False, lambda p: p.width),
    Property("picture height", False, lambda p: p.height),
    Property("picture aspect", False, lambda p: p.width / p.height),
    Property("grey", True, lambda p: "grey" if p.grey else "colour"),
    Property("file format", True, lambda p: p.file_format),
    Property("bytes per pixel", True, lambda p: p.file_bytes / (p.width * p.height)),
    Property("JPEG tables", True, lambda p: p.jpeg_tables),
    Property("JPEG table mean", True, lambda p: p.jpeg_step),
    Property("chroma subsampling", True, lambda p: p.subsampling),
    Property("EXIF", False, lambda p: "EXIF" if p.has_exif else "none"),
)


@dataclass(frozen=True, slots=True)
class Separation:
    """How well one property alone separates the classes of one set of pictures."""

    name: str
    """Of the property."""
    reaches_model: bool
    pictures: str
    """Which: a split, or the size-matched faces of it."""
    auc: float
    """At least 0.5: the property may be larger or smaller in fakes."""
    direction: str
    """``larger``, ``smaller`` or just ``different`` in fakes; ``none`` at 0.5."""
    real: str
    """What the class is like: its mean, or its commonest kind and the share of that."""
    fake: str
    may_be_chance: bool
    """So few pictures that equal classes could give this AUC (three standard errors)."""

    @property
    def suspicious(self) -> bool:
        """Whether it is a warning."""
        return self.auc > SUSPICIOUS


def separations(pictures: Sequence[Picture], name: str) -> list[Separation]:
    """Every property on ``pictures``, which are called ``name``; without those that too few pictures of a class have."""
    found = (_separation(prop, pictures, name) for prop in PROPERTIES)
    return [separation for separation in found if separation is not None]


def _separation(prop: Property, pictures: Sequence[Picture], name: str) -> Separation | None:
    values = np.array([prop.of(picture) for picture in pictures])
    labels = np.array([int(picture.sample.fake) for picture in pictures])
    numeric = values.dtype.kind in NUMERIC
    if numeric:
        there = ~np.isnan(values)
        values, labels = values[there], labels[there]
    real, fake = (labels == 0).sum(), (labels == 1).sum()
    if min(real, fake) < LEAST:
        return None
    score, direction = _numbers(values, labels) if numeric else _kinds(values, labels)
    noise = 3.0 * np.sqrt((real + fake + 1) / (12.0 * real * fake))  # of a rank statistic when the classes are equal
    return Separation(
        name=prop.name,
        reaches_model=prop.reaches_model,
        pictures=name,
        auc=round(score, 4),
        direction=direction,
        real=_typical(values[labels == 0]),
        fake=_typical(values[labels == 1]),
        may_be_chance=bool(score - 0.5 < noise),
    )


def _numbers(values: npt.NDArray[Any], labels: Labels) -> tuple[float, str]:
    """The AUC of the number itself, or of a small cross-validated tree where the classes differ in another way than by more."""
    if values.min() == values.max():
        return 0.5, "none"
    rank = round(auc(labels, values), 4)
    score = max(rank, 1.0 - rank)
    tree = _cross_validated(DecisionTreeClassifier(min_samples_leaf=0.05, random_state=0), values, labels)
    if tree > score + 0.02:
        return tree, "different"
    return score, "larger" if rank > 0.5 else "smaller" if rank < 0.5 else "none"


def _kinds(values: npt.NDArray[Any], labels: Labels) -> tuple[float, str]:
    """The AUC of the share of fakes in each kind, as the other folds have it: a kind seen once tells nothing."""
    names, numbers = np.unique(values, return_inverse=True)
    if len(names) == 1:
        return 0.5, "none"
    score = _cross_validated(CategoricalNB(min_categories=len(names)), numbers, labels)
    return (score, "different") if score > 0.5 else (0.5, "none")


def _cross_validated(model: Any, values: npt.NDArray[Any], labels: Labels) -> float:
    scorer = make_scorer(auc, response_method="predict_proba")
    return float(cross_val_score(model, values.reshape(-1, 1), labels, scoring=scorer, cv=FOLDS).mean())


def _typical(values: npt.NDArray[Any]) -> str:
    if values.dtype.kind in NUMERIC:
        return f"{np.mean(values):.3g}"
    kind, count = Counter(values.tolist()).most_common(1)[0]
    return f"{kind} {count / len(values):.0%}"
