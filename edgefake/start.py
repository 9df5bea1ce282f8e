"""What comes before the imports of a command, which take long enough to be interrupted."""

from __future__ import annotations

import os
import signal
import sys
from importlib import import_module

INTERRUPTED = 130
"""The exit code after Ctrl-C."""


def run(module: str, *others: str) -> int:
    """Import ``module`` and ``others``, which it will need, and run its ``main``; the exit code."""
    open_streams()
    is_interruptible = signal.getsignal(signal.SIGINT) is signal.default_int_handler  # else it is ignored: in the background
    if is_interruptible:
        signal.signal(signal.SIGINT, lambda number, frame: os._exit(INTERRUPTED))  # an exception could be lost in an import
    main = import_module(module).main
    for other in others:
        import_module(other)
    if is_interruptible:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return int(main())
    except KeyboardInterrupt:
        return INTERRUPTED


def open_streams() -> None:
    """Where stdout or stderr is closed (``>&-``) or there is none (``pythonw``), what is printed goes nowhere."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:  # the next file to be opened would get this number, and with it all that C code prints
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8", errors="backslashreplace"))  # noqa: SIM115
