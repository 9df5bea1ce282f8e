"""One process at a time in a run's folder."""

from __future__ import annotations

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from edgefake.errors import InputError
from edgefake.files import remove_partials
from edgefake.text import printable


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Make ``folder`` and keep others out of it; the system lets go of it even where this process is killed.

    What one that was killed left half-written is taken away.

    Raises ``InputError``, which names the other, when one is at work there, and when the folder cannot be written.
    """
    path = folder / "in_use"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        stream = _locked(path)
    except OSError as error:
        raise InputError(f"nothing can be written into {printable(folder)} ({error.strerror}): name another --run") from error
    try:
        remove_partials(folder)
        yield
    finally:
        path.unlink(missing_ok=True)  # while it is still locked: whoever waits for it finds that it is gone
        os.close(stream)


def _locked(path: Path) -> int:
    while True:
        stream = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o644)  # a link may lead to any file
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            other = printable(os.read(stream, 300).decode(errors="replace").strip())
            os.close(stream)
            raise InputError(
                f"{printable(path.parent)} is in use by {other or 'another process'}: wait for it, stop it, or name another --run"
            ) from None
        except OSError:
            os.close(stream)
            raise
        if os.fstat(stream).st_nlink:
            break
        os.close(stream)  # the other let go of it, and removed it, between our opening and locking it
    os.ftruncate(stream, 0)  # what one that was killed left
    os.write(stream, f"process {os.getpid()} on {socket.gethostname()} since {datetime.now():%Y-%m-%d %H:%M}".encode())
    return stream
