"""What a ``.toy`` is: ``TOY1``, three weights and a bias as float32, and its card as JSON behind them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from edgefake.errors import ModelFileError
from edgefake.models.card import ModelCard

NETWORK = 20
"""Bytes."""


def check(data: bytes, path: Path) -> None:
    if data[:4] != b"TOY1" or len(data) < NETWORK:
        raise ModelFileError(f"{path} is no toy model (no TOY1 mark): get the file again")


def read_card(data: bytes, path: Path) -> ModelCard | None:
    return ModelCard.from_json(data[NETWORK:], source=str(path)) if len(data) > NETWORK else None


def write_card(data: bytes, card: ModelCard, path: Path) -> bytes:
    return data[:NETWORK] + card.to_json().encode()


def payload(data: bytes, path: Path) -> Iterator[memoryview]:
    yield memoryview(data)[:NETWORK]
