"""Reports of real files: what is in them, and that a page holds all it shows and runs nothing."""

from __future__ import annotations

import dataclasses
import io
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from edgefake import Detector, InputError, Status, Thresholds, Verdict, read_image, watch
from edgefake.models.families import Family
from edgefake.pixels import Pixels
from edgefake.report import VideoRecord, is_video_file, picture_report, unreadable_report, video_report
from edgefake.report.page import SHOWN, Entry, index, p_digits, percent
from edgefake.statistics import Interval
from tests.edgefake.ensemble import Ensemble
from tests.edgefake.report.pages import Page
from tests.edgefake.report.signing import AI, signed
from tests.edgefake.streaming.videos import moving_face, write_video

HOSTILE = "<script>alert('1')</script>\u202e\"&gpj.jpg"


@pytest.fixture(scope="module")
def cnn() -> Detector:
    return Detector("cnn_int8", num_threads=1)


def at(detector: Detector, thresholds: Thresholds) -> Detector:
    """The same detector with other thresholds."""
    detector.thresholds = thresholds
    return detector


def crowd(portrait: Path, count: int) -> Pixels:
    face = cv2.resize(np.asarray(cv2.imread(str(portrait))), (160, 200))
    return np.asarray(np.hstack([face] * count), np.uint8)


def jpeg(picture: Pixels, quality: int = 95) -> bytes:
    return cv2.imencode(".jpg", picture, (cv2.IMWRITE_JPEG_QUALITY, quality))[1].tobytes()


def test_a_picture(portrait: Path, detector: Detector) -> None:
    report = picture_report(portrait, detector, name="portrait.jpg", command="edgefake report portrait.jpg --out x")
    assert (report.kind, report.status, report.error) == ("picture", "ok", None)
    (subject,) = report.subjects
    assert subject.p_fake == report.p_fake == detector.predict(read_image(portrait)).p_fake
    assert report.verdict is subject.verdict and subject.quality and subject.quality.size > 200
    page = Page(report.html)
    page.check()
    whole, face, explained = page.pictures
    assert whole.shape == (600, 480, 3) and face.shape == explained.shape == (320, 320, 3)
    for told in (
        report.file.sha256,
        report.setup.payload_sha256,
        report.setup.terms or "not told",
        "edgefake report portrait.jpg",
        "480 × 600",
        "not measured",
    ):
        assert told and told in page.text
    json.dumps(report.to_dict())


def test_the_legend_has_the_scale_of_the_maps(portrait: Path, detector: Detector) -> None:
    html = picture_report(portrait, detector, name="portrait.jpg").html
    for tick, place in (("+8", 90.0), ("+2", 75.0), ("0", 50.0), ("-1", 33.3)):
        assert f'<span style="left:{place}%">{tick}</span>' in html


def test_what_could_not_be_read_of_a_file_is_not_called_missing(portrait: Path, detector: Detector) -> None:
    report = picture_report(portrait, detector, name="portrait.jpg", explain=False)
    unknown = dataclasses.replace(report, file=dataclasses.replace(report.file, exif={}, has_place=None))
    assert "Messengers" in Page(report.html).text and "Messengers" not in Page(unknown.html).text


def test_a_prior_is_told_beside_what_the_score_was_calibrated_on(portrait: Path) -> None:
    with Detector("cnn_int8", num_threads=1, prior=0.01) as rare:
        text = Page(picture_report(portrait, rare, name="portrait.jpg", explain=False).html).text
    assert "of which half" in text and "share of 0.01" in text


def test_what_was_judged_before_is_not_judged_again(portrait: Path, detector: Detector) -> None:
    prediction = detector.predict(read_image(portrait), boxes=[])
    report = picture_report(portrait.read_bytes(), detector, name="x.jpg", predictions=[prediction])
    assert (report.status, report.subjects, report.sheets[0].prediction) == ("no_face", [], prediction)


@pytest.mark.parametrize("verdict", list(Verdict))
def test_each_verdict_has_its_words(verdict: Verdict, portrait: Path, detector: Detector) -> None:
    thresholds = {"real": (1.0, 1.0), "unsure": (1.0, 0.0), "fake": (0.0, 0.0)}[verdict.value]
    report = picture_report(portrait, at(detector, Thresholds(*thresholds)), name="x.jpg")
    assert report.verdict is verdict and report.finding.tone == verdict.value
    assert f"{report.finding.title} p_fake" in Page(report.html).text
    assert ("genuine" in report.finding.text.casefold()) or verdict is Verdict.UNSURE


def test_a_picture_without_a_face_and_one_with_a_small_one(photo: Pixels, portrait: Path, detector: Detector) -> None:
    small = picture_report(jpeg(photo), detector, name="x.jpg")
    assert (small.status, small.verdict, small.finding.tone) == ("no_face", None, "none")
    with Detector(detector.scorer, faces=lambda frame: [(9, 9, 20, 20)]) as other:
        report = picture_report(jpeg(photo), other, name="x.jpg")
        assert report.status == Status.FACE_TOO_SMALL.value and report.subjects[0].p_fake is None
        Page(report.html).check()


def test_the_map_is_that_of_the_detector(portrait: Path, cnn: Detector) -> None:
    """In colour where the detector says so; without it, when it was not asked for, and in grey where nothing speaks."""
    (subject,) = picture_report(portrait, cnn, name="x.jpg").subjects
    assert subject.cutout and subject.cutout.evidence and subject.cutout.evidence_from == "occlusion"
    shown = cv2.imdecode(np.frombuffer(subject.cutout.evidence, np.uint8), cv2.IMREAD_COLOR).astype(int)
    evidence = cnn.predict(read_image(portrait), explain=True).faces[0].evidence
    assert evidence is not None
    row, column = np.unravel_index(np.abs(evidence).argmax(), evidence.shape)
    blue, _, red = shown[round((row + 0.5) * 320 / len(evidence)), round((column + 0.5) * 320 / len(evidence))]
    assert np.sign(red - blue) == np.sign(evidence[row, column])
    (plain,) = picture_report(portrait, cnn, name="x.jpg", explain=False).subjects
    assert plain.cutout and plain.cutout.evidence is None


def test_hostile_names_and_metadata_stay_text(portrait: Path, detector: Detector) -> None:
    from PIL import Image

    exif, output = Image.Exif(), io.BytesIO()
    exif[0x0131] = "<img src=x onerror=alert(1)>{{ 7 * 7 }}"
    Image.open(portrait).save(output, "JPEG", exif=exif)
    data = signed(output.getvalue(), "image/jpeg", name="</style><script>alert(2)</script>")
    report = picture_report(data, detector, name=HOSTILE, command=f"edgefake report '{HOSTILE}'")
    page = Page(report.html)
    page.check()
    assert "<script>alert('1')</script>\\u202e\"&gpj.jpg" in page.text and "</style><script>alert(2)</script>" in page.text
    assert "onerror=alert(1)>{{ 7 * 7 }}" in page.text and "\u202e" not in report.html
    assert "default-src 'none'" in report.html


def test_several_pictures_in_a_file(portrait: Path, photo: Pixels, detector: Detector) -> None:
    pages = [cv2.resize(read_image(portrait), (320, 240)), photo, read_image(portrait)[::2, ::2].copy()]
    done, data = cv2.imencodemulti(".tiff", pages)
    assert done
    report = picture_report(data.tobytes(), detector, name="x.tiff")
    assert report.file.pictures == len(report.sheets) == 3
    assert {subject.picture for subject in report.subjects} <= {1, 3}
    page = Page(report.html)
    page.check()
    assert len(page.pictures) == 2 * len(report.subjects) + len({subject.picture for subject in report.subjects})


def test_of_several_faces_the_highest_must_be_higher(portrait: Path, detector: Detector) -> None:
    frame = crowd(portrait, 3)
    p_fake = detector.predict(frame).p_fake
    assert p_fake is not None
    report = picture_report(jpeg(frame, 100), at(detector, Thresholds.two_way(p_fake - 0.02)), name="x.jpg")
    assert len(report.subjects) == 3 and report.whole.fake > report.setup.thresholds.fake
    assert report.verdict is Verdict.REAL and Verdict.FAKE in [subject.verdict for subject in report.subjects]
    assert "Of 3 faces" in report.finding.text
    assert [subject.number for subject in report.subjects] == [1, 2, 3]


def test_of_many_faces_the_worst_have_cards_and_the_others_a_row(portrait: Path, detector: Detector) -> None:
    boxes = [(20 + 160 * (n % 3), 20, 120, 150 + n) for n in range(SHOWN + 2)]
    prediction = detector.predict(crowd(portrait, 3), boxes=boxes)
    report = picture_report(jpeg(crowd(portrait, 3)), detector, name="x.jpg", predictions=[prediction])
    page = Page(report.html)
    page.check()
    assert len(report.subjects) == SHOWN + 2 and len(page.pictures) == 1 + SHOWN
    rows = page.elements.count("tr")
    assert rows == 1 + 2  # of the table of others


def test_measured_error_rates_stand_beside_each_face(portrait: Path, detector: Detector) -> None:
    figures = {"fpr@fpr_5%": Interval(0.0312, 0.01, 0.07), "tpr@fpr_5%": Interval(0.9, 0.8, 0.95)}
    families = (
        Family("gan", "drawn <b>", 20, 30, None, {"clean": figures, "from 128 px": figures}),
        Family("swap", "", 0, 0, None, {}),
    )
    detector.scorer.card = dataclasses.replace(detector.card, families=families)  # type: ignore[attr-defined]
    report = picture_report(portrait, detector, name="x.jpg")
    text = Page(report.html).text
    assert "3 % [1–7] gan, the only one measured" in text and "10 % [5–20]" in text.replace("\u202f", " ")
    assert "20 + 30" in text and "swap" in text and "drawn <b>" in text
    listed = report.to_dict()["faces"][0]["rates"]
    assert [(rate["family"], rate["condition"]) for rate in listed] == [
        (family, condition) for condition in ("from 128 px", "clean") for family in ("gan", "swap")
    ]
    assert listed[0]["missed"] == {"value": 0.1, "low": 0.05, "high": 0.2} and listed[1]["missed"] is None
    elsewhere = picture_report(portrait, at(detector, Thresholds.two_way(0.123)), name="x.jpg")
    assert not any(rate.measured for rate in elsewhere.subjects[0].rates) and "Not measured" in Page(elsewhere.html).text


def test_a_scorer_without_a_card(portrait: Path, model: Path) -> None:
    with Detector(Ensemble(str(model), str(model))) as detector:
        report = picture_report(portrait, detector, name="x.jpg")
        assert report.card is None and report.setup.payload_sha256 is None
        Page(report.html).check()


def test_credentials_that_name_a_model_are_told_beside_the_finding(portrait: Path, detector: Detector) -> None:
    data = signed(portrait.read_bytes(), "image/jpeg", source=AI)
    report = picture_report(data, detector, name="x.jpg")
    assert (
        report.credentials.made_by_model and "generative model" in Page(report.html).text.partition("What this does not mean")[0]
    )


def test_a_video(portrait: Path, tmp_path: Path, cnn: Detector) -> None:
    path = write_video(tmp_path / "clip.mp4", moving_face(portrait, 75))
    seen: list[int] = []
    report = video_report(path, cnn, seen=lambda result: seen.append(result.index))
    assert seen == [*range(75)] and report.kind == "video" and report.video is not None
    (subject,) = report.subjects
    assert subject.p_fake == report.p_fake == report.video.tracks[0].p_fake
    moments = subject.moments
    assert 2 <= len(moments) <= 3 and [m.p_fake for m in moments] == sorted((m.p_fake for m in moments), reverse=True)
    assert all(abs(a.seconds - b.seconds) >= 1.0 for a in moments for b in moments if a is not b)
    (line,) = report.lines
    assert sum(map(len, line.parts)) == subject.track.scored  # type: ignore[union-attr]
    page = Page(report.html)
    page.check()
    assert len(page.pictures) == 2 * len(moments) and page.elements.count("polyline") == 1
    json.dumps(report.to_dict())


def test_a_video_that_is_watched_by_the_caller(portrait: Path, tmp_path: Path, cnn: Detector) -> None:
    path = write_video(tmp_path / "clip.avi", moving_face(portrait, 5), codec="MJPG")
    record = VideoRecord(cnn)
    with watch(path, cnn) as stream:
        for frame, result in stream:
            record.add(frame, result)
    report = record.report(path, name="other.avi", coverage=stream.coverage)
    assert (report.file.name, report.status, report.verdict) == ("other.avi", "too_short", None)
    Page(report.html).check()


def test_a_file_that_cannot_be_read(tmp_path: Path, detector: Detector) -> None:
    path = tmp_path / "note.jpg"
    path.write_text("no picture")
    with pytest.raises(InputError) as caught:
        picture_report(path, detector, name=path.name)
    report = unreadable_report(path, caught.value, detector)
    assert (report.status, report.verdict, report.error) == ("error", None, str(caught.value))
    page = Page(report.html)
    page.check()
    assert report.file.sha256 in page.text and str(caught.value) in page.text
    with pytest.raises(InputError, match=r"none\.jpg"):
        unreadable_report(tmp_path / "none.jpg", caught.value, detector)


def test_what_a_file_is_judged_as(portrait: Path, tmp_path: Path) -> None:
    video, data = write_video(tmp_path / "clip.mp4", moving_face(portrait, 3)).read_bytes(), portrait.read_bytes()
    kinds = {"a.jpg": (data, False), "b.mp4": (data, False), "c.jpg": (video, True), "d.mjpeg": (data, True), "e": (video, True)}
    kinds |= {"f.mp4": (b"a text", True), "g.jpg": (b"a text", False), "h.mp4": (b"", True)}
    for name, (content, is_video) in kinds.items():
        (tmp_path / name).write_bytes(content)
        assert is_video_file(tmp_path / name) is is_video, name
    assert not is_video_file(tmp_path / "absent.mp4") and not is_video_file(Path("a\0b.mp4"))


def test_an_index_of_several(portrait: Path, detector: Detector) -> None:
    report = picture_report(portrait, detector, name=HOSTILE)
    page = Page(index([Entry.of(report, path=f"in/{HOSTILE}", link="in/%3Cscript%3E.html")] * 2))
    assert page.addresses == ["in/%3Cscript%3E.html"] * 2 and "script" not in page.elements
    assert report.finding.title in page.text and report.file.sha256 in page.text


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.0, "0 %"), (1e-9, "< 0.1 %"), (0.005, "0.5 %"), (0.034, "3 %"), (0.996, "99.6 %"), (0.99999, "> 99.9 %"), (1.0, "100 %")],
)
def test_shares_are_not_rounded_to_what_they_are_not(share: float, text: str) -> None:
    assert percent(share).replace("\u202f", " ") == text


@pytest.mark.parametrize(
    ("p_fake", "text"), [(0.5, "0.500"), (0.9996, "0.9996"), (0.999996, "0.999996"), (1.0, "1.000"), (None, "-")]
)
def test_scores_below_1_are_not_written_as_1(p_fake: float | None, text: str) -> None:
    assert p_digits(p_fake) == text
