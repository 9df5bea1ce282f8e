"""``python -m training fit``."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgefake.errors import InputError
from edgefake.text import printable
from training.cli.data import add_crop, add_data, add_variations, check_classes, repeat_audit
from training.cli.numbers import fraction, positive, whole

if TYPE_CHECKING:
    from training.loop import Stopping
    from training.runs import Run


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser("fit", help="train a float detector (resumes when the run folder exists)")
    parser.set_defaults(action=_fit)
    add_settings(parser)
    parser.add_argument("--run", type=Path, required=True, help="folder of this run: settings, checkpoints, log")
    parser.add_argument(
        "--leave-out", type=lambda text: tuple(text.split(",")), default=(), metavar="FAMILY,…", help="families not to be seen"
    )


def add_settings(parser: argparse.ArgumentParser) -> None:
    """Add what decides how a run is trained."""
    parser.add_argument("recipe", help="architecture; python -m training zoo lists them")
    add_data(parser)
    add_variations(parser)
    parser.add_argument("--size", type=whole(8), help="input size in pixels (default: the recipe's)")
    add_crop(parser)
    parser.add_argument("--epochs", type=whole(0), default=60, help="at most so many (default %(default)s)")
    parser.add_argument("--batch", type=whole(1), help="batch size (default: the recipe's)")
    parser.add_argument("--learning-rate", type=positive, help="Adam's first rate (default: the recipe's)")
    parser.add_argument(
        "--patience",
        type=whole(1),
        default=5,
        help="stop after so many epochs without a better validation AUC (default %(default)s)",
    )
    parser.add_argument(
        "--plateau", type=whole(1), default=3, help="multiply the rate by 0.3 after so many (default %(default)s)"
    )
    parser.add_argument(
        "--hold-out",
        type=fraction,
        default=0.0,
        metavar="FRACTION",
        help="validate on this part of train, so that val stays unseen and can be reported",
    )
    parser.add_argument(
        "--weights",
        default="none",
        metavar="imagenet|none|PATH",
        help="where to start: ImageNet (downloaded), random (default), a checkpoint of the architecture or its backbone, or an "
        "INT8 .tflite of it, such as those in edgefake/zoo, or published arrays of EfficientNet-Lite0 (.npz)",
    )
    parser.add_argument(
        "--ema",
        type=fraction,
        default=0.0,
        metavar="DECAY",
        help="judge and keep the moving average of the weights, which keeps so much of itself at each step: 0.999",
    )
    parser.add_argument(
        "--twins",
        action="store_true",
        help="put a fake and the real picture of its pair, or that it was made from, into one batch, varied alike",
    )
    parser.add_argument(
        "--distil",
        default="",
        metavar="PATH",
        help="the .h5 of a trained float detector, such as RUN/best.h5: half of each target is its p_fake",
    )
    parser.add_argument("--bfloat16", action="store_true", help="mixed precision: faster for ResNets")


def _fit(options: argparse.Namespace) -> int:
    run = replace(run_of(options), left_out=options.leave_out)
    from training.fit import fit  # loads TensorFlow

    state = fit(run, options.run, stopping_of(options))
    print(f"best validation AUC {state.best_auc:.4f} at epoch {state.best_epoch}: {printable(options.run / 'best.h5')}")
    return 0


def stopping_of(options: argparse.Namespace) -> Stopping:
    """When a run that was asked for ends."""
    from training.loop import Stopping

    return Stopping(options.epochs, options.patience, options.plateau)


def run_of(options: argparse.Namespace) -> Run:
    """The run that ``add_settings``' arguments ask for. Raises ``InputError`` for what can't be, before anything is loaded."""
    from training.augment import augmentation_named
    from training.recipes import recipe_named

    recipe = recipe_named(options.recipe)
    if options.weights not in ("imagenet", "none") and not Path(options.weights).exists():
        raise InputError(f"there is no checkpoint {printable(options.weights)}: train first, or name another run")
    if options.distil and not Path(options.distil).is_file():
        raise InputError(f"there is no detector {printable(options.distil)} to distil from: name the .h5 of a trained one")
    if options.augmentation:
        augmentation_named(options.augmentation)
    check_classes(options)
    repeat_audit(options.data)
    from training.runs import Run

    return Run(
        stage="float",
        recipe=options.recipe,
        data=str(options.data),
        faces=str(options.faces) if options.faces else None,
        classes=options.classes,
        self_blend=options.self_blend,
        augmentation=options.augmentation or recipe.augmentation,
        size=options.size or recipe.size,
        margin=options.margin,
        crop_mode=options.crop_mode,
        batch=options.batch or recipe.batch,
        learning_rate=options.learning_rate or recipe.learning_rate,
        hold_out=options.hold_out,
        seed=options.seed,
        bfloat16=options.bfloat16,
        ema=options.ema,
        pseudo=options.pseudo,
        twins=options.twins,
        distil=options.distil,
        weights=options.weights,
        command=options.command_line,
        folders=tuple(f"{label}={name}" for name, label in options.folders.items()),
        parts="hash",
    )
