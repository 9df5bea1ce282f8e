"""One line on the terminal that is overwritten, with messages above it."""

from __future__ import annotations

import logging
import os
import shutil
import sys
import threading
import time
from contextlib import suppress
from types import TracebackType
from typing import Any

from edgefake.text import printable

_SILENT = 0
"""OpenCV's log level at which nothing is printed."""


def _set_opencv_log_level(level: int) -> int:
    """Set it and return the one before. Which module has the function depends on OpenCV's release: up to 4.12 it is ``cv2``."""
    import cv2  # here: the other command lines complain too, and may need no pictures

    home: Any = cv2
    if not hasattr(home, "setLogLevel"):
        home = home.utils.logging
    return int(home.setLogLevel(level))


def complain(text: str, *, program: str = "edgefake") -> None:
    """Print ``text``, in which others may have written, to stderr, as from ``program``, while anybody reads there."""
    _print(f"{program}: {printable(text, limit=None)}")


def _print(text: str, end: str = "\n") -> None:
    with suppress(OSError):  # the terminal is gone, but the work goes on
        print(text, end=end, file=sys.stderr, flush=True)


class LiveLine:
    """A line on stderr that ``show`` replaces when it ``is_due``, which it never is where stderr is no terminal.

    In its ``with`` block, warnings of edgefake are printed to stderr, above the line; what it notes because it takes minutes
    is the line itself, with the seconds since then, until something else is shown. OpenCV and FFmpeg print nothing.
    """

    def __init__(self, *, every_s: float) -> None:
        self._is_shown = sys.stderr.isatty()
        self._every = every_s
        self._next = 0.0
        self._text = ""
        self._opencv_level = 0
        self._log_level = logging.NOTSET
        self._lock = threading.RLock()  # messages come from other threads
        self._handler = _Above(self)
        self._counting: tuple[threading.Thread, threading.Event] | None = None

    @property
    def is_due(self) -> bool:
        """Whether there is a line, and it was not replaced only just."""
        return self._is_shown and time.monotonic() >= self._next

    def show(self, text: str) -> None:
        """Replace the line, cut to the width of the terminal."""
        self._next = time.monotonic() + self._every
        self._stop_counting()
        self._draw(_fitting(text))

    def count(self, text: str) -> None:
        """Show ``text`` and the seconds since now, until something else is shown."""
        self._stop_counting()
        started, ended = time.monotonic(), threading.Event()

        def run() -> None:
            while not ended.wait(0.5):
                self._draw(_fitting(f"{text}: {time.monotonic() - started:.0f} s"))

        if self._is_shown:
            self._counting = threading.Thread(target=run, daemon=True), ended
            self._counting[0].start()

    def _stop_counting(self) -> None:
        if self._counting:
            thread, ended = self._counting
            self._counting = None
            ended.set()
            thread.join()

    def print(self, text: str, *, to_stderr: bool = False) -> None:
        """Print ``text`` above the line."""
        with self._lock:
            shown = self._text
            self._draw("")
            if to_stderr:
                _print(text)
            else:
                print(text, flush=True)
            self._draw(shown)

    def _draw(self, text: str) -> None:
        with self._lock:
            if text or self._text:
                _print(f"\r\x1b[K{text}", end="")
            self._text = text

    def __enter__(self) -> LiveLine:
        log = logging.getLogger("edgefake")
        log.addHandler(self._handler)
        self._log_level = log.level
        log.setLevel(logging.INFO)
        os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # quiet; what matters is told by our own messages
        self._opencv_level = _set_opencv_log_level(_SILENT)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        log = logging.getLogger("edgefake")
        log.removeHandler(self._handler)
        log.setLevel(self._log_level)
        _set_opencv_log_level(self._opencv_level)
        self._stop_counting()
        self._draw("")


def _fitting(text: str) -> str:
    return printable(text, limit=None)[: shutil.get_terminal_size().columns - 1]


class _Above(logging.Handler):
    """Prints warnings above a ``LiveLine``, and makes a note the line."""

    def __init__(self, line: LiveLine) -> None:
        super().__init__(logging.INFO)
        self._line = line

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno < logging.WARNING:
            self._line.count(record.getMessage())
            return
        self._line.print(f"edgefake: {printable(record.getMessage(), limit=None)}", to_stderr=True)
