"""The page that judges pictures."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from edgefake.app.detectors import Choice, open_detector
from edgefake.app.limits import MAX_PICTURE_MB
from edgefake.app.pictures import Judged, judge_file
from edgefake.app.shown import explained, json_button, report_button, show_error, show_judged, show_privacy
from edgefake.app.words import COLOURS, label, plain
from edgefake.detector import Detector
from edgefake.images import SAMPLE
from edgefake.lines import picture_line
from edgefake.prediction import Prediction
from edgefake.report.wording import finding
from edgefake.thresholds import RISING

PER_PAGE = 12
NOT_READ = finding("picture", "error", None).title

Results = dict[tuple[str, Choice], Judged]


def show_photo(choice: Choice) -> None:
    """Upload, judge, tell."""
    st.header("Is the face genuine?")
    files = st.file_uploader(
        "Drop one picture or many", accept_multiple_files=True, max_upload_size=MAX_PICTURE_MB, key="pictures"
    )
    show_privacy()
    sample = st.session_state.get("sample", False) and not files
    if not files and not sample:
        st.button("Try it with a drawn portrait", icon=":material/face:", on_click=_use_sample)
        return
    detector = open_detector(choice)
    if sample:
        st.caption("This portrait is computer graphics: it shows how the page works, not how good the detector is.")
        judged = [judge_file(detector, SAMPLE.read_bytes(), "drawn portrait.jpg")]
    else:
        judged = _judge(files, choice, detector)
    if len(judged) == 1:
        show_judged(judged[0], detector)
    else:
        _show_many(judged, detector)
    _offer_downloads(judged, detector)


def _use_sample() -> None:
    st.session_state["sample"] = True


def _judge(files: Sequence[UploadedFile], choice: Choice, detector: Detector) -> list[Judged]:
    """Each of ``files``. The page runs anew at every click: those that were judged are kept, those taken away forgotten."""
    results: Results = st.session_state.setdefault("judged pictures", {})
    for gone in results.keys() - {(file.file_id, choice) for file in files}:
        del results[gone]
    waiting = [file for file in files if (file.file_id, choice) not in results]
    with st.empty():
        for done, file in enumerate(waiting):
            if len(waiting) > 1:
                st.progress(done / len(waiting), f"{done} of {len(waiting)} judged")
            results[file.file_id, choice] = judge_file(detector, file.getvalue(), file.name)
        st.empty()
    return [results[file.file_id, choice] for file in files]


def _show_many(judged: Sequence[Judged], detector: Detector) -> None:
    """The most suspicious first, a page of them at a time."""
    counts = Counter(one.report.finding.title if one.report else NOT_READ for one in judged)
    st.markdown(f"##### {len(judged)} files")
    st.markdown("\n".join(f"- {number} × {title}" for title, number in counts.most_common()))
    _show_broken([one for one in judged if not one.is_read])
    whole = sorted((one for one in judged if one.is_read), key=_suspicion, reverse=True)
    pages = -(-len(whole) // PER_PAGE)
    first = (st.pagination(pages, key="page of pictures") - 1) * PER_PAGE if pages > 1 else 0
    grid = st.grid(min_column_width=140, border=True)
    for index, one in enumerate(whole[first : first + PER_PAGE], first):
        with grid.container():
            _show_small(one, index, detector)


def _show_broken(broken: Sequence[Judged]) -> None:
    for one in broken[:PER_PAGE]:
        show_error(one.error)
    if len(broken) > PER_PAGE:
        with st.expander(f"{len(broken) - PER_PAGE} more that could not be read"):
            st.text("\n".join(str(one.error) for one in broken[PER_PAGE:]))


def _show_small(one: Judged, index: int, detector: Detector) -> None:
    report, picture = one.report, next(filter(None, one.marked))
    assert report is not None
    st.image(picture.small, width="stretch", alt=one.name)
    told = label(report.verdict, report.p_fake, report.status)
    st.badge(told, color=COLOURS[report.finding.tone])  # type: ignore[arg-type]
    st.caption(plain(one.name))
    if st.button("Details", key=f"open {index}", width="stretch"):
        st.dialog(plain(one.name), width="large")(show_judged)(one, detector)


def _suspicion(one: Judged) -> tuple[int, float]:
    report = one.report
    return (-1, 0.0) if report is None or report.verdict is None else (RISING.index(report.verdict), report.p_fake or 0.0)


def _offer_downloads(judged: Sequence[Judged], detector: Detector) -> None:
    with st.container(horizontal=True):
        if whole := [one for one in judged if one.report]:
            report_button([one.name for one in whole], lambda: [report for one in whole if (report := explained(one, detector))])
        json_button("".join(line for one in judged for line in _lines(one, detector)), "edgefake.jsonl")


def _lines(one: Judged, detector: Detector) -> list[str]:
    """As `edgefake predict --json` prints them."""
    answers: list[tuple[Prediction | str, int | None]] = [(str(one.error), None)]
    if one.report is not None:
        answers = [(sheet.prediction or str(sheet.error), sheet.number) for sheet in one.report.sheets]
    pictures = len(one.report.sheets) if one.report else None
    return [
        json.dumps(picture_line(one.name, answer, detector, picture=number, pictures=pictures)) + "\n"
        for answer, number in answers
    ]
