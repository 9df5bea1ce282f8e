"""A verdict is the same wherever it is told: in Python, tables, JSON, exit codes, overlays, streams, videos and accuracy."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edgefake import Box, Detector, InputError, Thresholds, Verdict, open_scorer, read_image, watch
from edgefake.benchmark.accuracy import measure_accuracy
from edgefake.cli import main
from edgefake.drawing import COLOURS
from edgefake.models.file import write_card
from edgefake.models.store import open_model
from edgefake.streaming.evidence import of_several
from edgefake.streaming.video import VideoTally
from tests.edgefake.streaming.videos import write_video

MODEL = "mobilenet_v2_035_int8"
CODES = {Verdict.REAL: 0, Verdict.UNSURE: 3, Verdict.FAKE: 1}


@pytest.fixture(scope="module")
def p_fake(portrait: Path) -> float:
    with Detector(MODEL, num_threads=1) as detector:
        found = detector.predict(read_image(portrait)).p_fake
    assert found is not None and 0.01 < found < 0.3
    return found


@pytest.fixture(params=Verdict)
def judged(request: pytest.FixtureRequest, tmp_path: Path, portrait: Path, p_fake: float) -> tuple[Verdict, Path]:
    """A verdict, and a model whose card gives it to the portrait."""
    fake = p_fake / 3 if request.param is Verdict.FAKE else 0.999
    real = p_fake * 3 if request.param is Verdict.REAL else 0.001
    model = tmp_path / "own.tflite"
    file = open_model(MODEL, suffix=".tflite")
    shutil.copyfile(file.path, model)
    assert file.card is not None
    write_card(model, replace(file.card, thresholds={**file.card.thresholds, "fake": fake, "real": real}))
    return request.param, model


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]


def test_pictures(judged: tuple[Verdict, Path], portrait: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    verdict, model = judged
    frame = read_image(portrait)
    with Detector(model, num_threads=1) as detector, Detector(model, num_threads=1, prior=0.01) as rare:
        prediction, turned = detector.predict(frame), rare.predict(frame)
        assert prediction.verdict is prediction.faces[0].verdict is turned.verdict is verdict
        assert (turned.p_fake or 1.0) < (prediction.p_fake or 0.0)
        drawn = prediction.draw(frame)
        assert np.any(np.all(drawn == COLOURS[verdict], axis=2)) and not np.any(np.all(frame == COLOURS[verdict], axis=2))
    for label in ("real", "fake"):
        (tmp_path / "data" / label).mkdir(parents=True)
        shutil.copyfile(portrait, tmp_path / "data" / label / "a.jpg")
    with Detector(model, num_threads=1) as detector:
        accuracy = measure_accuracy(detector, tmp_path / "data")
    assert (accuracy.unsure, accuracy.balanced_accuracy.value) == ((2, 0.0) if verdict is Verdict.UNSURE else (0, 0.5))
    for command in (["predict"], ["watch"]):
        given = str(tmp_path / "data" / "real")
        assert main([*command, given, "--model", str(model), "--json", "--threads", "1"]) == CODES[verdict]
        (line,) = lines(capsys)
        assert line["verdict"] == verdict.value
        assert main([*command, given, "--model", str(model), "--threads", "1"]) == CODES[verdict]
        assert verdict.value in capsys.readouterr().out


def test_videos(judged: tuple[Verdict, Path], portrait: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    verdict, model = judged
    clip = str(write_video(tmp_path / "clip.avi", [read_image(portrait)] * 30, codec="MJPG"))
    for prior, share in (("0.5", 0.5), ("1%", 0.01)):
        options = ["--model", str(model), "--threads", "1", "--prior", prior]
        assert main(["video", clip, *options, "--json"]) == CODES[verdict]
        (whole,) = lines(capsys)
        assert whole["verdict"] == verdict.value and whole["prior"] == share
        assert main(["watch", clip, *options, "--json"]) == CODES[verdict]
        assert lines(capsys)[-1]["verdict"] == verdict.value
    assert main(["video", clip, "--model", str(model), "--threads", "1"]) == CODES[verdict]
    assert f"\n{verdict.value} " in capsys.readouterr().out
    assert main(["watch", clip, "--model", str(model), "--threads", "1"]) == CODES[verdict]
    counts = {Verdict.REAL: "0 called fake\n", Verdict.UNSURE: "0 called fake, 1 unsure\n", Verdict.FAKE: "1 called fake\n"}
    assert f"1 face followed, {counts[verdict]}" in capsys.readouterr().out


def test_a_number_or_a_name_of_the_user_makes_it_two_way(judged: tuple[Verdict, Path], portrait: Path, p_fake: float) -> None:
    _, model = judged
    for threshold in (p_fake * 1.1, p_fake * 0.9, "fpr_5%", "fake"):
        with Detector(model, num_threads=1, threshold=threshold) as detector:
            prediction = detector.predict(read_image(portrait))
            assert detector.thresholds == Thresholds.two_way(detector.threshold)
            expected = Verdict.FAKE if p_fake >= detector.threshold else Verdict.REAL
            assert prediction.verdict is expected


def test_a_scorer_of_the_user_may_have_both(p_fake: float, portrait: Path) -> None:
    scorer = open_scorer(MODEL, num_threads=1, threshold=Thresholds(0.999, 0.001))
    with Detector(scorer) as detector:
        assert repr(detector).endswith("fake from p_fake 0.999, real below 0.001>")
        assert detector.predict(read_image(portrait)).verdict is Verdict.UNSURE


def test_one_number_set_on_a_scorer_or_detector_holds(p_fake: float, portrait: Path) -> None:
    scorer = open_scorer(MODEL, num_threads=1, threshold=Thresholds(0.999, 0.001))
    scorer.threshold = p_fake * 1.1
    with Detector(scorer) as detector:
        assert detector.thresholds == Thresholds.two_way(p_fake * 1.1)
        assert detector.predict(read_image(portrait)).verdict is Verdict.REAL
        detector.threshold = p_fake * 0.9
        assert detector.predict(read_image(portrait)).verdict is Verdict.FAKE
        with pytest.raises(InputError, match="got 2"):
            detector.threshold = 2.0


def test_the_more_faces_the_higher_the_highest_must_be(portrait: Path, p_fake: float) -> None:
    frame = read_image(portrait)
    with Detector(MODEL, num_threads=1, threshold=p_fake * 0.9) as detector:
        (face,) = detector.find_faces(frame)
        one, four = (detector.predict(frame, boxes=[face] * count) for count in (1, 4))
        tally = VideoTally(detector.thresholds)
    assert one.verdict is Verdict.FAKE and four.verdict is Verdict.REAL
    assert {face.verdict for face in four.faces} == {Verdict.FAKE}
    assert four.to_dict()["thresholds"] == {"face": one.whole.to_dict(), "whole": four.whole.to_dict()}
    assert np.any(four.draw(frame)[:20, :20] != frame[:20, :20])  # told in the corner, since the boxes say something else
    assert tally.verdict().verdict is None


def test_what_a_verdict_followed_from_stands_beside_it(portrait: Path, photo: np.ndarray, tmp_path: Path) -> None:
    boxes = [Box(20.0 + 40 * index, 80, 36, 36) for index in range(8)]
    (tmp_path / "own").mkdir()
    shutil.copyfile(portrait, tmp_path / "own" / "a.jpg")
    clip = write_video(tmp_path / "clip.avi", [np.roll(photo, index % 3, axis=1) for index in range(30)], codec="MJPG")
    with Detector(MODEL, num_threads=1, threshold=Thresholds(0.9, 0.2), faces=lambda frame: boxes) as detector:
        prediction = detector.predict(read_image(portrait))
        ((_, still),) = watch(tmp_path / "own", detector)
        frames = [result for _, result in watch(clip, detector)]
    assert still.to_dict()["thresholds"] == prediction.to_dict()["thresholds"] and still.verdict is prediction.verdict
    judged = sum(track.verdict is not None for track in frames[-1].tracks)
    assert judged > 1 and frames[-1].whole == of_several(detector.thresholds, judged)
    assert frames[0].whole == detector.thresholds


def test_a_mosaic_of_photos_has_the_scores_of_each(detector: Detector, photo: np.ndarray) -> None:
    """Nothing but the number of faces differs: their crops lie inside their photos, wherever these stand."""
    photos = [np.roll(photo, 40 * index, axis=1) for index in range(4)]
    mosaic = np.vstack([np.hstack(photos[:2]), np.hstack(photos[2:])])
    alone = [detector.predict(one, boxes=[Box(100, 80, 60, 60)]).p_fake for one in photos]
    together = detector.predict(mosaic, boxes=[Box(x + 100, y + 80, 60, 60) for y in (0, 240) for x in (0, 320)])
    assert [face.p_fake for face in together.faces] == alone
    assert together.whole == detector.thresholds.for_faces(4)
    assert together.verdict is together.whole.verdict(max(filter(None, alone)))
