"""How often a model errs on faces like the one at hand: the figures in its card that fit, or that there are none."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from edgefake.models.card import ModelCard
from edgefake.models.families import CLEAN, Family, size_condition
from edgefake.statistics import Interval
from edgefake.thresholds import FAKE, REAL, Thresholds

_JPEG = re.compile(r"jpeg(\d{1,3})")


@dataclass(frozen=True, slots=True)
class Rate:
    """How often the model errs on one family under one condition."""

    family: str
    condition: str
    """As in ``Family.figures``: ``clean``, ``jpeg50``, ``64 to 128 px`` …"""
    real: int
    fake: int
    """Pictures that the family was measured on, under all conditions together."""
    false_alarms: Interval | None
    """The share of its real faces that are called fake; None: not measured."""
    missed: Interval | None
    """The share of its fakes that are called real; None: not measured."""
    caught: Interval | None
    """The share of its fakes that are called fake; None: not measured. The rest is undecided."""

    @property
    def measured(self) -> bool:
        return bool(self.false_alarms or self.missed)

    def to_dict(self) -> dict[str, Any]:
        """Plain values only."""
        named = {name: getattr(self, name) for name in ("false_alarms", "missed", "caught")}
        shares = {name: share and _plain(share) for name, share in named.items()}
        return {"family": self.family, "condition": self.condition, "real": self.real, "fake": self.fake, **shares}


@dataclass(frozen=True, slots=True)
class Span:
    """Of several families the one with the lowest and the one with the highest share."""

    lowest: Rate
    highest: Rate
    measured: int
    """How many families."""


def named_thresholds(card: ModelCard, thresholds: Thresholds, prior: float) -> tuple[str, str] | None:
    """The names in the ``card`` of what ``thresholds`` call fake from, and real below; None where they are others."""
    names = card.thresholds
    choices = [(FAKE, REAL)] if FAKE in names and REAL in names else []
    for fake, real in choices + [(name, name) for name in names]:
        if Thresholds(names[fake], names[real]).for_prior(prior) == thresholds:
            return fake, real
    return None


def conditions(card: ModelCard, *, size: float, jpeg_quality: int | None) -> list[str]:
    """Under which conditions the card has been measured that are those of a face of ``size`` pixels, in a file so compressed.

    First that of the size. A file of a JPEG quality nearer to that of a measured condition than to 100 is of that one; all
    other files are taken as they are.
    """
    measured = {condition for family in card.families for condition in family.figures}
    qualities = {100: CLEAN} | {int(found[1]): name for name in measured if (found := _JPEG.fullmatch(name))}
    nearest = min(qualities, key=lambda quality: abs(quality - (jpeg_quality or 100)))
    return [size_condition(size), qualities[nearest]]


def rates(card: ModelCard, condition: str, names: tuple[str, str] | None) -> list[Rate]:
    """Those of every family of the card under ``condition``, at the thresholds with these ``names``, as the card has them."""
    return [_rate(family, condition, names) for family in card.families]


def span(rates: Sequence[Rate], share: str) -> Span | None:
    """Of the ``share`` (``false_alarms``, ``missed``, ``caught``), where it was measured at all."""
    measured = sorted((rate for rate in rates if getattr(rate, share)), key=lambda rate: getattr(rate, share).value)
    return Span(measured[0], measured[-1], len(measured)) if measured else None


def _rate(family: Family, condition: str, names: tuple[str, str] | None) -> Rate:
    figures = family.figures.get(condition, {}) if names else {}
    fake, real = names or ("", "")
    found = figures.get(f"tpr@{real}")
    missed = found and Interval(1 - found.value, 1 - found.high, 1 - found.low)
    return Rate(family.name, condition, family.real, family.fake, figures.get(f"fpr@{fake}"), missed, figures.get(f"tpr@{fake}"))


def _plain(share: Interval) -> dict[str, float]:
    return {name: round(getattr(share, name), 4) for name in ("value", "low", "high")}
