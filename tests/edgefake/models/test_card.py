"""The card: strict reading, exact round trips, and its place inside a model file."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tracemalloc
import zipfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, fields, replace
from pathlib import Path

import numpy as np
import pytest

from edgefake import CardError, Detector, EdgefakeError, ModelCard, ModelFileError
from edgefake.models.card import MAX_CARD, Calibration, Golden, Metrics, Scaling, Training
from edgefake.models.families import Family
from edgefake.models.file import ModelFile, payload_sha256, write_card
from edgefake.models.tflite_form import ENTRY
from edgefake.statistics import Interval

MakeCard = Callable[..., ModelCard]

FULL = ModelCard(
    name="résnet",
    architecture="resnet18",
    precision="float16",
    input_size=224,
    crop_margin=0.25,
    output="p_fake",
    thresholds={"fpr_5%": 0.4, "eer": 0.3},
    scaling=Scaling(127.5, 127.5),
    colour_order="BGR",
    classes=("real", "face swap", "generated"),
    calibration=Calibration(1.7, -0.3),
    metrics=(Metrics("some faces", {"real": 10, "fake": 12}, {"auc": Interval(0.9, 0.8, 0.95)}),),
    training=Training("some faces", "CC BY 4.0", ("python -m training fit", "python -m training qat"), 3),
    toolchain={"tensorflow": "2.21.0"},
    golden=(Golden("aGk=", -1.5, {"map": (0.5, -1.0)}), Golden("aG8=", 2.0, {"map": (0.0, 1.0)})),
    golden_tolerance=0.1,
    parent_sha256="ab" * 32,
    outputs=("score", "map"),
    sample_tolerances={"map": 0.2},
    families=(
        Family(
            "gan", "drawn val", 0, 9, "attic", {"clean": {"auc": Interval(0.9, 0.8, 0.95), "tpr@eer": Interval(0.5, 0.3, 0.7)}}
        ),
        Family("swap", "drawn val", 0, 0, None, {}),
    ),
    bias=Metrics("drawn val", {"real": 10}, {"grey_shift": Interval(1.2, 0.9, 1.5)}),
    crop_mode="reflect",
)


def test_every_field_survives_the_round_trip(tmp_path: Path, models: Path) -> None:
    defaults = ModelCard("n", "a", "int8", 8, 0.0, "logit", {"t": 0.0})
    for field in fields(ModelCard):
        if field.name not in ("schema", "payload_sha256", "kind", "min_score"):  # of another kind in test_card_kinds.py
            assert getattr(FULL, field.name) != getattr(defaults, field.name), f"{field.name} is not tried"
    path = tmp_path / "model.tflite"
    shutil.copyfile(models / "int8.tflite", path)
    written = write_card(path, FULL)
    assert written == replace(FULL, payload_sha256=hashlib.sha256((models / "int8.tflite").read_bytes()).hexdigest())
    assert ModelFile(path).card == written
    assert ModelCard.from_json(written.to_json()) == written


def test_same_model_and_card_give_the_same_bytes(tmp_path: Path, models: Path) -> None:
    first, second = tmp_path / "a.tflite", tmp_path / "b.tflite"
    for path in (first, second):
        shutil.copyfile(models / "int8.tflite", path)
        write_card(path, FULL)
    assert first.read_bytes() == second.read_bytes()


def test_writing_again_replaces_the_card_and_keeps_the_model(model: Path, models: Path, make_card: MakeCard) -> None:
    before = model.read_bytes()
    written = write_card(model, FULL)
    assert ModelFile(model).card == written
    assert model.read_bytes().startswith((models / "int8.tflite").read_bytes())
    write_card(model, make_card())
    assert model.read_bytes() == before
    assert [path.name for path in model.parent.iterdir()] == [model.name]


def test_entries_of_others_are_kept(tmp_path: Path, models: Path) -> None:
    path = tmp_path / "model.tflite"
    shutil.copyfile(models / "int8.tflite", path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("labels.txt", "real\nfake\n")
    assert ModelFile(path).card is None
    for card in (FULL, replace(FULL, name="second")):
        written = write_card(path, card)
        with zipfile.ZipFile(path) as archive:
            assert sorted(archive.namelist()) == [ENTRY, "labels.txt"]
            assert archive.read("labels.txt") == b"real\nfake\n"
    assert ModelFile(path).card == written


def test_a_model_with_a_card_still_loads(model: Path, models: Path) -> None:
    """In the interpreter itself, in a process of its own, with the same answer as the file without a card."""
    script = (
        "import sys\n"
        "import numpy as np\n"
        "from ai_edge_litert.interpreter import Interpreter\n"
        "for path in sys.argv[1:]:\n"
        "    interpreter = Interpreter(model_path=path)\n"
        "    interpreter.allocate_tensors()\n"
        "    face = (np.arange(768) % 256 - 128).astype(np.int8).reshape(1, 16, 16, 3)\n"
        "    interpreter.set_tensor(interpreter.get_input_details()[0]['index'], face)\n"
        "    interpreter.invoke()\n"
        "    print(interpreter.get_tensor(interpreter.get_output_details()[0]['index']).item())\n"
    )
    command = [sys.executable, "-c", script, str(model), str(models / "int8.tflite")]
    answers = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert len(answers) == 2 and answers[0] == answers[1]


def test_a_network_other_than_the_cards_is_refused_though_size_and_time_are_the_same(model: Path) -> None:
    card, kept, data = ModelFile(model).card, model.stat(), model.read_bytes()
    Detector(model).close()
    model.write_bytes(data[:372] + data[372:756][::-1] + data[756:])  # the convolution's weights, backwards
    os.utime(model, ns=(kept.st_atime_ns, kept.st_mtime_ns))
    for open_it in (ModelFile, Detector, lambda path: Detector(path, card=card)):
        with pytest.raises(ModelFileError, match="the network"):
            open_it(model)
    assert card is not None
    Detector(model, card=replace(card, payload_sha256=None)).close()  # a card of the user's own promises nothing


def with_entry(model: Path, name: str, content: bytes, method: int = zipfile.ZIP_DEFLATED) -> Path:
    data = model.read_bytes()
    file = io.BytesIO(data[: data.index(b"PK\3\4")])
    with zipfile.ZipFile(file, "a", method) as archive:
        archive.writestr(name, content)
    model.write_bytes(file.getvalue())
    return model


@pytest.mark.parametrize(
    ("method", "message"), [(zipfile.ZIP_DEFLATED, "unpacks to"), (zipfile.ZIP_BZIP2, "neither"), (zipfile.ZIP_LZMA, "neither")]
)
def test_a_card_that_unpacks_to_much_is_not_unpacked(model: Path, method: int, message: str) -> None:
    with_entry(model, ENTRY, b" " * 8_000_000, method)
    assert model.stat().st_size < 200_000
    tracemalloc.start()
    with pytest.raises(CardError, match=message):
        ModelFile(model)
    assert tracemalloc.get_traced_memory()[1] < 5_000_000
    tracemalloc.stop()


def test_a_card_that_unpacks_to_more_than_it_announces(model: Path) -> None:
    with_entry(model, ENTRY, b" " * 8_000_000)
    data = model.read_bytes()
    model.write_bytes(data.replace((8_000_000).to_bytes(4, "little"), (1000).to_bytes(4, "little")))
    tracemalloc.start()
    with pytest.raises(CardError):
        ModelFile(model)
    assert tracemalloc.get_traced_memory()[1] < 5_000_000
    tracemalloc.stop()


def test_metadata_of_others_may_be_large(model: Path, models: Path) -> None:
    noise = np.random.default_rng(0).bytes(MAX_CARD + 1)
    with_entry(model, "labels.bin", b"x")
    data = model.read_bytes()
    file = io.BytesIO(data)
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr("noise.bin", noise)
        archive.writestr(ENTRY, FULL.to_json())
    model.write_bytes(file.getvalue())
    assert ModelFile(model).card == FULL
    network = payload_sha256(model)
    written = write_card(model, FULL)
    assert ModelFile(model).card == written == replace(FULL, payload_sha256=network)
    with zipfile.ZipFile(model) as archive:
        assert archive.read("noise.bin") == noise
    assert network == hashlib.sha256((models / "int8.tflite").read_bytes()).hexdigest()


@pytest.mark.parametrize("size", [MAX_CARD - 10_000, MAX_CARD + 1])
def test_a_card_is_written_if_it_can_be_read(size: int, model: Path) -> None:
    before = model.read_bytes()
    card = replace(FULL, architecture="x" * size)
    if size < MAX_CARD:
        assert ModelFile(model).card != (written := write_card(model, card)) and ModelFile(model).card == written
    else:
        with pytest.raises(CardError, match="2097152"):
            write_card(model, card)
        assert model.read_bytes() == before


MUTANTS = 150


@pytest.mark.parametrize("form", ["tflite", "deflated", "onnx"])
def test_damaged_files_are_refused_in_one_sentence(form: str, model: Path, tmp_path: Path) -> None:
    """Seeded mutants of the card and what holds it: read, or an ``EdgefakeError``, never another exception."""
    path = model
    if form == "onnx":
        path = tmp_path / "model.onnx"
        path.write_bytes(b"\x08\x08\x3a\x04\x0a\x02\x08\x01")  # an IR version, and a graph
        write_card(path, FULL)
    elif form == "deflated":
        with_entry(model, ENTRY, FULL.to_json().encode())
    data, start = path.read_bytes(), 0 if form == "onnx" else path.read_bytes().index(b"PK\3\4")
    for seed in range(MUTANTS):
        rng = np.random.default_rng(seed)
        mutant = bytearray(data)
        for _ in range(rng.integers(1, 6)):
            at = int(rng.integers(start, len(mutant)))
            piece = rng.choice([b"\xff", b"\x80" * 12, b"9" * 400, b"\0", b"\\ud800", b"[" * 500, b"PK\5\6", b"null", b"-", b'"'])
            mutant[at : at + int(rng.integers(0, 20))] = piece
        path.write_bytes(mutant[: int(rng.integers(start, len(mutant)))] if seed % 10 == 0 else mutant)
        with suppress(EdgefakeError):
            ModelFile(path)


def test_files_without_a_card(models: Path) -> None:
    assert ModelFile(models / "int8.tflite").card is None


def test_a_damaged_card_is_reported_wherever_the_damage_is(model: Path, models: Path, make_card: MakeCard) -> None:
    """Every byte of the appended zip, flipped: the card is refused, not seen, or (in a zip's unused fields) unharmed."""
    data, card = model.read_bytes(), ModelFile(model).card
    refused = 0
    for position in range((models / "int8.tflite").stat().st_size, len(data)):
        damaged = bytearray(data)
        damaged[position] ^= 0xFF
        model.write_bytes(damaged)
        try:
            assert ModelFile(model).card in (None, card)
        except ModelFileError as error:
            assert str(model) in str(error)
            refused += 1
    assert refused > len(make_card().to_json())


@pytest.mark.parametrize("length", [0.3, 0.7, 0.99])
def test_a_truncated_file_has_no_card(model: Path, length: float) -> None:
    data = model.read_bytes()
    model.write_bytes(data[: int(len(data) * length)])
    assert ModelFile(model).card is None


def changed(**changes: object) -> str:
    return json.dumps({**json.loads(FULL.to_json()), **changes})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is no JSON"),
        (b"\xff\xfe\x00", "is no JSON"),
        ("[]", "schema None"),
        (changed(schema=6), "schema 6, .* 1, 2, 3, 4 and 5: .*edgefake"),
        (changed(schema=0), "schema 0, .* 1, 2, 3, 4 and 5: convert"),
        (changed(schema=True), "schema True"),
        (changed(surprise=1), "unknown surprise"),
        (json.dumps({k: v for k, v in json.loads(FULL.to_json()).items() if k != "output"}), "lacks output"),
        (changed(scaling={"offset": 0.0}), "scaling .*lacks scale"),
        (changed(scaling=None), r"scaling: expected Scaling \(offset, scale\), got None"),
        (changed(input_size=224.0), r"input_size: .*whole number, got 224\.0"),
        (changed(input_size=True), "input_size: .*whole number, got True"),
        (changed(crop_mode="wrap"), "crop_mode.*inside.*reflect.*constant.*'wrap'"),
        (changed(crop_margin="0.3"), "crop_margin: .*finite number, got '0.3'"),
        (changed(crop_margin=float("nan")), "crop_margin: .*finite number, got nan"),
        (changed(crop_margin=10**400), "crop_margin: .*finite number, got 1000"),
        (changed(precision="int4"), "precision: .*float32 .*float16 .*int8, got 'int4'"),
        (changed(output=["logit"]), r"output: .*logit .*p_fake .*logits .*probabilities, got \['logit'\]"),
        (changed(metrics={}), "metrics: .*list, got"),
        (changed(toolchain=[]), "toolchain: .*object, got"),
        (changed(name="t\ud800ny"), "name: .*half a"),
        ('{"schema":' + "[" * 100_000, "is no JSON"),
    ],
)
def test_reading_is_strict(text: str | bytes, message: str) -> None:
    with pytest.raises(CardError, match=message):
        ModelCard.from_json(text)


GAN = Family("gan", "drawn val", 0, 9, None, {})

WRONG = [
    ({"thresholds": {"fpr_5%": 1.2}}, "thresholds, 'fpr_5%' must be 0…1, got 1.2"),
    ({"thresholds": {}}, "p_fake threshold"),
    ({"input_size": 7}, "input_size 7 must be 8…4096"),
    ({"input_size": 10**9}, "input_size 1000000000 must be 8…4096"),
    ({"classes": ("real",)}, "kind of"),
    ({"classes": ("genuine", "fake")}, "classes .*real once"),
    ({"classes": ("fake", "real", "generated")}, "classes .*real first.* fake, real"),
    ({"classes": ("real", "fake", "fake")}, "each once"),
    ({"crop_margin": -0.1}, r"crop_margin .* must be 0…3, got -0.1"),
    ({"crop_margin": 30}, r"crop_margin .* 0…3, got 30"),
    ({"scaling": Scaling(0.0, 0.0)}, "scaling.scale must be 0.001…65536, got 0"),
    ({"scaling": Scaling(0.0, 1e-300)}, "scaling.scale must be 0.001…65536"),
    ({"scaling": Scaling("0", 1.0)}, r"scaling\.offset: .*finite number, got '0'"),
    ({"scaling": (127.5, 127.5)}, r"scaling: expected Scaling \(offset, scale\), got \(127.5, 127.5\)"),
    ({"calibration": Calibration(0.0)}, "calibration.temperature must be 1e-06…1e[+]06, got 0.0"),
    ({"calibration": Calibration(1e-300)}, "calibration.temperature must be"),
    ({"calibration": Calibration(1.0, float("inf"))}, r"calibration\.bias: .*finite number, got inf"),
    ({"output": "sigmoid"}, "output: .*logit .*p_fake .*logits .*probabilities, got 'sigmoid'"),
    ({"colour_order": "bgr"}, "colour_order: expected RGB .*BGR, got 'bgr'"),
    ({"precision": "int4"}, "precision: .*float32 .*float16 .*int8, got 'int4'"),
    ({"golden_tolerance": 1e9}, "golden_tolerance must be 0…0.5, got"),
    ({"golden_tolerance": -1.0}, "golden_tolerance must be 0…0.5, got"),
    ({"output": "logit", "golden_tolerance": 7.0}, "golden_tolerance must be 0…6.8, got 7"),
    ({"golden": (Golden("aGk=", float("nan"), {"map": (0.0,)}),)}, r"golden\.output: .*finite number, got nan"),
    ({"metrics": (Metrics("d", {}, {"auc": Interval(np.nan, 0, 1)}),)}, r"metrics\.figures, 'auc'\.value: .*finite"),
    ({"parent_sha256": "AB" * 32}, "SHA-256 .* 64 .*hexadecimal"),
    ({"payload_sha256": "ab"}, "SHA-256 .* 64 .*hexadecimal"),
    ({"name": ""}, "name .* 1…200 characters"),
    ({"name": "x" * 100_000}, "name .* 1…200 characters"),
    ({"training": "some faces"}, r"training: expected Training \(data, licence, commands, seed\), got 'some faces'"),
    ({"schema": 1}, "schema .* 5"),
    ({"families": (GAN, GAN)}, r"families: .*once, got \['gan', 'gan'\]"),
    ({"families": (replace(GAN, fake=-1),)}, "families, 'gan': .* 0 and -1"),
    ({"families": (replace(GAN, figures={"dark": {"auc": Interval(0.5, 0.6, 0.4)}}),)}, r"'dark', 'auc': .* 0\.6, 0\.5, 0\.4"),
    ({"families": (replace(GAN, figures={"dark": {"auc": 0.5}}),)}, "'dark', 'auc': .*Interval .*got 0.5"),
    ({"families": ("gan",)}, "families: .*Family .*got 'gan'"),
    ({"families": (replace(GAN, figures={"dark": {"recall": Interval(0.5, 0.4, 0.6)}}),)}, "'gan', 'dark': .*'recall'"),
    ({"families": (replace(GAN, fake=0, figures={"dark": {}}),)}, r"'gan': .*got \['dark'\]"),
    ({"bias": Metrics("d", {"real": 9}, {"blur_shift": Interval(3.0, 4.0, 2.0)})}, r"bias\.figures, 'blur_shift': .*4\.0, 3\.0"),
    ({"bias": Metrics("d", {"real": 0}, {})}, r"bias\.counts: .*'real': 0"),
    ({"bias": {"auc": 0.5}}, "bias lacks .*unknown auc"),
]


@pytest.mark.parametrize(("changes", "message"), WRONG, ids=lambda value: str(value)[:40])
def test_a_wrong_value_is_refused_with_the_right_ones_wherever_the_card_comes_from(
    changes: dict[str, object], message: str
) -> None:
    with pytest.raises(CardError, match=message) as caught:
        replace(FULL, **changes)  # type: ignore[arg-type]
    assert len(str(caught.value)) < 400
    if "schema" not in changes and not any(isinstance(value, tuple) and key == "scaling" for key, value in changes.items()):
        as_json = json.dumps(changes, default=asdict)
        with pytest.raises(CardError, match=f"^a.tflite: .*{message}"):
            ModelCard.from_json(changed(**json.loads(as_json)), source="a.tflite")


def test_numbers_and_lists_of_python_are_made_plain() -> None:
    card = replace(FULL, crop_margin=np.float32(0.25), input_size=np.int64(224), classes=list(FULL.classes))  # type: ignore[arg-type]
    assert card == FULL and type(card.crop_margin) is float and type(card.input_size) is int and type(card.classes) is tuple
