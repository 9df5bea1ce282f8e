"""Scorers of a user's own, by the name of a function that makes one: ``module:function``, since processes carry no objects."""

from __future__ import annotations

import importlib
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path

from edgefake.errors import InputError
from edgefake.scorer import Scorer, checked_scorer

FACTORY = "factory"
"""Stands where else a runtime's name does: the function opens its own."""


def names_factory(model: str) -> bool:
    """Whether ``model`` is such a name, and no file."""
    return bool(re.fullmatch(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*", model)) and not os.path.exists(model)


def made(name: str, num_threads: int) -> Scorer:
    """What the function ``name`` gives, called with ``num_threads=``. Raises ``InputError`` where that is no Scorer."""
    return checked_scorer(factory(name)(num_threads=num_threads))


def factory(name: str) -> Callable[..., object]:
    """The function ``name``, which is not called. Raises ``InputError`` where there is none.

    Modules are looked for as Python does, and in the working folder.
    """
    module, _, function = name.partition(":")
    if str(Path.cwd()) not in sys.path:
        sys.path.append(str(Path.cwd()))
    try:
        make = getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError) as error:
        raise InputError(f"expected MODULE:FUNCTION, a function that makes a Scorer, got {name} ({error})") from error
    if not callable(make):
        raise InputError(f"expected MODULE:FUNCTION, a function that makes a Scorer, got {name}, which is {make!r}")
    return make  # type: ignore[no-any-return]
