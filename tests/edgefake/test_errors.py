"""The form of errors, over many of them: one sentence that says what was expected, what came and what to do."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

import edgefake
from edgefake import Box, Detector, EdgefakeError, ModelCard, errors
from edgefake.benchmark.plan import Settings, make_plan
from edgefake.faces import open_finder
from edgefake.models.file import ModelFile
from edgefake.sinks.mqtt import MqttSink
from edgefake.sinks.video_file import VideoFileSink
from edgefake.sinks.webhook import WebhookSink
from tests.packed import ROOT

FRAME = np.zeros((60, 90, 3), np.uint8)
NAMES = {name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, EdgefakeError)}


def _watched(source: object, **arguments: object) -> None:
    with Detector("cnn_int8", num_threads=1, faces="frame") as detector:
        list(edgefake.watch(source, detector, **arguments))  # type: ignore[arg-type]


def _predicted(frame: object, **arguments: object) -> None:
    with Detector("cnn_int8", num_threads=1, faces="frame") as detector:
        detector.predict(frame, **arguments)  # type: ignore[arg-type]


MISTAKES: list[tuple[Callable[[], object], type[EdgefakeError], tuple[str, ...]]] = [
    (lambda: Detector("resnet18_int9"), errors.ModelNotFoundError, ("resnet18_int9", "resnet18_int8")),
    (lambda: Detector("absent.tflite"), errors.ModelNotFoundError, ("absent.tflite",)),
    (lambda: Detector(7), errors.InputError, ("7", "path")),  # type: ignore[arg-type]
    (lambda: Detector("cnn_int8", num_threads=0), errors.InputError, ("num_threads", "1", "0")),
    (lambda: Detector("cnn_int8", threshold=1.5), errors.InputError, ("1.5", "fpr_5%")),
    (lambda: Detector("cnn_int8", threshold="fpr_2%"), errors.InputError, ("fpr_2%", "fpr_5%")),
    (lambda: Detector("cnn_int8", faces="retina"), errors.InputError, ("retina", "haar", "frame")),
    (lambda: Detector("cnn_int8", card={}), errors.InputError, ("card", "{}")),  # type: ignore[arg-type]
    (lambda: _predicted("photo.jpg"), errors.InputError, ("photo.jpg", "read_image")),
    (lambda: _predicted(FRAME.astype(float)), errors.InputError, ("uint8", "float64")),
    (lambda: _predicted(FRAME[:, :, 0]), errors.InputError, ("(60, 90)", "COLOR_GRAY2BGR")),
    (lambda: _predicted(FRAME, boxes=[(1, 2, 3)]), errors.InputError, ("(1, 2, 3)", "width", "height")),
    (lambda: _predicted(FRAME, boxes=[(200, 0, 9, 9)]), errors.InputError, ("90×60",)),
    (lambda: Box(0, 0, -5, 5), errors.InputError, ("0", "-5")),
    (lambda: open_finder("absent.onnx"), errors.InputError, ("absent.onnx",)),
    (lambda: open_finder(lambda frame: 7).find(FRAME), errors.InputError, ("faces=", "7")),  # type: ignore[arg-type,return-value]
    (lambda: edgefake.read_image("absent.jpg"), errors.InputError, ("absent.jpg", "No such")),
    (lambda: edgefake.read_image(b"no picture"), errors.InputError, ("JPEG", "PNG")),
    (lambda: edgefake.read_image(__file__), errors.InputError, ("test_errors.py", "JPEG")),
    (lambda: ModelFile("absent.onnx"), errors.ModelFileError, ("absent.onnx",)),
    (lambda: ModelFile(__file__), errors.ModelFileError, ("test_errors.py", ".tflite", ".onnx")),
    (lambda: ModelCard.from_json("{"), errors.CardError, ("JSON",)),
    (lambda: ModelCard.from_json('{"schema": 99}'), errors.CardError, ("99",)),
    (lambda: _watched(None), errors.InputError, ("camera", "None")),
    (lambda: _watched("absent.mp4"), errors.InputError, ("absent.mp4",)),
    (lambda: _watched([None]), errors.InputError, ("NoneType",)),
    (lambda: _watched("ftp://host/a.mp4"), errors.InputError, ("ftp://host/a.mp4", "rtsp")),
    (lambda: _watched([FRAME], detect_every=0), errors.InputError, ("detect_every", "1", "0")),
    (lambda: MqttSink("localhost"), errors.InputError, ("mqtt://",)),
    (lambda: MqttSink("mqtt://127.0.0.1/a", qos=3), errors.InputError, ("0, 1 or 2", "3")),
    (lambda: WebhookSink("localhost"), errors.InputError, ("http",)),
    (lambda: VideoFileSink(Path("a.gif"), show_fps=False), errors.InputError, ("a.gif", ".mp4")),
    (lambda: Settings(runs=0), errors.InputError, ("runs", "1", "0")),
    (
        lambda: make_plan(["cnn_int8"], places=[("tflite", None)], threads=[0], batches=[1], streams=[1]),
        errors.InputError,
        ("threads", "1", "0"),
    ),
]


@pytest.mark.parametrize(
    ("mistake", "kind", "facts"), MISTAKES, ids=lambda value: str(value[0]) if isinstance(value, tuple) else ""
)
def test_an_error_is_one_sentence_with_its_facts_and_a_remedy(
    mistake: Callable[[], object],
    kind: type[EdgefakeError],
    facts: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(kind) as caught:
        mistake()
    told = str(caught.value)
    assert not [fact for fact in facts if fact not in told], told
    assert has_form(told), told
    assert len(told) < 400, told


def has_form(told: str) -> bool:
    """``expected …, got …``, with or without a remedy after a colon, as of every value that was given; or, of what is missing,
    damaged or failing, ``what is wrong: remedy``, which speaks of nothing expected.
    """
    if "\n" in told or "  " in told or told.endswith((".", "!", ":")):
        return False
    if "expected" in told or ", got " in told:
        return re.fullmatch(r"(.+: )?[^:]*\bexpected .+, got .+", told) is not None
    return re.fullmatch(r".+: \S.*", told) is not None


@pytest.mark.parametrize(
    ("told", "good"),
    [
        ("expected a number, got 'x'", True),
        ("a.onnx: the card: expected a number, got 'x': write one", True),
        ("a.png is empty (0 bytes): give a picture", True),
        ("expected a number", False),
        ("expected a number: give one", False),
        ("a.png is empty (0 bytes): expected a picture", False),
        ("the model gives 'x', expected a number", False),
        ("only numbers are taken, got 'x': give one", False),
        ("a.png is empty", False),
        ("a.png is empty: ", False),
        ("expected a number, got 'x'.", False),
    ],
)
def test_the_form_is_told_from_others(told: str, good: bool) -> None:
    assert has_form(told) == good


def raised(path: Path) -> Iterator[tuple[int, str]]:
    """Line and sentence of each error of edgefake that a module words itself, ``{}`` in the place of what it computes."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and node.exc.args:
            called = node.exc.func
            told = _literal(node.exc.args[0])
            if isinstance(called, ast.Name) and called.id in NAMES and told.strip("{} ") and not told.startswith("{}, "):
                yield node.lineno, told


def _literal(node: ast.expr) -> str:
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(_literal(part) for part in parts)
        case ast.BinOp(left=left, right=right):
            return _literal(left) + _literal(right)
    return "{}"


def test_every_error_that_is_raised_has_the_form() -> None:
    found = [(path, *told) for path in sorted((ROOT / "edgefake").rglob("*.py")) for told in raised(path)]
    assert len(found) > 150
    odd = [f"{path.relative_to(ROOT)}:{line}: {told}" for path, line, told in found if not has_form(told)]
    assert not odd, "\n".join(odd)
