"""The bias score of a trained model: how far p_fake of real faces moves with what says nothing of forgery."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from edgefake.errors import InputError
from edgefake.models.card import Metrics
from edgefake.odds import log_odds_of
from edgefake.statistics import Interval
from edgefake.text import printable
from edgefake.thresholds import Thresholds
from training.degrade import INFLUENCES
from training.evaluate import DataSet, Subject, all_scores, opened
from training.families import FEW
from training.metrics import RESAMPLES, share
from training.notes import note
from training.scores import PFake

CONDITIONS = ("clean", *INFLUENCES)


@dataclass(frozen=True, slots=True)
class Influence:
    """What one influence does to real faces."""

    name: str
    """``clean``: the faces as they are."""
    real: int
    """How many faces there are, copies counted once."""
    shift: Interval
    """The median of how far the log-odds of p_fake move, either way."""
    direction: float
    """The median of how far they rise."""
    crossed: Interval
    """Share of the faces that get another verdict by the card's own thresholds: its ``fake`` and ``real``, else ``fpr_5%``."""
    fpr: Interval
    """Share that is called fake under this influence."""
    worst_fpr: Interval
    """... of the source where it is highest, ``worst_source``: one of at least ``FEW`` faces, where there is any."""
    worst_source: str


def bias(models: Sequence[Path], data: DataSet, *, seed: int = 0) -> Iterator[tuple[Subject, list[Influence]]]:
    """What each of ``INFLUENCES`` does to the real faces of ``data`` in each of ``models``, and first what they are without any.

    Raises ``InputError`` without real faces or where a card has no thresholds for a verdict, and what ``evaluate`` raises.
    """
    real = [sample for sample in data.samples if not sample.fake]
    if not real:
        raise InputError(f"expected real faces, got fakes alone in {printable(data.name)}: give --data with real pictures")
    subjects, [data] = opened(models, [replace(data, samples=real)])
    families = np.array([sample.family for sample in data.samples])
    thresholds = [subject.card.thresholds_at() for subject in subjects]
    scored, _ = all_scores(subjects, data.samples, CONDITIONS)
    for subject, own in zip(subjects, thresholds, strict=True):
        influences = [
            _influence(name, p_fake, scored[subject.name][0], families, own, seed)
            for name, p_fake in zip(CONDITIONS, scored[subject.name], strict=True)
        ]
        still = [one.name for one in influences[1:] if one.shift.value == 0]
        note("influence(s) move no score of half of the faces: in pictures cut tight another box or border changes little", still)
        yield subject, influences


def as_metrics(influences: Sequence[Influence], data: DataSet) -> Metrics:
    """As cards keep them."""
    figures = [(f"{one.name}_{what}", getattr(one, what)) for one in influences[1:] for what in ("shift", "crossed")]
    return Metrics(data.name, {"real": influences[0].real}, dict(figures))


def _influence(name: str, p_fake: PFake, clean: PFake, families: np.ndarray, own: Thresholds, seed: int) -> Influence:
    change = log_odds_of(p_fake) - log_odds_of(clean)
    moved = np.abs(change)
    drawn = np.random.default_rng(seed).integers(len(moved), size=(RESAMPLES, len(moved)))
    called_fake = p_fake >= own.fake
    judged, judged_clean = ((p >= own.fake).astype(int) + (p >= own.real) for p in (p_fake, clean))
    sources = {str(family): called_fake[families == family] for family in np.unique(families)}
    known = {family: hits for family, hits in sources.items() if len(hits) >= FEW} or sources
    worst = max(known, key=lambda family: float(known[family].mean()))
    return Influence(
        name,
        real=len(moved),
        shift=Interval.of(float(np.median(moved)), np.median(moved[drawn], axis=1)),
        direction=float(np.median(change)),
        crossed=share(judged != judged_clean),
        fpr=share(called_fake),
        worst_fpr=share(known[worst]),
        worst_source=worst,
    )
