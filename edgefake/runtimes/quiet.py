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
from functools import cache

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
    with _lock:
        caught, text, size = _memory()
        stderr = ctypes.c_void_p.in_dll(libc, "stderr")
        before, said = stderr.value, ""
        stderr.value = caught.value or before
        try:
            yield
        finally:
            stderr.value = before
            if caught:
                libc.flockfile(caught)  # another thread's words would move the text
                libc.fflush(caught)
                said = ctypes.string_at(text.value or 0, size.value).decode(errors="replace")
                libc.rewind(caught)
                libc.funlockfile(caught)
    for line in said.splitlines():
        if not _CHATTER.match(line):
            _log.warning("%s", line)


@cache
def _memory() -> tuple[ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t]:
    """A stream, where its text is, and how long. It is never closed: native threads that took it for ``stderr`` may keep it."""
    libc, text, size = ctypes.CDLL(None), ctypes.c_void_p(), ctypes.c_size_t()
    libc.open_memstream.restype = ctypes.c_void_p
    return ctypes.c_void_p(libc.open_memstream(ctypes.byref(text), ctypes.byref(size))), text, size
