"""The ``edgefake`` command: a module per command, which ``commands.py`` lists; what all command lines of the project share."""

from __future__ import annotations

from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line ``argv`` (default: that of the process) and return its exit code, see ``edgefake.cli.run``."""
    from edgefake.cli.commands import parser  # here: the other command lines need none of edgefake's commands
    from edgefake.cli.run import run_command

    return run_command(parser(), argv)
