"""The page that judges videos."""

from __future__ import annotations

import json
import time

import altair as alt
import streamlit as st

from edgefake.app.detectors import Choice, card_of, open_detector
from edgefake.app.limits import MAX_UPLOAD_MB
from edgefake.app.shown import count, show_privacy, show_verdict
from edgefake.app.videos import JudgedVideo, judge_video
from edgefake.app.words import HEADLINES, percent, plain, rates, rates_words
from edgefake.models.card import ModelCard
from edgefake.streaming.video import VideoVerdict
from edgefake.thresholds import Verdict

WORST = 4
POINTS = 2000
"""The timeline has so many points at most."""
CHART, MOMENT = "timeline", "moment"
"""Keys of widgets; the second of the selection in the first too."""

WHY = {
    "no_face": ("No face found", "This model judges faces and nothing else."),
    "too_short": ("Seen too shortly", "No face was there for long enough to be judged; a second is needed."),
    "incomplete": ("Damaged", "Less than half of the video could be read: get the whole file."),
}


def show_video(choice: Choice) -> None:
    """Upload, judge, tell."""
    st.header("Are the faces in a video real?")
    file = st.file_uploader("Drop one video", max_upload_size=MAX_UPLOAD_MB, key="video")
    show_privacy()
    if file is None:
        st.session_state.pop("judged video", None)
        return
    key = file.file_id, choice
    if st.session_state.get("judged video", (None, None))[0] != key:
        st.session_state["judged video"] = key, _judge(file.getbuffer(), file.name, choice)
        st.session_state.pop(MOMENT, None)
    judged: JudgedVideo = st.session_state["judged video"][1]
    if judged.verdict is None:
        st.error(plain(judged.error), icon=":material/broken_image:")
        return
    _show(judged, judged.verdict, card_of(open_detector(choice)))


def _judge(data: memoryview, name: str, choice: Choice) -> JudgedVideo:
    with st.empty():
        st.progress(0.0, "Reading the video …")
        shown = time.monotonic()

        def progress(done: int, total: int | None) -> None:
            nonlocal shown
            if time.monotonic() - shown > 0.2:
                shown = time.monotonic()
                st.progress(min(done / total, 1.0) if total else 0.0, f"{done} frames{f' of {total}' if total else ''} judged")

        judged = judge_video(open_detector(choice), data, name, progress)
        st.empty()
    return judged


def _show(judged: JudgedVideo, verdict: VideoVerdict, card: ModelCard | None) -> None:
    if verdict.verdict is None or verdict.p_fake is None:
        title, line = WHY[verdict.status]
        show_verdict(None, title, [line])
    else:
        proof = {
            Verdict.FAKE: "It is a reason to look closer, no proof.",
            Verdict.UNSURE: "That lies where this model does not decide.",
            Verdict.REAL: "It is no proof that the video is real.",
        }[verdict.verdict]
        title = HEADLINES[verdict.verdict]
        show_verdict(
            verdict.verdict, title, [f"Over the whole video the worst face scores **{percent(verdict.p_fake)} fake**. {proof}"]
        )
    told = [count(verdict.frames, "frame") + " judged", count(len(verdict.tracks), "face") + " followed", verdict.explanation()]
    st.caption(plain(" · ".join(filter(None, told))))
    if verdict.p_fake is not None and judged.thresholds:
        st.caption(f"{rates_words(rates(card, judged.thresholds))} That is of single pictures; of videos it is not measured.")
    _show_timeline(judged)
    _show_worst(judged)
    st.download_button(
        "Result (JSON)",
        json.dumps({"path": judged.name, **verdict.to_dict()}) + "\n",
        "edgefake.json",
        "application/json",
        icon=":material/download:",
        on_click="ignore",
    )


def _show_timeline(judged: JudgedVideo) -> None:
    times = [moment.seconds for moment in judged.moments]
    if not times:
        return
    if any(judged.curves.of.values()):
        st.markdown("##### Over time")
        st.altair_chart(
            _chart(judged),
            key=CHART,
            on_select=lambda: _go_to(times),
            selection_mode=MOMENT,
            alt="How fake each face looks over time",
        )
    st.session_state.setdefault(MOMENT, next(iter(judged.worst(1)), judged.moments[0]).seconds)
    if len(times) > 1:
        st.select_slider("Moment", times, key=MOMENT, format_func=clock, help="Or click into the timeline.")
    moment = next((moment for moment in judged.moments if moment.seconds == st.session_state[MOMENT]), judged.moments[0])
    st.image(moment.picture, clock(moment.seconds), alt=f"the video at {clock(moment.seconds)}")


def _go_to(times: list[float]) -> None:
    """Show the moment nearest to the click."""
    if picked := st.session_state[CHART].selection.get(MOMENT):
        st.session_state[MOMENT] = min(times, key=lambda seconds: abs(seconds - picked[0]["seconds"]))


def _chart(judged: JudgedVideo) -> alt.LayerChart | alt.FacetChart:
    """A line per face, and the thresholds of one."""
    curves = judged.curves.of
    step = max(sum(len(seconds) for seconds, _ in curves.values()) // POINTS, 1)
    rows = [
        {"seconds": second, "fake": score, "face": f"face {number}"}
        for number, (seconds, scores) in curves.items()
        for second, score in zip(seconds[::step], scores[::step], strict=True)
    ]
    picked = alt.selection_point(MOMENT, on="click", nearest=True, fields=["seconds"])
    scores = alt.Chart(alt.InlineData(values=rows)).encode(
        x=alt.X("seconds:Q", title="seconds"),
        y=alt.Y("fake:Q", title="fake", scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(format="%")),
        color=alt.Color("face:N", title=None, legend=alt.Legend(orient="top") if len(curves) > 1 else None),
    )
    dots = scores.mark_circle(size=20).add_params(picked)  # in lines there is nothing to click
    limits = judged.thresholds
    ends = [] if limits is None else sorted({limits.real, limits.fake})
    rules = alt.Chart(alt.InlineData(values=[{"limit": end} for end in ends])).mark_rule(strokeDash=[4, 4]).encode(y="limit:Q")
    return alt.layer(rules, scores.mark_line(), dots).properties(height=220)


def _show_worst(judged: JudgedVideo) -> None:
    worst = judged.worst(WORST)
    if not worst:
        return
    st.markdown("##### Most suspicious moments")
    grid = st.grid(min_column_width=160, border=True)
    for moment in worst:
        with grid.container():
            st.image(moment.picture, width="stretch", alt=f"the video at {clock(moment.seconds)}")
            st.caption(f"{clock(moment.seconds)} · {percent(moment.p_fake or 0.0)} fake")


def clock(seconds: float) -> str:
    return f"{int(seconds // 60)}:{seconds % 60:04.1f}"
