"""ModelFile: a file is read and hashed once, and what it says of itself is what is in it."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from edgefake import CardError, Detector, ModelCard, ModelFileError
from edgefake.models.card import Kind
from edgefake.models.file import ModelFile, model_bytes, payload_sha256, require_card, write_card
from edgefake.models.forms import FORMS
from edgefake.models.store import find_model

MakeCard = Callable[..., ModelCard]


def test_what_a_file_says_of_itself(model: Path, models: Path, make_card: MakeCard) -> None:
    file, network = ModelFile(model), (models / "int8.tflite").read_bytes()
    assert file.path == model and file.form is FORMS[".tflite"] and file.data == model.read_bytes()
    assert file.payload_sha256 == hashlib.sha256(network).hexdigest()
    assert file.card == require_card(file) == replace(make_card(), payload_sha256=file.payload_sha256)


def test_a_file_is_opened_once(monkeypatch: pytest.MonkeyPatch) -> None:
    path, opened, real = find_model("cnn_int8", suffix=".onnx"), [], Path.open
    monkeypatch.setattr(Path, "open", lambda self, *rest, **more: opened.append(self) or real(self, *rest, **more))
    file = ModelFile(path)
    assert file.card is not None and file.payload_sha256 and file.data
    assert opened == [path]


def test_a_card_that_is_given_takes_the_place_of_that_in_the_file(model: Path, models: Path, make_card: MakeCard) -> None:
    given = make_card(name="given")
    assert ModelFile(model, given).card == ModelFile(models / "int8.tflite", given).card == given
    with pytest.raises(ModelFileError, match="abababababab"):
        ModelFile(model, make_card(payload_sha256="ab" * 32))


def test_bytes_that_are_vouched_for_are_neither_read_nor_hashed_again(model: Path, make_card: MakeCard) -> None:
    card = ModelFile(model).card
    data = model.read_bytes()
    model.unlink()
    file = ModelFile(model, vouched=data)
    assert file.card == card and card is not None and file.payload_sha256 == card.payload_sha256
    with pytest.raises(ModelFileError, match="abababababab"):  # a card from elsewhere is another matter
        ModelFile(model, make_card(payload_sha256="ab" * 32), vouched=data)


@pytest.mark.parametrize("name", ["model.bin", "model", "model.TFLITE", ".onnx"])
def test_a_file_of_another_kind(name: str, model: Path, tmp_path: Path) -> None:
    shutil.copyfile(model, tmp_path / name)
    for open_it in (ModelFile, lambda path: write_card(path, require_card(ModelFile(model)))):
        with pytest.raises(ModelFileError, match=rf"\.tflite, \.onnx or \.engine.*{name}"):
            open_it(tmp_path / name)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    for name in ("absent.onnx", "a\0.tflite", "x" * 300 + ".tflite"):
        with pytest.raises(ModelFileError, match=r"(onnx|tflite) .*read"):
            ModelFile(tmp_path / name)
    (tmp_path / "huge.tflite").touch()
    with (tmp_path / "huge.tflite").open("r+b") as stream:
        stream.truncate(3 << 30)  # takes no room on disk
    with pytest.raises(ModelFileError, match="larger"):
        ModelFile(tmp_path / "huge.tflite")


@pytest.mark.parametrize("suffix", [".tflite", ".onnx"])
@pytest.mark.parametrize("content", [None, b"", b"no model at all"])
def test_what_is_no_model_is_told_alike_by_who_reads_and_who_writes(
    content: bytes | None, suffix: str, tmp_path: Path, make_card: MakeCard
) -> None:
    path = tmp_path / f"strange{suffix}"
    if content is not None:
        path.write_bytes(content)
    told = []
    for use in (ModelFile, model_bytes, payload_sha256, lambda path: write_card(path, make_card())):
        with pytest.raises(ModelFileError) as caught:
            use(path)
        told.append(str(caught.value))
    assert len(set(told)) == 1 and path.name in told[0]
    assert not path.exists() if content is None else path.read_bytes() == content


@pytest.mark.parametrize(
    ("kind", "needed"),
    [
        ("detector", "name, architecture, precision, input_size, crop_margin, output, thresholds"),
        ("face_finder", "name, architecture, precision, input_size, kind, outputs"),
    ],
)
def test_a_card_that_is_required_is_there_or_told_missing(kind: Kind, needed: str, models: Path) -> None:
    path = models / "int8.tflite"
    with pytest.raises(CardError, match=rf"int8\.tflite.*python -m convert card.*{needed}"):
        require_card(ModelFile(path), kind)
    values = {
        **{"name": "n", "architecture": "a", "precision": "int8", "input_size": 16, "crop_margin": 0.3, "output": "logit"},
        **{"thresholds": {"eer": 0.5}, "kind": "face_finder", "outputs": ["score_8"]},
    }
    card = ModelCard(**{name: values[name] for name in needed.split(", ")})  # type: ignore[arg-type]  # they are all it needs
    assert require_card(ModelFile(path, card), kind) == card


def test_a_card_of_another_kind_is_told(model: Path, models: Path) -> None:
    finder = ModelCard("f", "a", "int8", 16, kind="face_finder", outputs=("score_8",))
    with pytest.raises(CardError, match=rf"{model.name}.*a detector.*the model"):
        require_card(ModelFile(model), "face_finder")
    with pytest.raises(CardError, match=r"int8\.tflite.*face finder.*faces="):
        require_card(ModelFile(models / "int8.tflite", finder))
    assert require_card(ModelFile(models / "int8.tflite", finder), None) == finder
    write_card(model, finder)
    with pytest.raises(CardError, match=rf"{model.name}.*face finder.*faces="):
        Detector(model)
