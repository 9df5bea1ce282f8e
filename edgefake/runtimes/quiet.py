"""What native libraries say on the standard error stream while they start, without what is only information.

LiteRT and TensorFlow greet so, and have no setting against it. The C library's ``stderr`` is a variable that may be set (glibc
manual, 12.2): it is, for that while. The stream's descriptor stays as it is, so that nothing of Python's or of other processes
is caught, and what does matter is logged afterwards.
"""

from __future__ import annotations

import ctypes
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager

from edgefake.runtimes.forks import fork_lock

_log = logging.getLogger(__name__)
_lock = fork_lock()
_CHATTER = re.compile(r"INFO: |I\d{4} |WARNING: All log messages before absl::InitializeLog|\s*$")


@contextmanager
def quiet() -> Iterator[None]:
    """Log as warnings what the C library's ``stderr`` is told in this context, but for information; an exception tells itself."""
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "gnu_get_libc_version"):
        yield
        return
    libc.open_memstream.restype = ctypes.c_void_p
    text, size = ctypes.c_char_p(), ctypes.c_size_t()
    with _lock:
        stderr = ctypes.c_void_p.in_dll(libc, "stderr")
        before, caught = stderr.value, libc.open_memstream(ctypes.byref(text), ctypes.byref(size))
        stderr.value = caught or before
        try:
            yield
        finally:
            stderr.value = before
            if caught:
                libc.fclose(ctypes.c_void_p(caught))
                said = (text.value or b"").decode(errors="replace")
                libc.free(text)
    for line in said.splitlines() if caught else ():
        if not _CHATTER.match(line):
            _log.warning("%s", line)
