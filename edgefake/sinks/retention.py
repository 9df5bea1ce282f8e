"""Files that follow each other, of which the oldest go: by age, by size, and when the disk is full."""

from __future__ import annotations

import re
import time
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from edgefake.errors import InputError

DAY_S = 86400.0
JUMP_S = 3600.0
"""A clock that goes by so much more or less than time does was set."""


class Series:
    """The files ``STEM-NUMBER-TIME.SUFFIX`` of one folder, oldest first: ``door-000042-20261127T093000Z.mkv``; or, ``labelled``,
    those with ``-LABEL`` before the suffix, which are others.

    The number, which always rises, is what orders them, so that a clock that is set does not. Other files in the folder are
    never touched. ``keep_days`` and ``keep_mb`` (10⁶ bytes) say which are kept; None: all of them while the disk has room.
    Raises ``InputError`` for limits that are not above 0.
    """

    def __init__(
        self, folder: Path, stem: str, suffix: str, *, keep_days: float | None, keep_mb: float | None, labelled: bool = False
    ) -> None:
        for name, value in (("keep_days", keep_days), ("keep_mb", keep_mb)):
            if value is not None and not value > 0:
                raise InputError(f"expected {name} above 0, got {value!r}: leave it out to keep all")
        self._folder, self._stem, self._suffix = folder, stem, suffix
        label = r"-[\w-]+" if labelled else ""
        self._name = re.compile(rf"{re.escape(stem)}-(\d{{6,}})-\d{{8}}T\d{{6}}Z{label}{re.escape(suffix)}")
        self._keep_s = None if keep_days is None else keep_days * DAY_S
        self._keep_bytes = None if keep_mb is None else keep_mb * 1e6
        self._clock = _Clock()

    def files(self) -> list[Path]:
        """Those that are there, oldest first."""
        numbered = [(int(match[1]), path) for path in self._listed() if (match := self._name.fullmatch(path.name))]
        return [path for _, path in sorted(numbered)]

    def next(self, label: str = "") -> Path:
        """The path of a file that is to follow all others, with ``label`` (letters, digits, ``_``, ``-``) in it; makes none."""
        files = self.files()
        last = self._name.fullmatch(files[-1].name) if files else None
        number = int(last[1]) + 1 if last else 1
        when = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        return self._folder / f"{self._stem}-{number:06d}-{when}{f'-{label}' if label else ''}{self._suffix}"

    def tidy(self, *, but: Collection[Path] = ()) -> None:
        """Delete what is older or more than is to be kept, except ``but`` those. What cannot be deleted is left."""
        sizes = {path: stat for path in self.files() if (stat := _stat(path))}
        total = sum(size for size, _ in sizes.values())
        age_counts = self._keep_s is not None and self._clock.is_steady()
        for path, (size, changed) in sizes.items():
            too_old = age_counts and self._keep_s is not None and time.time() - changed > self._keep_s
            too_much = self._keep_bytes is not None and total > self._keep_bytes
            if (too_old or too_much) and path not in but and _deleted(path):
                total -= size

    def make_room(self, *, but: Collection[Path] = ()) -> bool:
        """Delete the oldest file, except ``but`` those; whether there was one."""
        return any(_deleted(path) for path in self.files() if path not in but)

    def _listed(self) -> list[Path]:
        try:
            return list(self._folder.iterdir())
        except OSError:
            return []


class _Clock:
    """Whether the system's clock may be trusted: for a day after it was set, nothing is old by it."""

    def __init__(self) -> None:
        self._ahead = time.time() - time.monotonic()
        self._steady_from = time.monotonic()

    def is_steady(self) -> bool:
        ahead = time.time() - time.monotonic()
        if abs(ahead - self._ahead) > JUMP_S:
            self._steady_from = time.monotonic() + DAY_S
        self._ahead = ahead
        return time.monotonic() >= self._steady_from


def file_name(camera: str) -> str:
    """``camera`` as the beginning of files' names."""
    return "".join(sign if sign.isalnum() or sign in "_-." else "_" for sign in camera).strip("._")[-64:] or "camera"


def _stat(path: Path) -> tuple[int, float] | None:
    try:
        about = path.stat()
    except OSError:
        return None
    return about.st_size, about.st_mtime


def _deleted(path: Path) -> bool:
    with suppress(OSError):
        path.unlink()
        return True
    return False
