"""``python -m training fit | qat | evaluate``."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from pathlib import Path

from edgefake.errors import EdgefakeError, InputError


def main(argv: list[str] | None = None) -> int:
    """Run a command; 0 done, 1 the outcome is not good enough, 2 it could not be done."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # TensorFlow greets with a dozen lines about absent GPUs
    options = _parser().parse_args(arguments)
    try:
        return int(options.action(options, "python -m training " + shlex.join(arguments)))
    except EdgefakeError as error:
        print(f"training: {error}", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m training", description="Train, quantize (QAT) and evaluate detectors.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    fit = commands.add_parser("fit", help="train a float detector (resumes when the run folder exists)")
    fit.set_defaults(action=_fit)
    fit.add_argument("recipe", help="architecture: resnet18 or cnn")
    fit.add_argument("--data", required=True, help="folder tree train|val|test / real|fake, or real|fake")
    fit.add_argument("--faces", help="CSV of face boxes (default: DATA/faces.csv, made when missing)")
    fit.add_argument("--run", type=Path, required=True, help="folder of this run: settings, checkpoints, log")
    fit.add_argument("--size", type=int, help="input size in pixels (default: the recipe's)")
    fit.add_argument("--margin", type=float, default=0.3, help="context around the face box (default %(default)s)")
    fit.add_argument("--epochs", type=int, default=60, help="at most so many (default %(default)s)")
    fit.add_argument("--batch", type=int, help="batch size (default: the recipe's)")
    fit.add_argument("--learning-rate", type=float, help="Adam's first rate (default: the recipe's)")
    fit.add_argument(
        "--patience", type=int, default=5, help="stop after so many epochs without a better validation AUC (default %(default)s)"
    )
    fit.add_argument("--plateau", type=int, default=3, help="multiply the rate by 0.3 after so many (default %(default)s)")
    fit.add_argument(
        "--hold-out",
        type=float,
        default=0.0,
        metavar="FRACTION",
        help="validate on this part of train, so that val stays unseen and can be reported",
    )
    fit.add_argument("--weights", help="checkpoint of the same architecture to start from (default: random weights)")
    fit.add_argument("--seed", type=int, default=1)
    fit.add_argument("--bfloat16", action="store_true", help="mixed precision: faster for ResNets")

    qat = commands.add_parser("qat", help="fine-tune a float run for INT8 (quantization-aware training)")
    qat.set_defaults(action=_qat)
    qat.add_argument("source", type=Path, help="folder of the float run")
    qat.add_argument("--run", type=Path, required=True, help="folder of the QAT run")
    qat.add_argument("--epochs", type=int, default=3, help="at most so many (default %(default)s)")
    qat.add_argument("--learning-rate", type=float, default=1e-5, help="Adam's first rate (default %(default)s)")
    qat.add_argument("--patience", type=int, default=3, help="as for fit (default %(default)s)")
    qat.add_argument("--plateau", type=int, default=1, help="as for fit (default %(default)s)")

    evaluate = commands.add_parser("evaluate", help="AUC, EER, TPR at 1 and 5 %% FPR, balanced accuracy, with 95 %% intervals")
    evaluate.set_defaults(action=_evaluate)
    evaluate.add_argument("models", type=Path, nargs="+", metavar="MODEL", help="run folder (float or QAT) or .tflite file")
    evaluate.add_argument("--data", type=Path, required=True, help="as for fit")
    evaluate.add_argument("--faces", type=Path, help="as for fit")
    evaluate.add_argument("--split", choices=("train", "val", "test"), default="test", help="default %(default)s")
    evaluate.add_argument("--find-faces", metavar="haar|YUNET.onnx", help="find the faces as a device does (.tflite only)")
    evaluate.add_argument("--seed", type=int, default=1, help="of the automatic split, where the data has none")
    evaluate.add_argument("--json", action="store_true", help="one object per model and line")
    return parser


def _fit(options: argparse.Namespace, command: str) -> int:
    from training.fit import fit
    from training.loop import Stopping
    from training.recipes import RECIPES
    from training.runs import Run

    if options.recipe not in RECIPES:
        raise InputError(f"unknown recipe {options.recipe!r}: choose {', '.join(RECIPES)}")
    recipe = RECIPES[options.recipe]
    run = Run(
        stage="float",
        recipe=options.recipe,
        data=options.data,
        faces=options.faces,
        size=options.size or recipe.size,
        margin=options.margin,
        batch=options.batch or recipe.batch,
        learning_rate=options.learning_rate or recipe.learning_rate,
        hold_out=options.hold_out,
        seed=options.seed,
        bfloat16=options.bfloat16,
        weights=options.weights,
        command=command,
    )
    state = fit(run, options.run, Stopping(options.epochs, options.patience, options.plateau))
    print(f"best validation AUC {state.best_auc:.4f} at epoch {state.best_epoch}: {options.run / 'best.h5'}")
    return 0


def _qat(options: argparse.Namespace, command: str) -> int:
    from training.loop import Stopping
    from training.qat import qat

    stopping = Stopping(options.epochs, options.patience, options.plateau)
    state = qat(options.source, options.run, stopping, learning_rate=options.learning_rate, command=command)
    print(f"best validation AUC {state.best_auc:.4f} at epoch {state.best_epoch}: {options.run / 'best.h5'}")
    return 0


def _evaluate(options: argparse.Namespace, command: str) -> int:
    from training.evaluate import evaluate, table
    from training.samples import load_samples

    samples = load_samples(options.data, faces=options.faces, seed=options.seed)
    chosen = [s for s in samples if s.split == options.split and s.size_matched]
    if not chosen:
        raise InputError(f"{options.data} has no {options.split} split: choose another --split")
    name = f"{options.data.resolve().name} {options.split}"
    reports = []
    for model in options.models:
        reports.append(evaluate(model, chosen, data=name, find_faces=options.find_faces))
        if options.json:
            print(reports[-1].to_json(), flush=True)
    if not options.json:
        print(table(reports))
    return 0
