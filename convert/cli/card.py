"""``python -m convert card``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from convert.cli.source import add_origin
from convert.cli.tflite import print_file
from edgefake.defaults import DEFAULT_THRESHOLD
from edgefake.errors import InputError
from training.cli.import_model import add_detector


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "card",
        help="a .tflite or .onnx that somebody else made → the same with its card: thresholds, calibration, figures",
    )
    parser.set_defaults(action=_card)
    parser.add_argument("model", type=Path, help="the .tflite or .onnx file")
    parser.add_argument("--out", type=Path, required=True, help="the file that is written, alike in kind; MODEL stays as it is")
    parser.add_argument("--name", help="model name (default: that of the file)")
    add_origin(parser)
    add_detector(parser, data_required=True)


def _card(options: argparse.Namespace) -> int:
    import numpy as np

    from convert.gate import Scores, detection_faults
    from convert.own_file import Strange, write_own_card
    from convert.source import held_out_faces, report_samples
    from edgefake.models.card import Training
    from training.batches import readable
    from training.cli.import_model import settings_of
    from training.device import device_outputs, on_device
    from training.own.feed import feed_named
    from training.samples import fake_labels

    if not options.model.is_file():
        raise InputError(f"there is no file {options.model}: expected a .tflite or .onnx model")
    if options.model.suffix not in (".tflite", ".onnx"):
        raise InputError(f"{options.model} is neither .tflite nor .onnx: import a Keras detector with python -m training import")
    run = settings_of(options)
    validation = readable(run.training_samples()[1])
    feed = feed_named(options.scaling, bgr=options.bgr)
    strange = Strange(options.model, feed, options.classes, options.margin, options.size, options.crop_mode)
    training = Training(options.data_name, options.licence, (options.command_line,), run.seed)
    card = write_own_card(
        strange,
        options.out,
        name=options.name or options.model.stem,
        training=training,
        validation=validation,
        reports=report_samples(run, options.data_name),
    )
    print_file(options.out, card)
    data, samples = held_out_faces(run, options.data_name)
    p_fake = np.array(card.p_fake(on_device(device_outputs, options.out, card, samples)))
    scores = Scores(options.out.name, p_fake, converted=True)
    for fault in detection_faults(fake_labels(samples), scores, card.threshold(DEFAULT_THRESHOLD)):
        print(f"warning: on {data} {fault}", file=sys.stderr)
    return 0
