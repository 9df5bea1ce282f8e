"""``python -m training thresholds``."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, replace
from typing import Any

from edgefake.schema import SCHEMA
from edgefake.tables import markdown_table
from edgefake.text import printable
from training.cli.held_out import add_pooled, pooled_data

HEADING = ("model", "fake", "real", "worst source", "of its real faces from fake on", "of fakes below real")


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "thresholds",
        help="choose the two thresholds of a verdict on faces that a model file has not seen",
        description="Choose the thresholds fake and real anew: fake from where at most 1 % of the real faces of the worst source "
        "lie, real below where at most 5 % of the fakes do, the mean of their families. Faces that they are chosen on say "
        "nothing of them afterwards: take others for evaluate and matrix.".replace("%", "%%"),
    )
    parser.set_defaults(action=_thresholds)
    add_pooled(parser, per_family=None, written="the thresholds into the cards of the models, which are files")


def _thresholds(options: argparse.Namespace) -> int:
    from edgefake.models.file import write_card
    from edgefake.thresholds import FAKE, REAL
    from training.evaluate import all_scores, check_models, opened
    from training.verdicts import choose_thresholds

    check_models(options.models)
    subjects, [data] = opened(options.models, [pooled_data(options)])
    scored, _ = all_scores(subjects, data.samples, ["clean"])
    rows = []
    for subject in subjects:
        chosen = choose_thresholds(data.samples, scored[subject.name][0])
        if options.json:
            print(json.dumps({"schema": SCHEMA, "model": subject.name, "data": data.name, **asdict(chosen)}))
        source = f"{printable(chosen.worst_source)} ({chosen.real_faces})"
        rows.append(
            (printable(subject.name), f"{chosen.fake:.4f}", f"{chosen.real:.4f}", source, chosen.false_alarms, chosen.missed)
        )
        if options.write:
            told = chosen.metrics()
            others = [metrics for metrics in subject.card.metrics if "fpr@fake" not in metrics.figures]
            thresholds = subject.card.thresholds | {FAKE: chosen.fake, REAL: chosen.real}
            write_card(subject.path, replace(subject.card, thresholds=thresholds, metrics=(*others, told)))
    if not options.json:
        print("\n".join(markdown_table(HEADING, rows)))
    return 0
