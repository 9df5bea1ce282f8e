"""``python -m training lofo``."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgefake.schema import SCHEMA
from edgefake.tables import markdown_table
from edgefake.text import printable
from training.cli.fit import add_settings, run_of, stopping_of

if TYPE_CHECKING:
    from training.lofo import LeftOut

HEADING = (
    "left out",
    "family",
    "real + fake",
    "AUC",
    "lowest AUC",
    "against",
    "TPR",
    "FPR",
    "TPR, fake",
    "FPR, fake",
    "AUC of the known",
    "gain in AUC",
)


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "lofo",
        help="leave one family out: train without it, judge what is made of it",
        description="Train a detector without each family, its fakes and its real pictures, and judge what it makes of them: the "
        "AUC of the fakes against every source of real pictures, and how many of its real faces are called fake, at the "
        "thresholds for 5 % and of the verdict fake. Give the same command again to go on, or to judge only what is trained.",
    )
    parser.set_defaults(action=_lofo)
    add_settings(parser)
    parser.add_argument("--runs", type=Path, required=True, metavar="FOLDER", help="a run's folder for each family goes there")
    parser.add_argument(
        "--leave",
        type=lambda text: text.split(","),
        default=[],
        metavar="FAMILY,A+B,…",
        help="what to leave out, one after the other; A+B together (default: every family by itself)",
    )
    parser.add_argument(
        "--against", type=Path, metavar="FOLDER", help="other runs without the same families: the gain in AUC over them, paired"
    )
    parser.add_argument("--json", action="store_true", help="one object per left-out family, and line")


def _lofo(options: argparse.Namespace) -> int:
    run = run_of(options)
    from training.lofo import leave_one_out, planned

    parts = planned(run, options.runs, options.leave)
    found = []
    for one in leave_one_out(parts, stopping_of(options), options.against):
        found.append(one)
        if options.json:
            print(json.dumps({"schema": SCHEMA, **asdict(one)}), flush=True)
    if not options.json:
        print("\n".join(markdown_table(HEADING, map(_row, found))))

    return 0


def _row(one: LeftOut) -> tuple[object, ...]:
    f = one.figures
    values = (
        f.auc,
        f.worst_auc,
        f.worst_source,
        f.tpr,
        f.fpr,
        one.fake_tpr,
        one.fake_fpr,
        f"{one.validation_auc:.4f}",
        one.gain,
    )
    return (
        *(printable("+".join(one.families)), f.family, f"{f.real} + {f.fake}"),
        *("–" if value is None else value for value in values),
    )
