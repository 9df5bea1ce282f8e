"""From a model's name to its file: bundled, cached, or downloaded with its SHA-256 checked; a path stands for itself.

The registry ``zoo/models.json`` names every model of this version: ``{name: {"file": …, "sha256": …, "bytes": …}}``; the entry
``NAME.onnx`` is the ONNX file of the model ``NAME``. Three environment variables steer what is not bundled: ``EDGEFAKE_HOME`` is
the cache (default ``~/.cache/edgefake``), ``EDGEFAKE_MODEL_URL`` the folder on the web that files are downloaded from, and
``EDGEFAKE_OFFLINE=1`` forbids downloads.
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
from edgefake.models.card import SHA256
from edgefake.models.card_files import MAX_FILE
from edgefake.secrets import without_secrets
from edgefake.text import printable

REGISTRY = Path(__file__).parents[1] / "zoo" / "models.json"

Place = Literal["bundled", "cached", "downloadable", "missing"]


@dataclass(frozen=True, slots=True)
class StoredModel:
    """One entry of the registry: a file of a model."""

    name: str
    """Of the model, in whichever form."""
    file: str
    sha256: str
    """Of the whole file, card included, in lower-case hexadecimal."""
    size: int
    """In bytes."""

    def fault(self, data: bytes) -> str | None:
        """How ``data`` differs from this model's file, or None when it is that file."""
        if len(data) != self.size:
            return f"{len(data)} bytes instead of {self.size}"
        found = hashlib.sha256(data).hexdigest()
        return None if found == self.sha256 else f"SHA-256 {found[:12]}… instead of {self.sha256[:12]}…"


@dataclass(frozen=True, slots=True)
class LocatedModel:
    """A registered model and where it is now; ``path`` is None unless it is on this machine."""

    model: StoredModel
    place: Place
    path: Path | None

    def fault(self) -> str | None:
        """Why the file here must not be used, or None when its size and SHA-256 are right; reads the whole file."""
        if self.path is None:
            return "not on this machine"
        try:
            return self.model.fault(self.path.read_bytes())
        except OSError as error:
            return f"cannot be read: {error.strerror or error}"


def find_model(model: str | os.PathLike[str], *, suffix: str = ".tflite", registry: Path = REGISTRY) -> Path:
    """The file of ``model``: a registered name, or a path (anything with a folder in it or with a model file's ending).

    ``suffix`` chooses among the files of a registered model.

    Size and SHA-256 of its file are checked every time (8 ms for 11 MB on a PC). A model that is neither bundled nor cached, or
    damaged in the cache, is downloaded into the cache. Bundled files lie beside ``registry``.

    Raises:
        ModelNotFoundError: no file has this path, or no model this name or such a file; names near matches.
        ModelStoreError: the bundled file is damaged, or the model cannot be downloaded (offline, no address, network, wrong size
            or SHA-256), or the cache not written.
    """
    if not isinstance(model, str) or Path(model).name != model or model.endswith((".tflite", ".onnx", ".engine")):
        return _existing(Path(model))
    models = read_registry(registry)
    if model in models:
        name = model if suffix == ".tflite" else f"{model}{suffix}"
        if name not in models:
            raise ModelNotFoundError(
                f"{model} has no {suffix} file here: choose another backend, or convert one with python -m convert"
            )
        return _fetch(_locate(models[name], registry.parent))
    if os.path.isfile(model):
        return Path(model)
    names = [name for name in models if not name.endswith(".onnx")]
    near = difflib.get_close_matches(model, names, n=2)
    hint = f" (did you mean {' or '.join(near)}?)" if near else ""
    raise ModelNotFoundError(
        f"there is no model {printable(repr(model))}{hint}: choose {', '.join(names)}, or give the path of a .tflite or .onnx "
        "file"
    )


def list_models(*, registry: Path = REGISTRY) -> list[LocatedModel]:
    """Every registered model and where it is; files are not read. Raises ``ModelStoreError`` when the registry is damaged."""
    return [_locate(model, registry.parent) for model in read_registry(registry).values()]


def read_registry(registry: Path = REGISTRY) -> dict[str, StoredModel]:
    """The registered models by name. Raises ``ModelStoreError`` when the file is missing or damaged."""
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


def _entry(name: str, entry: dict[str, Any]) -> StoredModel:
    model = StoredModel(name.removesuffix(".onnx"), entry["file"], entry["sha256"], entry["bytes"])
    file = Path(model.file)
    if file.name != model.file or file.suffix not in (".tflite", ".onnx") or not SHA256.fullmatch(model.sha256):
        raise ValueError(f"the entry of {name} is no plain file name and SHA-256")
    if type(model.size) is not int or not 0 < model.size <= MAX_FILE:
        raise ValueError(f"the entry of {name} has no size")
    return model


def _existing(path: Path) -> Path:
    if os.path.isfile(path):  # not Path.is_file(), which raises OSError for a name that is too long
        return path
    state = "is a folder" if os.path.isdir(path) else "is no regular file" if os.path.exists(path) else "does not exist"
    raise ModelNotFoundError(
        f"the model file {printable(without_secrets(str(path)))} {state}: "
        "give a .tflite or .onnx file, or a name that `edgefake models` lists"
    )


def _locate(model: StoredModel, bundled: Path) -> LocatedModel:
    if (path := bundled / model.file).is_file():
        return LocatedModel(model, "bundled", path)
    if (path := cache_folder() / model.file).is_file():
        return LocatedModel(model, "cached", path)
    return LocatedModel(model, "missing" if _offline() or not _url() else "downloadable", None)


def _fetch(found: LocatedModel) -> Path:
    """The path of ``found``, downloaded first unless its file is here and may be used."""
    fault = found.fault()
    if found.path and not fault:
        return found.path
    model, cache = found.model, cache_folder()
    if found.place == "bundled":
        raise ModelStoreError(f"the bundled model {found.path} is damaged ({fault}): install edgefake again")
    state = f"is damaged in the cache ({fault})" if found.path else "is not on this machine"
    remedy = f"or copy {model.file} to {cache}"
    if _offline():
        raise ModelStoreError(f"the model {model.name} {state}, and EDGEFAKE_OFFLINE forbids downloads: unset it, {remedy}")
    if not _url():
        raise ModelStoreError(f"the model {model.name} {state}: set EDGEFAKE_MODEL_URL to the folder it is in, {remedy}")
    return _download(model, cache)


def _download(model: StoredModel, cache: Path) -> Path:
    from edgefake.models.download import download  # loads urllib and ssl, which a bundled model does not need

    url = f"{_url().rstrip('/')}/{quote(model.file)}"
    try:
        cache.mkdir(parents=True, exist_ok=True)  # before the download, so that an unwritable cache is told at once
        data = download(url, max_bytes=model.size + 1)
        if fault := model.fault(data):
            raise ModelStoreError(
                f"{without_secrets(url)} is not {model.name} as this version knows it ({fault}): check EDGEFAKE_MODEL_URL"
            )
        write_atomically(cache / model.file, data)
    except OSError as error:
        reason = error.strerror or error
        raise ModelStoreError(
            f"the cache {cache} cannot be written ({reason}): set EDGEFAKE_HOME to a folder that can"
        ) from error
    return cache / model.file


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
