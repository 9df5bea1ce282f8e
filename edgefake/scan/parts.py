"""The folder of a scan: Parquet files, each written whole or not at all, whose rows say what is done."""

from __future__ import annotations

import errno
import fcntl
import os
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from edgefake.errors import InputError
from edgefake.files import remove_partials, writing
from edgefake.scan import rows
from edgefake.scan.extra import required
from edgefake.scan.rows import Row
from edgefake.scan.settings import Fingerprint
from edgefake.text import printable

_NAME = re.compile(r"part-(\d{6,})\.parquet")
LOCK = ".lock"


class Parts:
    """The parts in ``folder``, to be read; with ``lock`` to be written too."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock: int | None = None
        self._numbers: list[int] = []
        self.look()

    def look(self) -> None:
        """See what is there now. Raises ``InputError`` where the folder cannot be read."""
        try:
            found = [_NAME.fullmatch(name) for name in os.listdir(self.folder)]
        except FileNotFoundError:
            found = []
        except OSError as error:
            raise InputError(f"the folder {printable(self.folder)} cannot be read: {error.strerror}") from error
        self._numbers = sorted(int(match[1]) for match in found if match)

    def __len__(self) -> int:
        return len(self._numbers)

    def lock(self) -> None:
        """Make the folder, and keep others from writing there. Raises ``InputError`` where that fails."""
        name = printable(self.folder)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(self.folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            remove_partials(self.folder)
        except OSError as error:
            self.close()
            if error.errno in (errno.EAGAIN, errno.EACCES) and isinstance(error, BlockingIOError):
                raise InputError(f"another scan writes into {name}: wait for its end, or give --out another folder") from error
            raise InputError(f"the folder {name} cannot be written ({error.strerror}): give --out one that can") from error
        self.look()

    def close(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def fingerprint(self) -> Fingerprint | None:
        """That of all rows; None where there are none. Raises ``InputError`` for parts of several."""
        found: dict[str, str] = {}
        for number in self._numbers:
            with self._opened(number) as part:
                metadata = part.schema_arrow.metadata or {}
            text = metadata.get(rows.FINGERPRINT, b"").decode()
            if not text:
                raise InputError(f"{printable(self._path(number))} was not written by edgefake scan: give another folder")
            found.setdefault(text, self._path(number).name)
        if len(found) > 1:
            raise InputError(f"{printable(self.folder)} has results of several scans: {', '.join(found.values())} differ")
        return next((Fingerprint.from_json(text) for text in found), None)

    def read(self, columns: Sequence[str] | None = None) -> Iterator[tuple[int, Any]]:
        """Number and ``pyarrow.Table`` of each part, in the order in which they were written, with these columns."""
        for number in self._numbers:
            yield number, self.table(number, columns)

    def table(self, number: int, columns: Sequence[str] | None = None) -> Any:
        with self._opened(number) as part:
            return part.read(columns=None if columns is None else list(columns), use_threads=False)

    def write(self, judged: Sequence[Row], fingerprint: Fingerprint) -> int:
        """Write a new part; its number. Raises ``InputError`` where it cannot be, and leaves nothing then."""
        number = max(self._numbers, default=0) + 1
        table = rows.table_of(judged)
        self._write(number, table.replace_schema_metadata({rows.FINGERPRINT: fingerprint.to_json()}))
        self._numbers.append(number)
        return number

    def keep(self, number: int, wanted: Callable[[str], bool]) -> None:
        """Leave in a part the rows of ``wanted`` paths alone."""
        table = self.table(number)
        mask = [wanted(path) for path in table.column("path").to_pylist()]
        kept = table.filter(required("pyarrow").array(mask, "bool"))
        if len(kept) < len(table):
            self._write(number, kept)

    def _write(self, number: int, table: Any) -> None:
        path = self._path(number)
        try:
            with writing(path) as partial:
                required("pyarrow.parquet").write_table(table, partial, compression="zstd")
        except OSError as error:
            raise InputError(
                f"{printable(path)} cannot be written ({error.strerror or error}): make room, and start again"
            ) from error

    def _path(self, number: int) -> Path:
        return self.folder / f"part-{number:06}.parquet"

    def _opened(self, number: int) -> Any:
        path = self._path(number)
        try:
            return required("pyarrow.parquet").ParquetFile(path)
        except (OSError, ValueError) as error:  # of pyarrow too
            raise InputError(f"{printable(path)} cannot be read ({printable(error)}): take it away, and scan again") from error
