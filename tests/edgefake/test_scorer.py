"""Scorers: one model as its card says, and one of a user's own, in a detector."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from edgefake import Box, Detector, InputError, ModelCard, ModelFileError, Status, Verdict, read_image
from edgefake.faces.frame import whole_frame
from edgefake.faces.geometry import crop_square
from edgefake.models.card import Scaling
from edgefake.pixels import Pixels
from edgefake.scorer import CardScorer, Score, Scorer, open_scorer
from edgefake.testing import check_scorer
from tests.edgefake.runtimes.opening import numbers, opened

MakeCard = Callable[..., ModelCard]

BOXES = [Box(20, 30, 80, 90), Box(150, 60, 64, 64), Box(-10, 120, 60, 50)]


class Ensemble:
    """The mean of several models on the same crop, whatever the sizes of their inputs."""

    def __init__(self, *models: str) -> None:
        self.members = [open_scorer(model, num_threads=1) for model in models]
        self.name = " + ".join(member.name for member in self.members)
        self.threshold = float(np.mean([member.threshold for member in self.members]))
        self.crop_margin = self.members[0].crop_margin

    def crop(self, frame: Pixels, box: Box | None) -> Pixels:
        return crop_square(frame, *((whole_frame(frame), 0.0) if box is None else (box, self.crop_margin)))

    def score(self, crops: Sequence[Pixels]) -> list[Score]:
        each = [member.score([member.crop(crop, None) for crop in crops]) for member in self.members]
        return [Score(float(np.mean([score.p_fake for score in scores]))) for scores in zip(*each, strict=True)]

    def close(self) -> None:
        for member in self.members:
            member.close()


def test_an_ensemble_of_bundled_models(portrait: Path) -> None:
    names, frame = ("cnn_int8", "mobilenet_v2_035_int8"), read_image(portrait)
    alone = []
    for name in names:
        with Detector(name, num_threads=1) as detector:
            alone.append(detector.predict(frame))
    with Detector(Ensemble(*names)) as both:
        both.warm_up()
        prediction = both.predict(frame)
        assert prediction.status is Status.OK and prediction.model == both.runtime == " + ".join(names)
        assert prediction.p_fake == np.mean([one.p_fake for one in alone])
        assert [face.box for face in prediction.faces] == [face.box for face in alone[0].faces]
        assert both.threshold == np.mean([one.threshold for one in alone])
        (cut,) = both.predict_faces([crop_square(frame, prediction.faces[0].box, both.scorer.crop_margin)])
        assert cut.p_fake == prediction.p_fake
        with pytest.raises(InputError, match=r"cnn_int8 \+ mobilenet_v2_035_int8 .*card"):
            _ = both.card


class Fixed:
    """A scorer that answers what it is told to."""

    name, threshold, crop_margin = "fixed", 0.5, 0.0

    def __init__(self, *scores: Score) -> None:
        self.scores, self.given, self.closed = list(scores), 0, 0

    def crop(self, frame: Pixels, box: Box | None) -> Pixels:
        return frame

    def score(self, crops: Sequence[Pixels]) -> list[Score]:
        self.given += len(crops)
        return self.scores

    def close(self) -> None:
        self.closed += 1


def test_what_a_scorer_tells_is_in_the_prediction(photo: np.ndarray) -> None:
    evidence = np.zeros((5, 5), np.float32)
    scorer = Fixed(Score(0.6, evidence), Score(0.2))
    with Detector(scorer) as detector:
        prediction = detector.predict(photo, boxes=[*BOXES[:2], Box(5, 5, 10, 10)])
    assert [(face.p_fake, face.verdict) for face in prediction.faces] == [(0.6, Verdict.FAKE), (0.2, Verdict.REAL), (None, None)]
    assert prediction.faces[0].evidence is evidence and prediction.faces[1].evidence is None
    assert (prediction.p_fake, prediction.model, prediction.threshold) == (0.6, "fixed", 0.5)
    assert "evidence" not in prediction.to_json()
    assert (scorer.given, scorer.closed) == (2, 1)
    assert Detector(Fixed(Score(0.6)), threshold=0.7).predict(photo, boxes=BOXES[:1]).verdict is Verdict.REAL


def test_a_scorer_that_answers_for_another_number_of_faces_is_told(photo: np.ndarray) -> None:
    with pytest.raises(InputError, match=r"fixed.*\b3\b.*got 1\b"):
        Detector(Fixed(Score(0.6))).predict(photo, boxes=BOXES)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"backend": "tflite"}, "backend"),
        ({"device": 0, "num_threads": 2}, r"device.*num_threads"),
        ({"threshold": "fpr_5%"}, r"fixed.*'fpr_5%'"),
        ({"threshold": 1.5}, r"0…1, got 1\.5"),
    ],
)
def test_options_that_an_open_scorer_has_no_use_for_are_refused(options: dict[str, object], told: str) -> None:
    with pytest.raises(InputError, match=told):
        Detector(Fixed(), **options)  # type: ignore[arg-type]


def test_what_is_no_scorer_is_told_what_it_lacks() -> None:
    class Half:
        name, threshold, score = "half", 0.5, None

    with pytest.raises(InputError, match=r"which lacks crop_margin, crop, close$"):
        Detector(Half())  # type: ignore[arg-type]


def test_a_card_scorer_is_one_model(model: Path, photo: np.ndarray) -> None:
    with Detector(model, threshold="fpr_1%", num_threads=1) as detector, Detector(open_scorer(model), threshold="fpr_1%") as same:
        assert detector.predict(photo, boxes=BOXES).faces == same.predict(photo, boxes=BOXES).faces
        assert detector.threshold == same.threshold == 0.75
        assert same.card is same.scorer.card and same.runtime == detector.runtime  # type: ignore[attr-defined]
    scorer: Scorer = open_scorer(model)
    crops = np.stack([scorer.crop(photo, box) for box in BOXES])
    assert crops.shape == (3, 16, 16, 3)
    assert scorer.score(crops) == scorer.score(list(crops)) == [scorer.score([crop])[0] for crop in crops]
    scorer.close()
    scorer.close()


def test_one_output_per_class_becomes_the_log_odds_of_fake(models: Path, make_card: MakeCard, photo: np.ndarray) -> None:
    """The two classes' logits are the same network's, and its negative."""
    card = make_card("two_numbers", output="logits")
    scorer = CardScorer(card, opened(models / "two_numbers.tflite", card))
    crops = np.stack([scorer.crop(photo, box) for box in BOXES])
    logits = numbers(opened(models / "float32.tflite", make_card("float32")), crops)
    assert [score.p_fake for score in scorer.score(crops)] == pytest.approx(1 / (1 + np.exp(2 * logits)), rel=1e-4)


@pytest.mark.parametrize(
    ("name", "output", "told"),
    [
        ("two_outputs", "logit", r"\[1, 1\], \[1, 1\], expected \[1, 1\].*'logit'"),
        ("two_numbers", "logit", r"\[1, 2\], expected \[1, 1\].*'logit'"),
        ("float32", "logits", r"\[1, 1\], expected \[1, 2\].*'logits' of real, fake"),
    ],
)
def test_outputs_that_the_card_does_not_tell_of_are_refused_at_once(
    name: str, output: str, told: str, models: Path, make_card: MakeCard
) -> None:
    with pytest.raises(ModelFileError, match=f"tiny_{name} gives output {told}"):
        Detector(models / f"{name}.tflite", card=make_card(name, output=output))


def test_a_refused_model_is_closed(models: Path, make_card: MakeCard, monkeypatch: pytest.MonkeyPatch) -> None:
    from edgefake.runtimes.tflite import TFLiteRuntime

    closed: list[object] = []
    close = TFLiteRuntime.close
    monkeypatch.setattr(TFLiteRuntime, "close", lambda self: (closed.append(self), close(self)))
    with pytest.raises(ModelFileError):
        Detector(models / "two_outputs.tflite", card=make_card("two_outputs", scaling=Scaling(127.5, 127.5)))
    assert len(closed) == 1


def test_the_contract(model: Path) -> None:
    check_scorer(open_scorer(model, num_threads=1))
    check_scorer(Ensemble("cnn_int8", "mobilenet_v2_035_int8"))
