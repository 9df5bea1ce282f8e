"""The page that judges pictures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from edgefake.app.detectors import Choice, card_of, open_detector
from edgefake.app.limits import MAX_PICTURE_MB
from edgefake.app.pictures import Judged, judge_file
from edgefake.app.shown import predictions_json, show_judged, show_privacy
from edgefake.app.words import COLOURS, headline, label, plain
from edgefake.models.card import ModelCard
from edgefake.thresholds import RISING

SAMPLE = Path(__file__).with_name("portrait.jpg")
PER_PAGE = 12

Results = dict[tuple[str, Choice], list[Judged]]


def show_photo(choice: Choice) -> None:
    """Upload, judge, tell."""
    st.header("Is the face real?")
    files = st.file_uploader(
        "Drop one picture or many", accept_multiple_files=True, max_upload_size=MAX_PICTURE_MB, key="pictures"
    )
    show_privacy()
    sample = st.session_state.get("sample", False) and not files
    if not files and not sample:
        st.button("Try it with a drawn portrait", icon=":material/face:", on_click=_use_sample)
        return
    judged = _judge_sample(choice) if sample else _judge(files, choice)
    card = card_of(open_detector(choice))
    if sample:
        st.caption("This portrait is computer graphics: it shows how the page works, not how good the detector is.")
    if len(judged) == 1:
        show_judged(judged[0], card)
    else:
        _show_many(judged, card)
    _offer_downloads(judged)


def _use_sample() -> None:
    st.session_state["sample"] = True


def _results() -> Results:
    """What was judged in this session: the page runs anew at every click."""
    results: Results = st.session_state.setdefault("judged pictures", {})
    return results


def _judge_sample(choice: Choice) -> list[Judged]:
    return list(judge_file(open_detector(choice), SAMPLE.read_bytes(), "drawn portrait"))


def _judge(files: Sequence[UploadedFile], choice: Choice) -> list[Judged]:
    """All pictures of ``files``; those that were judged before are not again, and those that were taken away are forgotten."""
    results = _results()
    for gone in results.keys() - {(file.file_id, choice) for file in files}:
        del results[gone]
    waiting = [file for file in files if (file.file_id, choice) not in results]
    if waiting:
        detector = open_detector(choice)
        with st.empty():
            for done, file in enumerate(waiting):
                if len(waiting) > 1:
                    st.progress(done / len(waiting), f"{done} of {len(waiting)} judged")
                results[file.file_id, choice] = list(judge_file(detector, file.getvalue(), file.name))
            st.empty()
    return [judged for file in files for judged in results[file.file_id, choice]]


def _show_many(judged: Sequence[Judged], card: ModelCard | None) -> None:
    """The most suspicious first, a page of them at a time; the chosen one in full."""
    broken = [one for one in judged if one.prediction is None]
    whole = sorted((one for one in judged if one.prediction is not None), key=_suspicion, reverse=True)
    counts = Counter("could not be read" if one.prediction is None else headline(one.prediction) for one in judged)
    st.markdown(f"##### {len(judged)} pictures: " + ", ".join(f"{count} × {what}" for what, count in counts.most_common()))
    for one in broken[:PER_PAGE]:
        st.error(plain(one.error), icon=":material/broken_image:")
    if len(broken) > PER_PAGE:
        with st.expander(f"{len(broken) - PER_PAGE} more that could not be read"):
            st.text("\n".join(str(one.error) for one in broken[PER_PAGE:]))
    if not whole:
        return
    pages = -(-len(whole) // PER_PAGE)
    page = st.pagination(pages, key="page of pictures") if pages > 1 else 1
    first = (page - 1) * PER_PAGE
    grid = st.grid(min_column_width=140, border=True, key="gallery")
    for index, one in enumerate(whole[first : first + PER_PAGE], first):
        with grid.container():
            _show_small(one, index)
    index = min(st.session_state.get("opened picture", 0), len(whole) - 1)
    st.markdown(f"#### {plain(whole[index].name)}")
    show_judged(whole[index], card)


def _show_small(one: Judged, index: int) -> None:
    prediction = one.prediction
    assert prediction is not None
    st.image(one.marked, width="stretch", alt=one.name)
    st.badge(label(prediction), color=COLOURS[prediction.verdict])  # type: ignore[arg-type]
    st.caption(plain(one.name))
    st.button("Details", key=f"open {index}", on_click=_open, args=(index,), width="stretch")


def _open(index: int) -> None:
    st.session_state["opened picture"] = index


def _suspicion(one: Judged) -> tuple[int, float]:
    prediction = one.prediction
    if prediction is None or prediction.verdict is None:
        return -1, 0.0
    return RISING.index(prediction.verdict), prediction.p_fake or 0.0


def _offer_downloads(judged: Sequence[Judged]) -> None:
    whole = [one for one in judged if one.prediction is not None]
    if not whole:
        return
    with st.container(horizontal=True):
        st.download_button(
            "Results (JSON lines)",
            predictions_json(whole),
            "edgefake.jsonl",
            "application/jsonl",
            icon=":material/download:",
            on_click="ignore",
        )
        if len(whole) == 1:
            st.download_button(
                "Marked picture",
                whole[0].marked,
                "edgefake.jpg",
                "image/jpeg",
                icon=":material/download:",
                on_click="ignore",
            )
