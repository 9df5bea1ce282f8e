"""The page that tells what a model is worth."""

from __future__ import annotations

import streamlit as st

import edgefake
from edgefake.app.detectors import Choice, open_detector
from edgefake.app.words import overall, plain
from edgefake.detector import Detector
from edgefake.models.card import Metrics, ModelCard
from edgefake.models.families import family_tables
from edgefake.report.setup import card_of
from edgefake.text import percent_text

FIGURES = {
    "auc": "How well it ranks fakes above real faces (AUC; 0.5 is chance, 1 is perfect)",
    "worst_auc": "The same, against the hardest source of real faces",
    "eer": "Share of errors where both kinds are alike",
    "tpr@1%fpr": "Fakes found where 1 % of real faces are called fake",
    "tpr@5%fpr": "Fakes found where 5 % of real faces are called fake",
    "accuracy": "Right answers, half of the faces being fake",
    "recall": "Fakes found at the usual threshold",
    "fpr": "Real faces called fake at the usual threshold",
    "ece": "How far the score is from being a probability",
}
"""In this order; others of a card are left to `edgefake models show`."""


def show_about(choice: Choice) -> None:
    """The card in plain language."""
    detector = open_detector(choice)
    st.header("What this model knows")
    card = card_of(detector)
    if card is None:
        st.info(f"{plain(detector.scorer.name)} has no card: nothing is known of what it was trained or measured on.")
        return
    st.markdown(
        f"**{plain(card.name)}** · {plain(card.architecture)}, {card.precision}, {card.width}×{card.height} pixels per face"
    )
    for line in overall(card, detector.thresholds):
        st.markdown(line)
    _show_knowledge(card)
    for metrics in card.metrics:
        _show_figures(metrics)
    _show_families(card)
    _show_versions(detector, card)


def _show_knowledge(card: ModelCard) -> None:
    learned = card.training.data if card.training else "not told"
    st.markdown("##### What it was shown")
    st.markdown(f"It learned from: **{plain(learned)}**." + (f" Terms: {plain(card.training.licence)}." if card.training else ""))
    st.markdown("##### What it does not know")
    known = [family.name for family in card.families if family.fake]
    st.markdown(
        "- It looks at **faces** only. Forged text, places, voices or bodies it cannot see.\n"
        "- A kind of fake that it was never shown it may well call real: “no sign of a fake” does not say that a picture is "
        "real.\n"
        "- It calls some real faces fake. Where fakes are rare, most of what it calls fake is real.\n"
        f"- Kinds of fakes that were measured: **{plain(', '.join(known)) if known else 'only those of the data named below'}**. "
        "All others: not measured.\n"
        "- Whether it errs more often with age, sex or the colour of skin: **not measured**.\n"
    )


def _show_figures(metrics: Metrics) -> None:
    st.markdown("##### How well it does")
    st.caption(
        f"On {plain(metrics.data)}, {plain(metrics.size)} faces that it never learned from; in brackets the 95 % interval."
    )
    rows = [
        {"figure": told, "value": f"{metrics.figures[name]:.3f}"} for name, told in FIGURES.items() if name in metrics.figures
    ]
    st.table(rows, hide_index=True, hide_header=True)


def _show_families(card: ModelCard) -> None:
    st.markdown("##### By kind of picture")
    if not card.families:
        st.markdown("**Not measured**, or not noted in this model's card.")
    for title, (heading, *rows) in family_tables(card.families):
        st.markdown(f"**{plain(title)}**")
        st.dataframe(
            [dict(zip(map(str, heading), map(str, row), strict=True)) for row in rows],
            hide_index=True,
            alt=title,
        )


def _show_versions(detector: Detector, card: ModelCard) -> None:
    limits = detector.thresholds
    real = f", real below {percent_text(limits.real)}" if limits.real < limits.fake else ""
    st.markdown("##### To repeat a result")
    st.code(
        f"edgefake {edgefake.__version__}\nmodel {card.name}, SHA-256 of its network {card.payload_sha256 or 'not told'}\n"
        f"runtime {detector.runtime}\nfake from {percent_text(limits.fake)}{real}\n",
        language=None,
        wrap_lines=True,
    )
