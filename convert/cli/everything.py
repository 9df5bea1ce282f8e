"""``python -m convert all``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from convert.cli.check import print_check
from convert.cli.source import add_source, open_source
from convert.cli.tflite import print_file
from edgefake.errors import EdgefakeError


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "all",
        help="run → INT8 .tflite and .onnx, float32 and float16 .tflite, all compared on held-out faces, with a report",
    )
    parser.set_defaults(action=_all)
    add_source(parser)


def _all(options: argparse.Namespace) -> int:
    source = open_source(options)
    from convert.build import SUFFIXES, build_tflite
    from convert.check import check_models
    from convert.onnx import export_onnx
    from convert.report import write_report
    from convert.source import held_out_faces
    from training.audit import audit_says

    failed: dict[str, str] = {}
    cards = build_tflite(source, options.out, name=options.name, data=options.data_name, licence=options.licence, failed=failed)
    for path, card in cards.items():
        print_file(path, card)
    models = [path for path, card in cards.items() if card.precision == "int8"]
    if source.post_training:
        print("no .onnx: post-training quantization gives zero-points other than 0, which TensorRT refuses", flush=True)
    elif models:
        path = models[0].with_suffix(".onnx")
        try:
            models.append(export_onnx(models[0], path))
            cards[path] = cards[models[0]]
            print(f"{path}: {path.stat().st_size / 1e6:.1f} MB")
        except EdgefakeError as error:
            failed[path.name] = str(error)
    else:
        failed[f"{options.name or source.run.recipe}_{SUFFIXES['int8']}.onnx"] = "it is made of the INT8 .tflite"
    data, samples = held_out_faces(source.run, options.data_name)
    check = check_models(models, source, samples) if models else None
    code = print_check(check) if check else 0
    audit = audit_says(Path(source.run.data))
    for written in write_report(options.out, cards, check, data, options.command_line, audit=audit, failed=failed):
        print(written)
    for file, reason in failed.items():
        print(f"convert: {file} could not be made: {reason}", file=sys.stderr)
    return 2 if failed else code
