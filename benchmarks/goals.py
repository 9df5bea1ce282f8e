"""Figures with the limit that the project set itself."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Goal:
    """A measured figure that must not exceed ``limit``."""

    name: str
    value: float
    limit: float
    unit: str

    @property
    def met(self) -> bool:
        return self.value <= self.limit

    def __str__(self) -> str:
        return f"{self.name:<44}{self.value:8.3f} {self.unit:<4} at most {self.limit:g}: {'met' if self.met else 'MISSED'}"
