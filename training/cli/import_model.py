"""``python -m training import``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgefake.errors import InputError
from training.cli.data import add_crop, add_faces
from training.cli.numbers import fraction, whole

if TYPE_CHECKING:
    from training.own.importing import Own
    from training.runs import Run


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "import",
        help="make a float run of your own Keras detector (.keras, .h5), for qat, evaluate, explain and convert",
    )
    parser.set_defaults(action=_import)
    parser.add_argument("detector", type=Path, help="a whole model of Keras 2 or 3, or a SavedModel folder of Keras 2")
    parser.add_argument("--run", type=Path, required=True, help="folder of the run that is made")
    add_detector(parser, data_required=True)


def add_detector(parser: argparse.ArgumentParser, *, data_required: bool) -> None:
    """Add what describes a user's detector and its data."""
    group: Any = parser if data_required else parser.add_argument_group("for a detector of your own, in the place of a run")
    add_faces(group)
    group.add_argument(
        "--data",
        "--calibration",
        type=Path,
        required=data_required,
        help="labelled faces, as for fit; of a run, where they were moved to",
    )
    group.add_argument(
        "--classes",
        type=lambda text: tuple(name.strip().lower() for name in text.split(",")),
        default=("real", "fake"),
        metavar="real,fake|fake,real|…",
        help="what its outputs mean, in their order; one output rises with the second (default real,fake; Keras sorts fake,real)",
    )
    group.add_argument(
        "--scaling",
        default="own",
        metavar="own|pixels|x/255|x/127.5-1|torch|caffe|OFFSET,SCALE",
        help="what it was fed in training (default own: pixels, which its own first layers scale); torch and caffe as in Keras",
    )
    group.add_argument("--bgr", action="store_true", help="it was fed BGR, as OpenCV reads pictures")
    group.add_argument("--size", type=whole(8), help="side of its input, where the model leaves it open")
    add_crop(group)
    group.add_argument(
        "--hold-out", type=fraction, default=0.0, metavar="FRACTION", help="validate on this part of train, as for fit"
    )
    group.add_argument("--batch", type=whole(1), default=32, help="batch size of qat (default %(default)s)")
    group.add_argument(
        "--trust-code",
        action="store_true",
        help="load what is refused otherwise, because it can run code from the file: Lambda layers, layers of your own, "
        "operations on files",
    )
    group.add_argument(
        "--trust-classes", action="store_true", help="take --classes as given, even where real faces score higher than fakes"
    )


def own_detector(options: argparse.Namespace, source: Path) -> tuple[Own, Run]:
    """The detector at ``source`` as the options describe it, and the run that it makes."""
    from training.own.feed import feed_named
    from training.own.files import check_model, open_model

    if options.data is None:
        raise InputError(f"{source} is no run: for a detector of your own, name the labelled faces with --data")
    feed = feed_named(options.scaling, bgr=options.bgr)
    check_model(source, trust_code=options.trust_code)
    from training.own.importing import Own  # loads TensorFlow

    own = Own(open_model(source, size=options.size, trust_code=options.trust_code), feed, options.classes, options.trust_classes)
    return own, own.run(settings_of(options))


def settings_of(options: argparse.Namespace) -> Run:
    """The run that the options describe, as far as they do: the model decides the rest."""
    from training.runs import Run

    return Run(
        stage="float",
        recipe="",
        data=str(options.data),
        faces=str(options.faces) if options.faces else None,
        classes=options.classes if len(options.classes) > 2 else (),
        self_blend=False,
        augmentation="standard",
        size=0,
        margin=options.margin,
        crop_mode=options.crop_mode,
        batch=options.batch,
        learning_rate=0.0,
        hold_out=options.hold_out,
        seed=options.seed,
        bfloat16=False,
        weights="",
        command=options.command_line,
        folders=tuple(f"{label}={name}" for name, label in options.folders.items()),
        parts="hash",
    )


def _import(options: argparse.Namespace) -> int:
    own, run = own_detector(options, options.detector)
    from training.own.importing import import_model

    import_model(own, run, options.run)
    print(f"imported: {options.run}; next: python -m training qat {options.run} --run …")
    return 0
