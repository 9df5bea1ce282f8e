"""What is wrong with the arguments themselves, told before anything slow is loaded."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from edgefake.errors import InputError
from edgefake.text import printable

READ_AND_WRITTEN = ("detector", "model", "models", "out", "run", "source", "weights")
"""Options whose files TensorFlow and HDF5 open: they take names in UTF-8 alone."""


def check_paths(options: argparse.Namespace) -> None:
    """Raise ``InputError`` for data or models that are not there, and for names that the libraries behind cannot open."""
    for path in _paths(options, *READ_AND_WRITTEN):
        check_name(path)
    for path in _paths(options, "data"):
        if not path.exists():
            raise InputError(f"expected a folder with real and fake pictures or a CSV manifest, got {path}, which is none")
    for path in _paths(options, "models"):
        if not path.exists():
            raise InputError(f"there is no model {path}: expected a run folder or a model file")
    for path in _paths(options, "model"):
        if not path.is_file():
            raise InputError(f"there is no file {path}: expected a model file")
    for path in _paths(options, "run"):
        if path.exists() and not path.is_dir():
            raise InputError(f"the run folder {path} is a file: name a folder")


def check_name(path: Path) -> None:
    """Raise ``InputError`` for a path that is no UTF-8, which neither HDF5 files nor TensorFlow's can have."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        raise InputError(
            f"the name {printable(path)} is not in UTF-8, which those of model files and run folders must be: rename it"
        ) from None


def _paths(options: argparse.Namespace, *names: str) -> Iterator[Path]:
    for name in names:
        value = getattr(options, name, None)
        for path in value if isinstance(value, list) else [value]:
            if path is not None:
                yield Path(path)
