"""``edgefake reload``: a running `edgefake watch --config` reads its configuration again."""

from __future__ import annotations

import argparse
import os
import signal
import time
from pathlib import Path

from edgefake.config import read_config
from edgefake.errors import InputError
from edgefake.station.claim import Running, running
from edgefake.text import printable

PATIENCE_S = 60.0
"""Cameras that are changed are closed and started again, and models are opened."""

_EPILOG = """\
A file with a mistake in it is told here and reaches no running process. Cameras that are the same as before go on undisturbed.
SIGHUP to the process does the same (systemctl reload).

exit codes:
  0  the configuration is what runs now
  2  it is wrong, or nothing runs it
"""


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "reload",
        help="have a running watch --config read its file again",
        description="Have a running `edgefake watch --config FILE` read the file again.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("config", nargs="?", type=Path, default=Path("edgefake.toml"), help="default: %(default)s")
    parser.set_defaults(action=_run)


def _run(arguments: argparse.Namespace) -> int:
    path = arguments.config
    read_config(path)
    before = running(path)
    if before is None:
        raise InputError(
            f"nothing of this user watches {printable(path)}: start `edgefake watch --config {printable(path)}`, "
            "or have the service that runs it reload it"
        )
    try:
        os.kill(before.pid, signal.SIGHUP)
    except OSError as error:
        raise InputError(f"process {before.pid}, which watches it, takes no signal ({error.strerror}): ask its owner") from error
    after = _answer(path, before)
    if after.error:
        raise InputError(f"it was not taken, and what ran before goes on: {after.error}")
    print("\n".join(after.changes) or "nothing has changed")
    return 0


def _answer(path: Path, before: Running) -> Running:
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        after = running(path)
        if after and after.pid == before.pid and after.reloads > before.reloads:
            return after
        time.sleep(0.05)
    raise InputError(f"process {before.pid} has not answered in {PATIENCE_S:g} s: look at what it printed")
