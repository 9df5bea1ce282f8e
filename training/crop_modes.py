"""Which crop mode tells faces best where the crop leaves the picture, judged by the worst source of real pictures.

A border moves all scores, so that rates at the stored threshold compare nothing: a mode that calls fewer faces fake, fakes and
real ones alike, would win. Each mode has the threshold of its own at which as many fakes are called fake as today.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import numpy.typing as npt

from edgefake.errors import InputError
from edgefake.faces.geometry import CropMode
from edgefake.models.card import Calibration, ModelCard
from edgefake.models.file import write_card
from edgefake.odds import log_odds_of
from edgefake.statistics import Interval
from edgefake.text import printable
from training.decision import fit_decision
from training.evaluate import DataSet, Subject, all_scores, opened
from training.families import FEW
from training.metrics import AT_ONCE, RESAMPLES
from training.samples import Sample
from training.scores import PFake

MODES: tuple[CropMode, ...] = get_args(CropMode)

Weights = npt.NDArray[np.float64]
"""(resamples, N): how much each face weighs; the fakes of each resample sum to 1, each family alike, and so does each source."""


@dataclass(frozen=True, slots=True)
class ModeFigures:
    """What one mode makes of a set of faces, with bootstrap 95 % intervals."""

    mode: CropMode
    threshold: float
    """p_fake from which as large a share of the fakes is called fake as by the card, in its own mode, from ``fake`` on."""
    tpr: float
    """That share, the mean over families."""
    auc: Interval
    """Of all fakes, each family alike, against each source of real faces: the mean."""
    worst_auc: Interval
    """... the lowest."""
    worst_fpr: Interval
    """Share called fake of the source where it is highest, ``worst_source``: of ``FEW`` faces or more, where there is any."""
    worst_source: str
    change: Interval
    """By how much ``worst_fpr`` is above that of ``inside``, on the same faces."""


@dataclass(frozen=True, slots=True)
class Modes:
    """All modes of one model; the first is ``inside``."""

    subject: Subject
    figures: tuple[ModeFigures, ...]
    p_fake: dict[CropMode, PFake]
    """(N,) of every face."""

    @property
    def best(self) -> CropMode:
        """The mode with the lowest ``worst_fpr`` of those that are below ``inside`` beyond the interval, else ``inside``."""
        better = [one for one in self.figures if one.change.high < 0]
        return min(better, key=lambda one: one.worst_fpr.value).mode if better else "inside"


def crop_modes(models: Sequence[Path], data: DataSet, *, seed: int = 0) -> Iterator[tuple[DataSet, Modes]]:
    """The figures of each of ``models`` in every mode, and the faces of ``data`` that they are of, each once.

    Raises ``InputError`` without real or fake faces, or where a card has no threshold, and what ``evaluate`` raises.
    """
    labels = {sample.fake for sample in data.samples}
    if len(labels) < 2:
        raise InputError(
            f"expected real and fake faces, got {'fakes' if labels == {True} else 'real ones'} alone in {printable(data.name)}"
        )
    subjects, [data] = opened(models, [data])
    for subject in subjects:
        subject.card.thresholds_at()  # told before minutes of scoring
    in_modes = [
        replace(subject, name=f"{subject.name}, {mode}", card=replace(subject.card, crop_mode=mode))
        for subject in subjects
        for mode in MODES
    ]
    scored, _ = all_scores(in_modes, data.samples, ["clean"])
    for subject in subjects:
        p_fake: dict[CropMode, PFake] = {mode: scored[f"{subject.name}, {mode}"][0] for mode in MODES}
        called = p_fake[subject.card.crop_mode] >= subject.card.thresholds_at().fake
        yield data, Modes(subject, tuple(compared(data.samples, p_fake, called, seed=seed)), p_fake)


def compared(
    samples: Sequence[Sample], p_fake: dict[CropMode, PFake], called: npt.NDArray[np.bool_], *, seed: int = 0
) -> Iterator[ModeFigures]:
    """The figures of each mode from its ``p_fake`` (N,), ``inside`` first, with as many fakes called fake as in ``called`` (N,).

    Raises ``InputError`` where no fake is.
    """
    fakes = np.flatnonzero([sample.fake for sample in samples])
    if not called[fakes].any():
        raise InputError(
            f"expected fakes that the model knows, got none of {len(fakes)} at its threshold: modes can't be compared at as many"
        )
    groups: dict[tuple[bool, str], list[int]] = {}
    for index, sample in enumerate(samples):
        groups.setdefault((sample.fake, sample.family or "not named"), []).append(index)
    sources = {family: np.array(members) for (fake, family), members in sorted(groups.items()) if not fake}
    known = np.array([len(members) >= FEW for members in sources.values()])
    known |= not known.any()
    drawn: dict[CropMode, list[npt.NDArray[np.float64]]] = {mode: [] for mode in p_fake}
    rng = np.random.default_rng(seed)
    rows = max(1, AT_ONCE // len(samples))
    for start in range(-1, RESAMPLES, rows):  # one more, of the faces as they are
        weights = _weights(groups, min(rows, RESAMPLES - start), rng, first=start < 0)
        wanted = weights[:, fakes] @ called[fakes]
        for mode, values in p_fake.items():
            drawn[mode].append(_rates(values, weights, fakes, [*sources.values()], wanted))
    resampled = {mode: np.concatenate(parts) for mode, parts in drawn.items()}
    highest = {mode: rates[:, 1:, 0][:, known].max(axis=1) for mode, rates in resampled.items()}
    for mode, rates in resampled.items():
        areas, worst = rates[:, 1:, 1], int(np.argmax(np.where(known, rates[0, 1:, 0], -1.0)))
        yield ModeFigures(
            mode,
            threshold=float(rates[0, 0, 0]),
            tpr=float(rates[0, 0, 1]),
            auc=_interval(areas.mean(axis=1)),
            worst_auc=_interval(areas[:, known].min(axis=1)),
            worst_fpr=_interval(highest[mode]),
            worst_source=[*sources][worst],
            change=_interval(highest[mode] - highest["inside"]),
        )


def _weights(groups: dict[tuple[bool, str], list[int]], count: int, rng: np.random.Generator, *, first: bool) -> Weights:
    """Of ``count`` resamples, each family and source drawn anew; the ``first`` has every face once."""
    families = sum(fake for fake, _ in groups)
    weights = np.empty((count, sum(map(len, groups.values()))))
    for (fake, _), members in groups.items():
        size = len(members)
        drawn = rng.multinomial(size, np.full(size, 1.0 / size), count)
        drawn[: int(first)] = 1
        weights[:, members] = drawn / (size * families if fake else size)
    return weights


def _rates(p_fake: PFake, weights: Weights, fakes: Any, sources: Sequence[Any], wanted: Any) -> npt.NDArray[np.float64]:
    """(resamples, 1 + sources, 2): first the threshold that a share ``wanted`` (resamples,) of the fakes reaches, and the share
    that does; then of each source the share of its real faces that reaches it, and the AUC of the fakes against them."""
    falling = fakes[np.argsort(-p_fake[fakes], kind="stable")]
    ranked, cumulated = p_fake[falling], np.cumsum(weights[:, falling], axis=1)
    threshold = ranked[np.argmax(cumulated >= wanted[:, None] - 1e-9, axis=1)]
    result = np.empty((len(weights), 1 + len(sources), 2))
    reaching = np.searchsorted(-ranked, -threshold, "right") - 1
    result[:, 0] = np.stack([threshold, np.take_along_axis(cumulated, reaching[:, None], 1)[:, 0]], axis=1)
    for number, members in enumerate(sources, start=1):
        rising = members[np.argsort(p_fake[members], kind="stable")]
        below = np.zeros((len(weights), len(members) + 1))
        np.cumsum(weights[:, rising], axis=1, out=below[:, 1:])
        under, up_to = (np.searchsorted(p_fake[rising], p_fake[fakes], side) for side in ("left", "right"))
        reals_below = np.searchsorted(p_fake[rising], threshold, "left")
        result[:, number, 0] = 1.0 - np.take_along_axis(below, reals_below[:, None], 1)[:, 0]
        result[:, number, 1] = (weights[:, fakes] * (below[:, under] + below[:, up_to])).sum(axis=1) / 2
    return result


def _interval(values: npt.NDArray[np.float64]) -> Interval:
    """Of the figure as measured, which comes first, and its resamples."""
    return Interval.of(float(values[0]), values[1:])


def write_mode(modes: Modes, data: DataSet, command: str) -> ModelCard:
    """Put the best mode into the card of a model file, with calibration and thresholds that ``data`` give in it.

    What was measured in the other mode goes from the card. Raises ``InputError`` where the scores fall with the label.
    """
    card, p_fake = modes.subject.card, modes.p_fake[modes.best]
    decision = fit_decision(data.samples, log_odds_of(p_fake))
    first, then = card.calibration, decision.calibration
    calibration = Calibration(first.temperature * then.temperature, first.bias / then.temperature + then.bias)
    made = card.training and replace(card.training, commands=(*card.training.commands, command))
    new = replace(card, crop_mode=modes.best, calibration=calibration, thresholds=decision.thresholds, training=made)
    return write_card(modes.subject.path, replace(new, metrics=(decision.chosen.metrics(),), families=(), bias=None))
