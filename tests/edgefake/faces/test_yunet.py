"""Opening YuNet models: one of the right shape is made here, and what is wrong with the others is told."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from edgefake import InputError, yunet_faces
from edgefake.faces import face_finder, yunet

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
    assert yunet_faces(model, min_score=0.4)(frame)
    assert face_finder(model)(frame) == []  # 0.5 is under its least score
    assert len(trials) == 1
    monkeypatch.setattr(yunet, "_tried", set())  # as in another process
    yunet_faces(model)
    assert len(trials) == 1
    model.write_bytes(made_yunet() + b"\0\0\0\0")
    with pytest.raises(InputError, match=r"face détection\\xff.onnx is no YuNet face detector that OpenCV can run"):
        yunet_faces(model)
    assert len(trials) == 2


def test_the_model_is_used_as_it_was_tried(model: Path) -> None:
    find = yunet_faces(model, min_score=0.4)
    model.write_bytes(b"changed")
    assert find(np.zeros((64, 64, 3), np.uint8))


def test_a_known_model_needs_no_trial(model: Path, trials: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert all(len(sha256) == 64 for sha256 in yunet.KNOWN)
    monkeypatch.setattr(yunet, "KNOWN", {yunet.hashlib.sha256(model.read_bytes()).hexdigest()})
    yunet_faces(model)
    assert trials == []


@pytest.mark.parametrize(
    ("cv2", "message"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", r"OpenCV crashes on it \(SIGSEGV\)"),
        ("import os; os._exit(7)", r"OpenCV fails on it \(exit code 7\)"),
        ("import time; time.sleep(60)", "it did not end in 0.5 s"),
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
            yunet_faces(model)


def test_models_that_are_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="there is no YuNet model"):
        yunet_faces(tmp_path / "missing.onnx")
    with pytest.raises(InputError, match="there is no YuNet model"):
        yunet_faces("x" * 300 + ".onnx")
    empty = onnx.load_model_from_string(made_yunet())
    del empty.graph.node[:]
    contents = {"text": b"not a model", "empty": b"", "random": bytes(range(256)) * 8, "nodes": empty.SerializeToString()}
    for name, content in contents.items():
        path = tmp_path / f"{name}.onnx"
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"is no YuNet face detector that OpenCV can run"):
            yunet_faces(path)
    monkeypatch.setattr(yunet, "MAX_FILE", 10)
    with pytest.raises(InputError, match="larger than any YuNet model"):
        yunet_faces(tmp_path / "text.onnx")


def test_without_an_interpreter_only_known_models_are_opened(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    with pytest.raises(InputError, match=r"without a Python interpreter it can't be tried: give face_detection_yunet_2023mar"):
        yunet_faces(model)


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
            yunet_faces(model)(np.zeros((120, 160, 3), np.uint8))
        except InputError:
            refused += 1
    assert refused
