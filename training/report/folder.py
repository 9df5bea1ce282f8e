"""Writing a report's folder."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from matplotlib.figure import Figure

from edgefake.errors import InputError
from edgefake.files import write_atomically, write_json
from training.evaluate import Scored
from training.figures import save_figure
from training.report import faces, plots
from training.report.markdown import Plot, markdown
from training.report.record import first_conditions, record

Drawing = tuple[str, str, Callable[[], Figure]]
"""File stem, title, and what draws it."""


def make_folder(folder: Path) -> None:
    """Make the folder, before the work is done that it is for. Raises ``InputError`` when nothing can be written there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"the report folder {folder} cannot be made ({error.strerror}): name another with --out") from error
    if not os.access(folder, os.W_OK):
        raise InputError(f"nothing can be written into the report folder {folder}: name another with --out")


def write_report(scored: Sequence[Scored], folder: Path, *, command: str, seed: int) -> Path:
    """Write the report on ``scored`` into ``folder``; the path of its ``report.md``.

    The plots of scores and faces show the first degradation of each model and data set; ``seed`` draws the faces shown.
    Raises ``InputError`` when the disk is full.
    """
    summary = record(scored, command=command, seed=seed)
    try:
        drawn = {data.name: _plots([s for s in scored if s.data.name == data.name], folder, seed) for data in summary.data}
        write_json(folder / "report.json", asdict(summary))
        write_atomically(folder / "report.md", markdown(summary, drawn).encode(errors="backslashreplace"))
    except OSError as error:
        raise InputError(f"the report {folder} cannot be written ({error.strerror}): make room, or name another --out") from error
    return folder / "report.md"


def _plots(scored: Sequence[Scored], folder: Path, seed: int) -> list[Plot]:
    """Draw the plots of one data set."""
    made = []
    for stem, title, draw in _drawings(scored, first_conditions(scored), seed):
        file = re.sub(r"[^\w.-]+", "_", f"{scored[0].data.name}_{stem}") + ".png"
        save_figure(draw(), folder / file, dpi=plots.DPI)
        made.append(Plot(title, file))
    return made


def _drawings(scored: Sequence[Scored], shown: Sequence[Scored], seed: int) -> list[Drawing]:
    both = all(one.measurement.real and one.measurement.fake for one in shown)
    drawings: list[Drawing] = [("roc", "ROC", lambda: plots.roc(shown))] if both else []
    if len(scored) > len(shown):
        drawings.append(("degradations", "Degradations", lambda: plots.degradation_curves(scored)))
    drawings.append(("scores", "Scores", lambda: plots.score_histograms(shown)))
    if both:
        drawings.append(("reliability", "Reliability", lambda: plots.reliability_diagrams(shown)))
    drawings.append(("confusion", "Confusion", lambda: plots.confusion_matrices(shown)))
    for one in shown:
        name = one.subject.name
        drawings.append((f"predictions_{name}", f"Predictions of {name}", lambda one=one: faces.predictions(one, seed)))
        drawings.append((f"mistakes_{name}", f"Worst mistakes of {name}", lambda one=one: faces.mistakes(one)))
    return drawings
