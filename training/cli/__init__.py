"""``python -m training``: a module per command, each with ``add(commands)``."""

from __future__ import annotations

import shlex
import sys
import traceback

from edgefake.cli.parser import Parser
from edgefake.errors import EdgefakeError
from edgefake.text import printable
from training.cli import audit, combine, contact_sheet, evaluate, explain, finder, fit, import_model, lofo, qat, zoo
from training.cli.checks import check_paths
from training.notes import new_command

COMMANDS = (zoo, audit, combine, contact_sheet, fit, import_model, qat, evaluate, lofo, explain, finder)


def main(argv: list[str] | None = None) -> int:
    """Run a command; 0 done, 1 the outcome is not good enough, 2 it could not be done."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    parser = Parser(
        prog="python -m training",
        description="Train, quantize (QAT) and evaluate detectors.",
        epilog="exit codes: 0 done, 1 the outcome is not good enough, 2 error",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in COMMANDS:
        command.add(commands)
    options = parser.parse_args(arguments)
    new_command()
    try:
        check_paths(options)
        return int(options.action(options, "python -m training " + shlex.join(arguments)))
    except EdgefakeError as error:
        print(f"training: {printable(error, limit=None)}", file=sys.stderr)
        return 2
    except OSError as error:
        name, reason = printable(error.filename or "a file"), error.strerror or error
        print(f"training: {name} cannot be used ({reason}): make room, or give another path", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("training: stopped; fit and qat continue after the last whole epoch when given again", file=sys.stderr)
        return 130
    except Exception:
        traceback.print_exc()
        return 2  # Python's own 1 would say that the outcome is not good enough
