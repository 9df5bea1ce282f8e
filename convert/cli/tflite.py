"""``python -m convert tflite``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from convert.cli.check import print_check
from convert.cli.source import add_source, open_source

if TYPE_CHECKING:
    from edgefake.models.card import ModelCard


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "tflite",
        help="QAT run → INT8, float32 and float16 .tflite with their cards, checked by the gate",
    )
    parser.set_defaults(action=_tflite)
    add_source(parser)


def _tflite(options: argparse.Namespace) -> int:
    source = open_source(options)
    from convert.build import build_tflite
    from convert.check import check_models
    from training.batches import readable

    cards = build_tflite(source, options.out, name=options.name, data=options.data_name, licence=options.licence)
    for path, card in cards.items():
        print_file(path, card)
    (int8,) = (path for path, card in cards.items() if card.precision == "int8")
    validation = readable(source.run.training_samples()[1])
    return print_check(check_models([int8], source, validation))


def print_file(path: Path, card: ModelCard) -> None:
    """One line per file, one per data set."""
    print(f"{path}: {path.stat().st_size / 1e6:.1f} MB")
    for metrics in card.metrics:
        if "auc" in metrics.figures:
            print(f"  {metrics.data}: AUC {metrics.figures['auc'].value:.4f} on {metrics.size}")
        else:
            told = ", ".join(f"{name} {figure:.4f}" for name, figure in metrics.figures.items())
            print(f"  {metrics.data}: {told} on {metrics.size}")
