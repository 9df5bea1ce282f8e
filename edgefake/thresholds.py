"""From p_fake to a verdict: of one face, and of several together.

A picture is as fake as its worst face, so each further face is another chance to be wrong, and the highest of n must be higher to
count: as rare among real faces as a share r / n, where r reach the threshold of one (Bonferroni; for rare r it is Šidák's
1 - (1 - r)^(1/n), 1967). Then r of the real pictures reach it, whatever n. Two assumptions stand behind that: that the scores of
faces in one picture are independent (where they go together, fewer pictures are called fake), and that the share of real faces at
or above log-odds t falls by the same factor with each further unit of t.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

from edgefake import odds
from edgefake.defaults import DEFAULT_THRESHOLD
from edgefake.errors import InputError
from edgefake.text import printable

FAKE, REAL = "fake", "real"
"""A card's thresholds with these names are the two of its verdict."""


class Verdict(str, Enum):
    """What ``Thresholds`` make of p_fake."""

    REAL = "real"
    UNSURE = "unsure"
    FAKE = "fake"


TAIL = "fpr_0.1%"
"""A card's threshold with this name lies on the line through its ``fpr_5%`` that the tail of its scores follows."""

DECAY = 0.43
"""``Thresholds.decay`` where it is not known: the lowest that was measured. Beyond the ``fpr_5%`` of three models it was
0.43, 0.46 and 0.57, on 93, 79 and 67 faces that they never saw; by their ``fpr_1%``, chosen near to training, 0.63 to 1.09."""

RISING = (Verdict.REAL, Verdict.UNSURE, Verdict.FAKE)
"""Verdicts as p_fake rises."""


def worst_verdict(verdicts: Iterable[Verdict | None]) -> Verdict | None:
    """Fake where any is, else unsure where any is, else real; None where there is none."""
    return max((verdict for verdict in verdicts if verdict), key=RISING.index, default=None)


@dataclass(frozen=True, slots=True)
class Thresholds:
    """p_fake at or above ``fake`` is fake, below ``real`` real, and between them unsure, which nothing is where both are equal.

    Raises ``InputError`` unless 0 ≤ ``real`` ≤ ``fake`` ≤ 1, and ``decay`` > 0.
    """

    fake: float
    real: float
    decay: float = field(default=DECAY, compare=False)
    """How fast the logarithm of the share of real faces at or above log-odds t falls with t."""

    def __post_init__(self) -> None:
        for name in ("fake", "real"):
            object.__setattr__(self, name, checked_p_fake(getattr(self, name), "a threshold, a p_fake in 0…1"))
        if not self.decay > 0:
            raise InputError(f"expected a decay above 0, got {self.decay!r}: leave it out where it was not measured")
        if self.real > self.fake:
            given = f"fake={self.fake:g}, real={self.real:g}"
            raise InputError(f"expected fake to be at least real, the p_fake below which a face is real, got {given}: swap them")

    @staticmethod
    def two_way(p_fake: float, decay: float = DECAY) -> Thresholds:
        """Fake from ``p_fake`` on, else real."""
        return Thresholds(p_fake, p_fake, decay)

    def verdict(self, p_fake: float) -> Verdict:
        """Of one face; of several, ``for_faces`` has it for the highest of them."""
        return Verdict.FAKE if p_fake >= self.fake else Verdict.REAL if p_fake < self.real else Verdict.UNSURE

    def for_faces(self, count: int, *, most: float = 1.0) -> Thresholds:
        """Those for the highest p_fake of ``count`` faces, at which real pictures are called fake as rarely as one real face is.

        ``fake`` is raised to ``most`` at most. ``real`` stays: a fake among real faces is no lower than it is alone.
        """
        if count < 2 or not 0.0 < self.fake < 1.0:
            return self
        raised = odds.p_fake(odds.log_odds(self.fake, odds.TURNED) + math.log(count) / self.decay)
        fake = max(self.fake, min(raised, most))
        return replace(self, fake=fake, real=fake if self.real == self.fake else self.real)

    def for_prior(self, prior: float) -> Thresholds:
        """Those of p_fake that ``odds.for_prior`` turned: verdicts stay."""
        return replace(self, fake=odds.for_prior(self.fake, prior), real=odds.for_prior(self.real, prior))

    def to_dict(self) -> dict[str, float]:
        return {"fake": self.fake, "real": self.real}


def both_thresholds(face: Thresholds, whole: Thresholds) -> dict[str, dict[str, float]]:
    """For JSON: those of one face, and of the picture, frame or video as a whole."""
    return {"face": face.to_dict(), "whole": whole.to_dict()}


def checked_p_fake(value: Any, expected: str) -> float:
    """``value`` as a float. Raises ``InputError``, which says what was ``expected``, unless it is a number in 0…1."""
    if not odds.is_p_fake(value):
        raise InputError(f"expected {expected}, got {value!r}")
    return float(value)


def find_threshold(chosen: float | str, named: Mapping[str, float], name: str) -> float:
    """The p_fake threshold that ``chosen`` is, or names among those ``named`` of the model ``name``. Raises ``InputError``."""
    names = printable(", ".join(named))
    if isinstance(chosen, str):
        if chosen not in named:
            choice = f"{names} or a number" if named else "a number"
            raise InputError(f"{printable(name)} has no threshold {chosen!r}: choose {choice} in 0…1")
        return named[chosen]
    return checked_p_fake(chosen, f"a threshold, a p_fake in 0…1{f' or one of {names}' if named else ''}")


def thresholds_of(named: Mapping[str, float], name: str, chosen: float | str | None = None) -> Thresholds:
    """What ``chosen`` is, or names, among the thresholds of the model ``name``'s card: two-way.

    None: the card's ``fake`` and ``real``, where it has both, else its ``fpr_5%``, two-way. Raises ``InputError`` where it has
    none, or no such.
    """
    decay = _decay(named)
    if chosen is None and FAKE in named and REAL in named:
        return Thresholds(named[FAKE], named[REAL], decay)
    return Thresholds.two_way(find_threshold(DEFAULT_THRESHOLD if chosen is None else chosen, named, name), decay)


def _decay(named: Mapping[str, float]) -> float:
    """By the line that ``TAIL`` lies on, where ``named`` have it."""
    if TAIL not in named or DEFAULT_THRESHOLD not in named:
        return DECAY
    further = odds.log_odds(named[TAIL], odds.TURNED) - odds.log_odds(named[DEFAULT_THRESHOLD])
    return math.log(0.05 / 0.001) / further if further > 0 else DECAY
