"""What a ``.keras`` or ``.h5`` file says of itself, read without Keras."""

from __future__ import annotations

import json
import re
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py

from edgefake.errors import InputError
from training.safe.configs import CodeError, ForeignError, check_config, without_training
from training.safe.hdf5 import open_arrays

WEIGHTS = "model.weights.h5"
LONGEST = 64 * 2**20
"""Of a model's configuration, in bytes."""
INFLATED = 100


@dataclass(frozen=True, slots=True)
class Header:
    """A model file's own description."""

    version: int
    """Major version of the Keras that wrote it."""
    config: Any
    """Of the model, without that of its training; None where the file holds weights alone."""
    hdf5: bool


def read_header(path: Path) -> Header:
    """The header of the file at ``path``; ``InputError`` where there is none, it is damaged, or unlike any that Keras writes."""
    if not path.is_file():  # a pipe would be waited for
        raise InputError(f"there is no model file {path}")
    try:
        if h5py.is_hdf5(path):
            with open_arrays(path) as file:
                version, config = file.attrs.get("keras_version", "2"), file.attrs.get("model_config")
            return Header(_major(version), None if config is None else _object(config), hdf5=True)
        with zipfile.ZipFile(path) as archive:
            metadata = _object(_entry(archive, "metadata.json"))
            return Header(
                _major(metadata["keras_version"]), without_training(_object(_entry(archive, "config.json"))), hdf5=False
            )
    except Exception as error:  # what zipfile, json and h5py raise depends on the damage
        cause = str(error) if isinstance(error, InputError) else f"{type(error).__name__}: {str(error)[:120]}"
        raise InputError(
            f"{path} is no Keras model, or damaged ({cause}): expected a .keras or .h5 file that model.save(PATH) wrote, "
            "or the folder of a SavedModel"
        ) from error


def check_header(path: Path, header: Header, remedy: str, *, trust_code: bool = False) -> None:
    """Raise ``InputError`` where the file holds weights alone, or names what is not built from a file (see ``configs``)."""
    if header.config is None:
        raise InputError(f"{path} holds weights without their architecture: save the whole model with model.save(PATH)")
    if trust_code:
        return
    try:
        check_config(header.config)
    except CodeError as error:
        raise InputError(
            f"{path} holds {error}, which are Python code that runs when the file is loaded: give --trust-code if you "
            "trust the file, or save the model without them"
        ) from error
    except ForeignError as error:
        raise InputError(
            f"{path} names {error}, which is none of the layers and functions of Keras that are built from a file: {remedy}"
        ) from error


def model_name(path: Path) -> str | None:
    """What the whole model in the file at ``path`` is called; None where it does not say."""
    config = read_header(path).config
    inner = config.get("config") if config else None
    name = inner.get("name") if isinstance(inner, dict) else None
    return ascii(name)[1:-1] if isinstance(name, str) else None


def unpack_weights(path: Path, folder: Path) -> Path:
    """The weights of the ``.keras`` file at ``path`` as an HDF5 file of arrays in ``folder``."""
    target = folder / WEIGHTS
    with zipfile.ZipFile(path) as archive:
        target.write_bytes(_entry(archive, WEIGHTS, INFLATED * max(path.stat().st_size, 100_000)))
    with open_arrays(target):
        return target


def _entry(archive: zipfile.ZipFile, name: str, longest: int = LONGEST) -> bytes:
    with archive.open(name) as stream:
        data = stream.read(longest + 1)
    if len(data) > longest:
        raise InputError(f"its {name} unpacks to more than {longest / 1e6:.0f} MB")
    return data


def _object(text: str | bytes) -> dict[str, Any]:
    if len(text) > LONGEST:
        raise InputError(f"its configuration is longer than {LONGEST / 1e6:.0f} MB")
    value = json.loads(text)
    if not isinstance(value, dict):
        raise InputError(f"expected an object in its configuration, got a {type(value).__name__}")
    return value


def _major(version: Any) -> int:
    text = version.decode() if isinstance(version, bytes) else version
    found = re.match(r"\d{1,3}(?=\.|$)", text, re.ASCII) if isinstance(text, str) else None
    if found is None:
        raise InputError(f"expected a version of Keras such as 3.15.1, got {ascii(version)[:60]}")
    return int(found[0])
