"""``python -m convert tflite | check | bundle``."""

from __future__ import annotations

import argparse
import json
import os
import shlex
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from edgefake.errors import EdgefakeError, InputError
from training.cli.import_model import add_detector, own_detector

if TYPE_CHECKING:
    from convert.check import Check
    from convert.source import Source


def main(argv: list[str] | None = None) -> int:
    """Run a command; 0 done, 1 the gate is closed, 2 it could not be done."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # TensorFlow greets with a dozen lines about absent GPUs
    arguments = list(sys.argv[1:] if argv is None else argv)
    options = _parser().parse_args(arguments)
    options.command = "python -m convert " + shlex.join(arguments)
    try:
        return int(options.action(options))
    except EdgefakeError as error:
        print(f"convert: {error}", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m convert",
        description="Convert trained detectors to what devices run.",
        epilog="exit codes: 0 done, 1 the gate is closed (the converted model is not the trained detector any more), 2 error",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    tflite = commands.add_parser(
        "tflite",
        help="QAT run → INT8, float32 and float16 .tflite with their cards, checked by the gate",
        conflict_handler="resolve",
    )
    tflite.set_defaults(action=_tflite)
    tflite.add_argument("source", type=Path, help="folder of the QAT run; with --post-training a float run or your own detector")
    tflite.add_argument(
        "--post-training",
        action="store_true",
        help="measure the ranges of a float model instead of training with them (QAT): takes any detector, can cost accuracy",
    )
    tflite.add_argument("--out", type=Path, required=True, help="folder for the model files")
    tflite.add_argument("--name", help="model name, without the precision (default: the architecture)")
    tflite.add_argument("--data-name", required=True, help="the training data's name, for the card")
    tflite.add_argument("--licence", required=True, help="the licence or terms of the training data, for the card")
    add_detector(tflite, data_required=False)

    check = commands.add_parser("check", help="compare an INT8 .tflite with its float and QAT parents; fails by the gate")
    check.set_defaults(action=_check)
    check.add_argument("model", type=Path, help="the .tflite file")
    check.add_argument(
        "--run", type=Path, required=True, help="folder of the run it came from: QAT, or float with --post-training"
    )
    check.add_argument(
        "--split", choices=("train", "val", "test"), default="val", help="part of the run's data (default %(default)s)"
    )
    check.add_argument("--json", action="store_true", help="print the comparison as JSON")

    bundle = commands.add_parser("bundle", help="put converted models into the library's zoo, with their Markdown cards")
    bundle.set_defaults(action=_bundle)
    bundle.add_argument("models", type=Path, nargs="+", help="the .tflite files")
    return parser


def _tflite(options: argparse.Namespace) -> int:
    from convert.build import build_tflite
    from convert.check import check_model

    source = _source(options)
    if source.post_training:
        print(
            f"post-training quantization of {options.source}: it was not trained for eight bits, so look at how its verdicts "
            "change; python -m training qat keeps them closer where it can",
            file=sys.stderr,
        )
    cards = build_tflite(source, options.out, name=options.name, data=options.data_name, licence=options.licence)
    for path, card in cards.items():
        print(f"{path}: {path.stat().st_size / 1e6:.1f} MB")
        for metrics in card.metrics:
            print(
                f"  {metrics.data}: AUC {metrics.figures['auc'].value:.4f} on {metrics.real} real and {metrics.fake} fake faces"
            )
    (int8,) = (path for path, card in cards.items() if card.precision == "int8")
    _, validation = source.run.training_samples()
    return _report(check_model(int8, source, validation))


def _source(options: argparse.Namespace) -> Source:
    from convert.source import detector_source, float_source, qat_source
    from training.runs import is_run

    path, command = options.source, options.command
    if is_run(path):
        return float_source(path, command) if options.post_training else qat_source(path)
    if not options.post_training:
        raise InputError(
            f"{path} is a detector of your own: fine-tune it first with python -m training qat {path} --data … --run …, or "
            "quantize it as it is with --post-training, which can cost accuracy"
        )
    return detector_source(*own_detector(options, path, command), command)


def _check(options: argparse.Namespace) -> int:
    from convert.check import check_model
    from convert.source import float_source, qat_source
    from training.runs import read_run

    run = read_run(options.run)
    samples = [s for s in run.samples() if s.split == options.split and s.size_matched]
    if not samples:
        raise InputError(f"the run's data has no {options.split} split: choose another --split")
    source = qat_source(options.run) if run.is_qat else float_source(options.run, options.command)
    check = check_model(options.model, source, samples)
    if options.json:
        print(json.dumps({"model": str(options.model), **asdict(check), "faults": check.faults()}))
        return 1 if check.faults() else 0
    return _report(check)


def _report(check: Check) -> int:
    """Print a check for people; 0 when its gate is open, else 1."""
    for c in check.comparisons:
        print(
            f"INT8 against {c.reference} on {c.faces} faces: AUC {c.auc:.4f} against {c.reference_auc:.4f}, "
            f"{c.flips:.2%} of verdicts differ, |Δp_fake| mean {c.mean_difference:.4f}, max {c.max_difference:.3f}"
        )
    if check.layers:
        worst = ", ".join(f"{layer.layer} {layer.snr_db:.1f} dB" for layer in check.layers[:10])
        print(f"INT8 against float by layer, worst first: {worst}")
    for fault in check.faults():
        print(f"convert: gate closed: {fault}", file=sys.stderr)
    return 1 if check.faults() else 0


def _bundle(options: argparse.Namespace) -> int:
    from convert.bundle import bundle

    for model in options.models:
        print(bundle(model))
    return 0
