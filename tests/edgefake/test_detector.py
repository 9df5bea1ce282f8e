"""The detector on tiny models: what it answers, what it accepts, and what it refuses in one clear sentence."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
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
from edgefake.card_files import write_card
from edgefake.faces import crop_square
from edgefake.preprocessing import face_pixels

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


def test_scores_are_those_of_the_model_on_the_face_pixels(detector: Detector, photo: np.ndarray) -> None:
    pixels = np.stack([face_pixels(photo, box, size=16, margin=0.3) for box in BOXES])
    expected = detector.card.p_fake(detector._runtime.run(pixels))
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


def test_haar_is_safe_in_many_threads(model: Path, portrait: Path) -> None:
    frame = read_image(portrait)
    detector = Detector(model, num_threads=1)
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
    as_array = np.array([[box.x, box.y, box.width, box.height] for box in BOXES], np.float32)
    assert mine.predict(photo, boxes=as_array).faces == mine.predict(photo, boxes=BOXES).faces  # type: ignore[arg-type]


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
    with pytest.raises(BackendError, match="closed"):
        detector.predict(photo, boxes=BOXES)


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
    for view, copy in views(photo):
        untouched = np.array(view)
        for boxes in ([Box(20, 30, 60, 60)], [Box(-20, -30, 70, 70)], None):
            assert detector.predict(view, boxes=boxes).faces == detector.predict(copy, boxes=boxes).faces
        assert np.array_equal(view, untouched)


def test_tiny_and_huge_frames(model: Path) -> None:
    for faces in ("haar", "frame"):
        detector = Detector(model, faces=faces)
        assert detector.predict(np.zeros((1, 1, 3), np.uint8)).p_fake is None
    huge = np.zeros((8000, 8000, 3), np.uint8)
    huge[::2] = 255
    assert Detector(model).predict(huge).status is Status.NO_FACE
    assert detector.predict(huge).faces[0].quality.size == 8000
    assert detector.predict(huge, boxes=[(7900, 7900, 200, 200)]).faces


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        ([[[0, 0, 0]]], "as a NumPy array .* got list"),
        (None, "as a NumPy array .* got NoneType"),
        ("photo.jpg", "as a NumPy array .* got str"),
        (np.zeros((8, 8, 3), np.float32), "expected a uint8 frame .* got float32"),
        (np.zeros((8, 8, 3), np.uint16), "expected a uint8 frame .* got uint16"),
        (np.zeros((8, 8, 3), np.int8), "expected a uint8 frame .* got int8"),
        (np.zeros((8, 8, 3), bool), "expected a uint8 frame .* got bool"),
        (np.zeros((8, 8), np.uint8), r"got a grey one \(8, 8\): convert it with cv2.COLOR_GRAY2BGR"),
        (np.zeros((8, 8, 1), np.uint8), r"got a grey one \(8, 8, 1\)"),
        (np.zeros((8, 8, 4), np.uint8), r"got one with alpha \(8, 8, 4\): convert it with cv2.COLOR_BGRA2BGR"),
        (np.zeros((3, 8, 8), np.uint8), r"got an array of shape \(3, 8, 8\)"),
        (np.zeros((1, 8, 8, 3), np.uint8), r"got an array of shape \(1, 8, 8, 3\)"),
        (np.zeros((0, 8, 3), np.uint8), r"the frame is empty: its shape is \(0, 8, 3\)"),
        (np.zeros((8, 0, 3), np.uint8), r"the frame is empty: its shape is \(8, 0, 3\)"),
    ],
)
def test_frames_that_are_none(detector: Detector, frame: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        detector.predict(frame)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=message):
        detector.predict_faces([frame])  # type: ignore[list-item]


@pytest.mark.parametrize(
    ("box", "message"),
    [
        ((0, 0, float("nan"), 5), "finite numbers with width and height above 0"),
        ((0, 0, -5, 5), "finite numbers with width and height above 0"),
        ((0, 0, 5), r"expected a face box \(x, y, width, height\), got \(0, 0, 5\)"),
        ((0, 0, 5, 5, 5), r"expected a face box"),
        (("a", "b", "c", "d"), "expected a face box"),
        (7, "expected a face box .* got 7"),
        ((400, 0, 50, 50), "lies outside the 320×240 frame"),
        ((0, 0, 5000, 5000), "more than 2 times as large as the 320×240 frame"),
    ],
)
def test_boxes_that_are_none(detector: Detector, photo: np.ndarray, box: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        detector.predict(photo, boxes=[box])  # type: ignore[list-item]


def test_boxes_for_each_frame(detector: Detector, photo: np.ndarray) -> None:
    with pytest.raises(InputError, match="expected boxes for each of the 2 frames, got 1 entries"):
        detector.predict_batch([photo, photo], boxes=[BOXES])


@pytest.mark.parametrize("threads", [0, -1, 1.5, "2"])
def test_num_threads(model: Path, threads: int) -> None:
    with pytest.raises(InputError, match="num_threads must be a whole number of at least 1"):
        Detector(model, num_threads=threads)


@pytest.mark.parametrize("threshold", [-0.1, 1.5, float("nan"), "fpr_7%", None])
def test_thresholds(model: Path, threshold: float) -> None:
    with pytest.raises(InputError, match=r"threshold.*fpr_5%, fpr_1%"):
        Detector(model, threshold=threshold)


def test_unknown_names(model: Path) -> None:
    with pytest.raises(BackendError, match="unknown backend 'gpu': choose auto, tflite"):
        Detector(model, backend="gpu")
    with pytest.raises(InputError, match="faces must be"):
        Detector(model, faces="retinaface")
    with pytest.raises(ModelNotFoundError, match="did you mean resnet18_int8"):
        Detector("resnet18_int9")
    with pytest.raises(ModelNotFoundError, match="does not exist"):
        Detector(model.with_name("missing.tflite"))


def test_a_model_without_a_card(tmp_path: Path, models: Path, make_card: MakeCard, photo: np.ndarray, model: Path) -> None:
    needed = "name, architecture, precision, input_size, crop_margin, output, thresholds"
    with pytest.raises(CardError, match=f"carries no model card.* at least {needed}"):
        Detector(models / "int8.tflite")
    given = Detector(models / "int8.tflite", card=make_card())
    assert given.predict(photo, boxes=BOXES).faces == Detector(model).predict(photo, boxes=BOXES).faces


def test_damaged_models(model: Path, make_card: MakeCard) -> None:
    data = model.read_bytes()
    model.write_bytes(data[: len(data) // 3])
    with pytest.raises(CardError, match="carries no model card, or is cut short"):
        Detector(model)
    with pytest.raises(ModelFileError, match="cannot be loaded by"):
        Detector(model, card=make_card())
    model.write_bytes(random.Random(0).randbytes(5000))
    with pytest.raises(ModelFileError, match="is no TFLite model"):
        Detector(model, card=make_card())


def test_a_card_that_does_not_fit(model: Path, make_card: MakeCard) -> None:
    write_card(model, make_card(input_size=64))
    with pytest.raises(ModelFileError, match=r"takes input \[1, 16, 16, 3\], its card says one input of \[1, 64, 64, 3\]"):
        Detector(model)


@pytest.mark.parametrize("faces", ["haar", "frame"])
def test_faces_that_were_found_give_the_same_scores_when_handed_back(model: Path, portrait: Path, faces: str) -> None:
    frame = read_image(portrait)
    with Detector(model, faces=faces) as detector:
        found = detector.find_faces(frame)
        assert len(found) == 1
        assert detector.predict(frame, boxes=found).faces == detector.predict(frame).faces


def test_faces_are_not_searched_in_what_is_no_frame(model: Path) -> None:
    with Detector(model) as detector, pytest.raises(InputError, match="uint8"):
        detector.find_faces(np.zeros((64, 64, 3)))  # type: ignore[arg-type]
