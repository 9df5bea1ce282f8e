"""The bundled face finder, which is the default: on every runtime, in frames of every kind, by its name."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path

import cv2
import numpy as np
import pytest

from edgefake import Box, CardError, Detector, Face, read_image, watch
from edgefake.cli import main
from edgefake.faces import open_finder
from edgefake.faces.edge import EdgeFinder
from edgefake.faces.geometry import overlap
from edgefake.pixels import Pixels
from edgefake.testing import check_finder

NAME = "face_finder_int8"
FACE = Box(120, 170, 230, 290)
"""Where YuNet finds the portrait's."""


@pytest.fixture(scope="module")
def finder() -> EdgeFinder:
    found = open_finder("edge", num_threads=1)
    assert isinstance(found, EdgeFinder)
    return found


def only(faces: list[Face]) -> Box:
    (face,) = faces
    return face.box


@pytest.mark.parametrize("runtime", ["tflite", "onnx", "openvino"])
def test_it_keeps_the_contract_beside_a_model_on_every_runtime(finder: EdgeFinder, portrait: Path, runtime: str) -> None:
    frame = read_image(portrait)
    with Detector("cnn_int8", runtime=runtime, num_threads=1) as detector:
        assert isinstance(detector.finder, EdgeFinder)
        assert (detector.finder.card.name, detector.finder.runtime.name.partition(" ")[0]) == (NAME, runtime)
        check_finder(detector.finder, frame, box=FACE)
        assert overlap(only(detector.finder.find(frame)), only(finder.find(frame))) > 0.95


@pytest.mark.parametrize("find", ["find", "find_fast"])
def test_the_framing_is_the_same_at_every_size(finder: EdgeFinder, portrait: Path, find: str) -> None:
    frame = read_image(portrait)
    for factor in (0.25, 0.5, 1.0, 2.0, 4.0):
        resized = np.asarray(cv2.resize(frame, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA), np.uint8)
        box = only(getattr(finder, find)(resized))
        assert overlap(Box(*(side / factor for side in (box.x, box.y, box.width, box.height))), FACE) > 0.7


@pytest.mark.parametrize("size", [80, 90, 100])
def test_a_face_of_a_large_picture_is_framed_by_the_copy_that_shows_it_best(
    finder: EdgeFinder, portrait: Path, size: int
) -> None:
    factor = size / FACE.height
    small = np.asarray(cv2.resize(read_image(portrait), None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA), np.uint8)
    for x, y in [(738, 2160), (984, 1976), (3000, 300)]:
        frame = np.full((3000, 4000, 3), (118, 120, 125), np.uint8)
        frame[y : y + small.shape[0], x : x + small.shape[1]] = small
        expected = Box(x + FACE.x * factor, y + FACE.y * factor, FACE.width * factor, FACE.height * factor)
        assert overlap(only(finder.find(frame)), expected) > 0.6


def test_where_a_stream_expects_a_face_less_evidence_is_enough(finder: EdgeFinder, portrait: Path) -> None:
    blurred = np.asarray(cv2.GaussianBlur(read_image(portrait), (0, 0), 40), np.uint8)
    assert finder.find_fast(blurred) == finder.find_near(blurred, []) == finder.find_near(blurred, [Box(0, 0, 60, 60)]) == []
    (face,) = finder.find_near(blurred, [FACE, FACE])
    assert 0.4 <= face.score < finder.card.min_score
    assert overlap(face.box, FACE) > 0.5
    with Detector("cnn_int8", num_threads=1) as detector:
        assert len(detector.find_faces(blurred, find="fast", near=[FACE])) == 1
        assert detector.find_faces(blurred, find="full", near=[FACE]) == detector.find_faces(blurred, find="fast") == []


def test_doubtful_faces_come_best_first_too(finder: EdgeFinder, portrait: Path) -> None:
    frame = read_image(portrait)
    worse, better = (np.asarray(cv2.GaussianBlur(frame, (0, 0), sigma), np.uint8) for sigma in (42, 28))
    width = frame.shape[1]
    expected = [FACE, Box(width + FACE.x, FACE.y, FACE.width, FACE.height)]
    faces = finder.find_near(np.concatenate([worse, better], axis=1), expected)
    assert [face.box.x > width for face in faces] == [True, False]
    assert faces[0].score > faces[1].score


def test_a_face_that_becomes_doubtful_stays_and_none_begins_so(portrait: Path) -> None:
    frame = read_image(portrait)
    blurred = np.asarray(cv2.GaussianBlur(frame, (0, 0), 40), np.uint8)
    with Detector("cnn_int8", num_threads=1) as detector:
        with watch([frame] * 5 + [blurred] * 20, detector, fps=10) as stream:
            assert [len(result.tracks) for _, result in stream][-1] == 1  # 2 s on: kept for as long as it is found
        with watch([blurred] * 10, detector, fps=10) as stream:
            assert {len(result.tracks) for _, result in stream} == {0}


def changed(portrait: Path, kind: str) -> tuple[Pixels, Box]:
    """The portrait otherwise, and where its face is."""
    frame = read_image(portrait)
    if kind == "grey":
        frame = frame[..., 1:2].repeat(3, axis=2)
    elif kind == "dark":
        frame = frame // 4
    else:
        height, width = (600, 6000) if kind == "panorama" else (6000, 480)
        wide = np.full((height, width, 3), 120, np.uint8)
        wide[-600:, -480:] = frame
        return wide, Box(width - 480 + FACE.x, height - 600 + FACE.y, FACE.width, FACE.height)
    return frame, FACE


@pytest.mark.parametrize("kind", ["grey", "dark", "panorama", "tower"])
def test_a_face_is_found_in_frames_of_other_kinds(finder: EdgeFinder, portrait: Path, kind: str) -> None:
    frame, expected = changed(portrait, kind)
    assert overlap(only(finder.find(frame)), expected) > 0.5


def test_what_shows_no_face_costs_little_memory(finder: EdgeFinder) -> None:
    rng = np.random.default_rng(0)
    for shape in [(1, 1), (1, 3000), (3000, 1), (31, 33), (64, 20000), (3000, 3000)]:
        for frame in (np.zeros((*shape, 3), np.uint8), rng.integers(0, 256, (*shape, 3), dtype=np.uint8)):
            tracemalloc.start()
            assert finder.find(frame) == finder.find_fast(frame) == []
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            assert peak < 16e6 + frame.nbytes


def test_it_is_no_detector_and_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(CardError, match=rf"{NAME}.*face finder.*faces="):
        Detector(NAME)
    assert main(["models", "--json"]) == 0
    listed = [model for model in json.loads(capsys.readouterr().out) if model["name"] == NAME]
    assert [(model["kind"], model["place"]) for model in listed] == [("face_finder", "bundled")] * 2
    assert all(model["size"] < 500_000 for model in listed)
    assert main(["models", "show", NAME]) == 0
    assert "face finder" in capsys.readouterr().out


def test_by_default_it_finds_what_commands_judge(portrait: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["predict", "--model", "cnn_int8", "--json", str(portrait)]) in (0, 1)
    (face,) = json.loads(capsys.readouterr().out)["faces"]
    assert 0.5 < face["face_score"] < 1 and len(face["landmarks"]) == 5
    assert main(["predict", "--model", "cnn_int8", "--faces", "haar", "--json", str(portrait)]) in (0, 1)
    (face,) = json.loads(capsys.readouterr().out)["faces"]
    assert (face["face_score"], face["landmarks"]) == (1, None)
