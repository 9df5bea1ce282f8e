"""Goes when its last importer uses ``file`` instead."""

from __future__ import annotations

from pathlib import Path

from edgefake.models.card import MAX_CARD as MAX_CARD
from edgefake.models.card import ModelCard
from edgefake.models.file import MAX_FILE as MAX_FILE
from edgefake.models.file import ModelFile, _digest, _read
from edgefake.models.file import write_card as write_card
from edgefake.models.forms import form_of
from edgefake.models.tflite_form import ENTRY as ENTRY


def check_model(path: Path) -> None:
    form_of(path).check(_read(path), path)


def read_card(path: str | Path) -> ModelCard | None:
    return ModelFile(path).card


def check_payload(path: Path, card: ModelCard) -> None:
    ModelFile(path, card)


def payload_sha256(path: Path) -> str:
    return _digest(form_of(path), _read(path), path)
