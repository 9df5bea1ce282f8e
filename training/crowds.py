"""How many real pictures are called fake by how many faces they show, where nothing but that number differs.

Faces of real pictures are scored once and put together at random: the verdict on a picture of n faces is what the detector makes
of the scores of n faces. It must not be fake more often than on one of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgefake.models.card import ModelCard
from edgefake.statistics import Interval, exact_share
from training.scores import PFake

COUNTS = (1, 2, 4, 8)
ROUNDS = 200
"""How often all faces are put together anew."""


@dataclass(frozen=True, slots=True)
class Crowd:
    """Pictures of so many real faces at one threshold."""

    model: str
    threshold: str
    """Its name in the card; ``verdict`` for those that hold where none is chosen."""
    faces: int
    """In a picture."""
    scored: int
    """Faces that the pictures were made of."""
    one_face: Interval
    """Share of single faces that are called fake, with its exact interval."""
    by_face: float
    """Share of pictures of which any face, by itself, is called fake."""
    called_fake: float
    """Share of pictures that are called fake."""

    @property
    def holds(self) -> bool:
        """Whether that share is no higher than that of one face may be."""
        return self.called_fake <= self.one_face.high


def crowds(model: str, card: ModelCard, p_fake: PFake, *, counts: Sequence[int] = COUNTS, seed: int = 0) -> Iterator[Crowd]:
    """The figures of ``p_fake`` (N,) of real faces, for the verdict and every false-positive rate that ``card`` names."""
    rng = np.random.default_rng(seed)
    orders = [rng.permutation(len(p_fake)) for _ in range(ROUNDS)]
    for name in (None, *(name for name in card.thresholds if name.startswith("fpr_"))):
        thresholds = card.thresholds_at(name)
        one = exact_share(int(np.sum(p_fake >= thresholds.fake)), len(p_fake))
        for count in counts:
            pictures = len(p_fake) // count
            highest = np.concatenate([p_fake[order][: pictures * count].reshape(-1, count).max(axis=1) for order in orders])
            together = thresholds.for_faces(count).fake
            shares = (float(np.mean(highest >= threshold)) for threshold in (thresholds.fake, together))
            yield Crowd(model, name or "verdict", count, len(p_fake), one, *shares)


def table(found: Sequence[Crowd]) -> list[tuple[object, ...]]:
    """Rows for people, the heading first."""
    heading = ("model", "threshold", "real faces", "called fake", "in a picture", "any is fake", "picture is fake", "")
    return [heading, *map(_row, found)]


def _row(one: Crowd) -> tuple[object, ...]:
    shares = (f"{one.one_face:.1%}", one.faces, f"{one.by_face:.1%}", f"{one.called_fake:.1%}")
    return one.model, one.threshold, one.scored, *shares, "holds" if one.holds else "too many"


def model_name(path: Path, card: ModelCard) -> str:
    """Of the file, where forms of one model may stand beside each other."""
    return f"{card.name}{path.suffix}"
