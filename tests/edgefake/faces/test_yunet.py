"""Opening YuNet models: one of the right shape is made here, and what is wrong with the others is told."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from edgefake import Box, InputError, read_image
from edgefake.faces import open_finder, yunet
from edgefake.faces.geometry import crop_square
from edgefake.faces.haar import HaarFinder
from edgefake.faces.yunet import YuNetFinder
from edgefake.testing import check_finder
from tests.edgefake.faces.finder_model import write_finder

OUTPUTS = {"cls": 1, "obj": 1, "bbox": 4, "kps": 10}


def made_yunet() -> bytes:
    """A network with YuNet's input and outputs whose scores are all 0.5: it sees faces of the stride everywhere."""
    nodes, weights, outputs = [], [], []
    for stride in (8, 16, 32):
        for kind, channels in OUTPUTS.items():
            name = f"{kind}_{stride}"
            kernel = np.zeros((channels, 3, stride, stride), np.float32)
            weights.append(numpy_helper.from_array(kernel, f"{name}_kernel"))
            weights.append(numpy_helper.from_array(np.int64([1, -1, channels]), f"{name}_shape"))
            conv = ["input", f"{name}_kernel"]
            nodes.append(helper.make_node("Conv", conv, [f"{name}_conv"], kernel_shape=[stride] * 2, strides=[stride] * 2))
            nodes.append(helper.make_node("Transpose", [f"{name}_conv"], [f"{name}_rows"], perm=[0, 2, 3, 1]))
            last = name if channels > 1 else f"{name}_logit"
            nodes.append(helper.make_node("Reshape", [f"{name}_rows", f"{name}_shape"], [last]))
            if channels == 1:
                nodes.append(helper.make_node("Sigmoid", [last], [name]))
            outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, None, channels]))
    image = helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, 640, 640])
    graph = helper.make_graph(nodes, "yunet", [image], outputs, weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 11)], ir_version=8)
    return bytes(model.SerializeToString())


@pytest.fixture(autouse=True)
def nothing_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEFAKE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(yunet, "_tried", set())


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "face détection\udcff.onnx"  # no UTF-8
    path.write_bytes(made_yunet())
    return path


@pytest.fixture
def trials(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    tried: list[str] = []
    real = yunet._try
    monkeypatch.setattr(yunet, "_try", lambda data, name: tried.append(name) or real(data, name))
    return tried


def test_a_strange_model_is_tried_once_and_found_again(model: Path, trials: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    frame = np.random.default_rng(0).integers(0, 256, (120, 160, 3), dtype=np.uint8)
    assert YuNetFinder(model, min_score=0.4).find(frame)
    assert open_finder(model).find(frame) == []  # 0.5 is under its least score
    assert len(trials) == 1
    monkeypatch.setattr(yunet, "_tried", set())  # as in another process
    YuNetFinder(model)
    assert len(trials) == 1
    model.write_bytes(made_yunet() + b"\0\0\0\0")
    with pytest.raises(InputError, match=r"face détection\\xff\.onnx .*YuNet .*OpenCV"):
        YuNetFinder(model)
    assert len(trials) == 2


def test_the_model_is_used_as_it_was_tried(model: Path) -> None:
    finder = YuNetFinder(model, min_score=0.4)
    model.write_bytes(b"changed")
    assert finder.find(np.zeros((64, 64, 3), np.uint8))


def test_a_known_model_needs_no_trial(model: Path, trials: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert all(len(sha256) == 64 for sha256 in yunet.KNOWN)
    monkeypatch.setattr(yunet, "KNOWN", {yunet.hashlib.sha256(model.read_bytes()).hexdigest()})
    YuNetFinder(model)
    assert trials == []


@pytest.mark.parametrize(
    ("cv2", "message"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "SIGSEGV"),
        ("import os; os._exit(7)", r"exit code 7\)"),
        ("import time; time.sleep(60)", r"0\.5 s"),
    ],
)
def test_a_model_that_kills_its_process(
    cv2: str, message: str, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "stub").mkdir()
    (tmp_path / "stub" / "cv2.py").write_text(cv2)
    monkeypatch.syspath_prepend(str(tmp_path / "stub"))  # in the process of the trial, as this one has imported OpenCV
    monkeypatch.setattr(yunet, "PATIENCE_S", 0.5 if "sleep" in cv2 else 60.0)
    for _ in range(2):  # that is not remembered
        with pytest.raises(InputError, match=message):
            YuNetFinder(model)


def test_models_that_are_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match=r"no YuNet .*\.onnx"):
        YuNetFinder(tmp_path / "missing.onnx")
    with pytest.raises(InputError, match=r"no YuNet .*\.onnx"):
        YuNetFinder("x" * 300 + ".onnx")
    empty = onnx.load_model_from_string(made_yunet())
    del empty.graph.node[:]
    contents = {"text": b"not a model", "empty": b"", "random": bytes(range(256)) * 8, "nodes": empty.SerializeToString()}
    for name, content in contents.items():
        path = tmp_path / f"{name}.onnx"
        path.write_bytes(content)
        with pytest.raises(InputError, match=rf"{name}\.onnx .*YuNet .*OpenCV"):
            YuNetFinder(path)
    monkeypatch.setattr(yunet, "MAX_FILE", 10)
    with pytest.raises(InputError, match=r"text\.onnx .*larger"):
        YuNetFinder(tmp_path / "text.onnx")


def test_without_an_interpreter_only_known_models_are_opened(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    with pytest.raises(InputError, match=r"Python interpreter .*face_detection_yunet_2023mar"):
        YuNetFinder(model)


@pytest.mark.slow
def test_no_damage_kills_this_process(model: Path) -> None:
    data = made_yunet()
    refused = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        mutant = bytearray(data)
        for _ in range(rng.choice([1, 4, 16])):
            mutant[rng.integers(len(mutant))] = rng.integers(256)
        model.write_bytes(mutant)
        try:
            YuNetFinder(model).find(np.zeros((120, 160, 3), np.uint8))
        except InputError:
            refused += 1
    assert refused


def test_landmarks_and_score_come_out_in_pixels_of_the_frame(model: Path) -> None:
    frame = np.zeros((1280, 640, 3), np.uint8)
    face = YuNetFinder(model, min_score=0.4).find(frame)[0]
    assert face.score == pytest.approx(0.5, abs=0.01)
    assert face.landmarks is not None and len(face.landmarks) == 5
    assert face.box.width in (16, 32, 64)  # the strides, in a frame of twice the search's size
    assert all(type(x) is float and 0 <= x <= 640 and 0 <= y <= 1280 for x, y in face.landmarks)


@pytest.mark.parametrize("faces", ["yunet", "yunet:", "yunet:missing.onnx"])
def test_without_a_file_it_says_where_to_get_one(faces: str) -> None:
    with pytest.raises(InputError) as told:
        open_finder(faces)
    assert yunet.OFFERED in str(told.value)
    offered = re.findall(r"(\S+) \(SHA-256 (\w+)\) from https://", yunet.OFFERED)
    assert len(offered) == 2 and all(yunet.KNOWN[sha256] == name for name, sha256 in offered)


def test_a_finder_of_edgefake_is_told_how_to_be_given(tmp_path: Path) -> None:
    file = write_finder(tmp_path / "red.onnx")
    with pytest.raises(InputError, match=rf"edge:{file}"):
        open_finder(file)


def test_a_name_and_a_file(model: Path) -> None:
    assert isinstance(open_finder(f"yunet:{model}"), YuNetFinder)
    assert isinstance(open_finder(str(model)), YuNetFinder)


YUNET = os.environ.get("EDGEFAKE_TEST_YUNET", "")


@pytest.mark.skipif(not YUNET, reason="OpenCV ships no YuNet model: set EDGEFAKE_TEST_YUNET to its .onnx file")
def test_yunet_finds_the_face_of_the_portrait(portrait: Path) -> None:
    frame = read_image(portrait)
    by_yunet, by_haar = YuNetFinder(YUNET).find(frame), HaarFinder().find(frame)
    assert len(by_yunet) == 1
    assert by_yunet[0].box.width == pytest.approx(by_haar[0].box.width, rel=0.4)


def test_boxes_that_no_crop_can_be_taken_of_are_left_out() -> None:
    inf, nan = float("inf"), float("nan")
    good = (-10.0, 20.0, 30.0, 30.0)
    odd = [
        (-inf, -inf, inf, inf),
        (nan, 0, 5, 5),
        (0, 0, nan, 5),
        (0, 0, 0, 5),
        (90, 0, 5, 5),
        (-5, 0, 5, 5),
        (0, -9, 9, 9),
        (0, 0, 180, 9),
    ]
    found = np.array([(*box, *range(10), 0.75) for box in (good, *odd)], np.float32)
    (face,) = yunet._usable(found, 90, 60, 2.0)
    assert face.box == Box(*(2 * value for value in good)) and face.score == 0.75
    assert face.landmarks == ((0, 2), (4, 6), (8, 10), (12, 14), (16, 18))


@pytest.mark.skipif(not YUNET, reason="OpenCV ships no YuNet model: set EDGEFAKE_TEST_YUNET to its .onnx file")
def test_yunet_on_pieces_of_a_portrait_finds_faces_that_can_be_cropped(portrait: Path) -> None:
    frame, rng, finder = read_image(portrait), np.random.default_rng(0), YuNetFinder(YUNET)
    for _ in range(300):
        (x, y), (w, h) = rng.integers(0, 330, 2), rng.integers(8, 250, 2)
        piece = np.ascontiguousarray(frame[y : y + h, x : x + w])
        for face in finder.find(piece):
            assert crop_square(piece, face.box, 0.3).size


def test_the_contract(model: Path) -> None:
    check_finder(YuNetFinder(model, min_score=0.4), np.full((64, 96, 3), 90, np.uint8))
