"""``python -m convert``: a module per command, each with ``add(commands)``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from convert.cli import bundle, card, check, everything, finder, onnx, tflite
from edgefake.cli.parser import Parser
from edgefake.cli.run import run_command
from training.cli.checks import check_paths

COMMANDS = (everything, tflite, onnx, card, check, finder, bundle)


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    parser = Parser(
        prog="python -m convert",
        description="Convert trained detectors to what devices run.",
        epilog="exit codes: 0 done, 1 the gate failed (the converted model detects nothing, or is not the trained one), 2 error",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in COMMANDS:
        command.add(commands)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command, see ``edgefake.cli.run``; 0 done, 1 the gate failed, 2 it could not be done."""
    return run_command(parser(), argv, check=check_paths)
