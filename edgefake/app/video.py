"""The page that judges videos."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from itertools import pairwise

import altair as alt
import streamlit as st

from edgefake.app.detectors import Choice, open_detector
from edgefake.app.limits import MAX_UPLOAD_MB
from edgefake.app.shown import json_button, report_button, show_error, show_privacy, show_report
from edgefake.app.videos import JudgedVideo, judge_video
from edgefake.app.words import count, plain
from edgefake.lines import video_line
from edgefake.report import Report
from edgefake.streaming.timeline import clock
from edgefake.streaming.video import VideoVerdict
from edgefake.text import percent_text

WORST = 4
POINTS = 2000
"""The timeline has so many points at most."""
MOMENT = "moment"
"""The key of the slider, and the name of the selection in the timeline."""


def show_video(choice: Choice) -> None:
    """Upload, judge, tell."""
    st.header("Are the faces in a video genuine?")
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
    if judged.report is None or judged.report.video is None:
        show_error(judged.error)
        return
    report = judged.report
    _show(judged, report, judged.report.video)
    with st.container(horizontal=True):
        report_button([judged.name], lambda: [report])
        json_button(json.dumps(video_line(judged.name, judged.report.video, open_detector(choice))) + "\n", "edgefake.json")


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


def _show(judged: JudgedVideo, report: Report, verdict: VideoVerdict) -> None:
    show_report(report)
    told = [count(verdict.frames, "frame") + " judged", count(len(verdict.tracks), "face") + " followed", verdict.explanation()]
    st.caption(plain(" · ".join(filter(None, told))))
    _show_timeline(judged, report)
    _show_worst(judged)


def _show_timeline(judged: JudgedVideo, report: Report) -> None:
    times = [moment.seconds for moment in judged.moments]
    if not times:
        return
    if st.session_state.get(MOMENT) not in times:
        st.session_state[MOMENT] = next(iter(judged.worst(1)), judged.moments[0]).seconds
    number = times.index(st.session_state[MOMENT])
    if report.lines:
        st.markdown("##### Over time")
        st.caption("Click into the chart to see that moment.")
        key = f"timeline {number}"  # a chart per moment, each with nothing selected: what was clicked before can be clicked again
        st.altair_chart(
            _chart(report, times, number),
            key=key,
            on_select=lambda: _go_to(times, key),
            selection_mode=MOMENT,
            alt="How fake each face looks over time",
        )
    if len(times) > 1:
        st.select_slider("Moment", times, key=MOMENT, format_func=clock)
    moment = judged.moments[number]
    st.image(moment.picture, clock(moment.seconds), alt=f"the video at {clock(moment.seconds)}")


def _go_to(times: list[float], key: str) -> None:
    """Show the moment that was clicked."""
    if picked := st.session_state[key].selection.get(MOMENT):
        st.session_state[MOMENT] = times[picked[0]["number"]]


def _chart(report: Report, times: list[float], shown: int) -> alt.LayerChart | alt.FacetChart:
    """A line per face, the thresholds of one, and the moment that is shown; on top, unseen, a band per moment to click."""
    step = max(sum(len(part) for line in report.lines for part in line.parts) // POINTS, 1)
    rows = [
        {"seconds": second, "fake": score, "face": f"face {line.id}", "part": f"{line.id}.{number}"}
        for line in report.lines
        for number, part in enumerate(line.parts)
        for second, score in part[::step].tolist()
    ]
    faces = (
        _data(rows)
        .mark_line(point=alt.OverlayMarkDef(size=20))
        .encode(
            x=alt.X("seconds:Q", title="seconds", scale=alt.Scale(nice=False)),
            y=alt.Y("fake:Q", title="fake", scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(format="%")),
            color=alt.Color("face:N", title=None, legend=alt.Legend(orient="top") if len(report.lines) > 1 else None),
            detail="part:N",  # no line where it was away
        )
    )
    ends = sorted({report.setup.thresholds.real, report.setup.thresholds.fake})
    limits = _data([{"fake": end} for end in ends]).mark_rule(color="gray", strokeDash=[4, 4]).encode(y="fake:Q")
    here = _data([{"seconds": times[shown]}]).mark_rule(color="gray", strokeWidth=2).encode(x="seconds:Q")
    between = [sum(pair) / 2 for pair in pairwise(times)]
    edges = [0.0, *between, max([times[-1], *(row["seconds"] for row in rows)])]
    bands = _data([{"number": at, "from": start, "to": end} for at, (start, end) in enumerate(pairwise(edges))])
    picked = alt.selection_point(MOMENT, on="click", fields=["number"])
    clicked = bands.mark_rect(opacity=0, cursor="pointer").encode(x="from:Q", x2="to:Q").add_params(picked)
    return alt.layer(limits, faces, here, clicked).properties(height=220)


def _data(rows: Sequence[Mapping[str, object]]) -> alt.Chart:
    return alt.Chart(alt.InlineData(values=list(rows)))


def _show_worst(judged: JudgedVideo) -> None:
    worst = judged.worst(WORST)
    if not worst:
        return
    st.markdown("##### Most suspicious moments")
    grid = st.grid(min_column_width=160, border=True)
    for moment in worst:
        with grid.container():
            st.image(moment.picture, width="stretch", alt=f"the video at {clock(moment.seconds)}")
            st.caption(f"{clock(moment.seconds)} · {percent_text(moment.p_fake or 0.0)} fake")
