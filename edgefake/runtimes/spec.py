"""What a network takes: the little that a runtime must know of a model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Scaling:
    """What the file's input tensor means: ``x = (pixel - offset) / scale``, pixel 0…255."""

    offset: float = 128.0
    scale: float = 128.0


CENTRED = Scaling()
"""What every model of this project sees: -1…1."""


@dataclass(frozen=True, slots=True)
class InputSpec:
    """The one input of a network, for pictures of ``height`` × ``width`` pixels."""

    height: int
    width: int
    scaling: Scaling = CENTRED
    colour_order: Literal["RGB", "BGR"] = "RGB"
    """In which the pixels come that ``run`` is given; they are not turned. Only a network that takes grey must know."""
