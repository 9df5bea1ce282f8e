"""``python -m convert onnx``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from training.cli.numbers import whole


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser("onnx", help="INT8 .tflite → QDQ .onnx with the same scales, for TensorRT and onnxruntime")
    parser.set_defaults(action=_onnx)
    parser.add_argument("model", type=Path, help="the INT8 .tflite file, with its card")
    parser.add_argument("--out", type=Path, help="the .onnx file (default: beside the model)")
    parser.add_argument("--batch", type=whole(1), metavar="N", help="take N faces at a time and no other number (default: any)")


def _onnx(options: argparse.Namespace) -> int:
    from convert.onnx import export_onnx

    path = export_onnx(options.model, options.out or options.model.with_suffix(".onnx"), batch=options.batch)
    print(f"{path}: {path.stat().st_size / 1e6:.1f} MB")
    return 0
