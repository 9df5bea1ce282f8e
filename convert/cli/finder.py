"""``python -m convert finder``."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from convert.cli.source import add_origin
from edgefake.schema import SCHEMA
from training.cli.numbers import fraction, whole


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "finder", help="a face finder's QAT run → INT8 .tflite and .onnx with their cards, compared with float; fails by the gate"
    )
    parser.set_defaults(action=_finder)
    parser.add_argument("source", type=Path, help="folder of the run of python -m training finder qat")
    parser.add_argument("--out", type=Path, required=True, help="folder for the model files")
    parser.add_argument("--name", default="face_finder", help="model name, without the precision (default %(default)s)")
    parser.add_argument("--height", type=whole(32), default=192, help="of the input, a multiple of 32 (default %(default)s)")
    parser.add_argument("--width", type=whole(32), default=320, help="of the input, a multiple of 32 (default %(default)s)")
    parser.add_argument(
        "--min-score", type=fraction, default=0.5, help="the score from which a box is a face (default %(default)s)"
    )
    add_origin(parser)
    parser.add_argument("--json", action="store_true", help="print the comparison as JSON")


def _finder(options: argparse.Namespace) -> int:
    from convert.finder import build_finder, check_finder, finder_source  # loads TensorFlow

    source = finder_source(options.source, options.height, options.width)
    origin = {"data": options.data_name, "licence": options.licence}
    cards = build_finder(source, options.out, name=options.name, min_score=options.min_score, **origin)
    check = check_finder(source, cards)
    faults = check.faults()
    if options.json:
        files = {str(path): path.stat().st_size for path in cards}
        print(json.dumps({"schema": SCHEMA, "files": files, "pictures": check.pictures, "ap": check.ap, "faults": faults}))
        return 1 if faults else 0
    for path in cards:
        print(f"{path}: {path.stat().st_size / 1e6:.2f} MB")
    for metrics in next(iter(cards.values())).metrics:
        print(f"  {metrics.data}: AP {metrics.figures['ap'].value:.4f} on {metrics.size}")
    print(f"AP on {check.pictures} pictures: " + ", ".join(f"{name} {ap:.4f}" for name, ap in check.ap.items()))
    for fault in faults:
        print(f"convert: gate failed: {fault}", file=sys.stderr)
    if not faults:
        print("gate passed")
    return 1 if faults else 0
