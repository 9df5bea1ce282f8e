"""``python -m training crop-mode``."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from edgefake.schema import SCHEMA
from edgefake.tables import markdown_table
from edgefake.text import printable
from training.cli.held_out import add_pooled, pooled_data
from training.notes import say

if TYPE_CHECKING:
    from training.crop_modes import ModeFigures

HEADING = ("crop mode", "threshold", "highest FPR", "of", "against inside", "AUC", "lowest AUC")


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "crop-mode",
        help="whether a crop with a mirrored or a grey border tells faces better; --write puts the better mode into the card",
        description="Compare the crop modes of models where as many fakes are called fake as today: the share of real faces that "
        "is called fake, of the source where it is highest, and AUC against every source, with 95 % intervals. A mode is "
        "better than the crop from inside the picture where that share is lower beyond the interval.".replace("%", "%%"),
    )
    parser.set_defaults(action=_crop_mode)
    add_pooled(
        parser,
        per_family=None,
        written="the better mode into the cards of the models, which are files, with thresholds and calibration by these faces, "
        "where it is another; figures of the other mode go",
    )


def _crop_mode(options: argparse.Namespace) -> int:
    from training.crop_modes import crop_modes, write_mode
    from training.evaluate import check_models

    check_models(options.models)
    for data, modes in crop_modes(options.models, pooled_data(options), seed=options.seed):
        subject = modes.subject
        if options.json:
            row = {"schema": SCHEMA, "model": subject.name, "precision": subject.precision, "best": modes.best}
            print(json.dumps(row | {"modes": [asdict(one) for one in modes.figures]}))
        else:
            print(f"# {printable(subject.name)} on {printable(data.name)}, {modes.figures[0].tpr:.1%} of the fakes called fake\n")
            print("\n".join(markdown_table(HEADING, map(_row, modes.figures))), f"\nBest: {modes.best}.\n", sep="\n")
        if options.write and modes.best != subject.card.crop_mode:
            write_mode(modes, data, options.command_line)
            say(f"note: {printable(subject.path)} crops {modes.best} now: measure it again with matrix and bias")
    return 0


def _row(one: ModeFigures) -> tuple[object, ...]:
    change = "–" if one.mode == "inside" else f"{one.change:+.3f}"
    figures = f"{one.worst_fpr:.3f}", printable(one.worst_source), change, f"{one.auc:.3f}", f"{one.worst_auc:.3f}"
    return one.mode, f"{one.threshold:.4f}", *figures
