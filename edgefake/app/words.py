"""What a verdict means, for people who never heard of p_fake."""

from __future__ import annotations

import re
from dataclasses import dataclass

from edgefake.models.card import ModelCard
from edgefake.prediction import FaceScore, Prediction, Status
from edgefake.statistics import Interval
from edgefake.text import printable
from edgefake.thresholds import Thresholds, Verdict

COLOURS: dict[Verdict | None, str] = {Verdict.FAKE: "red", Verdict.UNSURE: "orange", Verdict.REAL: "green", None: "gray"}
ICONS: dict[Verdict | None, str] = {
    Verdict.FAKE: ":material/warning:",
    Verdict.UNSURE: ":material/help:",
    Verdict.REAL: ":material/check_circle:",
    None: ":material/block:",
}
HEADLINES: dict[Verdict | Status, str] = {
    Verdict.FAKE: "Looks fake",
    Verdict.UNSURE: "Cannot tell",
    Verdict.REAL: "No sign of a fake",
    Status.NO_FACE: "No face found",
    Status.FACE_TOO_SMALL: "Face too small to judge",
    Status.FACE_TOO_BLURRED: "Face too blurred to judge",
}
SHORT = {Verdict.FAKE: "looks fake", Verdict.UNSURE: "unsure", Verdict.REAL: "no sign"}
"""For labels, before a score."""
REMEDIES = {
    Status.NO_FACE: "This model judges faces and nothing else: nothing is said about the rest of the picture.",
    Status.FACE_TOO_SMALL: "A face needs at least 32 pixels: find a larger copy of the picture.",
    Status.FACE_TOO_BLURRED: "There is too little detail in the face: find a sharper copy of the picture.",
}


def plain(text: object) -> str:
    """Others' text (names of files, of models) inside Markdown: nothing in it is obeyed."""
    return re.sub(r"([\\`*_{}\[\]()<>#+\-.!|~$:&^=])", r"\\\1", printable(text))


def percent(p: float) -> str:
    """A p_fake as people say it."""
    return "<1 %" if p < 0.01 else ">99 %" if p > 0.99 else f"{100 * p:.0f} %"


def headline(answer: Prediction | FaceScore) -> str:
    return HEADLINES[answer.verdict or answer.status]


def label(answer: Prediction | FaceScore) -> str:
    """Of a thumbnail."""
    if answer.verdict is None or answer.p_fake is None:
        return headline(answer)
    return f"{SHORT[answer.verdict]} · {percent(answer.p_fake)}"


def meaning(prediction: Prediction) -> str:
    """A sentence or two about the verdict."""
    if prediction.p_fake is None:
        return REMEDIES[prediction.status]
    score = f"The {'face' if len(prediction.faces) == 1 else 'most suspicious face'} scores **{percent(prediction.p_fake)} fake**"
    limits = prediction.whole
    if prediction.verdict is Verdict.FAKE:
        return f"{score}; from {percent(limits.fake)} on this counts as fake. It is a reason to look closer, no proof."
    if prediction.verdict is Verdict.UNSURE:
        return f"{score}; between {percent(limits.real)} and {percent(limits.fake)} this model does not decide."
    return f"{score}; below {percent(limits.real)} nothing is called fake. It is no proof that the picture is real."


@dataclass(frozen=True, slots=True)
class Rates:
    """How often a model was wrong with these thresholds, where that was measured."""

    data: str
    real: int
    fake: int
    false_alarms: Interval
    found: Interval


def rates(card: ModelCard | None, thresholds: Thresholds) -> Rates | None:
    """Those of the card's own threshold; None where others hold, or the card does not tell."""
    if card is None or not card.metrics or thresholds != card.thresholds_at():
        return None
    metrics = card.metrics[0]
    if not {"fpr", "recall"} <= metrics.figures.keys():
        return None
    counts = metrics.counts
    return Rates(metrics.data, counts["real"], counts["fake"], metrics.figures["fpr"], metrics.figures["recall"])


def rates_words(found: Rates | None) -> str:
    if found is None:
        return "How often this model is wrong at this threshold: **not measured**."
    return (
        f"Measured on {plain(found.data)}: of {found.real} real faces it called **{found.false_alarms.value:.1%}** "
        f"[{found.false_alarms.low:.1%} – {found.false_alarms.high:.1%}] fake, of {found.fake} fakes it found "
        f"**{found.found.value:.1%}** [{found.found.low:.1%} – {found.found.high:.1%}]. "
        "On other kinds of fakes and of pictures it may do much worse."
    )
