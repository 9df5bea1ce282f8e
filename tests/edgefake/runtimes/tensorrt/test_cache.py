"""What stands beside an engine may be damaged in any way."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edgefake import EdgefakeError, ModelCard, ModelFileError
from edgefake.models.engine_form import Origin, Sidecar, read_sidecar, sidecar_path


@pytest.fixture
def sidecar(card: ModelCard) -> Sidecar:
    return Sidecar(Origin("ab" * 32, "10.3.0", "Fake Orin", "8.7", "int8", 16, 8), "cd" * 32, 2, 0.01, card)


def test_a_sidecar_is_read_as_it_was_written(sidecar: Sidecar, tmp_path: Path) -> None:
    engine = tmp_path / "model.engine"
    sidecar_path(engine).write_text(sidecar.to_json())
    assert read_sidecar(engine) == sidecar
    finder = ModelCard("f", "a", "int8", (16, 32), kind="face_finder", outputs=("score_8",))
    other = replace(sidecar, card=finder, origin=replace(sidecar.origin, input_size=finder.input_size))
    sidecar_path(engine).write_text(other.to_json())
    assert read_sidecar(engine) == other and other.origin.key != sidecar.origin.key


@pytest.mark.parametrize("value", [None, 3.5, -1, "x", [], {}, True, "\ud800", 10**400], ids=str)
def test_a_value_of_another_kind_is_refused(value: object, sidecar: Sidecar, tmp_path: Path) -> None:
    engine = tmp_path / "model.engine"
    whole = json.loads(sidecar.to_json())
    for field in ("origin", "engine_sha256", "int8_layers", "golden_error", "card", "schema"):
        if type(value) is type(whole[field]) or (field, value) in [("golden_error", -1), ("schema", True)]:
            continue  # near enough
        sidecar_path(engine).write_text(json.dumps(whole | {field: value}))
        with pytest.raises(ModelFileError):
            read_sidecar(engine)


def test_damaged_sidecars_are_refused_in_one_sentence(sidecar: Sidecar, tmp_path: Path) -> None:
    engine = tmp_path / "model.engine"
    data = sidecar.to_json().encode()
    for seed in range(200):
        rng = np.random.default_rng(seed)
        mutant = bytearray(data)
        for _ in range(rng.integers(1, 6)):
            at = int(rng.integers(len(mutant)))
            mutant[at : at + int(rng.integers(0, 20))] = rng.choice(
                [b"\xff", b"9" * 5000, b"\0", b"\\ud800", b"[" * 90_000, b"null"]
            )
        sidecar_path(engine).write_bytes(mutant)
        with suppress(EdgefakeError):
            read_sidecar(engine)
