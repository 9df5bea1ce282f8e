"""``python -m convert``: a module per command, each with ``add(commands)``."""

from __future__ import annotations

import shlex
import sys
import traceback

from convert.cli import bundle, card, check, everything, onnx, tflite
from edgefake.cli.parser import Parser
from edgefake.errors import EdgefakeError
from edgefake.text import printable
from training.cli.checks import check_paths

COMMANDS = (everything, tflite, onnx, card, check, bundle)


def main(argv: list[str] | None = None) -> int:
    """Run a command; 0 done, 1 the gate failed, 2 it could not be done."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    parser = Parser(
        prog="python -m convert",
        description="Convert trained detectors to what devices run.",
        epilog="exit codes: 0 done, 1 the gate failed (the converted model detects nothing, or is not the trained one), 2 error",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in COMMANDS:
        command.add(commands)
    options = parser.parse_args(arguments)
    try:
        check_paths(options)
        return int(options.action(options, "python -m convert " + shlex.join(arguments)))
    except EdgefakeError as error:
        print(f"convert: {printable(error, limit=None)}", file=sys.stderr)
        return 2
    except OSError as error:
        print(
            f"convert: {error.filename or 'a file'} cannot be used ({error.strerror or error}): make room, or give another path",
            file=sys.stderr,
        )
        return 2
    except Exception:
        traceback.print_exc()
        return 2  # Python's own 1 would say that the gate failed
