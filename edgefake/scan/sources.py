"""Which files are to be scanned: folders, patterns, lists, tables, addresses and tar shards, one after the other."""

from __future__ import annotations

import codecs
import csv
import glob
import io
import os
import tarfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from edgefake.errors import InputError
from edgefake.images import IMAGE_SUFFIXES, VIDEO_SUFFIXES
from edgefake.scan.extra import required
from edgefake.scan.reading import HELD, Work, is_address, local_path, why
from edgefake.secrets import without_secrets
from edgefake.text import portable_path, printable

KINDS = IMAGE_SUFFIXES | VIDEO_SUFFIXES
"""What counts in folders, patterns and shards; a file that is named itself is taken as it is."""

COLUMNS = ("path", "url", "file", "filename", "image", "image_path")
"""The column of a table that has the paths; a table with one column needs none of these names."""

TARS = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")

SAME_PATH = "::"
"""Between the path of a shard and the name of a file in it."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A source, or a part of it, that cannot be listed."""

    path: str
    error: str


Found = Work | Unreadable


def listed(source: str, *, skipped: Counter[str]) -> Iterator[Found]:
    """The files that ``source`` stands for, as they are found; the suffixes of others are counted in ``skipped``.

    A folder with its subfolders, without what is hidden and without following links to folders; a glob pattern; ``LIST.txt``, a
    path on each line; ``TABLE.csv`` or ``.parquet`` with a column of ``COLUMNS``; ``SHARD.tar``; an address of any of these that
    ``fsspec`` knows; any other path stands for itself.
    """
    try:
        if is_address(source):
            yield from _at_address(source, skipped)
        elif os.path.isdir(source):
            yield from _in_folder(source, skipped)
        elif os.path.lexists(source) or not glob.has_magic(source):
            yield from _in_file(os.path.abspath(source), _local, skipped)
        else:
            yield from _matching(source, skipped)
    except (InputError, OSError, ValueError, csv.Error) as error:
        told = str(error) if isinstance(error, InputError) else f"{printable(source)} cannot be read: {why(error)}"
        yield Unreadable(portable(source), told)


def counted(sources: Sequence[str]) -> int | None:
    """How many files there are, where all of ``sources`` are on this machine; None where counting would cost too much."""
    if any(is_address(source) or source.endswith((*TARS, ".parquet")) for source in sources):
        return None
    return sum(1 for source in sources for _ in listed(source, skipped=Counter()))


def _in_folder(folder: str, skipped: Counter[str]) -> Iterator[Found]:
    """Like ``os.walk``, which would hold all names of a folder with millions of files."""
    left = [folder]
    while left:  # no recursion, which ends a thousand folders deep
        folder = left.pop()
        folders = []
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    if entry.name.startswith("."):
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)
                    elif not os.path.isdir(entry.path):  # a link to a folder may lead back
                        yield from _of_kind(entry.path, skipped)
        except OSError as error:
            yield Unreadable(portable(folder), f"the folder {printable(folder)} cannot be read: {error.strerror}")
        left += sorted(folders, reverse=True)


def _matching(pattern: str, skipped: Counter[str]) -> Iterator[Found]:
    found = False
    for match in _globbed(pattern):
        found = True
        if os.path.isdir(match):
            if "**" not in pattern:
                yield from _in_folder(match, skipped)
        else:
            yield from _of_kind(match, skipped)
    if not found:
        raise InputError(f"no file matches {printable(pattern)}: check the pattern")


def _globbed(pattern: str) -> Iterator[str]:
    """Like ``glob.iglob``, whose ``**`` follows links to folders, which may lead back."""
    parts = pattern.split("/")
    if "**" not in parts:
        yield from glob.iglob(pattern)
        return
    deep = parts.index("**")
    before, after = "/".join([*parts[:deep], ""]), "/".join(parts[deep + 1 :]) or "*"
    left = sorted(glob.iglob(before), reverse=True) if deep else [""]
    while left:
        folder = left.pop()
        yield from _globbed(os.path.join(glob.escape(folder), after))
        with suppress(OSError), os.scandir(folder or ".") as entries:
            inner = [entry.name for entry in entries if entry.is_dir(follow_symlinks=False) and not entry.name.startswith(".")]
            left += [os.path.join(folder, name) for name in sorted(inner, reverse=True)]


def _of_kind(path: str, skipped: Counter[str]) -> Iterator[Found]:
    suffix = os.path.splitext(path)[1].lower()
    if suffix in KINDS:
        yield Work(portable(path))
    elif path.endswith(TARS):
        yield from _in_tar(portable(path), _local, skipped)
    else:
        skipped[suffix] += 1


def _in_file(path: str, open_file: Callable[[str], Any], skipped: Counter[str]) -> Iterator[Found]:
    """A list, a table, a shard, or a file to be judged."""
    suffix = os.path.splitext(path.partition("?")[0] if is_address(path) else path)[1].lower()
    if path.endswith(TARS):
        yield from _in_tar(path, open_file, skipped)
        return
    readers = {".txt": _lines, ".csv": _csv, ".parquet": _parquet, ".pq": _parquet}
    if suffix not in readers:
        yield Work(portable(path))
        return
    folder = os.path.dirname(path)
    with open_file(path) as file:
        for line in readers[suffix](file, printable(without_secrets(path))):
            if not isinstance(line, str):
                raise InputError(
                    f"expected text for paths in {printable(path)}, got {printable(type(line).__name__)}: convert them"
                )
            if line:
                yield _named(line, folder)


def _named(line: str, folder: str) -> Found:
    """What a line of a list stands for, which lies in ``folder``."""
    if not is_address(line):
        return Work(portable(line if line.startswith("file:///") else os.path.join(folder, line)))
    if "@" in line.partition("://")[2].partition("/")[0]:
        name = printable(without_secrets(line))
        return Unreadable(name, f"expected an address without a password, got {name}: keep that in the settings of fsspec")
    if not line.isprintable():
        return Unreadable(printable(line), f"expected an address, got {printable(line)}: write it with % for what is no text")
    return Work(line)


def _local(path: str) -> Any:
    return open(path, "rb")


def _address(path: str) -> Any:
    return required("fsspec").open(path, "rb").open()


def _lines(file: Any, name: str) -> Iterator[str]:
    for number, line in enumerate(file):
        line = line.removeprefix(codecs.BOM_UTF8) if number == 0 else line
        yield os.fsdecode(line.rstrip(b"\r\n"))


def _csv(file: Any, name: str) -> Iterator[str]:
    with io.TextIOWrapper(file, "utf-8-sig", errors="surrogateescape", newline="") as text:
        table = csv.DictReader(text)
        column = _column(table.fieldnames or [], name)
        for row in table:
            yield row[column] or ""


def _parquet(file: Any, name: str) -> Iterator[str]:
    parquet = required("pyarrow.parquet")
    try:
        table = parquet.ParquetFile(file)
        column = _column(table.schema_arrow.names, name)
        for batch in table.iter_batches(columns=[column], batch_size=10_000):
            yield from (path or "" for path in batch.column(0).to_pylist())
    except required("pyarrow").ArrowException as error:
        raise InputError(f"{name} cannot be read: {printable(error)}") from error


def _column(names: Sequence[str], table: str) -> str:
    found = next((name for name in COLUMNS if name in names), names[0] if len(names) == 1 else None)
    if found is None:
        given = printable(", ".join(names)) or "none"
        raise InputError(f"expected a column called {', '.join(COLUMNS)} in {table}, got {given}: rename the one with the paths")
    return found


def _in_tar(path: str, open_file: Callable[[str], Any], skipped: Counter[str]) -> Iterator[Found]:
    """The files in a shard: where they lie in it, or, where it is compressed, their bytes."""
    plain = path.endswith(".tar")
    local = path if is_address(path) else str(local_path(path))
    path = portable(path)
    try:
        with open_file(local) as file, tarfile.open(fileobj=file, mode="r:" if plain else "r|*") as tar:
            for member in tar:
                setattr(tar, "members", [])  # noqa: B010  # else it keeps them all
                suffix = os.path.splitext(member.name)[1].lower()
                if not member.isreg():
                    continue
                if suffix not in KINDS:
                    skipped[suffix] += 1
                    continue
                name = f"{path}{SAME_PATH}{printable(member.name, limit=None)}"
                if plain:
                    yield Work(name, archive=path, offset=member.offset_data, length=member.size)
                elif member.size > HELD:  # it would be in the memory of the one process that lists
                    told = f"{printable(name)} is larger than {HELD >> 20} MiB in a compressed shard: unpack that to a plain .tar"
                    yield Unreadable(name, told)
                elif (content := tar.extractfile(member)) is not None:
                    yield Work(name, data=content.read())
            if plain and not _ends(file, tar.offset):
                raise tarfile.ReadError("what follows is no header")
    except (tarfile.TarError, EOFError) as error:
        yield Unreadable(path, f"the shard {printable(without_secrets(path))} is damaged or cut short ({printable(error)})")


def _ends(file: Any, offset: int) -> bool:
    """Whether a tar file ends there: ``tarfile`` takes a damaged header for the end too."""
    file.seek(offset)
    return not any(file.read(tarfile.BLOCKSIZE))


def _at_address(source: str, skipped: Counter[str]) -> Iterator[Found]:
    fsspec = required("fsspec")
    name = printable(without_secrets(source))
    if "@" in source.partition("://")[2].partition("/")[0]:
        raise InputError(f"expected an address without a password, got {name}: keep that in the settings of fsspec")
    try:
        system, path = fsspec.core.url_to_fs(source)
        protocol = source.partition("://")[0]
        is_file = protocol in ("http", "https") and not path.endswith("/")
        if is_file or (not glob.has_magic(path) and system.isfile(path)):
            yield from _in_file(source, _address, skipped)
            return
        paths = system.glob(path) if glob.has_magic(path) else _walked(system, path)
        empty = True
        for found in paths:
            empty = False
            address = system.unstrip_protocol(found)
            suffix = os.path.splitext(found)[1].lower()
            if suffix in KINDS:
                yield Work(address)
            elif found.endswith(TARS):
                yield from _in_tar(address, _address, skipped)
            else:
                skipped[suffix] += 1
        if empty:
            raise InputError(f"{name} holds no files: check the address")
    except InputError:
        raise
    except Exception as error:  # each file system has its own
        raise InputError(f"{name} cannot be listed: {why(error)}") from error


def _walked(system: Any, path: str) -> Iterator[str]:
    for _, _, files in system.walk(path, detail=True, on_error="raise"):
        yield from (about["name"] for about in files.values())


def portable(path: str) -> str:
    """What ``path``, of a file or a source, is called in rows."""
    return path if is_address(path) or path.startswith("file:///") else portable_path(os.path.abspath(path))
