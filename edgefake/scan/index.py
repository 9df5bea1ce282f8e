"""Which files have rows, and who judges what: on disk, so that its size is no matter."""

from __future__ import annotations

import hashlib
import sqlite3
import threading
from collections.abc import Iterable
from dataclasses import dataclass

_CACHE_KB = 64_000
_ENTER = "INSERT INTO claims VALUES (?, ?, ?) ON CONFLICT (key) DO UPDATE SET part = excluded.part WHERE part IS NULL"


@dataclass(frozen=True, slots=True)
class Entry:
    """What one row says of its file, as far as a scan must know it."""

    path: str
    keys: tuple[str, ...] = ()
    """By which others may share its result: its SHA-256, and how it looks."""


class Index:
    """A temporary database, which is gone with the process; used by one thread at a time, as it sees to itself."""

    def __init__(self) -> None:
        self._base = sqlite3.connect("", check_same_thread=False, isolation_level=None)
        self._lock = threading.Lock()
        for line in ("journal_mode = OFF", "synchronous = OFF", f"cache_size = -{_CACHE_KB}"):
            self._base.execute(f"PRAGMA {line}")
        self._base.execute("CREATE TABLE files (path BLOB PRIMARY KEY, part INTEGER) WITHOUT ROWID")
        self._base.execute("CREATE TABLE claims (key BLOB PRIMARY KEY, path BLOB, part INTEGER) WITHOUT ROWID")
        self._base.execute("BEGIN")  # and no end: nobody needs it later

    def add(self, part: int, entries: Iterable[Entry]) -> set[int]:
        """Enter the rows of a part; the numbers of older parts that have a row of the same file."""
        older = set()
        with self._lock:
            for entry in entries:
                path = _digest(entry.path)
                found = self._base.execute("SELECT part FROM files WHERE path = ?", (path,)).fetchone()
                if found and found[0] not in (None, part):
                    older.add(int(found[0]))
                self._base.execute("INSERT OR REPLACE INTO files VALUES (?, ?)", (path, part))
                for key in entry.keys:
                    self._base.execute(_ENTER, (_digest(key), path, part))
        return older

    def take(self, path: str) -> bool:
        """Whether ``path`` is to be judged: it has no row, and nobody has taken it before."""
        with self._lock:
            return self._base.execute("INSERT OR IGNORE INTO files VALUES (?, NULL)", (_digest(path),)).rowcount == 1

    def claim(self, asked: Iterable[tuple[str, str]]) -> list[bool]:
        """Of each key and path, whether the path is the first that claims the key, or was."""
        with self._lock:
            return [self._is_first(_digest(key), _digest(path)) for key, path in asked]

    def _is_first(self, key: bytes, path: bytes) -> bool:
        if self._base.execute("INSERT OR IGNORE INTO claims VALUES (?, ?, NULL)", (key, path)).rowcount:
            return True
        return bool(self._base.execute("SELECT path FROM claims WHERE key = ?", (key,)).fetchone()[0] == path)

    def part_of(self, *, path: str | None = None, key: str | None = None) -> int | None:
        """The part that has the row of a path, or of the one that claimed a key; None where there is none yet."""
        table, column, value = ("files", "path", path) if path is not None else ("claims", "key", key)
        assert value is not None
        with self._lock:
            found = self._base.execute(f"SELECT part FROM {table} WHERE {column} = ?", (_digest(value),)).fetchone()
        return None if found is None else found[0]

    def close(self) -> None:
        self._base.close()


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=16).digest()
