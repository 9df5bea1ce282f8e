"""Saving matplotlib's figures."""

from __future__ import annotations

from pathlib import Path

import matplotlib
from matplotlib.figure import Figure

from edgefake.files import writing


def save_figure(figure: Figure, path: Path, *, dpi: int) -> None:
    """Write ``figure``, drawn without a screen, to ``path``, whole or not at all. Raises ``OSError``."""
    with writing(path) as partial, matplotlib.rc_context({"text.parse_math": False}):  # names may hold a $
        figure.savefig(partial, dpi=dpi)
