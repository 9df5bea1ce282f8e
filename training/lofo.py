"""Leave one family out: what a detector makes of generators, manipulations and sources of real pictures that it never saw.

Each run is a whole training without the family, on either side: checkpoint, calibration and thresholds are chosen without it too.
The fakes of the family are then held against the real faces that the run was validated on, source by source, and its real faces
say how many of an unknown source are called fake.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import compress
from pathlib import Path

import numpy as np

from edgefake.errors import InputError
from edgefake.statistics import Interval
from edgefake.text import printable
from edgefake.thresholds import FAKE
from training.batches import readable
from training.evaluate import Subject, trained
from training.families import FamilyFigures, auc_gain, family_figures, leave_out
from training.fit import fit
from training.loop import Stopping, logits
from training.runs import Run, State, checkpoint_of, open_run, read_run
from training.samples import Sample
from training.scores import PFake, scores
from training.twins import check_twins

_DRAWN_BY = ("data", "faces", "folders", "classes", "hold_out", "seed", "parts")
"""What decides which faces a run holds out."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """What a run without ``families`` makes of one of them."""

    families: tuple[str, ...]
    """All that it was trained without."""
    figures: FamilyFigures
    """At the threshold for 5 % of the real validation faces."""
    fake_tpr: Interval | None
    """At the threshold *fake*, which makes verdicts."""
    fake_fpr: Interval | None
    validation_auc: float
    """Of the families that the run knows; its checkpoint was chosen by it."""
    run: str
    seconds: float
    """Of its training."""
    gain: Interval | None = None
    """By how much the mean AUC is higher than that of the run it is held against; paired."""


def planned(run: Run, folder: Path, chosen: Sequence[str]) -> dict[Path, Run]:
    """``run`` without each of ``chosen`` (``a``, or ``a+b`` together), by default each family of the data, by its folder.

    Raises ``InputError`` for whatever would stop one of them, or leave it nothing to judge, before the first is trained.
    """
    samples = run.samples()
    known = sorted({sample.family for sample in samples} - {""})
    groups = [(text,) if text in known else tuple(text.split("+")) for text in dict.fromkeys(chosen)] or [(f,) for f in known]
    if not groups:
        raise InputError(f"{printable(run.data)} names no families: give a manifest with a column family (training combine)")
    parts: dict[Path, Run] = {}
    for group in groups:
        place, part = folder / _folder_name(group), replace(run, left_out=group)
        _check(part, samples)
        taken = next((path for path in parts if path.name.casefold() == place.name.casefold()), None)
        if taken is not None:
            names = " and ".join(printable("+".join(g)) for g in (parts[taken].left_out, group))
            raise InputError(f"expected a folder of its own for every run, got {place.name} for {names}: rename one of them")
        if (place / "run.json").exists():
            open_run(part, place)
        parts[place] = part
    return parts


def _folder_name(group: Sequence[str]) -> str:
    """Of the names, with ``_`` for what means something in a path."""
    return re.sub(r"[^\w.+ -]", "_", "_".join(group)).lstrip(".") or "_"


def _check(run: Run, samples: Sequence[Sample]) -> None:
    """Raise ``InputError`` where nothing is left to train or validate on, or there is nothing of a left-out family to judge."""
    rest, unseen = leave_out(samples, run.left_out)
    kinds = {sample.fake for sample in rest if sample.split == "train"}
    if not kinds >= ({False} if run.self_blend else {False, True}):
        raise InputError(f"without {printable('+'.join(run.left_out))} no real or no fake faces are left to train on")
    judged_ones = {sample.family for sample in unseen if sample.split == "train" and sample.size_matched}
    for family in run.left_out:
        if family not in judged_ones:
            raise InputError(
                f"expected size-matched faces of {printable(family)} in the split train, to judge, got none: leave out others"
            )
    train, _ = run.training_samples()
    if run.twins:
        check_twins(train, run.batch)


def leave_one_out(parts: Mapping[Path, Run], stopping: Stopping, against: Path | None = None) -> Iterator[LeftOut]:
    """Train each of ``parts``, which ``planned`` made, in its folder, and judge what was left out.

    A run that is there already is resumed, or only judged where it had as many epochs as ``stopping`` says. The left-out faces
    are those of the run's training split, so that no other split is spent. Each is held against the run of the same name in the
    folder ``against``; ``InputError`` where that is missing, or was trained without other families.
    """
    others = {folder: _other(run, against / folder.name) if against else None for folder, run in parts.items()}
    for folder, run in parts.items():
        yield from judged(run, folder, fit(run, folder, stopping), others[folder])


def _other(run: Run, folder: Path) -> Path:
    other = read_run(folder)
    checkpoint_of(folder)
    if sorted(other.left_out) != sorted(run.left_out):
        names = [printable("+".join(one.left_out)) or "none" for one in (run, other)]
        raise InputError(f"expected a run without {names[0]} in {printable(folder)}, got one without {names[1]}: name others")
    unlike = [name for name in _DRAWN_BY if getattr(run, name) != getattr(other, name)]
    if unlike:
        raise InputError(
            f"expected a run in {printable(folder)} that held out the same faces, got one with another {' and '.join(unlike)}: "
            "train it with the same data, or name others"
        )
    return folder


def judged(run: Run, folder: Path, state: State, other: Path | None = None) -> Iterator[LeftOut]:
    """The figures of each family that ``run`` in ``folder`` was trained without, against those of the run in ``other``."""
    samples = [sample for sample in run.samples() if sample.split == "train" and sample.size_matched]
    _, unseen = leave_out(samples, run.left_out)
    _, validation = run.training_samples()
    known = [sample for sample in readable(validation) if not sample.fake]
    subject = trained(folder, run, folder.name)
    faces = [*readable(unseen), *known]
    p_fake = _p_fake(subject, faces)
    theirs = _p_fake(trained(other, read_run(other), folder.name), faces) if other else None
    thresholds = (subject.threshold, subject.card.threshold(FAKE))
    tables = [family_figures(faces, p_fake, threshold=threshold) for threshold in thresholds]
    for figures, at_fake in zip(*tables, strict=True):
        if figures.family in run.left_out:
            gain = None
            if theirs is not None:
                chosen = np.array([not face.fake or face.family == figures.family for face in faces])
                gain = auc_gain(list(compress(faces, chosen)), p_fake[chosen], theirs[chosen])
            told = (at_fake.tpr, at_fake.fpr, state.best_auc, folder.name, state.seconds, gain)
            yield LeftOut(run.left_out, figures, *told)


def _p_fake(subject: Subject, faces: Sequence[Sample]) -> PFake:
    [[p_fake]] = scores([(subject.card, lambda pixels: logits(subject.keras, pixels))], faces, ["clean"])
    return p_fake
