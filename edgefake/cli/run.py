"""What every command line of the project has in common, from its arguments to its exit code."""

from __future__ import annotations

import argparse
import io
import os
import shlex
import sys
import traceback
from collections.abc import Callable, Sequence

from edgefake.cli.terminal import complain
from edgefake.errors import EdgefakeError
from edgefake.secrets import without_secrets
from edgefake.start import INTERRUPTED, open_streams

ERROR, READER_GONE = 2, 141


def run_command(
    parser: argparse.ArgumentParser,
    argv: Sequence[str] | None = None,
    *,
    check: Callable[[argparse.Namespace], None] = lambda options: None,
    stopped: str = "",
) -> int:
    """Read the command line ``argv`` (default: that of the process), run its command, and return the exit code.

    The command is the function that ``parser`` sets as ``action``, called with the options when ``check`` has found no fault in
    them; ``command_line`` among them is what it was called with. Its exit code is returned; 2 is an error, 130 an interruption
    (``stopped`` is then told), 141 a reader of the output that went away. A wrong command line raises ``SystemExit(2)``.
    """
    open_streams()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # file names need not be valid in the terminal's encoding
    arguments = list(sys.argv[1:] if argv is None else argv)
    program = parser.prog.split()[-1]
    try:
        if not arguments:
            parser.print_help(sys.stderr)
            return ERROR  # nothing was done
        options = _parsed(parser, arguments)
        options.command_line = f"{parser.prog} {shlex.join(arguments)}"
        check(options)
        code = int(options.action(options))
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        if stopped:
            complain(stopped, program=program)
        _discard_output()
        return INTERRUPTED
    except EdgefakeError as error:
        complain(f"error: {error}", program=program)
        _discard_output()
        return ERROR
    except BrokenPipeError:
        _discard_output()
        return READER_GONE
    except OSError as error:
        what, why = error.filename or "the output", error.strerror or error
        complain(f"error: {what} cannot be used ({why}): make room, or write elsewhere", program=program)
        _discard_output()
        return ERROR
    except Exception:
        for line in traceback.format_exc().splitlines():
            print(without_secrets(line) if "://" in line else line, file=sys.stderr)
        _discard_output()
        return ERROR  # Python's own 1 would say that something is fake, or not good enough


def _parsed(parser: argparse.ArgumentParser, arguments: list[str]) -> argparse.Namespace:
    """The options; what ``--help`` printed before it ended is out, or raises that it cannot be."""
    try:
        return parser.parse_args(arguments)
    except SystemExit:
        sys.stdout.flush()
        raise


def _discard_output() -> None:
    """What stdout still holds is written, or dropped: Python flushes it once more at exit, and where it cannot, it would complain
    and exit with 120.
    """
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
