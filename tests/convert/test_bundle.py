import json
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from convert.bundle import NOTES, bundle
from edgefake.errors import InputError
from edgefake.models.file import ModelFile, payload_sha256
from edgefake.models.store import find_model, list_models
from edgefake.models.tflite_form import ENTRY
from tests.conftest import Converted
from tests.edgefake.models.older import older


def test_a_bundled_model_is_found_by_name_with_its_hash_and_its_notes_survive(converted: Converted, tmp_path: Path) -> None:
    target = bundle(converted.int8, tmp_path)
    registry = tmp_path / "models.json"
    assert find_model("tiny_int8", registry=registry) == target
    (located,) = list_models(registry=registry)
    assert located.fault() is None and (located.stored.name, located.stored.kind) == ("tiny_int8", "detector")

    with pytest.raises(InputError, match=r"absent\.tflite"):
        bundle(tmp_path / "absent.tflite", tmp_path)

    # A card of an older schema becomes one of today's, in its place, and the network stays as it was.
    network = payload_sha256(target)
    card = ModelFile(target).card
    assert card is not None and card.payload_sha256 == network
    data = target.read_bytes()
    with zipfile.ZipFile(target) as archive:
        data = data[: archive.infolist()[0].header_offset]
    target.write_bytes(data)
    with zipfile.ZipFile(target, "a") as archive:
        archive.writestr(ENTRY, json.dumps(older(card, 1)))
    assert ModelFile(target).card == replace(card, payload_sha256=None)
    assert bundle(target, tmp_path) == target
    assert ModelFile(target).card == card and payload_sha256(target) == network
    assert find_model("tiny_int8", registry=registry) == target

    page = tmp_path / "tiny_int8.md"
    text = page.read_text()
    assert "## Measured on drawn test: 24 real and 24 fake" in text
    assert "python -m training qat" in text
    assert "## By family\n\nNot measured." in text and "## What moves real faces\n\nNot measured." in text
    page.write_text(text + "It knows stripes only.\n")
    bundle(converted.int8, tmp_path)
    assert page.read_text() == text + "It knows stripes only.\n"
    assert page.read_text().partition(NOTES)[2] == "\nIt knows stripes only.\n"
