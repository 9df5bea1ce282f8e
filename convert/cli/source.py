"""The arguments that name what is converted, alike in ``tflite`` and ``all``."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from edgefake.errors import InputError
from training.cli.import_model import add_detector, own_detector

if TYPE_CHECKING:
    from convert.source import Source


def add_source(parser: argparse.ArgumentParser) -> None:
    """Add them."""
    parser.add_argument("source", type=Path, help="folder of the QAT run; with --post-training a float run or your own detector")
    parser.add_argument(
        "--post-training",
        action="store_true",
        help="measure the ranges of a float model instead of training with them (QAT): takes any detector, can cost accuracy",
    )
    parser.add_argument("--out", type=Path, required=True, help="folder for the model files")
    parser.add_argument("--name", help="model name, without the precision (default: the architecture)")
    add_origin(parser)
    add_detector(parser, data_required=False)


def add_origin(parser: argparse.ArgumentParser) -> None:
    """Add what the card says of the training data."""
    parser.add_argument("--data-name", required=True, help="the training data's name, for the card")
    parser.add_argument("--licence", required=True, help="the licence or terms of the training data, for the card")


def open_source(options: argparse.Namespace) -> Source:
    """The run or detector that the arguments name."""
    from training.runs import at, checkpoint_of, is_run, read_run

    path = options.source
    if path.suffix == ".tflite":
        raise InputError(f"{path} is converted already: give it a card with python -m convert card, or ONNX with convert onnx")
    if not options.post_training and not is_run(path):
        raise InputError(
            f"{path} is a detector of your own: fine-tune it first with python -m training qat {path} --data … --run …, or "
            "quantize it as it is with --post-training, which can cost accuracy"
        )
    if options.post_training:
        print(
            f"post-training quantization of {path}: it was not trained for eight bits, so look at how its verdicts "
            "change; python -m training qat keeps them closer where it can",
            file=sys.stderr,
        )
    if is_run(path):
        read_run(path)
        checkpoint_of(path)
        from convert.source import float_source, qat_source  # loads TensorFlow

        source = float_source(path, options.command_line) if options.post_training else qat_source(path)
        return replace(source, run=at(source.run, path, options.data, options.faces)) if options.data else source
    own, run = own_detector(options, path)
    from convert.source import detector_source

    return detector_source(own, run, options.command_line)
