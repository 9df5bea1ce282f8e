"""``python -m convert bundle``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser("bundle", help="put converted models into the library's zoo, with their Markdown cards")
    parser.set_defaults(action=_bundle)
    parser.add_argument("models", type=Path, nargs="+", metavar="MODEL", help="the .tflite and .onnx files")


def _bundle(options: argparse.Namespace) -> int:
    from convert.bundle import bundle

    for model in options.models:
        print(bundle(model))
    return 0
