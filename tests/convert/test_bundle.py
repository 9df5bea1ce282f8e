from pathlib import Path

import pytest

from convert.bundle import NOTES, bundle
from edgefake.errors import InputError
from edgefake.model_store import find_model, list_models
from tests.conftest import Converted


def test_a_bundled_model_is_found_by_name_with_its_hash_and_its_notes_survive(converted: Converted, tmp_path: Path) -> None:
    target = bundle(converted.int8, tmp_path)
    registry = tmp_path / "models.json"
    assert find_model("tiny_int8", registry=registry) == target
    (located,) = list_models(registry=registry)
    assert located.fault() is None

    with pytest.raises(InputError, match=r"there is no file .*absent\.tflite"):
        bundle(tmp_path / "absent.tflite", tmp_path)

    page = tmp_path / "tiny_int8.md"
    text = page.read_text()
    assert "## Measured on drawn test: 24 real and 24 fake faces" in text
    assert "python -m training qat" in text
    page.write_text(text + "It knows stripes only.\n")
    bundle(converted.int8, tmp_path)
    assert page.read_text() == text + "It knows stripes only.\n"
    assert page.read_text().partition(NOTES)[2] == "\nIt knows stripes only.\n"
