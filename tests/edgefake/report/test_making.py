"""Reports on real files: what is told of them, and that a page holds all it shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgefake import Detector, InputError
from edgefake.report import picture_report, unreadable_report


def test_a_picture_and_its_page(portrait: Path, detector: Detector) -> None:
    report = picture_report(portrait, detector, name="portrait.jpg")
    assert (report.kind, report.file.format, report.file.width, report.file.height) == ("picture", "JPEG", 480, 600)
    (subject,) = report.subjects
    assert subject.p_fake == report.p_fake and report.verdict is subject.verdict
    assert report.file.sha256 in report.html and report.html.count("data:image/jpeg") == 2


def test_what_was_judged_before_is_not_judged_again(portrait: Path, detector: Detector) -> None:
    from edgefake import read_image

    prediction = detector.predict(read_image(portrait))
    report = picture_report(portrait.read_bytes(), detector, name="x.jpg", predictions=[prediction])
    assert report.sheets[0].prediction is prediction


def test_a_file_that_cannot_be_read(tmp_path: Path, detector: Detector) -> None:
    path = tmp_path / "note.jpg"
    path.write_text("no picture")
    with pytest.raises(InputError) as caught:
        picture_report(path, detector, name=path.name)
    report = unreadable_report(path, caught.value, detector)
    assert report.status == "error" and report.verdict is None and str(caught.value) in (report.error or "")
    assert report.file.sha256 in report.html
