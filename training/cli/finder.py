"""``python -m training finder``."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgefake.errors import InputError
from edgefake.schema import SCHEMA
from edgefake.text import printable
from training.cli.numbers import fraction, positive, whole

if TYPE_CHECKING:
    from training.finder.evaluate import Framing, Report

YUNET_SCORE = 0.7
"""The score at which ``edgefake.faces.yunet`` takes a box for a face."""
FINDERS_HELP = "measure these as a device runs them: haar, edge, edge:FILE; with ,fast behind the latter as streams do"
DATA_HELP = (
    "folders of pictures with one table each: a CSV with file,x,y,w,h in pixels, a row per face, and what is known of "
    "right_eye_x … mouth_left_y, split, score, flags; a picture without a face has a row without a box"
)


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser("finder", help="train and judge a face finder")
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    _add_fit(actions)
    _add_qat(actions)
    _add_evaluate(actions)
    _add_agree(actions)


def _add_fit(actions: Any) -> None:
    parser = actions.add_parser("fit", help="train in float (resumes when the run folder exists)")
    parser.set_defaults(action=_fit)
    _add_data(parser)
    parser.add_argument("--run", type=Path, required=True, help="folder of this run: settings, checkpoints, log")
    parser.add_argument("--epochs", type=whole(1), default=60, help="the rate falls to its end over them (default %(default)s)")
    parser.add_argument("--crops", type=whole(1), default=16000, help="training crops per epoch (default %(default)s)")
    parser.add_argument("--size", type=whole(32), default=320, help="side of the crops, a multiple of 32 (default %(default)s)")
    parser.add_argument("--batch", type=whole(2), default=16, help="batch size (default %(default)s)")
    parser.add_argument("--learning-rate", type=positive, default=2e-3, help="Adam's first rate (default %(default)s)")
    parser.add_argument("--weights", default="none", metavar="none|PATH", help="a checkpoint to start from")
    parser.add_argument("--seed", type=whole(0), default=0, help="of the weights and the crops (default %(default)s)")


def _add_qat(actions: Any) -> None:
    parser = actions.add_parser("qat", help="fine-tune a float run for INT8 (quantization-aware training; resumes likewise)")
    parser.set_defaults(action=_qat)
    parser.add_argument("source", type=Path, help="folder of the float run")
    parser.add_argument("--run", type=Path, required=True, help="folder of the QAT run")
    parser.add_argument("--epochs", type=whole(0), default=2, help="the rate falls to its end over them (default %(default)s)")
    parser.add_argument("--crops", type=whole(1), default=6000, help="training crops per epoch (default %(default)s)")
    parser.add_argument("--learning-rate", type=positive, default=1e-4, help="Adam's first rate (default %(default)s)")
    parser.add_argument(
        "--data", dest="folders", type=Path, nargs="+", metavar="FOLDER", help="where the run's data was moved to"
    )


def _add_evaluate(actions: Any) -> None:
    parser = actions.add_parser("evaluate", help="measure finders on the same pictures: AP, recall, false boxes, framing")
    parser.set_defaults(action=_evaluate)
    parser.add_argument("runs", type=Path, nargs="*", help="folders of finder runs")
    _add_data(parser)
    parser.add_argument("--split", choices=("train", "val", "test"), default="val", help="default %(default)s")
    parser.add_argument("--yunet", type=Path, help="YuNet's .onnx: measured too, and what framing is told against")
    parser.add_argument("--finders", nargs="+", default=[], metavar="NAME", help=FINDERS_HELP)
    parser.add_argument(
        "--score", type=fraction, default=0.5, help=f"where recall is told; YuNet at {YUNET_SCORE} (default %(default)s)"
    )
    parser.add_argument("--json", action="store_true", help="one object")


def _add_agree(actions: Any) -> None:
    parser = actions.add_parser("agree", help="measure how many of the faces that YuNet is sure of finders find, as on a device")
    parser.set_defaults(action=_agree)
    parser.add_argument("sources", type=Path, nargs="+", metavar="PATH", help="pictures, folders of them, videos")
    parser.add_argument("--yunet", type=Path, required=True, help="YuNet's .onnx, which searches at 640 pixels at most")
    parser.add_argument("--finders", nargs="+", default=["edge", "edge,fast", "haar"], metavar="NAME", help=FINDERS_HELP)
    parser.add_argument("--json", action="store_true", help="one object")


def _add_data(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", dest="folders", type=Path, nargs="+", required=True, metavar="FOLDER", help=DATA_HELP)


def _fit(options: argparse.Namespace) -> int:
    if options.weights != "none" and not Path(options.weights).exists():
        raise InputError(f"there is no checkpoint {printable(options.weights)}: train first, or name another run")
    from training.finder.fit import FinderRun, fit_finder  # loads TensorFlow

    run = FinderRun(
        data=tuple(map(str, options.folders)),
        size=options.size,
        batch=options.batch,
        crops=max(options.crops, options.batch),
        epochs=options.epochs,
        learning_rate=options.learning_rate,
        seed=options.seed,
        weights=options.weights,
        command=options.command_line,
    )
    state = fit_finder(run, options.run)
    print(f"best validation AP {state.best_ap:.4f} at epoch {state.best_epoch}: {printable(options.run / 'best.h5')}")
    return 0


def _qat(options: argparse.Namespace) -> int:
    from training.finder.qat import qat_finder  # loads TensorFlow

    state = qat_finder(
        options.source,
        options.run,
        epochs=options.epochs,
        crops=options.crops,
        learning_rate=options.learning_rate,
        command=options.command_line,
        data=options.folders or (),
    )
    print(f"best validation AP {state.best_ap:.4f} at epoch {state.best_epoch}: {printable(options.run / 'best.h5')}")
    return 0


def _evaluate(options: argparse.Namespace) -> int:
    if not (options.runs or options.yunet or options.finders):
        raise InputError("expected a finder to measure: name a run, or give --yunet PATH or --finders NAME")
    from training.device import on_device
    from training.finder.data import chosen, read_photos, readable
    from training.finder.evaluate import evaluate, evaluate_finders
    from training.finder.searches import network_search, yunet_search
    from training.runs import checkpoint_of

    photos = readable([photo for folder in options.folders for photo in chosen(read_photos(folder), options.split)])
    if not photos:
        raise InputError(f"no picture in {', '.join(map(printable, options.folders))} is of the split {options.split}")
    yunet = yunet_search(options.yunet) if options.yunet else None
    searches = {"yunet": (yunet, YUNET_SCORE)} if yunet else {}
    if options.runs:
        from training.finder.fit import finder_model  # loads TensorFlow

        searches |= {str(run): (network_search(finder_model(checkpoint_of(run))), options.score) for run in options.runs}
    reports = evaluate(searches, photos, reference=yunet)
    if options.finders:
        judge = partial(evaluate_finders, options.finders, photos, score=options.score, yunet=options.yunet)
        reports |= on_device(judge)
    if options.json:
        print(json.dumps({"schema": SCHEMA, "finders": {name: asdict(report) for name, report in reports.items()}}, indent=2))
    else:
        for name, report in reports.items():
            _show(name, report)
    return 0


def _agree(options: argparse.Namespace) -> int:
    from training.device import on_device
    from training.finder.agreement import agree

    found = on_device(partial(agree, options.finders, options.sources, yunet=options.yunet))
    if options.json:
        sources = {source: {n: asdict(a) for n, a in agreements.items()} for source, agreements in found.items()}
        print(json.dumps({"schema": SCHEMA, "sources": sources}, indent=2))
        return 0
    for source, agreements in found.items():
        for name, agreement in agreements.items():
            print(f"{printable(source)}, {name}: {agreement.faces} faces in {agreement.pictures} pictures")
            for kind, recall in agreement.recall.items():
                print(f"  recall, {kind:24} {recall}")
            print(f"  {'others per 100 pictures':32} {agreement.others_per_100}")
            _show_framing(agreement.framing)
    return 0


def _show(name: str, report: Report) -> None:
    print(f"{printable(name)}: {report.pictures} pictures, {report.faces} faces")
    for figure, estimate in report.figures.items():
        print(f"  {figure:32} {estimate}")
    _show_framing(report.framing)


def _show_framing(framing: Framing | None) -> None:
    if framing:
        print(f"  against YuNet, {framing.faces} faces: median (5–95 %)")
        for what in ("x", "y", "size"):
            low, middle, high = getattr(framing, what)
            print(
                f"    {what:8} {middle:+.3f} ({low:+.3f} … {high:+.3f})"
                if what != "size"
                else f"    {what:8} {middle:.3f} ({low:.3f} … {high:.3f})"
            )
