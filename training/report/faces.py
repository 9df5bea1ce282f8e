"""The pages of faces in a report. They show people, so they are written nowhere but into the folder that the user named."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from edgefake.images import read_image
from edgefake.preprocessing import face_pixels
from edgefake.text import printable
from training.degrade import DEGRADATIONS
from training.evaluate import Scored
from training.report.record import MISTAKES, worst
from training.samples import fake_labels

RIGHT, WRONG = "#1a9641", "#d7191c"
ROWS, COLUMNS = 5, 8
SIDE = 160  # pixels of a face


def predictions(scored: Scored, seed: int) -> Figure:
    """Faces drawn at random, half of them fake, with the model's p_fake: a green frame where the verdict is right, else red."""
    rng = np.random.default_rng(seed)
    labels = fake_labels(scored.data.samples)
    chosen: list[int] = []
    for label in (0, 1):
        members = np.flatnonzero((labels == label) & ~np.isnan(scored.p_fake))
        chosen += rng.choice(members, min(len(members), ROWS * COLUMNS // 2), replace=False).tolist()
    figure, axes = _grid(-(-len(chosen) // COLUMNS), COLUMNS, 0.7)
    for index, one in zip(rng.permutation(chosen), axes, strict=False):
        _show(one, scored, int(index))
    figure.suptitle(f"{_title(scored)}: faces drawn at random\n{_legend(scored)}; green: right, red: wrong")
    return figure


def mistakes(scored: Scored) -> Figure:
    """The most confident wrong verdicts, worst first: real faces called fake above, fakes called real below."""
    figure, axes = _grid(2, MISTAKES, 1.5)
    for row, (kind, indices) in enumerate(zip(("real faces called fake", "fakes called real"), worst(scored), strict=True)):
        for one, index in zip(axes[row * MISTAKES :], indices, strict=False):
            _show(one, scored, index, name=True)
        first = axes[row * MISTAKES]
        first.set_title(kind if indices else f"no {kind}", loc="left", fontsize=11)
        if not indices:
            first.set_visible(True)
    figure.suptitle(f"{_title(scored)}: the most confident mistakes\n{_legend(scored)}")
    return figure


def _grid(rows: int, columns: int, height: float) -> tuple[Figure, list[Axes]]:
    figure = Figure(figsize=(1.45 * columns, 1.66 * rows + height), layout="constrained")
    axes = list(figure.subplots(rows, columns, squeeze=False).ravel())
    for one in axes:
        one.set_axis_off()
    return figure, axes


def _show(axes: Axes, scored: Scored, index: int, *, name: bool = False) -> None:
    """Put one face, as the model sees it but at ``SIDE`` pixels, into its place."""
    sample = scored.data.samples[index]
    frame, box = DEGRADATIONS[scored.measurement.degradation].apply(read_image(sample.path), sample.box)
    axes.imshow(face_pixels(frame, box, size=SIDE, margin=scored.subject.card.crop_margin, mode=scored.subject.card.crop_mode))
    axes.set_axis_on()
    axes.set(xticks=(), yticks=())
    p_fake = float(scored.p_fake[index])
    colour = RIGHT if (p_fake >= scored.subject.threshold) == sample.fake else WRONG
    for spine in axes.spines.values():
        spine.set(color=colour, linewidth=4)
    label = ("real", *scored.data.kinds)[sample.label]
    axes.set_xlabel(
        f"{label} → {p_fake:.3f}" + (f"\n{_short(printable(sample.path.name))}" if name else ""), fontsize=8, color=colour
    )


def _short(name: str, length: int = 20) -> str:
    return name if len(name) <= length else f"…{name[1 - length :]}"


def _title(scored: Scored) -> str:
    return f"{scored.subject.name} on {scored.data.name}, {scored.measurement.degradation}"


def _legend(scored: Scored) -> str:
    return f"label → p_fake, called fake from {scored.subject.threshold:.3f} on"
