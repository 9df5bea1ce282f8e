"""From a model's name to its file: bundled, cached, or downloaded with its SHA-256 checked; a path stands for itself.

The registry ``zoo/models.json`` names every model of this version and its files, one per form, first the one that a name stands
for: ``{name: {"kind": …, "files": [{"file": …, "sha256": …, "bytes": …}]}}``. Three environment variables steer what is not
bundled: ``EDGEFAKE_HOME`` is the cache (default ``~/.cache/edgefake``), ``EDGEFAKE_MODEL_URL`` the folder on the web that files
are downloaded from, and ``EDGEFAKE_OFFLINE=1`` forbids downloads.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

from edgefake.errors import ModelNotFoundError, ModelStoreError
from edgefake.files import write_atomically
from edgefake.models.card import ModelCard
from edgefake.models.card_checks import SHA256
from edgefake.models.file import MAX_FILE, ModelFile
from edgefake.models.forms import FORMS, suffixes
from edgefake.secrets import without_secrets
from edgefake.text import printable

REGISTRY = Path(__file__).parents[1] / "zoo" / "models.json"

Place = Literal["bundled", "cached", "downloadable", "missing"]


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file of a registered model."""

    name: str
    """Of the model, in whichever form."""
    kind: str
    """Of the model, as in its card."""
    file: str
    sha256: str
    """Of the whole file, card included, in lower-case hexadecimal."""
    size: int
    """In bytes."""

    @property
    def form(self) -> str:
        """Its suffix."""
        return Path(self.file).suffix

    def fault(self, data: bytes) -> str | None:
        """How ``data`` differs from this file, or None when it is that file."""
        if len(data) != self.size:
            return f"{len(data)} bytes instead of {self.size}"
        found = hashlib.sha256(data).hexdigest()
        return None if found == self.sha256 else f"SHA-256 {found[:12]}… instead of {self.sha256[:12]}…"


@dataclass(frozen=True, slots=True)
class LocatedFile:
    """A file of a registered model and where it is now; ``path`` is None unless it is on this machine."""

    stored: StoredFile
    place: Place
    path: Path | None

    def read(self) -> tuple[bytes, str | None]:
        """The whole file, and why it must not be used, or None when its size and SHA-256 are right."""
        if self.path is None:
            return b"", "not on this machine"
        try:
            data = self.path.read_bytes()
        except OSError as error:
            return b"", f"cannot be read: {error.strerror or error}"
        return data, self.stored.fault(data)

    def fault(self) -> str | None:
        """The second of ``read``."""
        return self.read()[1]


def open_model(
    model: str | os.PathLike[str], *, suffix: str | None = None, card: ModelCard | None = None, registry: Path = REGISTRY
) -> ModelFile:
    """The file of ``model``, opened: see ``find_model``, and ``ModelFile`` for ``card`` and for what else is raised.

    A registered file is read and hashed once: its SHA-256, which is that of all of it, vouches for its card and its network too.
    """
    path, data = _found(model, suffix, registry)
    return ModelFile(path, card, vouched=data)


def find_model(model: str | os.PathLike[str], *, suffix: str | None = None, registry: Path = REGISTRY) -> Path:
    """The file of ``model``: a registered name, or a path (anything with a folder in it or with a model file's suffix).

    ``suffix`` chooses among the files of a registered model; None: its first.

    Size and SHA-256 of its file are checked every time (8 ms for 11 MB on a PC). A model that is neither bundled nor cached, or
    damaged in the cache, is downloaded into the cache. Bundled files lie beside ``registry``.

    Raises:
        ModelNotFoundError: no file has this path, or no model this name or such a file; names near matches.
        ModelStoreError: the bundled file is damaged, or the model cannot be downloaded (offline, no address, network, wrong size
            or SHA-256), or the cache not written.
    """
    return _found(model, suffix, registry)[0]


def list_models(*, registry: Path = REGISTRY) -> list[LocatedFile]:
    """Every file of every registered model and where it is; none is read. Raises ``ModelStoreError``: the registry is damaged."""
    return [_locate(file, registry.parent) for files in read_registry(registry).values() for file in files.values()]


def read_registry(registry: Path = REGISTRY) -> dict[str, dict[str, StoredFile]]:
    """The files of the registered models by name and suffix. Raises ``ModelStoreError`` when it is missing or damaged."""
    try:
        entries = json.loads(registry.read_text("utf-8"))
        return {name: _entry(name, entry) for name, entry in entries.items()}
    except OSError as error:
        raise ModelStoreError(
            f"edgefake's own file {registry} cannot be read ({error.strerror or error}): data files lie beside its code, as pip "
            f"installs them; a zip archive cannot hold them, and PyInstaller packs them where edgefake is installed by pip"
        ) from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        fault = printable(repr(error))
        raise ModelStoreError(f"the model registry {registry} is damaged ({fault}): install edgefake again") from error


def unknown_model(model: str, names: list[str]) -> ModelNotFoundError:
    """What is told of a name that none of ``names`` is."""
    near = difflib.get_close_matches(model, names, n=2)
    hint = f" (did you mean {' or '.join(near)}?)" if near else ""
    return ModelNotFoundError(f"there is no model {printable(repr(model))}{hint}: choose {', '.join(names)}")


def _entry(name: str, entry: dict[str, Any]) -> dict[str, StoredFile]:
    files = [StoredFile(name, entry["kind"], file["file"], file["sha256"], file["bytes"]) for file in entry["files"]]
    for file in files:
        if Path(file.file).name != file.file or file.form not in FORMS or not SHA256.fullmatch(file.sha256):
            raise ValueError(f"an entry of {name} is no plain file name and SHA-256")
        if type(file.size) is not int or not 0 < file.size <= MAX_FILE:
            raise ValueError(f"an entry of {name} has no size")
    by_suffix = {file.form: file for file in files}
    if not by_suffix or len(by_suffix) < len(files) or not isinstance(entry["kind"], str):
        raise ValueError(f"{name} has no kind, no file, or two of a form")
    return by_suffix


def _found(model: str | os.PathLike[str], suffix: str | None, registry: Path) -> tuple[Path, bytes | None]:
    """Where the file of ``model`` is, and all of it where its SHA-256 was checked."""
    if not isinstance(model, str) or Path(model).name != model or Path(model).suffix in FORMS:
        return _existing(Path(model)), None
    models = read_registry(registry)
    if model in models:
        files = models[model]
        if (file := files.get(suffix or next(iter(files)))) is None:
            raise ModelNotFoundError(
                f"{model} has no {suffix} file here, only {' and '.join(files)}: choose another runtime, or convert one with "
                "python -m convert"
            )
        return _fetch(_locate(file, registry.parent))
    if os.path.isfile(model):
        return Path(model), None
    raise ModelNotFoundError(f"{unknown_model(model, list(models))}, or give the path of a model file ({suffixes()})")


def _existing(path: Path) -> Path:
    if os.path.isfile(path):  # not Path.is_file(), which raises OSError for a name that is too long
        return path
    state = "is a folder" if os.path.isdir(path) else "is no regular file" if os.path.exists(path) else "does not exist"
    raise ModelNotFoundError(
        f"the model file {printable(without_secrets(str(path)))} {state}: "
        f"give a model file ({suffixes()}), or a name that `edgefake models` lists"
    )


def _locate(file: StoredFile, bundled: Path) -> LocatedFile:
    if (path := bundled / file.file).is_file():
        return LocatedFile(file, "bundled", path)
    if (path := cache_folder() / file.file).is_file():
        return LocatedFile(file, "cached", path)
    return LocatedFile(file, "missing" if _offline() or not _url() else "downloadable", None)


def _fetch(found: LocatedFile) -> tuple[Path, bytes]:
    """The path of ``found`` and all of it, downloaded first unless its file is here and may be used."""
    data, fault = found.read()
    if found.path and not fault:
        return found.path, data
    file, cache = found.stored, cache_folder()
    if found.place == "bundled":
        raise ModelStoreError(f"the bundled model {found.path} is damaged ({fault}): install edgefake again")
    state = f"is damaged in the cache ({fault})" if found.path else "is not on this machine"
    remedy = f"or copy {file.file} to {cache}"
    if _offline():
        raise ModelStoreError(f"the model {file.name} {state}, and EDGEFAKE_OFFLINE forbids downloads: unset it, {remedy}")
    if not _url():
        raise ModelStoreError(f"the model {file.name} {state}: set EDGEFAKE_MODEL_URL to the folder it is in, {remedy}")
    return cache / file.file, _download(file, cache)


def _download(file: StoredFile, cache: Path) -> bytes:
    from edgefake.models.download import download  # loads urllib and ssl, which a bundled model does not need

    url = f"{_url().rstrip('/')}/{quote(file.file)}"
    try:
        cache.mkdir(parents=True, exist_ok=True)  # before the download, so that an unwritable cache is told at once
        data = download(url, max_bytes=file.size + 1)
        if fault := file.fault(data):
            raise ModelStoreError(
                f"{without_secrets(url)} is not {file.name} as this version knows it ({fault}): check EDGEFAKE_MODEL_URL"
            )
        write_atomically(cache / file.file, data)
    except OSError as error:
        reason = error.strerror or error
        raise ModelStoreError(
            f"the cache {cache} cannot be written ({reason}): set EDGEFAKE_HOME to a folder that can"
        ) from error
    return data


def cache_folder() -> Path:
    try:
        home = os.environ.get("EDGEFAKE_HOME")
        return Path(home).expanduser() if home else Path.home() / ".cache" / "edgefake"
    except RuntimeError as error:
        raise ModelStoreError("this user has no home folder for the model cache: set EDGEFAKE_HOME to a folder") from error


def _url() -> str:
    return os.environ.get("EDGEFAKE_MODEL_URL", "")


def _offline() -> bool:
    return os.environ.get("EDGEFAKE_OFFLINE", "") not in ("", "0")
