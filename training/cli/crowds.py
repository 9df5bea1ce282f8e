"""``python -m training crowds``."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from edgefake.errors import InputError
from edgefake.schema import SCHEMA
from edgefake.tables import markdown_table
from edgefake.text import printable
from training.cli.data import add_classes, add_faces, samples_of
from training.cli.held_out import add_split
from training.cli.numbers import whole


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "crowds",
        help="measure how many real pictures of 1, 2, 4 and 8 faces are called fake",
        description="Put real faces together at random, and tell how many pictures of so many are called fake.",
        epilog="exit codes: 0 no more than of one face, by its 95 %% interval; 1 more; 2 error",
    )
    parser.set_defaults(action=_crowds)
    parser.add_argument("models", type=Path, nargs="+", metavar="MODEL", help=".tflite or .onnx file")
    parser.add_argument("--data", type=Path, required=True, help="labelled faces as for fit, of which the real ones count")
    add_classes(parser)
    add_faces(parser)
    add_split(parser, default="val")
    parser.add_argument("--limit", type=whole(8), metavar="N", help="take N of the real faces, drawn by --seed (default: all)")
    parser.add_argument("--json", action="store_true", help="one object per model, threshold and number of faces, and line")


def _crowds(options: argparse.Namespace) -> int:
    from edgefake.models.file import ModelFile, require_card
    from training.crowds import COUNTS, crowds, model_name, table
    from training.device import on_device
    from training.scores import device_scores

    samples = samples_of(options.data, options, one_sided=True)
    real = [sample for sample in samples if not sample.fake and options.split in (sample.split, "all")]
    if options.limit and options.limit < len(real):
        drawn = np.random.default_rng(options.seed).choice(len(real), options.limit, replace=False)
        real = [real[index] for index in sorted(drawn)]
    if len(real) < max(COUNTS):
        raise InputError(f"expected {max(COUNTS)} real faces or more, got {len(real)} in {printable(options.data)}: give others")
    cards = {path: require_card(ModelFile(path)) for path in options.models}
    scored = on_device(device_scores, [*cards.items()], real, ["clean"])
    found = [
        crowd
        for (path, card), [p_fake] in zip(cards.items(), scored, strict=True)
        for crowd in crowds(model_name(path, card), card, p_fake, seed=options.seed)
    ]
    for crowd in found if options.json else ():
        print(json.dumps({"schema": SCHEMA, **asdict(crowd), "holds": crowd.holds}))
    if not options.json:
        heading, *rows = table(found)
        print(*markdown_table(heading, rows), sep="\n")
    return 0 if all(crowd.holds for crowd in found) else 1
