"""``python -m training evaluate``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from edgefake.errors import InputError
from edgefake.faces.finders import FACES_HELP
from edgefake.text import printable
from training.cli.data import add_classes, add_faces, check_classes, repeat_audit
from training.cli.held_out import add_split, data_sets_of, tell_what_files_hide
from training.degrade import DEGRADATIONS


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "evaluate",
        help="measure models on held-out faces, with 95 %% intervals: AUC, EER, TPR, …; --out writes a report with plots",
    )
    parser.set_defaults(action=_evaluate)
    parser.add_argument("models", type=Path, nargs="+", metavar="MODEL", help="run folder (float or QAT), .tflite or .onnx file")
    parser.add_argument(
        "--data",
        type=Path,
        action="append",
        required=True,
        help="labelled faces as for fit, where real or fake may be missing; several: give it again",
    )
    add_classes(parser)
    add_faces(parser)
    add_split(parser, default="test")
    parser.add_argument("--find-faces", metavar="NAME", help=f"find the faces as a device does: {FACES_HELP} (model files only)")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="write report.md, report.json and plots there")
    parser.add_argument(
        "--degradations",
        type=lambda text: text.split(","),
        metavar="NAME,…",
        help=f"of {', '.join(DEGRADATIONS)} (default: all of them with --out, else clean)",
    )
    parser.add_argument("--json", action="store_true", help="one object per model, data set and degradation, and line")


def _evaluate(options: argparse.Namespace) -> int:
    from training.evaluate import check_models, evaluate
    from training.report.markdown import table

    degradations = options.degradations or (list(DEGRADATIONS) if options.out else ["clean"])
    unknown = [name for name in degradations if name not in DEGRADATIONS]
    if unknown:
        raise InputError(f"there is no degradation {unknown[0]!r}: choose from {','.join(DEGRADATIONS)}")
    check_models(options.models, options.find_faces)
    check_classes(options)
    if options.out:
        from training.report.folder import make_folder, write_report

        make_folder(options.out)
    data_sets = data_sets_of(options)
    for data in data_sets:
        repeat_audit(data.root)
    tell_what_files_hide(options.models)
    scored = []
    for one in evaluate(options.models, data_sets, degradations=degradations, find_faces=options.find_faces):
        scored.append(one)
        if options.json:
            print(one.measurement.to_json(), flush=True)
    if not options.json:
        print(table([one.measurement for one in scored]))
    if options.out:
        report = write_report(scored, options.out, command=options.command_line, seed=options.seed)
        if not options.json:
            print(f"\nreport: {printable(report)}")
    return 0
