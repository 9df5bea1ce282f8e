"""``python -m training bias``."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from edgefake.schema import SCHEMA
from edgefake.tables import markdown_table
from edgefake.text import printable
from training.cli.held_out import add_pooled, pooled_data

if TYPE_CHECKING:
    from training.bias import Influence

PER_FAMILY = 100
HEADING = ("influence", "what it is", "median |Δ log-odds|", "median Δ", "other verdict", "FPR", "highest FPR", "of")


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "bias",
        help="how far p_fake of real faces moves with JPEG quality, scaling, sharpness, colour, framing and borders",
        description="The bias score of models: how far p_fake of real faces moves with what says nothing of forgery, in "
        "log-odds, and how many faces get another verdict; FPR is the share that is called fake.",
    )
    parser.set_defaults(action=_bias)
    add_pooled(parser, per_family=PER_FAMILY)


def _bias(options: argparse.Namespace) -> int:
    from dataclasses import replace

    from edgefake.models.file import write_card
    from training.bias import as_metrics, bias
    from training.evaluate import check_models

    check_models(options.models)
    data = pooled_data(options)
    for subject, influences in bias(options.models, data, seed=options.seed):
        if options.json:
            rows = [asdict(one) for one in influences]
            print(json.dumps({"schema": SCHEMA, "model": subject.name, "precision": subject.precision, "influences": rows}))
        else:
            print(f"# {printable(subject.name)} on {printable(data.name)}", "", sep="\n")
            print("\n".join(markdown_table(HEADING, map(_row, influences))), end="\n\n")
        if options.write:
            write_card(subject.path, replace(subject.card, bias=as_metrics(influences, data)))
    return 0


def _row(one: Influence) -> tuple[object, ...]:
    from training.degrade import CONDITIONS

    moved = f"{one.shift:.2f}", f"{one.direction:+.2f}", f"{one.crossed:.3f}"
    if one.name == "clean":
        moved = ("–",) * 3
    return (one.name, CONDITIONS[one.name].what, *moved, f"{one.fpr:.3f}", f"{one.worst_fpr:.3f}", one.worst_source)
