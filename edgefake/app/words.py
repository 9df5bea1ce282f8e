"""Text for the pages."""

from __future__ import annotations

import re
from collections.abc import Sequence

from edgefake.report.page import condition_text, percent, spread
from edgefake.report.rates import Rate
from edgefake.text import printable
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
    """Others' text (names of files, of models) inside Markdown: nothing in it is obeyed."""
    return re.sub(r"([\\`*_{}\[\]()<>#+\-.!|~$:&^=])", r"\\\1", printable(text, limit=None))


def count(number: int, what: str) -> str:
    """``1 face``, ``2 faces``."""
    return f"{number} {what}{'' if number == 1 else 's'}"


def label(verdict: Verdict | None, p_fake: float | None, status: str) -> str:
    """Of a thumbnail."""
    if verdict is None or p_fake is None:
        return status.replace("_", " ")
    return f"{SHORT[verdict]}, {percent(p_fake)} fake"


def score(p_fake: float, limits: Thresholds) -> str:
    """A sentence about the most suspicious face."""
    below = f", no sign below {percent(limits.real)}" if limits.real < limits.fake else ""
    return f"The most suspicious face scores **{percent(p_fake)} fake**; signs are from {percent(limits.fake)} on{below}."


def rates_lines(rates: Sequence[Rate]) -> list[str]:
    """How often the model errs on such faces, a line of Markdown for each condition that was measured."""
    lines = []
    for condition in dict.fromkeys(rate.condition for rate in rates):
        of = [rate for rate in rates if rate.condition == condition]
        told = (
            f"genuine ones called manipulated: {plain(spread(of, 'false_alarms'))}; "
            f"forged ones with no sign found: {plain(spread(of, 'missed'))}"
        )
        lines.append(f"- {condition_text(condition)}: {told}")
    return lines or ["How often this model errs on faces like these: **not measured**."]
