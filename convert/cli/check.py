"""``python -m convert check``."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgefake.errors import InputError
from edgefake.schema import SCHEMA

if TYPE_CHECKING:
    from convert.check import Check


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser("check", help="compare INT8 models with their float and QAT parents; fails by the gate")
    parser.set_defaults(action=_check)
    parser.add_argument("models", type=Path, nargs="+", metavar="MODEL", help="the .tflite file, the .onnx file or both")
    parser.add_argument(
        "--run", type=Path, required=True, help="folder of the run they came from: QAT, or float with --post-training"
    )
    parser.add_argument(
        "--split", choices=("train", "val", "test"), default="val", help="part of the run's data (default %(default)s)"
    )
    parser.add_argument("--data", type=Path, help="where the run's data was moved to")
    parser.add_argument("--json", action="store_true", help="print the comparison as JSON")


def _check(options: argparse.Namespace) -> int:
    from training.batches import readable
    from training.runs import at, checkpoint_of, read_run

    run = read_run(options.run)
    if options.data:
        run = at(run, options.run, options.data)
    checkpoint_of(options.run)
    samples = [s for s in run.samples() if s.split == options.split and s.size_matched]
    if not samples:
        raise InputError(f"the run's data has no {options.split} split: choose another --split")
    from convert.check import check_models  # loads TensorFlow
    from convert.source import float_source, qat_source

    source = qat_source(options.run) if run.is_qat else float_source(options.run, options.command_line)
    check = check_models(options.models, source, readable(samples))
    if options.json:
        print(json.dumps({"schema": SCHEMA, "models": list(map(str, options.models)), **asdict(check), "faults": check.faults()}))
        return 1 if check.faults() else 0
    return print_check(check)


def print_check(check: Check) -> int:
    """Print a check for people; 0 when its gate is passed, else 1."""
    for c in check.comparisons:
        print(
            f"{c.model} against {c.reference}{'' if c.gated else ' (not gated)'} on {c.faces} faces: "
            f"AUC {c.auc:.4f} against {c.reference_auc:.4f}, {c.flips:.2%} of verdicts differ, "
            f"|Δp_fake| mean {c.mean_difference:.4f}, max {c.max_difference:.3f}"
            + "".join(f", {name} {snr:.1f} dB" for name, snr in c.map_snr_db.items())
        )
    if check.layers:
        worst = ", ".join(f"{layer.layer} {layer.snr_db:.1f} dB" for layer in check.layers[:10])
        print(f"INT8 against float by layer, worst first: {worst}")
    for fault in check.faults():
        print(f"convert: gate failed: {fault}", file=sys.stderr)
    if check.faults():
        return 1
    print("gate passed")
    return 0
