"""``python -m training``: a module per command, each with ``add(commands)``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from edgefake.cli.parser import Parser
from edgefake.cli.run import run_command
from training.cli import (
    audit,
    bias,
    combine,
    contact_sheet,
    crop_mode,
    crowds,
    evaluate,
    explain,
    faithful,
    finder,
    fit,
    import_model,
    lofo,
    matrix,
    qat,
    thresholds,
    zoo,
)
from training.cli.checks import check_paths
from training.notes import new_command

COMMANDS = (
    zoo,
    audit,
    combine,
    contact_sheet,
    fit,
    import_model,
    qat,
    evaluate,
    matrix,
    bias,
    crop_mode,
    crowds,
    thresholds,
    lofo,
    explain,
    faithful,
    finder,
)


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    parser = Parser(
        prog="python -m training",
        description="Train, quantize (QAT) and evaluate detectors.",
        epilog="exit codes: 0 done, 1 the outcome is not good enough, 2 error",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in COMMANDS:
        command.add(commands)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command, see ``edgefake.cli.run``; 0 done, 1 the outcome is not good enough, 2 it could not be done."""
    new_command()
    stopped = "stopped; fit and qat continue after the last whole epoch when given again"
    return run_command(parser(), argv, check=check_paths, stopped=stopped)
