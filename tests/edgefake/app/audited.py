"""``edgefake app`` whose every file opened for writing, and every address called, goes to a log: python -m … LOG ARGUMENTS."""

from __future__ import annotations

import os
import sys
from typing import Any

LOG = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
WRITES = os.O_WRONLY | os.O_RDWR


def hook(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "open" and isinstance(arguments[2], int) and arguments[2] & WRITES and arguments[0] != os.devnull:
        os.write(LOG, f"wrote {arguments[0]}\n".encode())
    elif event == "socket.connect":
        os.write(LOG, f"called {arguments[1]}\n".encode())


if __name__ == "__main__":
    sys.addaudithook(hook)
    from edgefake.cli import main

    sys.exit(main(["app", *sys.argv[2:]]))
