"""Leave one family out: what a detector makes of generators, manipulations and sources of real pictures that it never saw.

Each run is a whole training without the family, on either side: checkpoint, calibration and thresholds are chosen without it too.
The fakes of the family are then held against the real faces that the run was validated on, source by source, and its real faces
say how many of an unknown source are called fake.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from edgefake.errors import InputError
from edgefake.statistics import Interval
from edgefake.text import printable
from training.batches import readable
from training.evaluate import trained
from training.families import FamilyFigures, family_figures, leave_out
from training.fit import fit
from training.loop import Stopping, logits
from training.runs import Run, State
from training.scores import scores

STRICT = "fpr_1%"


@dataclass(frozen=True, slots=True)
class LeftOut:
    """What a run without ``families`` makes of one of them."""

    families: tuple[str, ...]
    """All that it was trained without."""
    figures: FamilyFigures
    """At the threshold for 5 % of the real validation faces."""
    strict_tpr: Interval | None
    """At the threshold for 1 %."""
    strict_fpr: Interval | None
    validation_auc: float
    """Of the families that the run knows; its checkpoint was chosen by it."""
    run: str
    seconds: float
    """Of its training."""


def groups_of(run: Run, chosen: Sequence[str]) -> list[tuple[str, ...]]:
    """What to leave out together: each of ``chosen`` (``a`` or ``a+b``), by default every family of the data by itself.

    Raises ``InputError`` for families that the data do not have, or when they name none.
    """
    samples = run.samples()
    groups = [tuple(group.split("+")) for group in chosen] or [(f,) for f in sorted({s.family for s in samples} - {""})]
    if not groups:
        raise InputError(f"{printable(run.data)} names no families: give a manifest with a column family (training combine)")
    for group in groups:
        rest, _ = leave_out(samples, group)
        if len({sample.fake for sample in rest if sample.split == "train"}) < 2:
            raise InputError(f"without {printable('+'.join(group))} no real or no fake faces are left to train on")
    return groups


def leave_one_out(run: Run, folder: Path, stopping: Stopping, groups: Sequence[tuple[str, ...]]) -> Iterator[LeftOut]:
    """Train ``run`` without each of ``groups`` in a folder of its own below ``folder``, and judge what was left out.

    A run that is there already is resumed, or only judged where it had as many epochs as ``stopping`` says. The left-out faces
    are those of the run's training split, so that no other split is spent.
    """
    for group in groups:
        part = replace(run, left_out=group)
        place = folder / "_".join(group)
        yield from judged(part, place, fit(part, place, stopping))


def judged(run: Run, folder: Path, state: State) -> Iterator[LeftOut]:
    """The figures of each family that ``run`` in ``folder`` was trained without."""
    samples = [sample for sample in run.samples() if sample.split == "train" and sample.size_matched]
    _, unseen = leave_out(samples, run.left_out)
    _, validation = run.training_samples()
    known = [sample for sample in readable(validation) if not sample.fake]
    subject = trained(folder, run, folder.name)
    faces = [*readable(unseen), *known]
    [[p_fake]] = scores([(subject.card, lambda pixels: logits(subject.keras, pixels))], faces, ["clean"])
    strict = subject.card.threshold(STRICT)
    tables = [family_figures(faces, p_fake, threshold=threshold) for threshold in (subject.threshold, strict)]
    for figures, at_strict in zip(*tables, strict=True):
        if figures.family in run.left_out:
            yield LeftOut(run.left_out, figures, at_strict.tpr, at_strict.fpr, state.best_auc, folder.name, state.seconds)
