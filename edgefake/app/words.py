"""Text for the pages."""

from __future__ import annotations

import re

from edgefake.models.card import ModelCard
from edgefake.report import Report
from edgefake.report.page import NARROW, condition_text, spread
from edgefake.statistics import Interval
from edgefake.text import percent_text, printable
from edgefake.thresholds import Thresholds, Verdict

COLOURS = {"fake": "red", "unsure": "orange", "real": "green", "none": "gray"}
"""By the tone of a finding."""
ICONS = {
    "fake": ":material/warning:",
    "unsure": ":material/help:",
    "real": ":material/check_circle:",
    "none": ":material/block:",
}
SHORT = {Verdict.FAKE: "signs", Verdict.UNSURE: "undecided", Verdict.REAL: "no sign"}
"""Of manipulation, before a score."""


def plain(text: object) -> str:
    """Others' text (names of files, of models) inside Markdown: nothing in it is obeyed.

    Narrow spaces stay: figures have them, and names of pictures that a Mac took of its screen.
    """
    shown = NARROW.join(printable(part, limit=None) for part in str(text).split(NARROW))
    return re.sub(r"([\\`*_{}\[\]()<>#+\-.!|~$:&^=])", r"\\\1", shown)


def count(number: int, what: str) -> str:
    """``1 face``, ``2 faces``."""
    return f"{number} {what}{'' if number == 1 else 's'}"


def label(verdict: Verdict | None, p_fake: float | None, status: str) -> str:
    """Of a thumbnail."""
    if verdict is None or p_fake is None:
        return status.replace("_", " ")
    return f"{SHORT[verdict]}, {percent_text(p_fake)} fake"


def unbroken(p_fake: float) -> str:
    """A p_fake in a sentence: its parts stay on one line."""
    return percent_text(p_fake).replace(" ", NARROW)


def score(p_fake: float, limits: Thresholds) -> str:
    """A sentence about the most suspicious face."""
    below = f", no sign below {unbroken(limits.real)}" if limits.real < limits.fake else ""
    told = f"The most suspicious face scores **{unbroken(p_fake)} fake**"
    return f"{told}; signs are from {unbroken(limits.fake)} on{below}."


def errors_of(report: Report) -> list[str]:
    """How often the model errs on faces such as those of ``report``, as its card tells: a line of Markdown for each condition."""
    rates = list(dict.fromkeys(rate for subject in report.subjects for rate in subject.rates))
    lines = []
    for condition in dict.fromkeys(rate.condition for rate in rates):
        of = [rate for rate in rates if rate.condition == condition]
        alarms, missed = (plain(spread(of, share)) for share in ("false_alarms", "missed"))
        lines.append(f"- {condition_text(condition)}: called manipulated though genuine {alarms}; missed though forged {missed}")
    if lines:
        return ["How often this model errs:", *lines]
    return ["How often this model errs on faces like these is **not measured**.", *overall(report.card, report.setup.thresholds)]


def overall(card: ModelCard | None, thresholds: Thresholds) -> list[str]:
    """The same on all faces of the data sets that the card names, where it has that at its own ``thresholds``."""
    if card is None or thresholds != card.thresholds_at():
        return []
    lines = []
    for metrics in card.metrics:
        alarms, found = metrics.figures.get("fpr"), metrics.figures.get("recall")
        if alarms and found:
            missed = Interval(1 - found.value, 1 - found.high, 1 - found.low)
            lines.append(
                f"On {plain(metrics.data)} it called {_share(alarms)} of {metrics.counts['real']} genuine faces manipulated, and "
                f"missed {_share(missed)} of {metrics.counts['fake']} forged ones."
            )
    return lines


def _share(share: Interval) -> str:
    return f"**{share.value:.1%}** ({share.low:.1%} to {share.high:.1%})"
