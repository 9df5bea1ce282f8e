"""The ``edgefake`` command."""

from __future__ import annotations

import argparse
import io
import os
import sys
import traceback
from collections.abc import Sequence

import edgefake
from edgefake.cli import benchmark, build_engine, models, predict, video, watch
from edgefake.cli.parser import Parser
from edgefake.cli.terminal import complain
from edgefake.errors import EdgefakeError
from edgefake.secrets import without_secrets
from edgefake.start import INTERRUPTED, open_streams


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line ``argv`` (default: that of the process) and return its exit code.

    2 is an error, 130 an interruption, 141 a reader of the output that went away; the commands say what 0 and 1 mean. A wrong
    command line raises ``SystemExit(2)``.
    """
    open_streams()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # file names need not be valid in the terminal's encoding
    try:
        code = _run(argv)
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        _discard_output()
        return 141
    except OSError as error:
        what, why = error.filename or "the output", error.strerror or error
        complain(f"error: {what} cannot be used ({why}): make room, or write elsewhere")
        _discard_output()
        return 2
    except Exception:
        for line in traceback.format_exc().splitlines():
            print(without_secrets(line) if "://" in line else line, file=sys.stderr)
        return 2  # Python's own 1 would say that something is fake


def _run(argv: Sequence[str] | None) -> int:
    parser = _parser()
    if not (sys.argv[1:] if argv is None else argv):
        parser.print_help(sys.stderr)
        return 2  # nothing was judged
    arguments = parser.parse_args(argv)
    try:
        code: int = arguments.run(arguments)
    except EdgefakeError as error:
        complain(f"error: {error}")
        return 2
    return code


def _discard_output() -> None:
    """Python flushes stdout once more at exit: where it cannot, it would complain and exit with 120."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _parser() -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = Parser(prog="edgefake", description="Deepfake detection that runs where the camera is.")
    parser.add_argument("--version", action="version", version=f"edgefake {edgefake.__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    predict.add_command(commands)
    video.add_command(commands)
    watch.add_command(commands)
    models.add_command(commands)
    benchmark.add_command(commands)
    build_engine.add_command(commands)
    return parser
