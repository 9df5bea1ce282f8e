"""What a report needs beside edgefake itself."""

from __future__ import annotations

import importlib

from edgefake.errors import InputError

NEEDED = {"jinja2": "Jinja", "PIL": "Pillow"}


def require_extra() -> None:
    """Raise ``InputError`` where a package is missing. Without c2pa-python a report says that credentials were not checked."""
    for module, package in NEEDED.items():
        try:
            importlib.import_module(module)
        except ImportError as error:
            raise InputError(f"a report needs {package}, which is not installed: pip install 'edgefake[report]'") from error
