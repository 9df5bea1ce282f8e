"""Scorers: one model as its card says, and one of a user's own, in a detector."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from edgefake import Box, Detector, InputError, ModelCard, ModelFileError, Status, Verdict, read_image, watch
from edgefake.faces.geometry import crop_square
from edgefake.models.card import Scaling
from edgefake.pixels import Pixels
from edgefake.preprocessing import face_pixels
from edgefake.scorer import CardScorer, Score, Scorer, open_scorer
from edgefake.streaming.video import VideoTally
from edgefake.testing import check_scorer
from tests.edgefake.ensemble import Ensemble
from tests.edgefake.runtimes.opening import numbers, opened

MakeCard = Callable[..., ModelCard]

BOXES = [Box(20, 30, 80, 90), Box(150, 60, 64, 64), Box(-10, 120, 60, 50)]


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


def test_an_ensemble_follows_streams_and_judges_videos(portrait: Path) -> None:
    frame = read_image(portrait)
    frames = [np.roll(frame, shift, axis=1) for shift in range(12)]
    with Detector(Ensemble("cnn_int8", "mobilenet_v2_035_int8")) as detector:
        tally, alone = VideoTally(detector.thresholds), detector.predict(frame)
        for _, result in watch(frames, detector, fps=10.0):
            assert result.model == detector.scorer.name
            tally.add(result)
    video = tally.verdict()
    assert video.frames == 12 and video.faces > 0
    assert len(video.tracks) == 1 and video.tracks[0].p_fake == pytest.approx(alone.p_fake, abs=0.1)


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
    with pytest.raises(InputError, match=r"\b3\b.*fixed, got 1\b"):
        Detector(Fixed(Score(0.6))).predict(photo, boxes=BOXES)


@pytest.mark.parametrize("p_fake", [float("nan"), np.float32("nan"), 1.5, -0.1, float("inf"), True, "0.5", None, np.zeros(1)])
def test_what_is_no_p_fake_is_told_with_the_name_of_the_scorer(p_fake: object, photo: np.ndarray) -> None:
    with pytest.raises(InputError, match=r"0…1 .*fixed, got Score\(p_fake="):
        Detector(Fixed(Score(p_fake))).predict(photo, boxes=BOXES[:1])  # type: ignore[arg-type]


@pytest.mark.parametrize("scores", [None, 0.5, [0.5], [None]])
def test_what_are_no_scores_is_told_too(scores: object, photo: np.ndarray) -> None:
    scorer = Fixed()
    scorer.scores = scores  # type: ignore[assignment]
    with pytest.raises(InputError, match="fixed, got "):
        Detector(scorer).predict_faces([photo])


def test_numbers_of_numpy_become_plain_ones(photo: np.ndarray) -> None:
    (face,) = Detector(Fixed(Score(np.float32(0.25)))).predict(photo, boxes=BOXES[:1]).faces  # type: ignore[arg-type]
    assert type(face.p_fake) is float and face.p_fake == 0.25
    scorer = Fixed(Score(1))
    scorer.threshold = np.float64(0.5)
    with Detector(scorer) as detector:
        assert type(detector.threshold) is float
        assert type(detector.predict(photo, boxes=BOXES[:1]).p_fake) is float


@pytest.mark.parametrize("threshold", [float("nan"), 1.5, "fpr_5%", None])
def test_a_threshold_of_a_scorer_that_is_none_is_told_at_once(threshold: object) -> None:
    scorer = Fixed()
    scorer.threshold = threshold  # type: ignore[assignment]
    with pytest.raises(InputError, match=rf"0…1 .*fixed, got {threshold!r}"):
        Detector(scorer)
    assert Detector(scorer, threshold=0.5).threshold == 0.5


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"runtime": "tflite"}, "runtime"),
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


def test_faces_are_cropped_in_the_mode_of_the_card(models: Path, make_card: MakeCard, photo: np.ndarray) -> None:
    edge = Box(-15, -20, 60, 60)
    crops = {}
    for mode in ("inside", "reflect", "constant"):
        card = make_card(crop_mode=mode)
        scorer = CardScorer(card, opened(models / "int8.tflite", card))
        crops[mode] = scorer.crop(photo, edge)
        np.testing.assert_array_equal(crops[mode], face_pixels(photo, edge, size=16, margin=0.3, mode=mode))
        np.testing.assert_array_equal(scorer.crop(photo, None), face_pixels(photo, None, size=16, margin=0.3))
    assert (crops["constant"][0] == 128).all() and np.ptp(crops["reflect"][0]) > 0
    assert len({crop.tobytes() for crop in crops.values()}) == 3


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
        ("two_outputs", "logit", r"score.*\[1, 1\], \[1, 1\]"),
        ("two_numbers", "logit", r"\[1, 1\].*\[1, 2\].*'logit'"),
        ("float32", "logits", r"\[1, 2\].*\[1, 1\].*'logits'.*real, fake"),
    ],
)
def test_outputs_that_the_card_does_not_tell_of_are_refused_at_once(
    name: str, output: str, told: str, models: Path, make_card: MakeCard
) -> None:
    with pytest.raises(ModelFileError, match=f"(?=.*tiny_{name}).*{told}"):
        Detector(models / f"{name}.tflite", card=make_card(name, output=output))


def with_map(path: Path, *, channels: int = 1) -> Path:
    """A network of the mean brightness of 16×16 pixels, in logits of 64, and of each 4×4 of them."""
    pooled = helper.make_node("AveragePool", ["first"], ["fine"], kernel_shape=[4, 4], strides=[4, 4])
    nodes = [
        helper.make_node("Cast", ["face"], ["real"], to=TensorProto.FLOAT),
        helper.make_node("Sub", ["real", "middle"], ["shifted"]),
        helper.make_node("Div", ["shifted", "scale"], ["logits"]),
        helper.make_node("ReduceMean", ["logits"], ["score"], axes=[1, 2, 3], keepdims=0),
        helper.make_node("ReduceMean", ["logits"], ["grey"], axes=[3], keepdims=1),
        helper.make_node("Transpose", ["grey"], ["first"], perm=[0, 3, 1, 2]),
        pooled,
        helper.make_node("Transpose", ["fine"], ["last"], perm=[0, 2, 3, 1]),
        helper.make_node("Concat", ["last"] * channels, ["map"], axis=3),
    ]
    numbers = [numpy_helper.from_array(np.float32(value), name) for name, value in (("middle", 128), ("scale", 64))]
    outputs = {"score": ["N"], "map": ["N", 4, 4, channels]}
    graph = helper.make_graph(
        nodes,
        "mapped",
        [helper.make_tensor_value_info("face", TensorProto.UINT8, ["N", 16, 16, 3])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in outputs.items()],
        numbers,
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


@pytest.mark.parametrize("classes", [("real", "fake"), ("fake", "real")])
def test_a_map_is_the_evidence(tmp_path: Path, make_card: MakeCard, photo: np.ndarray, classes: tuple[str, str]) -> None:
    card = make_card(outputs=("score", "map"), classes=classes)
    with Detector(with_map(tmp_path / "mapped.onnx"), card=card, num_threads=1) as detector:
        faces = detector.predict(photo, boxes=BOXES).faces
    sign = 1 if classes[0] == "real" else -1
    for face in faces:
        assert face.evidence is not None and face.p_fake is not None and face.evidence.shape == (4, 4)
        crop = face_pixels(photo, face.box, size=16, margin=0.3).astype(np.float64).mean(axis=2)
        blocks = crop.reshape(4, 4, 4, 4).mean(axis=(1, 3))
        assert face.evidence == pytest.approx(sign * (blocks - 128) / 64, abs=1e-4)
        assert face.p_fake == pytest.approx(1 / (1 + np.exp(-sign * (crop.mean() - 128) / 64)), abs=1e-4)


def test_a_map_of_another_shape_is_refused(tmp_path: Path, make_card: MakeCard) -> None:
    with pytest.raises(ModelFileError, match=r"tiny_int8.*\[1, 4, 4, 2\]"):
        Detector(with_map(tmp_path / "mapped.onnx", channels=2), card=make_card(outputs=("score", "map")))


def test_a_refused_model_is_closed(models: Path, make_card: MakeCard, monkeypatch: pytest.MonkeyPatch) -> None:
    from edgefake.runtimes.tflite import TFLiteRuntime

    closed: list[object] = []
    close = TFLiteRuntime.close
    monkeypatch.setattr(TFLiteRuntime, "close", lambda self: (closed.append(self), close(self)))
    with pytest.raises(ModelFileError):
        Detector(models / "two_outputs.tflite", card=make_card("two_outputs", scaling=Scaling(127.5, 127.5)), faces="frame")
    assert len(closed) == 1


def test_the_contract(model: Path) -> None:
    check_scorer(open_scorer(model, num_threads=1))
    check_scorer(Ensemble("cnn_int8", "mobilenet_v2_035_int8"))
