"""The architectures this project trains, one module each; ``RECIPES`` is their table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from training.recipes.cnn import cnn
from training.recipes.resnet18 import resnet18

__all__ = ["RECIPES", "Recipe"]


@dataclass(frozen=True, slots=True)
class Recipe:
    """An architecture with the settings it is trained with when the command line says nothing else."""

    build: Callable[..., Any]
    """``build(size, folded=False)``: a Keras Functional model, float (N, size, size, 3) in, logit (N, 1) out."""
    size: int
    batch: int = 64
    learning_rate: float = 1e-3


RECIPES = {
    "cnn": Recipe(cnn, size=128),
    "resnet18": Recipe(resnet18, size=160),
}
