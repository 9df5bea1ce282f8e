"""The two thresholds of a verdict that may be unsure, chosen by families of faces that the detector did not learn from.

A detector fails first on real pictures of a source that it does not know. So *fake* begins where at most 1 % of the faces of the
worst source of real pictures lie, and *real* ends where at most 5 % of the fakes of the known families do, each family weighted
alike. Where these cross, no face is unsure: *fake* serves both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from edgefake.errors import InputError
from edgefake.models.card import Metrics
from edgefake.statistics import Interval, exact_share
from edgefake.text import printable
from training.metrics import RESAMPLES, Scores, threshold_at_fpr
from training.samples import Sample

FEWEST = 10
"""Real faces by which a source counts: of so few the highest decides, yet the worst source is often a small one."""
REAL_CALLED_FAKE = 0.01
"""Of the worst source of real faces, at most."""
FAKES_CALLED_REAL = 0.05
"""Of fakes, the mean of their families, at most."""


@dataclass(frozen=True, slots=True)
class TwoThresholds:
    """Scores at or above ``fake`` are fake, below ``real`` real; with what that is worth."""

    fake: float
    real: float
    worst_source: str
    """The source of real faces that ``fake`` follows from: one of at least ``FEWEST`` faces, where there is any."""
    real_faces: int
    """Of that source."""
    false_alarms: Interval
    """Share of them at or above ``fake``, with its exact interval: of few faces its end is far above what was aimed at."""
    fake_faces: int
    missed: Interval
    """Share of the fakes below ``real``, the mean of their families."""

    def metrics(self) -> Metrics:
        """For the card."""
        data = f"the faces that chose the thresholds fake and real; real ones of {printable(self.worst_source)}, the worst source"
        figures = {"fpr@fake": self.false_alarms, "fnr@real": self.missed}
        return Metrics(data, {"real": self.real_faces, "fake": self.fake_faces}, figures)


def choose_thresholds(samples: Sequence[Sample], scores: Scores) -> TwoThresholds:
    """The two for ``scores`` (N,) of the faces ``samples``: see ``thresholds_of``."""
    sides: tuple[dict[str, list[float]], dict[str, list[float]]] = ({}, {})
    for sample, score in zip(samples, scores, strict=True):
        sides[sample.fake].setdefault(sample.family or "not named", []).append(float(score))
    real, fake = ({family: np.array(values) for family, values in sorted(side.items())} for side in sides)
    return thresholds_of(real, fake)


def thresholds_of(real: Mapping[str, Scores], fake: Mapping[str, Scores]) -> TwoThresholds:
    """The two for scores (N,) by family, finite, higher = more likely fake, on whatever scale.

    Raises ``InputError`` unless there are scores of both sides.
    """
    if not real or not fake:
        raise InputError(f"expected scores of real and of fake faces, got {len(real)} and {len(fake)} families: give both")
    fakes = np.concatenate([*fake.values()])
    known = {family: scores for family, scores in real.items() if len(scores) >= FEWEST} or real
    begins = {family: _begins(scores, fakes) for family, scores in known.items()}
    worst = max(begins, key=lambda family: begins[family])
    called = known[worst] >= begins[worst]
    ends = min(_ends(fake, np.concatenate([*real.values(), fakes])), begins[worst])
    return TwoThresholds(
        begins[worst],
        ends,
        worst,
        len(called),
        exact_share(int(called.sum()), len(called)),
        len(fakes),
        _mean_share([scores < ends for scores in fake.values()]),
    )


def _begins(real: Scores, fakes: Scores) -> float:
    """The lowest threshold that as few of ``real`` reach as may be called fake."""
    labels = np.repeat((0, 1), (len(real), len(fakes)))
    return threshold_at_fpr(labels, np.concatenate([real, fakes]), REAL_CALLED_FAKE)


def _ends(fake: Mapping[str, Scores], everything: Scores) -> float:
    """The highest threshold that as few of ``fake``, each family weighted alike, stay below as may be called real."""
    scores = np.concatenate([*fake.values()])
    order = np.argsort(scores, kind="stable")
    weights = np.concatenate([np.full(len(of_family), 1 / (len(fake) * len(of_family))) for of_family in fake.values()])
    first = float(scores[order][np.searchsorted(np.cumsum(weights[order]), FAKES_CALLED_REAL + 1e-9, "right")])
    below = everything[everything < first]
    return (first + float(below.max())) / 2 if len(below) else first  # half way: no score sits on the edge


def _mean_share(hits: Sequence[np.ndarray]) -> Interval:
    """The mean over families of the share of True in each; its interval is that of a bootstrap in each."""
    rng = np.random.default_rng(0)
    drawn = [rng.binomial(len(one), one.mean(), RESAMPLES) / len(one) for one in hits]
    return Interval.of(float(np.mean([one.mean() for one in hits])), np.mean(drawn, axis=0))
