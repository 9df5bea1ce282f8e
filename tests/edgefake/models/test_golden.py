"""Golden vectors, and the bundled models against theirs on every TFLite interpreter that is installed."""

from __future__ import annotations

import base64
import importlib.util
import os
import shutil
import struct
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

import edgefake
from edgefake import BackendError, CardError, ModelCard, ModelFileError
from edgefake.models import golden
from edgefake.models.card import Golden
from edgefake.models.file import ModelFile, payload_sha256
from edgefake.models.golden import check_golden, decode_pixels, encode_pixels, golden_errors, replay_once, sampled
from edgefake.runtimes import Runtime
from tests.edgefake.runtimes.opening import numbers, opened
from tests.edgefake.runtimes.test_outputs import HEIGHT, WIDTH, network

BUNDLED = sorted((Path(edgefake.__file__).parent / "zoo").glob("*.tflite"))
INTERPRETERS = {"ai-edge-litert": "ai_edge_litert", "tflite-runtime": "tflite_runtime", "tensorflow": "tensorflow"}

MakeCard = Callable[..., ModelCard]


@pytest.fixture
def face() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)


@pytest.fixture
def runtime(models: Path, make_card: MakeCard) -> Runtime:
    return opened(models / "int8.tflite", make_card())


def test_pixels_survive_encoding(face: np.ndarray) -> None:
    decoded = decode_pixels(encode_pixels(face), 16, 16)
    assert decoded.dtype == np.uint8 and np.array_equal(decoded, face)


@pytest.mark.parametrize("bad", ["", "no base64!", "AAAA", "grüße", "\0", "A" * 1001])
def test_damaged_vectors_are_refused(bad: str) -> None:
    with pytest.raises(CardError, match="no base64 of a PNG"):
        decode_pixels(bad, 16, 16)


def test_errors_are_distances_to_the_golden_outputs(runtime: Runtime, make_card: MakeCard, face: np.ndarray) -> None:
    output = float(numbers(runtime, face[None])[0])
    card = make_card(golden=(Golden(encode_pixels(face), output - 0.25), Golden(encode_pixels(face), output)))
    assert golden_errors(runtime, card) == pytest.approx({"score": 0.25})
    assert golden_errors(runtime, make_card()) == {}


def test_vectors_of_a_bgr_model_are_still_rgb(runtime: Runtime, make_card: MakeCard, face: np.ndarray) -> None:
    output = float(numbers(runtime, np.ascontiguousarray(face[None, :, :, ::-1]))[0])
    card = make_card(golden=(Golden(encode_pixels(face), output),), colour_order="BGR")
    assert golden_errors(runtime, card) == {"score": 0.0}
    assert golden_errors(runtime, replace(card, colour_order="RGB")) != {"score": 0.0}


def test_a_map_is_replayed_beside_the_score(models: Path, make_card: MakeCard, face: np.ndarray) -> None:
    runtime = opened(models / "two_outputs.tflite", make_card("float32"))
    score, other = (float(output[0, 0]) for output in runtime.run(face[None]))
    golden = (Golden(encode_pixels(face), score, {"map": (other + 0.5,)}),)
    card = make_card("float32", outputs=("score", "map"), golden=golden, golden_tolerance=0.1, sample_tolerances={"map": 0.2})
    assert golden_errors(runtime, card) == pytest.approx({"score": 0.0, "map": 0.5})
    with pytest.raises(BackendError, match=r"map .* 0\.2 .* 0\.5 off.*: do this"):
        check_golden(runtime, card, "do this")
    assert check_golden(runtime, replace(card, sample_tolerances={"map": 0.6}), "") == pytest.approx(0.5)
    with pytest.raises(ModelFileError, match=r"score.*\[1, 1\], \[1, 1\]"):
        golden_errors(runtime, make_card("float32", golden=(Golden(encode_pixels(face), score),)))


def test_every_output_of_a_face_finder_is_replayed(tmp_path: Path) -> None:
    (tmp_path / "finder.onnx").write_bytes(network())
    pixels = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    names = ("score_8", "points_8", "box_8")
    card = ModelCard("f", "drawn", "float32", (HEIGHT, WIDTH), kind="face_finder", outputs=names)
    runtime = opened(tmp_path / "finder.onnx", card)
    outputs = runtime.run(pixels[None])
    samples = {name: tuple(sampled(output, 5)) for name, output in zip(names, outputs, strict=True)}
    assert {name: len(values) for name, values in samples.items()} == {"score_8": 3, "points_8": 5, "box_8": 1}
    assert samples["points_8"][0] == outputs[1].flat[0] and samples["points_8"][-1] == outputs[1].flat[-1]
    golden, tolerances = (Golden(encode_pixels(pixels), None, samples),), dict.fromkeys(names, 0.001)
    card = replace(card, golden=golden, sample_tolerances=tolerances)
    assert golden_errors(runtime, card) == dict.fromkeys(names, 0.0)
    for wrong in names:
        off = tuple(value + 1.0 for value in samples[wrong])
        other = replace(card, golden=(replace(golden[0], samples={**samples, wrong: off}),))
        with pytest.raises(BackendError, match=rf"{wrong} .* 1 off"):
            replay_once(runtime, other, ModelFile(tmp_path / "finder.onnx", other))
    longer = replace(card, golden=(replace(golden[0], samples={**samples, "box_8": (1.0, 2.0)}),))
    with pytest.raises(ModelFileError, match=r" 2 .*box_8.*\[1\]"):
        golden_errors(runtime, longer)


def test_vectors_of_another_size_are_refused(runtime: Runtime, make_card: MakeCard) -> None:
    small = Golden(encode_pixels(np.zeros((8, 8, 3), np.uint8)), 0.0)
    with pytest.raises(CardError, match=r"8×8 .*16×16"):
        golden_errors(runtime, make_card(golden=(small,)))


def test_the_size_of_a_vector_is_read_before_its_pixels(monkeypatch: pytest.MonkeyPatch, face: np.ndarray) -> None:
    data = bytearray(base64.b64decode(encode_pixels(face)))
    data[16:24] = struct.pack(">II", 30_000, 30_000)  # memory for 2.7 GB would be taken
    monkeypatch.setattr(cv2, "imdecode", lambda *_: pytest.fail("was decoded"))
    with pytest.raises(CardError, match="has 30000×30000 pixels"):
        decode_pixels(base64.b64encode(data).decode(), 16, 16)


def test_a_model_is_replayed_once_and_again_when_anything_changed(
    models: Path, make_card: MakeCard, face: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGEFAKE_HOME", str(tmp_path / "cache"))
    path = tmp_path / "model.tflite"
    shutil.copyfile(models / "int8.tflite", path)
    right = float(numbers(opened(path, make_card()), face[None])[0])
    replayed: list[ModelCard] = []
    errors = golden.golden_errors
    monkeypatch.setattr(golden, "golden_errors", lambda runtime, card: replayed.append(card) or errors(runtime, card))

    def load(path: Path, output: float, **changes: object) -> int:
        """How often the vectors were replayed."""
        replayed.clear()
        vectors = (Golden(encode_pixels(face), output),)
        edgefake.Detector(path, card=make_card(golden=vectors, golden_tolerance=0.01, **changes), faces="frame").close()
        return len(replayed)

    for _ in range(2):  # a failure is not remembered
        with pytest.raises(BackendError, match=r"score .* 0\.01 .* 1 off .*tflite \(ai-edge-litert"):
            load(path, right + 1)
    assert load(path, right) == 1
    assert load(path, right, name="another") == 0
    moved = tmp_path / "moved.tflite"
    shutil.copyfile(path, moved)
    assert load(moved, right) == 0  # the same network
    with pytest.raises(BackendError):
        load(path, right + 1)
    kept = path.stat()
    data = path.read_bytes()
    path.write_bytes(data[:372] + data[372:756][::-1] + data[756:])  # the convolution's weights
    os.utime(path, ns=(kept.st_atime_ns, kept.st_mtime_ns))
    assert path.read_bytes() != data and path.stat().st_mtime_ns == kept.st_mtime_ns
    with pytest.raises(BackendError):
        load(path, right)


def test_without_a_cache_every_load_replays(
    models: Path, make_card: MakeCard, face: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("EDGEFAKE_HOME", str(tmp_path / "file"))
    path = models / "int8.tflite"
    right = float(numbers(opened(path, make_card()), face[None])[0])
    edgefake.Detector(path, card=make_card(golden=(Golden(encode_pixels(face), right),))).close()
    with pytest.raises(BackendError):
        edgefake.Detector(path, card=make_card(golden=(Golden(encode_pixels(face), right + 1),)))


def test_both_models_are_bundled() -> None:
    assert {path.stem for path in BUNDLED} >= {"cnn_int8", "resnet18_int8"}


@pytest.mark.parametrize("path", BUNDLED, ids=lambda path: path.stem)
@pytest.mark.parametrize("interpreter", INTERPRETERS)
def test_bundled_models_replay_their_golden_vectors(path: Path, interpreter: str) -> None:
    """In a process of its own, because two interpreters in one process can clash."""
    if importlib.util.find_spec(INTERPRETERS[interpreter]) is None:
        pytest.skip(f"{interpreter} is not installed")
    card = ModelFile(path).card
    assert card is not None and card.golden and all(card.tolerance(name) > 0 for name in card.outputs)
    others = [module for name, module in INTERPRETERS.items() if name != interpreter]
    script = (
        "import sys\n"
        f"for module in {others}: sys.modules[module] = None\n"
        "from edgefake.models.golden import golden_errors\n"
        "from edgefake.models.file import ModelFile\n"
        "from edgefake.runtimes import open_runtime\n"
        "file = ModelFile(sys.argv[1])\n"
        "card = file.card\n"
        "runtime = open_runtime(file, card.input_spec, name='tflite', num_threads=1)\n"
        "print(runtime.name)\n"
        "print(*golden_errors(runtime, card).values())\n"
    )
    child = subprocess.run([sys.executable, "-c", script, str(path)], capture_output=True, text=True)
    assert child.returncode == 0, child.stderr
    runtime, errors = child.stdout.splitlines()
    assert interpreter in runtime
    for name, error in zip(card.outputs, errors.split(), strict=True):
        assert float(error) <= card.tolerance(name)


@pytest.mark.parametrize("path", [path for path in sorted(BUNDLED[0].parent.iterdir()) if path.suffix in (".tflite", ".onnx")])
def test_every_bundled_file_carries_its_payload_digest(path: Path) -> None:
    card = ModelFile(path).card
    assert card is not None and card.payload_sha256 == payload_sha256(path)
