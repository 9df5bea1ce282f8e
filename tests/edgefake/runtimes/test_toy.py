"""A new kind of model file with a runtime of its own is one row in each of two tables, and nothing else knows of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edgefake import BackendError, Box, Detector, ModelCard, ModelFileError, write_card
from edgefake.cli import main
from edgefake.models.card import Golden
from edgefake.models.file import ModelFile
from edgefake.models.forms import FORMS
from edgefake.models.golden import encode_pixels
from edgefake.runtimes import RUNTIMES, Entry, open_runtime
from edgefake.testing import check_runtime
from tests.edgefake.runtimes import toy

WEIGHTS = np.array([3.0, -2.0, 0.5])
BOXES = [Box(20, 30, 80, 90), Box(150, 60, 64, 64)]


@pytest.fixture(autouse=True)
def rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(FORMS, ".toy", toy.FORM)
    monkeypatch.setitem(RUNTIMES, "toy", Entry(toy.__name__, (".toy",)))


@pytest.fixture
def path(tmp_path: Path, make_card: Callable[..., ModelCard]) -> Path:
    """A toy whose card has a golden vector."""
    path = tmp_path / "bear.toy"
    path.write_bytes(toy.MARK + b"\n" + WEIGHTS.tobytes())
    face = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    answer = float((face.mean(axis=(0, 1)) / 128 - 1) @ WEIGHTS)
    write_card(path, make_card(golden=(Golden(encode_pixels(face), answer),), golden_tolerance=0.01))
    return path


def test_a_detector_opens_it_by_its_suffix(path: Path, photo: np.ndarray) -> None:
    with Detector(path) as detector, Detector(path, runtime="toy", device="shelf") as same:
        assert detector.runtime == "toy (1.0)"
        faces = detector.predict(photo, boxes=BOXES).faces
        assert faces == same.predict(photo, boxes=BOXES).faces and len({face.p_fake for face in faces}) == 2
    with pytest.raises(BackendError, match="'table'"):
        Detector(path, device="table")


def test_it_keeps_the_contract_of_runtimes(path: Path) -> None:
    file = ModelFile(path)
    assert file.card is not None
    check_runtime(open_runtime(file, file.card.input_spec), file.card)


def test_its_golden_vectors_are_replayed_and_its_digest_is_checked(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGEFAKE_HOME", str(tmp_path / "home"))
    card = ModelFile(path).card
    assert card is not None
    (golden,) = card.golden
    with pytest.raises(BackendError, match=r"toy \(1\.0\)"):
        Detector(path, card=replace(card, golden=(replace(golden, output=golden.output + 1),)))  # type: ignore[operator]
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    with pytest.raises(ModelFileError, match=r"bear\.toy.*SHA-256"):
        Detector(path)


def test_the_command_line_takes_it(path: Path, portrait: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["predict", "--model", str(path), "--runtime", "toy", "--device", "shelf", "--json", str(portrait)]) in (0, 1)
    assert json.loads(capsys.readouterr().out)["model"] == "tiny_int8"
