"""A report as one HTML page, and the index of several."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edgefake import __version__
from edgefake.faces.geometry import Box
from edgefake.heatmap import TICKS, shade_of
from edgefake.models.families import CLEAN, SIZES
from edgefake.odds import CALIBRATED_FOR
from edgefake.quality import MIN_SHARPNESS, MIN_SIZE
from edgefake.report.cutouts import data_uri
from edgefake.report.rates import Rate, named_thresholds, span
from edgefake.report.record import Cutout, Report, Sheet, Subject
from edgefake.report.timeline import COLOURED, HEIGHT, WIDTH, time_chart
from edgefake.report.wording import EXPLAINED, FACES, LIMITS, STATES, Finding
from edgefake.statistics import Interval
from edgefake.streaming.timeline import clock
from edgefake.text import p_text, printable

if TYPE_CHECKING:
    from jinja2 import Environment

NARROW = "\u202f"
"""A space at which no line ends."""
SHOWN = 24
"""So many faces of a picture, or tracks of a video, have a card of their own; of more, those with the highest p_fake."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One report in an index."""

    path: str
    """Of the file, for people."""
    link: str
    """From the index to the page, percent-encoded."""
    finding: Finding
    p_fake: float | None
    sha256: str

    @staticmethod
    def of(report: Report, *, path: str, link: str) -> Entry:
        """That of ``report``, without its pictures."""
        return Entry(path, link, report.finding, report.p_fake, report.file.sha256)


def page(report: Report) -> str:
    """The page of ``report``."""
    worst_first = sorted(report.subjects, key=lambda subject: (subject.p_fake is None, -(subject.p_fake or 0.0)))
    shown = worst_first[:SHOWN]
    if report.kind == "picture":
        shown.sort(key=lambda subject: subject.number)
    names = named_thresholds(report.card, report.setup.thresholds, report.setup.prior) if report.card else None
    return (
        environment()
        .get_template("page.html")
        .render(
            report=report,
            finding=report.finding,
            limits=limits(report),
            shown=shown,
            others=worst_first[SHOWN:],
            sheets=_sheets(report),
            chart=time_chart(report.lines, report.setup.thresholds, [subject.number for subject in worst_first]),
            chart_size=(WIDTH, HEIGHT),
            coloured=COLOURED,
            explained=_explained(shown),
            ticks=[(f"{tick:+d}" if tick else "0", round(50 + 50 * shade_of(tick), 1)) for tick in TICKS],
            tables=_tables(report.subjects),
            names=names,
            min_size=MIN_SIZE,
            min_sharpness=MIN_SHARPNESS,
        )
    )


def index(entries: Sequence[Entry]) -> str:
    """A page that leads to those of ``entries``."""
    return environment().get_template("index.html").render(entries=entries, version=__version__)


@functools.cache
def environment() -> Environment:
    """Of the templates, which escape what they are given."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    folder = Path(__file__).parent / "templates"
    environment = Environment(
        loader=FileSystemLoader(folder), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {
        "data_uri": data_uri,
        "percent": percent,
        "share": _share,
        "p": p_digits,
        "clock": clock,
        "spread": _ends,
        "by_condition": by_condition,
        "condition_text": condition_text,
        "cutouts": _cutouts,
        "explained": EXPLAINED.__getitem__,
        "length_of_time": _length,
        "size": _size,
        "px": lambda length: f"{length:.1f}",
        "printable": lambda text: printable(text, limit=None),
    }
    environment.globals |= {"faces": FACES, "states": STATES}
    return environment


def p_digits(p: float | None) -> str:
    """As ``p_text``, with more digits where it would else be 1, which it is not."""
    if p is None or p == 1 or p < 0.9995:
        return p_text(p)
    return next((text for digits in range(4, 10) if float(text := f"{p:.{digits}f}") < 1), f"{p}")


def percent(share: float) -> str:
    """``3 %``; near nothing and near all with a decimal, and never as either, where it is not."""
    if 0 < share < 0.001:
        return f"<{NARROW}0.1{NARROW}%"
    if 0.999 < share < 1:
        return f">{NARROW}99.9{NARROW}%"
    return f"{share * 100:.{1 if 0 < share < 0.01 or 0.99 < share < 1 else 0}f}{NARROW}%"


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
    low, high = (percent(end).removesuffix(f"{NARROW}%") for end in (share.low, share.high))
    return f"{percent(share.value)} [{low}–{high}]"


def _ends(rates: Sequence[Rate], which: str) -> list[tuple[str, str]]:
    """The lowest and the highest share, and the families that have it."""
    found = span(rates, which)
    if found is None:
        return [("not measured", "")]
    low, high = found.lowest, found.highest
    if found.measured == 1:
        return [(_share(getattr(low, which)), f"{printable(low.family)}, the only one measured")]
    ends = [
        (f"{name} {_share(getattr(end, which))}", printable(end.family)) for name, end in (("lowest", low), ("highest", high))
    ]
    return [*ends, (f"of {found.measured} measured", "")]


def spread(rates: Sequence[Rate], which: str) -> str:
    """``_ends`` as a sentence."""
    return ", ".join(f"{text} ({family})" if family else text for text, family in _ends(rates, which))


def condition_text(condition: str) -> str:
    """Which faces were measured under a condition."""
    if condition == CLEAN:
        return "Faces of any size, in files as they were"
    if condition not in SIZES:
        return f"Faces of any size, {condition.replace('jpeg', 'JPEG quality ')}"
    low, high = SIZES[condition]
    if not low:
        return f"Faces below {high:g} pixels"
    return f"Faces of {low:g} pixels or more" if math.isinf(high) else f"Faces of {low:g} to {high:g} pixels"


def _cutouts(subject: Subject) -> list[tuple[Cutout, str]]:
    """The pictures of a face, and what stands below each."""
    own = [(subject.cutout, "What the model saw")] if subject.cutout else []
    return own + [
        (moment.cutout, f"At {clock(moment.seconds)}, frame {moment.index}: p_fake {p_digits(moment.p_fake)}")
        for moment in subject.moments
    ]


def _explained(subjects: Sequence[Subject]) -> list[str]:
    """Of what kinds the evidence maps are, if there are any."""
    kinds = [cutout.evidence_from for subject in subjects for cutout, _ in _cutouts(subject)]
    return list(dict.fromkeys(filter(None, kinds)))


def _length(seconds: float) -> str:
    return f"{seconds:.1f} seconds" if seconds < 60 else f"{clock(seconds)} ({'h:' if seconds >= 3600 else ''}min:s)"


def _size(count: int) -> str:
    """Bytes, for people."""
    for unit, step in (("MB", 1_000_000), ("kB", 1_000)):
        if count >= step:
            return f"{count / step:,.1f} {unit} ({count:,} bytes)"
    return f"{count} bytes"


def limits(report: Report) -> list[str]:
    """What the verdict does not mean."""
    prior = "half"
    if report.setup.prior != CALIBRATED_FOR:
        prior += f" (turned to what it means where a share of {report.setup.prior:.3g} are)"
    rest = "the rest of the picture" if report.kind == "picture" else "the rest of the video, its sound"
    return [limit.format(kind=report.kind, prior=prior, rest=rest) for limit in LIMITS]
