"""What several pages show."""

from __future__ import annotations

import json
from collections.abc import Sequence

import streamlit as st

from edgefake.app.pictures import Judged
from edgefake.app.words import COLOURS, ICONS, headline, label, meaning, plain, rates, rates_words
from edgefake.models.card import ModelCard
from edgefake.prediction import Prediction
from edgefake.thresholds import Verdict

PRIVACY = (
    "What you give is held in the memory of the computer that serves this page, judged there, and gone when you close the page: "
    "it is not stored, not logged and sent nowhere else."
)


def show_privacy() -> None:
    st.caption(f":material/lock: {PRIVACY}")


def show_verdict(verdict: Verdict | None, title: str, lines: Sequence[str]) -> None:
    """A coloured box: ``title`` is plain text, ``lines`` are Markdown."""
    box = {Verdict.FAKE: st.error, Verdict.UNSURE: st.warning, Verdict.REAL: st.success, None: st.info}[verdict]
    box("\n\n".join([f"**{title}**", *lines]), icon=ICONS[verdict])


def show_judged(judged: Judged, card: ModelCard | None) -> None:
    """A picture, its verdict in words, and its faces."""
    prediction = judged.prediction
    if prediction is None:
        st.error(plain(judged.error), icon=":material/broken_image:")
        return
    left, right = st.columns([3, 2], gap="medium")
    left.image(judged.marked, width="stretch", alt=f"{judged.name}: {prediction}")
    with right:
        show_verdict(prediction.verdict, headline(prediction), [meaning(prediction)])
        if prediction.p_fake is not None:
            st.caption(rates_words(rates(card, prediction.thresholds)))
    if prediction.faces:
        st.markdown(f"##### {count(len(prediction.faces), 'face')}")
        _show_faces(prediction, judged.faces)


def _show_faces(prediction: Prediction, pictures: Sequence[bytes]) -> None:
    order = sorted(range(len(pictures)), key=lambda index: -(prediction.faces[index].p_fake or 0.0))
    grid = st.grid(min_column_width=150, border=True)
    for index in order:
        face = prediction.faces[index]
        with grid.container():
            st.image(pictures[index], width="stretch", alt=f"face {index + 1}")
            st.badge(label(face), color=COLOURS[face.verdict])  # type: ignore[arg-type]
            st.caption(f"{face.quality.size:.0f} pixels wide · sharpness {face.quality.sharpness:.2f}")


def count(number: int, what: str) -> str:
    """``1 face``, ``2 faces``."""
    return f"{number} {what}{'' if number == 1 else 's'}"


def predictions_json(judged: Sequence[Judged]) -> str:
    """JSON lines as of ``edgefake predict --json``, without the errors."""
    return "".join(
        json.dumps({"path": one.name, **one.prediction.to_dict()}) + "\n" for one in judged if one.prediction is not None
    )
