"""Detectors of the page: each model is opened once for all visitors, and each visitor has thresholds of their own."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from edgefake.app import settings
from edgefake.app.settings import Settings
from edgefake.defaults import DEFAULT_THRESHOLD
from edgefake.detector import Detector
from edgefake.models.card import ModelCard
from edgefake.models.store import list_models
from edgefake.report.setup import card_of
from edgefake.scorer import Threshold
from edgefake.text import percent_text

CARDS, OWN = "as the model's card says", "own number"

WORDS = {
    DEFAULT_THRESHOLD: "usual: about 5 of 100 real faces in validation were called fake",
    "fpr_1%": "careful: about 1 of 100 real faces in validation was called fake",
    "fpr_0.1%": "very careful: about 1 of 1000 real faces in validation was called fake",
    "eer": "even: as many real faces as fakes were called wrongly",
}
"""The usual names of thresholds in cards, for people."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What a visitor chose; results are kept under it."""

    model: str
    threshold: Threshold | None


def models() -> list[str]:
    """The names of the detectors on this machine, and the one of the command line."""
    names = [file.stored.name for file in list_models() if file.stored.kind == "detector" and file.path]
    return list(dict.fromkeys([settings.chosen().model, *names]))


@st.cache_resource(show_spinner="Opening the model …", max_entries=8)
def _opened(model: str, chosen: Settings) -> Detector:
    detector = chosen.open_detector(model)
    detector.warm_up()
    return detector


def open_detector(choice: Choice) -> Detector:
    """The one of ``choice``; it is not to be closed, since others share its model. Raises as ``Detector`` does."""
    chosen = settings.chosen()
    shared = _opened(choice.model, chosen)
    return Detector(shared.scorer, faces=shared.finder, find=chosen.find, threshold=choice.threshold, prior=chosen.prior)


def ask_choice() -> Choice:
    """The widgets in which a visitor chooses model and threshold."""
    names = models()
    model = st.selectbox("Model", names, key="model", help="“About this model” says what it knows and what not.")
    default = settings.chosen().threshold if model == settings.chosen().model else None
    card = card_of(_opened(model, settings.chosen()))
    named = list(card.thresholds) if card else []
    option = st.selectbox(
        "When to call a face fake",
        [CARDS, *named, OWN],
        format_func=lambda name: _option_words(name, card, default),
        key=f"threshold of {model}",
        persist_state="session",
    )
    if option == OWN:
        percent = st.slider("From this score on it is fake", 1, 99, 50, format="%d %% fake", key="own", persist_state="session")
        return Choice(model, percent / 100)
    return Choice(model, default if option == CARDS else option)


def _option_words(name: str, card: ModelCard | None, default: Threshold | None) -> str:
    if name == CARDS and default is not None:
        return "as this page was started with --threshold"
    if card is None or name not in card.thresholds:
        return name
    return f"{WORDS.get(name, name)} ({percent_text(card.thresholds[name])})"
