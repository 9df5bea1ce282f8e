"""The arguments of a detector: what it takes in more forms than one, and what it refuses in one clear sentence."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from edgefake import BackendError, Box, Detector, InputError, ModelNotFoundError

BOXES = [Box(20, 30, 80, 90), Box(150, 60, 64, 64), Box(-10, 120, 60, 50)]


@pytest.mark.parametrize("faces", ["edge", "frame"])
def test_boxes_may_be_any_iterable(model: Path, photo: np.ndarray, faces: str) -> None:
    tuples = [(box.x, box.y, box.width, box.height) for box in BOXES]
    with Detector(model, faces=faces) as detector:
        expected = detector.predict(photo, boxes=BOXES).faces
        assert len(expected) == 3
        for boxes in (
            tuples,
            tuple(tuples),
            (box for box in tuples),
            np.array(tuples),
            np.array(tuples, np.float32),
            map(tuple, tuples),
        ):
            assert detector.predict(photo, boxes=boxes).faces == expected
        batch = detector.predict_batch((frame for frame in [photo, photo]), boxes=(iter(tuples) for _ in range(2)))
        assert [one.faces for one in batch] == [expected] * 2
        whole = detector.predict(photo, boxes=np.array([[0, 0, 320, 240]])).faces
        assert whole == detector.predict(photo, boxes=[Box(0, 0, 320, 240)]).faces


def _broken() -> Iterator[Box]:
    raise TypeError("their own")
    yield Box(0, 0, 1, 1)


def test_one_frame_where_several_are_expected(detector: Detector, photo: np.ndarray) -> None:
    for frames in (photo, photo[..., 0]):
        with pytest.raises(InputError, match=r"frames, got .*\(240, 320.*: .*\[frame\]"):
            detector.predict_batch(frames)
        with pytest.raises(InputError, match=r"crops, got .*\(240, 320"):
            detector.predict_faces(frames)
    with pytest.raises(InputError, match="frames, got None"):
        detector.predict_batch(None)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"boxes= .*got 7"):
        detector.predict_batch([photo], boxes=7)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="their own"):
        detector.predict(photo, boxes=_broken())
    stacked = np.stack([photo, photo])
    assert [one.faces for one in detector.predict_batch(stacked, boxes=[BOXES, []])] == [
        detector.predict(photo, boxes=BOXES).faces,
        (),
    ]


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        ([[[0, 0, 0]]], "NumPy array .* got list"),
        (None, "NumPy array .* got NoneType"),
        ("photo.jpg", r"'photo\.jpg'.*read_image"),
        (np.zeros((8, 8, 3), np.float32), "uint8 .* got float32"),
        (np.zeros((8, 8, 3), np.uint16), "uint8 .* got uint16"),
        (np.zeros((8, 8, 3), np.int8), "uint8 .* got int8"),
        (np.zeros((8, 8, 3), bool), "uint8 .* got bool"),
        (np.zeros((8, 8), np.uint8), r"grey .*\(8, 8\): .*cv2\.COLOR_GRAY2BGR"),
        (np.zeros((8, 8, 1), np.uint8), r"grey .*\(8, 8, 1\)"),
        (np.zeros((8, 8, 4), np.uint8), r"alpha \(8, 8, 4\): .*cv2\.COLOR_BGRA2BGR"),
        (np.zeros((3, 8, 8), np.uint8), r"got .*\(3, 8, 8\)"),
        (np.zeros((1, 8, 8, 3), np.uint8), r"got .*\(1, 8, 8, 3\)"),
        (np.zeros((0, 8, 3), np.uint8), r"empty.*\(0, 8, 3\)"),
        (np.zeros((8, 0, 3), np.uint8), r"empty.*\(8, 0, 3\)"),
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
        ((0, 0, float("nan"), 5), "finite .*nan"),
        ((0, 0, -5, 5), "above 0.*-5"),
        ((0, 0, 5), r"\(x, y, width, height\), got \(0, 0, 5\)"),
        ((0, 0, 5, 5, 5), r"got \(0, 0, 5, 5, 5\)"),
        (("a", "b", "c", "d"), r"got \('a', 'b', 'c', 'd'\)"),
        (7, "face box .* got 7"),
        ("5678", "face box .* got '5678'"),
        (b"5678", "face box .* got b'5678'"),
        ((400, 0, 50, 50), "outside .*320×240"),
        ((0, 0, 5000, 5000), "2 times .*320×240"),
    ],
)
def test_boxes_that_are_none(detector: Detector, photo: np.ndarray, box: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        detector.predict(photo, boxes=[box])  # type: ignore[list-item]


def test_boxes_for_each_frame(detector: Detector, photo: np.ndarray) -> None:
    with pytest.raises(InputError, match="the 2 frames, got 1 "):
        detector.predict_batch([photo, photo], boxes=[BOXES])


def test_arguments_of_a_wrong_type(model: Path) -> None:
    for wrong in (None, 7, b"model.tflite", ["cnn_int8"]):
        with pytest.raises(InputError, match=r"Scorer.*lacks name, threshold"):
            Detector(wrong)  # type: ignore[arg-type]
    for card in ("int8", {}, model):
        with pytest.raises(InputError, match=r"expected card=ModelCard\(…\) .*, got "):
            Detector(model, card=card)  # type: ignore[arg-type]


def test_num_threads_of_numpy(model: Path, photo: np.ndarray) -> None:
    assert Detector(model, num_threads=np.int64(1)).predict(photo, boxes=BOXES).faces  # type: ignore[arg-type]


@pytest.mark.parametrize("threads", [0, -1, 1.5, "2", True, np.True_, np.float64(1)])
def test_num_threads(model: Path, threads: int) -> None:
    with pytest.raises(InputError, match=r"num_threads .* 1"):
        Detector(model, num_threads=threads)


@pytest.mark.parametrize("threshold", [-0.1, 1.5, float("nan"), "fpr_7%", "", [0.5]])
def test_thresholds(model: Path, threshold: float) -> None:
    with pytest.raises(InputError, match=r"threshold.*fpr_5%, fpr_1%"):
        Detector(model, threshold=threshold)


def test_unknown_names(model: Path) -> None:
    with pytest.raises(BackendError, match="unknown runtime 'gpu': choose auto, tflite"):
        Detector(model, runtime="gpu")
    with pytest.raises(BackendError, match=r"unknown runtime \[\]: choose auto, tflite"):
        Detector(model, runtime=[])  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"faces .*retinaface"):
        Detector(model, faces="retinaface")
    with pytest.raises(InputError, match="faces"):
        Detector(model, faces=np.zeros(3))  # type: ignore[arg-type]
    with pytest.raises(ModelNotFoundError, match=r"resnet18_int8\?"):
        Detector("resnet18_int9")
    with pytest.raises(ModelNotFoundError, match=r"missing\.tflite"):
        Detector(model.with_name("missing.tflite"))


def test_faces_are_not_searched_in_what_is_no_frame(model: Path) -> None:
    with Detector(model) as detector, pytest.raises(InputError, match="uint8"):
        detector.find_faces(np.zeros((64, 64, 3)))  # type: ignore[arg-type]
