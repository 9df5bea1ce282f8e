"""A report as one HTML page, and the index of several."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edgefake.errors import InputError
from edgefake.faces.geometry import Box
from edgefake.models.families import CLEAN, SIZES
from edgefake.odds import CALIBRATED_FOR
from edgefake.quality import MIN_SHARPNESS, MIN_SIZE
from edgefake.report.cutouts import data_uri
from edgefake.report.rates import Rate, named_thresholds, span
from edgefake.report.record import Report, Sheet, Subject
from edgefake.report.timeline import COLOURED, HEIGHT, WIDTH, time_chart
from edgefake.report.wording import FACES, LIMITS, STATES
from edgefake.statistics import Interval
from edgefake.streaming.timeline import clock
from edgefake.text import p_text, printable

if TYPE_CHECKING:
    from jinja2 import Environment

SHOWN = 24
"""So many faces of a picture, or tracks of a video, have a card of their own; of more, those with the highest p_fake."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One report in an index."""

    report: Report
    path: str
    """Of the file, for people."""
    link: str
    """From the index to the page, percent-encoded."""


def page(report: Report) -> str:
    """The page of ``report``. Raises ``InputError`` where Jinja is not installed."""
    worst_first = sorted(report.subjects, key=lambda subject: (subject.p_fake is None, -(subject.p_fake or 0.0)))
    shown = worst_first[:SHOWN]
    if report.kind == "picture":
        shown.sort(key=lambda subject: subject.number)
    names = named_thresholds(report.card, report.setup.thresholds, report.setup.prior) if report.card else None
    return (
        _environment()
        .get_template("page.html")
        .render(
            report=report,
            finding=report.finding,
            limits=[limit.format(kind=report.kind, prior=_prior_text(report.setup.prior)) for limit in LIMITS],
            shown=shown,
            hidden=len(worst_first) - len(shown),
            sheets=_sheets(report),
            chart=time_chart(report.lines, report.setup.thresholds, [subject.number for subject in worst_first]),
            chart_size=(WIDTH, HEIGHT),
            coloured=COLOURED,
            tables=_tables(report.subjects),
            names=names,
            min_size=MIN_SIZE,
            min_sharpness=MIN_SHARPNESS,
        )
    )


def index(entries: Sequence[Entry]) -> str:
    """A page that leads to those of ``entries``. Raises ``InputError`` where Jinja is not installed."""
    return _environment().get_template("index.html").render(entries=entries)


@functools.cache
def _environment() -> Environment:
    try:
        from jinja2 import Environment, FileSystemLoader, StrictUndefined
    except ImportError as error:
        raise InputError("a report needs Jinja, which is not installed: pip install 'edgefake[report]'") from error
    folder = Path(__file__).parent / "templates"
    environment = Environment(
        loader=FileSystemLoader(folder), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {
        "data_uri": data_uri,
        "percent": percent,
        "share": _share,
        "p": p_text,
        "clock": clock,
        "spread": _spread,
        "by_condition": by_condition,
        "condition_text": _condition_text,
        "size": _size,
        "px": lambda length: f"{length:.1f}",
        "printable": lambda text: printable(text, limit=None),
    }
    environment.globals |= {"faces": FACES, "states": STATES}
    return environment


def percent(share: float) -> str:
    """``3 %``; what is nearly nothing or nearly all is not rounded to it."""
    if 0 < share < 0.005:
        return "<\u202f1\u202f%" if share < 0.0005 else f"{share * 100:.1f}\u202f%"
    if 0.995 < share < 1:
        return ">\u202f99\u202f%" if share > 0.9995 else f"{share * 100:.1f}\u202f%"
    return f"{share * 100:.0f}\u202f%"


def by_condition(rates: Sequence[Rate]) -> dict[str, list[Rate]]:
    found: dict[str, list[Rate]] = {}
    for rate in rates:
        found.setdefault(rate.condition, []).append(rate)
    return found


def _sheets(report: Report) -> list[tuple[Sheet, list[tuple[int, Box]]]]:
    """The pictures to show, with the numbers and boxes of their faces: a single one, or of several the first that have faces."""
    read = [sheet for sheet in report.sheets if sheet.prediction is not None]
    chosen = [sheet for sheet in read if sheet.prediction and sheet.prediction.faces] or read[:1]
    found = []
    for sheet in chosen[:SHOWN]:
        numbers = [subject.number for subject in report.subjects if subject.picture == sheet.number]
        boxes = [face.box for face in sheet.prediction.faces] if sheet.prediction else []
        found.append((sheet, list(zip(numbers, boxes, strict=True))))
    return found


def _tables(subjects: Sequence[Subject]) -> dict[str, list[Rate]]:
    """The rates under all conditions that a face of the report falls under, each once."""
    found: dict[str, list[Rate]] = {}
    for subject in subjects:
        found |= by_condition(subject.rates)
    return found


def _share(share: Interval | None) -> str:
    """A share and its 95 % interval, in per cent."""
    if share is None:
        return "not measured"
    low, high = (percent(end).removesuffix("\u202f%") for end in (share.low, share.high))
    return f"{percent(share.value)} [{low}–{high}]"


def _spread(rates: Sequence[Rate], which: str) -> str:
    """The lowest and the highest share among families, which they are, and of how many."""
    found = span(rates, which)
    if found is None:
        return "not measured"
    low, high = found.lowest, found.highest
    if found.measured == 1:
        return f"{_share(getattr(low, which))} ({printable(low.family)}, the only one measured)"
    ends = [f"{_share(getattr(end, which))} ({printable(end.family)})" for end in (low, high)]
    return f"{' to '.join(ends)}, {found.measured} measured"


def _condition_text(condition: str) -> str:
    """Which faces were measured under a condition."""
    if condition == CLEAN:
        return "Faces of any size, files as they were"
    if condition in SIZES:
        return f"Faces of {condition.replace('px', 'pixels')}"
    return f"Files of {condition.replace('jpeg', 'JPEG quality ')}"


def _size(count: int) -> str:
    """Bytes, for people."""
    for unit, step in (("MB", 1_000_000), ("kB", 1_000)):
        if count >= step:
            return f"{count / step:,.1f} {unit} ({count:,} bytes)"
    return f"{count} bytes"


def _prior_text(prior: float) -> str:
    return "half" if prior == CALIBRATED_FOR else f"{prior:.3g} of 1"
