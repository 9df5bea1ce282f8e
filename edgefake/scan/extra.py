"""What a scan needs beside edgefake itself."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import Any

from edgefake.errors import InputError

EXTRAS = {"pyarrow": "scan", "fsspec": "scan", "ray": "ray"}
"""What ``pip install edgefake[…]`` brings each."""


def required(module: str) -> Any:
    """The ``module``, imported. Raises ``InputError`` that names the extra where its package is missing."""
    package = module.partition(".")[0]
    try:
        found: ModuleType = import_module(module)
    except ImportError as error:
        raise InputError(f"this needs {package}, which is not installed: pip install 'edgefake[{EXTRAS[package]}]'") from error
    return found
