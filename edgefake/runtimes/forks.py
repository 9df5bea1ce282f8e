"""Models in a process that forks, as ``multiprocessing`` does by default on Linux before Python 3.14.

A fork copies the thread that calls it and no other: a lock that another one held stays locked in the child, and a native runtime
has lost its threads there, so that it may wait for them for ever, or crash where it is freed. Therefore a fork waits until no
model is at work, and the child opens its models again when it first uses them, and never frees those from before.
"""

from __future__ import annotations

import ctypes
import os
import threading
import weakref
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Generic, TypeVar

from edgefake.errors import BackendError, ModelFileError
from edgefake.models.file import ModelFile, payload_sha256

T = TypeVar("T")


def fork_lock() -> Any:
    """A lock that a fork waits for. Its own thread may fork while it holds it, as a signal handler does."""
    lock = threading.RLock()
    with _guard:
        _locks.add(lock)
    return lock


class Native(Generic[T]):
    """What a runtime has loaded, which is used with ``lock`` held: ``native.value or native.again()``."""

    def __init__(self, file: ModelFile, load: Callable[[Path], T]) -> None:
        """``load`` it from ``file``; of that, only where it is and what network is in it is kept."""
        path = file.path.absolute()  # a child may have another working folder
        self.value: T | None = load(path)
        self._load: Callable[[], T] | None = partial(_checked, path, file.payload_sha256, load)
        self.lock = fork_lock()
        with _guard:
            _natives.add(self)

    def again(self) -> T:
        """Load it in a forked child. Raises ``BackendError`` when it was closed."""
        if self._load is None:
            raise BackendError("this model is closed: make a new Detector")
        self.value = value = self._load()
        return value

    def close(self) -> None:
        with self.lock:
            self.value = self._load = None

    def _abandon(self) -> None:
        if self.value is not None:
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(self.value))  # never freed, not even when Python ends
            self.value = None


def _checked(path: Path, sha256: str, load: Callable[[Path], T]) -> T:
    if payload_sha256(path) != sha256:
        raise ModelFileError(f"{path} is another network than the one this process was forked with: make a new Detector")
    return load(path)


def not_after_fork(library: str) -> None:
    """Call before each use of a ``library`` that hangs in a child of a process that has used it: ``BackendError`` there."""
    if _users.setdefault(library, os.getpid()) != os.getpid():
        raise BackendError(
            f"this process was forked from one that uses {library}, which does not survive that: start processes with "
            "multiprocessing's spawn, and make a Detector in each"
        )


_users: dict[str, int] = {}
_guard = threading.RLock()
_locks: weakref.WeakSet[Any] = weakref.WeakSet()
_natives: weakref.WeakSet[Native[Any]] = weakref.WeakSet()
_held: list[Any] = []


def _before() -> None:
    _guard.acquire()
    _held.extend(_locks)
    for lock in _held:
        lock.acquire()


def _after() -> None:
    while _held:
        _held.pop().release()
    _guard.release()


def _after_in_child() -> None:
    for native in list(_natives):
        native._abandon()
    _after()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before, after_in_parent=_after, after_in_child=_after_in_child)
