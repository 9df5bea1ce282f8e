"""``python -m convert all``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from convert.cli.check import print_check
from convert.cli.source import add_source, open_source
from convert.cli.tflite import print_file


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "all",
        help="run → INT8 .tflite and .onnx, float32 and float16 .tflite, all compared on held-out faces, with a report",
        conflict_handler="resolve",
    )
    parser.set_defaults(action=_all)
    add_source(parser)


def _all(options: argparse.Namespace, command: str) -> int:
    from convert.build import build_tflite
    from convert.check import check_models
    from convert.onnx import export_onnx
    from convert.report import write_report
    from convert.source import held_out_faces
    from training.audit import audit_says

    source = open_source(options, command)
    cards = build_tflite(source, options.out, name=options.name, data=options.data_name, licence=options.licence)
    for path, card in cards.items():
        print_file(path, card)
    (int8,) = (path for path, card in cards.items() if card.precision == "int8")
    models = [int8]
    if source.post_training:
        print("no .onnx: post-training quantization gives zero-points other than 0, which TensorRT refuses", flush=True)
    else:
        models.append(export_onnx(int8, int8.with_suffix(".onnx")))
        print(f"{models[1]}: {models[1].stat().st_size / 1e6:.1f} MB")
    data, samples = held_out_faces(source.run, options.data_name)
    check = check_models(models, source, samples)
    code = print_check(check)
    all_cards = {**cards, **dict.fromkeys(models[1:], cards[int8])}
    for written in write_report(options.out, all_cards, check, data, command, audit=audit_says(Path(source.run.data))):
        print(written)
    return code
