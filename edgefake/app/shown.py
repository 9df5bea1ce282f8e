"""What several pages show."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable, Sequence

import streamlit as st

from edgefake.app.pictures import Judged, judge_file
from edgefake.app.words import COLOURS, ICONS, count, errors_of, label, plain, score
from edgefake.detector import Detector
from edgefake.report import Report
from edgefake.report.page import SHOWN, limits
from edgefake.report.record import Subject
from edgefake.report.wording import STATES, Finding
from edgefake.text import printable

PRIVACY = (
    "What you give is held in the memory of the computer that serves this page, judged there, and gone when you close the page: "
    "it is not stored, not logged and sent nowhere else."
)


def show_privacy() -> None:
    st.caption(f":material/lock: {PRIVACY}")


def show_error(text: object) -> None:
    """One sentence, in which others may have written."""
    st.error(plain(text), icon=":material/broken_image:")


def show_finding(finding: Finding, *lines: str) -> None:
    """A coloured box; ``lines`` are Markdown."""
    box = {"fake": st.error, "unsure": st.warning, "real": st.success, "none": st.info}[finding.tone]
    box("\n\n".join([f"**{finding.title}**", *lines, finding.text]), icon=ICONS[finding.tone])


def show_report(report: Report) -> None:
    """The verdict in words and what it is worth."""
    show_finding(report.finding, *([] if report.p_fake is None else [score(report.p_fake, report.whole)]))
    if report.p_fake is not None:
        st.caption("\n".join(errors_of(report)))
    with st.expander("What this does not mean"):
        st.markdown("\n".join(f"- {plain(limit)}" for limit in limits(report)))
    title, text = STATES[report.credentials.state]
    signer = f" Signed in the name of {plain(report.credentials.signer)}." if report.credentials.signer else ""
    st.caption(f"Content Credentials: **{title}**. {text}{signer}")


def show_judged(judged: Judged, detector: Detector) -> None:
    """A file: its pictures, the verdict, and the faces as cards."""
    if judged.report is None or not judged.is_read:
        show_error(judged.error)
        return
    report = judged.report
    left, right = st.columns([3, 2], gap="medium")
    for sheet, marked in zip(report.sheets, judged.marked, strict=True):
        if marked is None:
            left.error(plain(sheet.error), icon=":material/broken_image:")
        else:
            left.image(marked.large, width="stretch", alt=f"{judged.name}: {sheet.prediction}")
    with right:
        show_report(report)
    if report.subjects:
        st.markdown(f"##### {count(len(report.subjects), 'face')}")
        wished = report.p_fake is not None and st.toggle("Show what speaks for fake (red) and for real (blue)", key="maps")
        if wished:
            with st.spinner("Looking at every part of every face …"):
                report = explained(judged, detector) or report
        _show_faces(report.subjects, maps=wished)


def explained(judged: Judged, detector: Detector) -> Report | None:
    """The report on it with what in each face spoke for fake and for real; nothing where there is none at all."""
    return judge_file(detector, judged.data, judged.name, explain=True).report


def _show_faces(subjects: Sequence[Subject], *, maps: bool) -> None:
    """A card for each, the most suspicious first."""
    ordered = sorted(subjects, key=lambda subject: -(subject.p_fake or 0.0))
    grid = st.grid(min_column_width=180, border=True)
    for subject in ordered[:SHOWN]:
        with grid.container():
            if subject.cutout:
                picture = (subject.cutout.evidence if maps else None) or subject.cutout.jpeg
                st.image(picture, width="stretch", alt=f"face {subject.number}")
            tone = subject.verdict.value if subject.verdict else "none"
            told = label(subject.verdict, subject.p_fake, subject.status.value)
            st.badge(told, color=COLOURS[tone])  # type: ignore[arg-type]
            if subject.quality:
                st.caption(f"{subject.quality.size:.0f} pixels · sharpness {subject.quality.sharpness:.2f}")
    if len(ordered) > SHOWN:
        st.caption(f"{len(ordered) - SHOWN} more, less suspicious, are in the JSON.")


def report_button(names: Sequence[str], reports: Callable[[], Sequence[Report]]) -> None:
    """One report as a page, several as an archive of pages; ``reports`` makes them when they are asked for."""
    one = len(names) == 1
    st.download_button(
        "Report" if one else "Reports (ZIP)",
        (lambda: reports()[0].html) if one else (lambda: _archive(reports())),
        _page_name(1, names[0]) if one else "reports.zip",
        "text/html" if one else "application/zip",
        icon=":material/description:",
        on_click="ignore",
    )


def json_button(text: str, name: str) -> None:
    st.download_button("JSON", text, name, "application/json", icon=":material/data_object:", on_click="ignore")


def _archive(reports: Sequence[Report]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, report in enumerate(reports, 1):
            archive.writestr(_page_name(number, report.file.name), report.html)
    return packed.getvalue()


def _page_name(number: int, name: str) -> str:
    """A name that every system takes, whatever the file was called."""
    return f"{number:03}-{re.sub(r'[^A-Za-z0-9._-]+', '_', printable(name))[:80]}.report.html"
