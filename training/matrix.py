"""The matrix: how well a model tells each family, by degradation and by size of the face, as its card keeps it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from edgefake.errors import InputError
from edgefake.models.card import ModelCard
from edgefake.models.families import SIZES, Family
from edgefake.models.file import write_card
from edgefake.schema import figure
from edgefake.statistics import Interval
from edgefake.text import printable
from edgefake.thresholds import FAKE, REAL
from training.combine import check_unnamed, name_of
from training.evaluate import DataSet, Subject, all_scores, opened
from training.families import FEW, at_most, family_figures
from training.metrics import share
from training.notes import note
from training.samples import Sample
from training.scores import Found, PFake

DEGRADATIONS = ("clean", "jpeg50", "half", "blur", "dark")
NAMED = 3  # data sets that are listed by name

Figures = dict[str, dict[str, Interval]]
"""By family, then by name."""


def pooled(data_sets: Sequence[DataSet], split: str, *, per_family: int | None = None, seed: int = 0) -> DataSet:
    """``data_sets``, the ``split`` of each, as one.

    A picture whose data name no family is of the family that is called like its data. Of each family at most
    ``per_family`` real and as many fake faces are taken; twins stay together. Raises ``InputError`` where two of them are called
    alike and name no families.
    """
    check_unnamed([(name_of(data.root), data.samples) for data in data_sets])
    samples = [replace(sample, family=sample.family or name_of(data.root)) for data in data_sets for sample in data.samples]
    names = list(dict.fromkeys(name_of(data.root) for data in data_sets))  # a card tells of no paths
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    name = printable(f"{', '.join(names[:NAMED])}{more} {split}")
    if per_family is not None:
        samples, name = at_most(samples, per_family, seed), f"{name}, at most {per_family} a family"
    return DataSet(name, data_sets[0].root, samples)


def matrix(
    models: Sequence[Path],
    data: DataSet,
    *,
    asked: Sequence[str] = (),
    degradations: Sequence[str] = DEGRADATIONS,
    find_faces: str | None = None,
) -> Iterator[tuple[Subject, tuple[Family, ...]]]:
    """The figures of each of ``models`` on each family of ``data``: see ``Family``.

    ``degradations`` begin with ``clean``. ``find_faces`` lets the device find the faces; for model files only. ``asked`` names
    the families that are wanted, all of those in ``data`` by default; one without pictures is there without figures. Raises what
    ``evaluate`` raises.
    """
    subjects, [data] = opened(models, [data], find_faces)
    known = sorted({sample.family for sample in data.samples})
    note("famil(ies) that were asked for have no pictures: not measured", [name for name in asked if name not in known])
    names = tuple(dict.fromkeys(asked)) or tuple(known)
    counts = Counter((sample.family, sample.fake) for sample in data.samples)
    few = [
        f"{name} ({counts[name, False]} + {counts[name, True]})"
        for name in known  # each source of real faces counts for the AUC of all
        if 0 < counts[name, False] < FEW or (name in names and 0 < counts[name, True] < FEW)
    ]
    note(f"famil(ies) have fewer than {FEW} real or fewer than {FEW} fake faces, whose figures say little", few)
    scored, found = all_scores(subjects, data.samples, degradations, find_faces)
    whose = "given face boxes" if find_faces is None else f"faces found by {Path(find_faces).name}"
    for subject in subjects:
        p_fake = scored[subject.name]
        if np.isnan(p_fake[0]).all():
            raise InputError(
                f"expected labelled faces of {printable(data.name)} that {subject.name} scores, got none of {len(data.samples)} "
                "found: choose another --find-faces"
            )
        yield subject, tuple(families_of(subject.card, data, p_fake, found, degradations, names=names, whose=whose))


def families_of(
    card: ModelCard,
    data: DataSet,
    p_fake: PFake,
    found: Found | None,
    degradations: Sequence[str],
    *,
    names: Sequence[str],
    whose: str,
) -> Iterator[Family]:
    """The row of each of ``names``, from ``p_fake`` and ``found`` (degradations, N); ``whose`` says where face boxes are from."""
    sizes = np.array([sample.box.size for sample in data.samples])
    parts = [(name, d, np.ones(len(sizes), bool)) for d, name in enumerate(degradations)]
    parts += [(name, 0, (low <= sizes) & (sizes < high)) for name, (low, high) in SIZES.items()]
    by_condition: dict[str, Figures] = {}
    worst: dict[str, str | None] = {}
    for condition, d, members in parts:
        samples = [sample for sample, there in zip(data.samples, members, strict=True) if there]
        which = None if found is None else found[d][members]
        by_condition[condition], sources = _figures(samples, p_fake[d][members], which, card)
        worst = worst or sources
    for name in names:
        labels = [sample.fake for sample in data.samples if sample.family == name]
        own = {condition: figures.get(name, {}) for condition, figures in by_condition.items()} if labels else {}
        for condition in [*own][1:]:
            own[condition].pop("worst_auc", None)
        told = f"{data.name}, {whose}"
        yield Family(name, told, labels.count(False), labels.count(True), worst.get(name), own)


def _figures(
    samples: Sequence[Sample], p_fake: PFake, found: Found | None, card: ModelCard
) -> tuple[Figures, dict[str, str | None]]:
    """The figures of each family in ``samples`` under one condition, and against which source its AUC is lowest."""
    scored = ~np.isnan(p_fake)
    names = np.array([sample.family for sample in samples])
    fake = np.array([sample.fake for sample in samples], bool)
    result: Figures = {str(name): {} for name in np.unique(names)}
    sources: dict[str, str | None] = {}
    ranked = family_figures([sample for sample, has in zip(samples, scored, strict=True) if has], p_fake[scored], threshold=1.0)
    for one in ranked:
        sources[one.family] = one.worst_source
        areas = {"auc": one.auc, "worst_auc": one.worst_auc}
        result[one.family] |= {name: area for name, area in areas.items() if area is not None}
    for name, figures in result.items():
        own = names == name
        for threshold, value in judged_at(card).items():
            for rate, side in (("tpr", fake), ("fpr", ~fake)):
                if (judged := own & side & scored).any():
                    figures[f"{rate}@{threshold}"] = share(p_fake[judged] >= value)
        if found is not None:
            figures |= {"found": share(found[own]), "judged": share(scored[own])}
    return {name: {key: _rounded(value) for key, value in figures.items()} for name, figures in result.items()}, sources


def judged_at(card: ModelCard) -> dict[str, float]:
    """Those between which there is no verdict, ``fake`` and ``real``; where the card has only one, those of false-positive
    rates; where it has none, all."""
    for chosen in ((FAKE, REAL), [name for name in card.thresholds if name.startswith("fpr_")]):
        if chosen and all(name in card.thresholds for name in chosen):
            return {name: card.thresholds[name] for name in chosen}
    return card.thresholds


def _rounded(interval: Interval) -> Interval:
    return Interval(*map(figure, (interval.value, interval.low, interval.high)))


def write_families(path: Path, card: ModelCard, families: Sequence[Family]) -> ModelCard:
    """Put ``families`` into the model file at ``path``, whose ``card`` keeps those of other names.

    What is not measured replaces nothing. Raises ``CardError`` where the card becomes too long.
    """
    rows = {family.name: family for family in card.families}
    rows |= {family.name: family for family in families if family.figures or family.name not in rows}
    return write_card(path, replace(card, families=tuple(rows[name] for name in sorted(rows))))
