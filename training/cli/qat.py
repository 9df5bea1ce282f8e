"""``python -m training qat``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from training.cli.data import repeat_audit
from training.cli.import_model import add_detector, own_detector
from training.cli.numbers import positive, whole


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser("qat", help="fine-tune a float run for INT8 (quantization-aware training)")
    parser.set_defaults(action=_qat)
    parser.add_argument(
        "source",
        type=Path,
        help="folder of the float run, or of a QAT run to train further; or a detector of your own, which is imported first",
    )
    parser.add_argument("--run", type=Path, required=True, help="folder of the QAT run")
    parser.add_argument("--epochs", type=whole(0), default=3, help="at most so many (default %(default)s)")
    parser.add_argument("--learning-rate", type=positive, default=1e-5, help="Adam's first rate (default %(default)s)")
    parser.add_argument("--patience", type=whole(1), default=3, help="as for fit (default %(default)s)")
    parser.add_argument("--plateau", type=whole(1), default=1, help="as for fit (default %(default)s)")
    add_detector(parser, data_required=False)


def _qat(options: argparse.Namespace) -> int:
    from training.runs import checkpoint_of, is_run, read_run

    source = options.source
    if is_run(source):
        run = read_run(source)  # a folder without a run is told first
        checkpoint_of(source)
    else:
        own, run = own_detector(options, options.source)
        from training.own.importing import import_model

        source = options.run / "float"
        import_model(own, run, source)
    repeat_audit(options.data or Path(run.data))
    from training.loop import Stopping  # loads TensorFlow
    from training.qat import qat

    stopping = Stopping(options.epochs, options.patience, options.plateau)
    moved = {"data": options.data, "faces": options.faces} if is_run(options.source) else {}
    state = qat(source, options.run, stopping, learning_rate=options.learning_rate, command=options.command_line, **moved)
    print(f"best validation AUC {state.best_auc:.4f} at epoch {state.best_epoch}: {options.run / 'best.h5'}")
    return 0
