"""The detector on tiny models: what it answers, and which model files it takes."""

from __future__ import annotations

import os
import pickle
import random
import shutil
import tracemalloc
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from copy import copy, deepcopy
from pathlib import Path

import numpy as np
import pytest

from edgefake import (
    BackendError,
    Box,
    CardError,
    Detector,
    InputError,
    ModelCard,
    ModelFileError,
    ModelNotFoundError,
    Status,
    Verdict,
    read_image,
)
from edgefake.detector import MAX_BATCH
from edgefake.faces import frame as frame_module
from edgefake.faces.frame import WholeFrame
from edgefake.faces.geometry import crop_square
from edgefake.models.file import write_card
from edgefake.models.store import find_model
from edgefake.preprocessing import face_pixels
from tests.edgefake.runtimes.opening import numbers, opened

MakeCard = Callable[..., ModelCard]

BOXES = [Box(20, 30, 80, 90), Box(150, 60, 64, 64), Box(-10, 120, 60, 50)]


@pytest.fixture
def frames(photo: np.ndarray) -> list[np.ndarray]:
    return [photo, np.ascontiguousarray(photo[::-1]), 255 - photo, np.ascontiguousarray(photo[:, ::-1])]


def test_one_frame_with_known_faces(detector: Detector, photo: np.ndarray) -> None:
    prediction = detector.predict(photo, boxes=BOXES)
    assert prediction.status is Status.OK and prediction.model == "tiny_int8" and prediction.threshold == 0.5
    assert [face.box for face in prediction.faces] == BOXES
    scores = [face.p_fake for face in prediction.faces]
    assert len(set(scores)) == 3 and all(0 < p < 1 for p in scores if p is not None)
    assert prediction.p_fake == max(p for p in scores if p is not None)
    assert min(prediction.timings.to_dict().values()) >= 0


def test_scores_are_those_of_the_model_on_the_face_pixels(detector: Detector, model: Path, photo: np.ndarray) -> None:
    pixels = np.stack([face_pixels(photo, box, size=16, margin=0.3) for box in BOXES])
    runtime = opened(model, detector.card)
    expected = detector.card.p_fake(numbers(runtime, pixels))
    assert [face.p_fake for face in detector.predict(photo, boxes=BOXES).faces] == expected


def test_every_way_to_ask_gives_the_same_scores(detector: Detector, frames: list[np.ndarray]) -> None:
    single = [detector.predict(frame, boxes=BOXES) for frame in frames]
    batch = detector.predict_batch(frames, boxes=[BOXES] * 4)
    crops = [detector.predict_faces([crop_square(frame, box, 0.3) for box in BOXES]) for frame in frames]
    for one, many, cut in zip(single, batch, crops, strict=True):
        assert one.faces == many.faces and one.p_fake == many.p_fake
        assert [face.p_fake for face in cut] == [face.p_fake for face in one.faces]


def test_many_threads_give_the_same_scores(detector: Detector, frames: list[np.ndarray]) -> None:
    jobs = [(frames[i % 4], BOXES[: 1 + i % 3]) for i in range(60)]
    expected = [detector.predict(frame, boxes=boxes).faces for frame, boxes in jobs]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda job: detector.predict(job[0], boxes=job[1]).faces, jobs))
    assert answers == expected


@pytest.mark.parametrize("faces", ["edge", "haar"])
def test_finders_are_safe_in_many_threads(model: Path, portrait: Path, faces: str) -> None:
    frame = read_image(portrait)
    detector = Detector(model, faces=faces, num_threads=1)
    expected = detector.predict(frame).faces
    assert len(expected) == 1
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda _: detector.predict(frame).faces, range(8))) == [expected] * 8


def test_the_verdict_follows_the_threshold(model: Path, photo: np.ndarray) -> None:
    p_fake = Detector(model).predict(photo, boxes=BOXES[:1]).p_fake
    assert p_fake is not None
    for threshold, verdict in [(p_fake, Verdict.FAKE), (np.nextafter(p_fake, 1), Verdict.REAL), (0.0, Verdict.FAKE)]:
        prediction = Detector(model, threshold=threshold).predict(photo, boxes=BOXES[:1])
        assert prediction.verdict is verdict is prediction.faces[0].verdict
    assert Detector(model, threshold="fpr_1%").threshold == 0.75


def test_frames_without_a_face_to_judge(detector: Detector, photo: np.ndarray) -> None:
    flat = np.full_like(photo, 128)
    for frame, boxes, status in [
        (photo, [], Status.NO_FACE),
        (photo, None, Status.NO_FACE),
        (photo, [(10, 10, 20, 31)], Status.FACE_TOO_SMALL),
        (flat, [(10, 10, 100, 100)], Status.FACE_TOO_BLURRED),
        (flat, [(10, 10, 20, 20), (50, 50, 100, 100)], Status.FACE_TOO_BLURRED),
        (flat, [(50, 50, 100, 100), (10, 10, 20, 20)], Status.FACE_TOO_BLURRED),
    ]:
        prediction = detector.predict(frame, boxes=boxes)
        assert (prediction.status, prediction.p_fake, prediction.verdict) == (status, None, None)
        assert all(face.p_fake is None and face.verdict is None for face in prediction.faces)


def test_one_scored_face_is_enough(detector: Detector, photo: np.ndarray) -> None:
    prediction = detector.predict(photo, boxes=[(5, 5, 10, 10), BOXES[0], (200, 5, 10, 10)])
    assert prediction.status is Status.OK
    assert [face.status for face in prediction.faces] == [Status.FACE_TOO_SMALL, Status.OK, Status.FACE_TOO_SMALL]
    assert prediction.p_fake == prediction.faces[1].p_fake == detector.predict(photo, boxes=BOXES[:1]).p_fake


def test_empty_batches(detector: Detector, photo: np.ndarray) -> None:
    assert detector.predict_batch([]) == []
    assert detector.predict_faces([]) == []
    mixed = detector.predict_batch([photo, photo], boxes=[[], BOXES])
    assert mixed[0].faces == () and mixed[1].faces == detector.predict(photo, boxes=BOXES).faces


def test_own_finder_whole_frames_and_box_like_values(model: Path, photo: np.ndarray) -> None:
    mine = Detector(model, faces=lambda frame: BOXES)
    assert mine.predict(photo).faces == mine.predict(photo, boxes=BOXES).faces
    whole = Detector(model, faces="frame").predict(photo)
    assert [face.box for face in whole.faces] == [Box(0, 0, 320, 240)]
    tuples = [(box.x, box.y, box.width, box.height) for box in BOXES]
    found = Detector(model, faces=lambda frame: tuples).find_faces(photo)
    assert [face.box for face in found] == sorted(BOXES, key=lambda b: -b.width * b.height)
    assert mine.predict(photo, boxes=found).faces == mine.predict(photo, boxes=[face.box for face in found]).faces


def test_many_faces_go_to_the_scorer_in_bounded_parts(
    detector: Detector, photo: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches = []
    score = detector.scorer.score
    monkeypatch.setattr(detector.scorer, "score", lambda crops: batches.append(len(crops)) or score(crops))
    boxes = [Box(x, y, 40, 40 + x) for x in range(0, 200, 8) for y in range(0, 160, 32)] + [
        Box(0, 0, 5, 5)
    ]  # 125, and one too small
    many = detector.predict_batch([photo] * 4, boxes=[boxes] * 3 + [BOXES])
    assert max(batches) == MAX_BATCH and sum(batches) == 3 * 125 + 3
    for one in many[:3]:
        assert [face.box for face in one.faces] == boxes and one.faces[-1].status is Status.FACE_TOO_SMALL
    assert many[0].faces[77] == detector.predict(photo, boxes=[boxes[77]]).faces[0]
    assert many[3].faces == detector.predict(photo, boxes=BOXES).faces


def test_a_long_thin_frame_costs_what_its_shorter_side_costs(model: Path) -> None:
    thin = np.random.default_rng(0).integers(0, 256, (10, 40000, 3), np.uint8)
    tracemalloc.start()
    for faces in ("frame", "haar", "edge"):
        with Detector(model, faces=faces) as detector:
            for frame in (thin, np.ascontiguousarray(thin.transpose(1, 0, 2))):
                detector.predict(frame)
                detector.predict(frame, boxes=[(0, 0, 40000, 40000)])
                detector.predict_faces([frame])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20e6  # a 40000×40000 crop takes 4.8e9


def test_bgr_models_get_bgr(tmp_path: Path, models: Path, make_card: MakeCard, photo: np.ndarray) -> None:
    path = tmp_path / "bgr.tflite"
    shutil.copyfile(models / "int8.tflite", path)
    write_card(path, make_card(colour_order="BGR"))
    rgb = Detector(path, card=make_card())
    swapped = np.ascontiguousarray(photo[:, :, ::-1])
    bgr_scores = [face.p_fake for face in Detector(path).predict(photo, boxes=BOXES).faces]
    assert bgr_scores == [face.p_fake for face in rgb.predict(swapped, boxes=BOXES).faces]
    assert bgr_scores != [face.p_fake for face in rgb.predict(photo, boxes=BOXES).faces]


def test_warm_up_and_context_manager(model: Path, photo: np.ndarray) -> None:
    with Detector(model) as detector:
        detector.warm_up()
        before = detector.predict(photo, boxes=BOXES).faces
        detector.warm_up(1)
        assert detector.predict(photo, boxes=BOXES).faces == before
        assert detector.runtime.startswith("tflite (")


def test_a_closed_detector_says_so_whatever_is_asked(detector: Detector, photo: np.ndarray) -> None:
    detector.close()
    detector.close()
    calls: list[Callable[[], object]] = [
        lambda: detector.predict(photo),
        lambda: detector.predict(photo, boxes=[]),
        lambda: detector.predict_batch([photo]),
        lambda: detector.predict_faces([photo]),
        lambda: detector.find_faces(photo),
        lambda: detector.warm_up(),
    ]
    for call in calls:
        with pytest.raises(BackendError, match=r"tiny_int8 .*close\(\)"):
            call()


def test_a_finder_is_closed_where_the_model_cannot_be_opened(monkeypatch: pytest.MonkeyPatch, model: Path) -> None:
    class Finder(WholeFrame):
        closed = 0

        def close(self) -> None:
            self.closed += 1

    finder = Finder()
    monkeypatch.setattr(frame_module, "open_finder", lambda file: finder)
    with pytest.raises(ModelNotFoundError):
        Detector("absent", faces="frame")
    assert finder.closed == 1
    with pytest.raises(InputError, match="fpr_7%"):
        Detector(model, faces="frame", threshold="fpr_7%")
    assert finder.closed == 2
    with pytest.raises(InputError, match="lacks"):
        Detector(7, faces=finder)  # type: ignore[arg-type]
    assert finder.closed == 2  # it is the user's


def views(photo: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Frames in unusual memory, each with its ordinary copy."""
    read_only = photo.copy()
    read_only.setflags(write=False)
    for view in (
        read_only,
        photo[::-1],
        photo[:, ::-1],
        photo[..., ::-1],
        np.asfortranarray(photo),
        photo[::2, ::2],
        photo[10:, 7:],
    ):
        yield view, np.array(view, order="C")
    yield photo.view(np.recarray), photo.copy()


def test_any_memory_layout_is_accepted(detector: Detector, photo: np.ndarray) -> None:
    for view, same in views(photo):
        untouched = np.array(view)
        for boxes in ([Box(20, 30, 60, 60)], [Box(-20, -30, 70, 70)], None):
            assert detector.predict(view, boxes=boxes).faces == detector.predict(same, boxes=boxes).faces
        assert np.array_equal(view, untouched)


def test_tiny_and_huge_frames(model: Path) -> None:
    for faces in ("haar", "edge", "frame"):
        detector = Detector(model, faces=faces)
        assert detector.predict(np.zeros((1, 1, 3), np.uint8)).p_fake is None
    huge = np.zeros((8000, 8000, 3), np.uint8)
    huge[::2] = 255
    assert Detector(model).predict(huge).status is Status.NO_FACE
    assert detector.predict(huge).faces[0].quality.size == 8000
    assert detector.predict(huge, boxes=[(7900, 7900, 200, 200)]).faces


@pytest.mark.parametrize("take", [pickle.dumps, copy, deepcopy])
def test_a_detector_is_not_pickled_or_copied(detector: Detector, take: Callable[[object], object]) -> None:
    with pytest.raises(TypeError, match="pickled"):
        take(detector)


def test_a_model_without_a_card(tmp_path: Path, models: Path, make_card: MakeCard, photo: np.ndarray, model: Path) -> None:
    needed = "name, architecture, precision, input_size, crop_margin, output, thresholds"
    with pytest.raises(CardError, match=f"no .*card.* at least {needed}"):
        Detector(models / "int8.tflite")
    given = Detector(models / "int8.tflite", card=make_card())
    assert given.predict(photo, boxes=BOXES).faces == Detector(model).predict(photo, boxes=BOXES).faces


def test_damaged_models(model: Path, make_card: MakeCard) -> None:
    data = model.read_bytes()
    model.write_bytes(data[: len(data) // 3])
    with pytest.raises(CardError, match=r"cut short: .*\(python -m convert card "):
        Detector(model)
    with pytest.raises(ModelFileError, match="loaded by"):
        Detector(model, card=make_card())
    model.write_bytes(random.Random(0).randbytes(5000))
    with pytest.raises(ModelFileError, match="is no TFLite model"):
        Detector(model, card=make_card())


@pytest.mark.parametrize(("runtime", "suffix"), [("tflite", ".tflite"), ("onnx", ".onnx"), ("openvino", ".onnx")])
def test_a_model_whose_name_is_not_utf8(tmp_path: Path, portrait: Path, runtime: str, suffix: str) -> None:
    if runtime != "tflite":
        pytest.importorskip("onnxruntime" if runtime == "onnx" else "openvino")
    path = os.fsdecode(os.fsencode(tmp_path) + b"/modell\xe9" + suffix.encode())
    shutil.copy(find_model("cnn_int8", suffix=suffix), path)
    answers = [
        Detector(model, runtime=runtime, faces="frame").predict(read_image(portrait)).p_fake for model in ("cnn_int8", path)
    ]
    assert answers[0] == answers[1]


def test_a_card_that_does_not_fit(model: Path, make_card: MakeCard) -> None:
    write_card(model, make_card(input_size=64))
    with pytest.raises(ModelFileError, match=r"\[1, 64, 64, 3\].*card.*\[1, 16, 16, 3\]"):
        Detector(model)


@pytest.mark.parametrize("faces", ["edge", "haar", "frame"])
def test_faces_that_were_found_give_the_same_scores_when_handed_back(model: Path, portrait: Path, faces: str) -> None:
    frame = read_image(portrait)
    with Detector(model, faces=faces) as detector:
        found = detector.find_faces(frame)
        assert len(found) == 1
        assert detector.predict(frame, boxes=found).faces == detector.predict(frame).faces
