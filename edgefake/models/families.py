"""How well a detector does on each family, as its card keeps it, and as tables for people."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from edgefake.models.card_values import Unfit, shown
from edgefake.statistics import Interval
from edgefake.tables import markdown_table
from edgefake.text import printable

CLEAN = "clean"
"""The condition of pictures as they are."""

SIZES = {"to 64 px": (0.0, 64.0), "64 to 128 px": (64.0, 128.0), "from 128 px": (128.0, math.inf)}
"""Conditions by the longer side of the face box, in pixels of the picture as it is: from, and below."""

_FIGURE = re.compile("auc|worst_auc|found|judged|[tf]pr@.+", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Family:
    """The figures of one model on one family."""

    name: str
    data: str
    """What it was measured on, and whose face boxes those were."""
    real: int
    fake: int
    """Pictures; none of both where the family was asked for and is not measured."""
    worst_source: str | None
    """The source of real faces that ``worst_auc`` is against."""
    figures: dict[str, dict[str, Interval]]
    """By condition (``clean``, a degradation, a size of faces), then by name, shares of 0…1:

    ``auc`` of its fakes against each source of real faces, the mean of them, and, where it is clean, ``worst_auc``, the lowest;
    ``tpr@NAME`` and ``fpr@NAME``, the share of its fakes and of its real faces at or above that threshold of the card; where a
    finder looked for the faces ``found``, the share that it found, and ``judged``, of which the figures before are. A figure
    that there is not was not measured.
    """


def size_condition(size: float) -> str:
    """That of faces whose box has a longer side of ``size`` pixels."""
    return next(name for name, (low, high) in SIZES.items() if low <= size < high)


def check_families(families: Sequence[Family]) -> None:
    """Raise ``Unfit`` for what no measurement gives."""
    names = [family.name for family in families]
    if len(set(names)) < len(names):
        raise Unfit(f"families: expected each name once, got {shown(names)}")
    for family in families:
        if min(family.real, family.fake) < 0:
            raise Unfit(f"families, {shown(family.name)}: expected counts from 0, got {family.real} and {family.fake}")
        if family.figures and not family.real + family.fake:
            raise Unfit(f"families, {shown(family.name)}: expected no figures of no pictures, got {shown([*family.figures])}")
        for condition, figures in family.figures.items():
            for name, figure in figures.items():
                if not _FIGURE.fullmatch(name):
                    known = "auc, worst_auc, found, judged, tpr@NAME or fpr@NAME"
                    raise Unfit(f"families, {shown(family.name)}, {shown(condition)}: expected {known}, got {shown(name)}")
                if not 0 <= figure.low <= figure.value <= figure.high <= 1:
                    where = f"families, {shown(family.name)}, {shown(condition)}, {shown(name)}"
                    raise Unfit(f"{where}: expected 0 ≤ low ≤ value ≤ high ≤ 1, got {figure.low}, {figure.value}, {figure.high}")


def family_tables(families: Sequence[Family]) -> Iterator[tuple[str, list[tuple[object, ...]]]]:
    """All figures of ``families``, with their intervals: titles, and rows of which the first is the heading."""
    if not families:
        return
    names = list(dict.fromkeys(name for family in families for figures in family.figures.values() for name in figures))
    thresholds = dict.fromkeys(name.partition("@")[2] for name in names if "@" in name)
    rates = {f"{rate}@{threshold}": f"{rate.upper()} at {threshold}" for threshold in thresholds for rate in ("tpr", "fpr")}
    rest = {name: title for name, title in {**rates, "found": "found", "judged": "judged"}.items() if name in names}
    heading = ("family", "real + fake", "AUC", "lowest AUC", "against", *rest.values())
    yield "By family", [heading, *(_overall(family, [*rest]) for family in families)]
    conditions = list(dict.fromkeys(condition for family in families for condition in family.figures))
    for name, title in {"auc": "AUC", **rest}.items():
        rows = [
            (family.name, *(_cell(family.figures.get(condition, {}), name) for condition in conditions))
            for family in families
            if any(name in figures for figures in family.figures.values())
        ]
        if rows and len(conditions) > 1:
            yield f"{printable(title)} by condition", [("family", *conditions), *rows]


def family_markdown(families: Sequence[Family], *, level: int) -> list[str]:
    """``family_tables`` as the lines of Markdown, under headings of ``level``; where there are none, a line that says so."""
    lines = []
    for title, (heading, *rows) in family_tables(families):
        lines += [f"{'#' * level} {title}", "", *markdown_table(heading, rows), ""]
    told = [
        f"Measured on {printable(data, limit=None)}; – is not measured."
        for data in dict.fromkeys(family.data for family in families)
    ]
    return [*lines, *(told or [f"{'#' * level} By family", "", "Not measured."])]


def _overall(family: Family, rest: Sequence[str]) -> tuple[object, ...]:
    figures = family.figures.get(CLEAN, {})
    count = f"{family.real} + {family.fake}" if family.real + family.fake else "not measured"
    auc = _cell(figures, "auc"), _cell(figures, "worst_auc"), family.worst_source or "–"
    return family.name, count, *auc, *(_cell(figures, name) for name in rest)


def _cell(figures: Mapping[str, Interval], name: str) -> str:
    return f"{figures[name]:.3f}" if name in figures else "–"
