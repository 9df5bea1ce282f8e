"""Families: where pictures come from, a generator, a manipulation or a source of real pictures; drawn alike, judged apart.

A detector that is good in the mean may know one generator and call every picture of a camera it never saw fake. So the fakes of
a family are held against every source of real pictures, each weighted alike, and against the worst; most families have one side
only.
"""

from __future__ import annotations

import zlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgefake.errors import InputError
from edgefake.statistics import Interval, auc
from edgefake.text import printable
from training.metrics import AT_ONCE, RESAMPLES, share
from training.notes import note
from training.samples import Sample, fake_labels

FEW = 30
"""Faces of a family of which a share is known to no better than ± 10 to 18 %."""

Indices = npt.NDArray[np.int_]


@dataclass(frozen=True, slots=True)
class FamilyFigures:
    """The figures of one model on one family."""

    family: str
    real: int
    fake: int
    auc: Interval | None
    """Of its fakes against each source of real faces, the mean of them; None without fakes, or without any real face."""
    worst_auc: Interval | None
    """... against the source where it is lowest, ``worst_source``: one of at least ``FEW`` faces, where there is any."""
    worst_source: str | None
    tpr: Interval | None
    """Share of its fakes called fake; None without any."""
    fpr: Interval | None
    """Share of its real faces called fake; None without any."""


def family_figures(
    samples: Sequence[Sample], p_fake: npt.NDArray[np.floating], *, threshold: float, seed: int = 0
) -> list[FamilyFigures]:
    """The figures of each family in ``samples`` by name, at ``threshold``; nothing where none is named.

    Args:
        samples: N faces.
        p_fake: float (N,).
        threshold: p_fake from which a face is called fake.
        seed: of the bootstrap's draws.
    """
    if not any(sample.family for sample in samples):
        return []
    parts: dict[tuple[str, bool], list[float]] = defaultdict(list)
    for sample, p in zip(samples, p_fake, strict=True):
        parts[sample.family, sample.fake].append(float(p))
    scores = {key: np.array(values) for key, values in sorted(parts.items())}
    sources = {family: values for (family, fake), values in scores.items() if not fake}
    result = []
    for family in sorted({family for family, _ in scores}):
        fakes, reals = scores.get((family, True)), sources.get(family)
        mean = worst = name = None
        if fakes is not None and sources:
            mean, worst, name = _against(fakes, sources, seed)
        result.append(
            FamilyFigures(
                family or "not named",
                0 if reals is None else len(reals),
                0 if fakes is None else len(fakes),
                mean,
                worst,
                name,
                None if fakes is None else share(fakes >= threshold),
                None if reals is None else share(reals >= threshold),
            )
        )
    return result


def known_auc(samples: Sequence[Sample], p_fake: npt.NDArray[np.floating]) -> float:
    """What a checkpoint is chosen by: the AUC of all, where no families are named; else the mean over families of fakes of their
    AUC against every source of real faces, each weighted alike."""
    if not any(sample.family for sample in samples):
        return auc(fake_labels(samples), p_fake)
    parts: dict[tuple[bool, str], list[float]] = defaultdict(list)
    for sample, p in zip(samples, p_fake, strict=True):
        parts[sample.fake, sample.family].append(float(p))
    sides = [[np.array(values) for (fake, _), values in sorted(parts.items()) if fake == side] for side in (False, True)]
    return float(np.mean([_areas(fakes, sides[0]) for fakes in sides[1]]))


def _areas(fakes: npt.NDArray[np.float64], sources: Iterable[npt.NDArray[np.float64]]) -> list[float]:
    return [auc(np.repeat((0, 1), (len(reals), len(fakes))), np.concatenate([reals, fakes])) for reals in sources]


def _against(
    fakes: npt.NDArray[np.float64], sources: Mapping[str, npt.NDArray[np.float64]], seed: int
) -> tuple[Interval, Interval, str]:
    """(mean AUC over sources, the lowest, whose it is), with intervals of a bootstrap over fakes and over each source's faces."""
    areas = _areas(fakes, sources.values())
    resampled = _resampled(fakes, [*sources.values()], np.random.default_rng(seed))
    known = [len(reals) >= FEW for reals in sources.values()]
    lowest = int(np.argmin(np.where(known, areas, np.inf) if any(known) else areas))
    mean = Interval.of(float(np.mean(areas)), np.mean(resampled, axis=0))
    return mean, Interval.of(areas[lowest], resampled[lowest]), [*sources][lowest] or "not named"


def _resampled(
    fakes: npt.NDArray[np.float64], sources: Sequence[npt.NDArray[np.float64]], rng: np.random.Generator
) -> npt.NDArray[np.float64]:
    """AUCs (sources, RESAMPLES) of fakes and real faces drawn anew, some resamples at a time: memory is bounded by AT_ONCE."""
    ranked = [np.sort(reals) for reals in sources]
    places = [(np.searchsorted(reals, fakes, "left"), np.searchsorted(reals, fakes, "right")) for reals in ranked]
    rows = max(1, AT_ONCE // max(map(len, [fakes, *sources])))
    parts = []
    for start in range(0, RESAMPLES, rows):
        count = min(rows, RESAMPLES - start)
        drawn = _weights(count, len(fakes), rng)
        areas = []
        for reals, (below, up_to) in zip(ranked, places, strict=True):
            lower = np.zeros((count, len(reals) + 1))
            np.cumsum(_weights(count, len(reals), rng), axis=1, out=lower[:, 1:])
            areas.append((drawn * (lower[:, below] + lower[:, up_to])).sum(axis=1) / 2)
        parts.append(areas)
    return np.concatenate(parts, axis=1)


def _weights(resamples: int, count: int, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """(resamples, count): what each of ``count`` faces weighs in each resample; a row's sum is 1."""
    return rng.multinomial(count, np.full(count, 1.0 / count), resamples) / count


def balanced(samples: Sequence[Sample], rng: np.random.Generator) -> Indices:
    """As many indices as there are ``samples``, in random order: each label alike, and in each label each family by the square
    root of its size.

    That is half-way between every picture alike, which leaves a small family unseen, and every family alike, where a few pictures
    come again and again. The pictures of a family take turns: none comes a second time before all have come once.
    """
    members: dict[int, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for index, sample in enumerate(samples):
        members[sample.label][sample.family].append(index)
    drawn = [
        _rounds(indices, count, rng)
        for families, of_label in zip(members.values(), _shared(len(samples), len(members)), strict=True)
        for indices, count in zip(families.values(), _by_root(of_label, [*map(len, families.values())]), strict=True)
    ]
    return rng.permutation(np.concatenate(drawn))


def turns(order: Indices) -> Indices:
    """How often the index at each place of ``order`` (N,) has come before: (N,)."""
    by_index = np.argsort(order, kind="stable")
    ranked = order[by_index]
    first = np.flatnonzero(np.append(True, np.diff(ranked) != 0))
    result = np.empty(len(order), np.int_)
    result[by_index] = np.arange(len(order)) - np.repeat(first, np.diff(np.append(first, len(order))))
    return result


def _rounds(indices: Sequence[int], count: int, rng: np.random.Generator) -> Indices:
    rounds = [rng.permutation(indices) for _ in range(-(-count // len(indices)))]
    return np.concatenate([np.zeros(0, np.int_), *rounds])[:count]


def _by_root(count: int, sizes: Sequence[int]) -> list[int]:
    """``count`` divided into whole numbers that go by the square roots of ``sizes``."""
    ends = np.round(count * np.cumsum(np.sqrt(sizes)) / np.sum(np.sqrt(sizes))).astype(np.int_)
    return [int(part) for part in np.diff(ends, prepend=0)]


def _shared(count: int, parts: int) -> list[int]:
    """``count`` divided into whole numbers that differ by 1 at most."""
    return [count // parts + (part < count % parts) for part in range(parts)]


def at_most(samples: Sequence[Sample], count: int, seed: int) -> list[Sample]:
    """At most ``count`` real and as many fake faces of each family, by lot; twins stay together."""
    members: dict[tuple[str, bool], list[Sample]] = defaultdict(list)
    for sample in samples:
        members[sample.family, sample.fake].append(sample)

    def lot(sample: Sample) -> tuple[int, str]:
        return zlib.crc32(f"{seed} {sample.pair or sample.path.name}".encode(errors="surrogateescape")), str(sample.path)

    return [sample for part in members.values() for sample in sorted(part, key=lot)[:count]]


def auc_gain(
    samples: Sequence[Sample], p_fake: npt.NDArray[np.floating], other: npt.NDArray[np.floating], *, seed: int = 0
) -> Interval | None:
    """By how much the fakes' mean AUC against the sources of real faces in ``samples`` is higher by ``p_fake`` (N,) than by the
    ``other`` (N,), with a paired bootstrap: both are resampled alike. None where a side is missing."""
    fakes = np.array([sample.fake for sample in samples])
    names = np.array([sample.family for sample in samples])
    sources = [~fakes & (names == name) for name in sorted(set(names[~fakes]))]
    if not sources or not fakes.any():
        return None
    value, resampled = 0.0, np.zeros(RESAMPLES)
    for sign, scores in ((1, p_fake), (-1, other)):
        reals = [scores[source] for source in sources]
        value += sign * float(np.mean(_areas(scores[fakes], reals)))
        resampled += sign * np.mean(_resampled(scores[fakes], reals, np.random.default_rng(seed)), axis=0)
    return Interval.of(value, resampled)


def leave_out(samples: Sequence[Sample], families: Sequence[str]) -> tuple[list[Sample], list[Sample]]:
    """(the others, those of ``families``). Raises ``InputError`` for a family that is not there."""
    known = {sample.family for sample in samples} - {""}
    for family in families:
        if family not in known:
            names = ", ".join(map(printable, sorted(known))) or "none: a manifest needs a column family"
            raise InputError(f"there is no family {printable(repr(family))}: the data name {names}")
    return [s for s in samples if s.family not in families], [s for s in samples if s.family in families]


def tell_of_families(train: Sequence[Sample], validation: Sequence[Sample]) -> None:
    """Say on stderr what their families make doubtful: few faces, or validation on what training never saw."""
    counts: dict[str, int] = defaultdict(int)
    for sample in train:
        counts[sample.family] += 1
    few = [f"{family} ({count})" for family, count in sorted(counts.items()) if family and count < FEW]
    note(f"famil(ies) have fewer than {FEW} faces for training, which come again and again", few)
    new = sorted({sample.family for sample in validation} - {*counts})
    note("famil(ies) are for validation only: training never sees them", new)
