"""A new kind of file and a runtime for it, as a third party would write them: ``TOY1``, a line of JSON with the card, numbers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from edgefake import BackendError, InputSpec, ModelCard, ModelFileError
from edgefake.models.forms import Form
from edgefake.pixels import Pixels
from edgefake.runtimes import Outputs

if TYPE_CHECKING:
    from edgefake.models.file import ModelFile  # which imports the table of forms

MARK = b"TOY1\n"


def check(data: bytes, path: Path) -> None:
    if not data.startswith(MARK):
        raise ModelFileError(f"{path} is no toy: get the file again")


def read_card(data: bytes, path: Path) -> ModelCard | None:
    text = data.split(b"\n")[1]
    return ModelCard.from_json(text, source=str(path)) if text else None


def write_card(data: bytes, card: ModelCard, path: Path) -> bytes:
    return MARK + card.to_json().replace("\n", "").encode() + b"\n" + b"".join(payload(data, path))


def payload(data: bytes, path: Path) -> Iterator[memoryview]:
    start = data.index(b"\n", len(MARK)) + 1
    yield memoryview(data)[start:]


FORM = Form("Toy", check, read_card, write_card, payload)


class ToyRuntime:
    """The mean colour, weighted."""

    name = "toy (1.0)"

    def __init__(self, weights: np.ndarray, spec: InputSpec) -> None:
        self._weights: np.ndarray | None = weights
        self._scaling = spec.scaling

    def run(self, pixels: Pixels) -> Outputs:
        if self._weights is None:
            raise BackendError("this model is closed: make a new Detector")
        x = (pixels.astype(np.float64) - self._scaling.offset) / self._scaling.scale
        return ((x.mean(axis=(1, 2)) @ self._weights).astype(np.float32)[:, None],)

    def close(self) -> None:
        self._weights = None


def open_model(file: ModelFile, spec: InputSpec, device: str | int | None, num_threads: int) -> ToyRuntime:
    if device not in (None, "shelf"):
        raise BackendError(f"toy has no device {device!r}: put it on the shelf")
    numbers = b"".join(file.form.payload(file.data, file.path))
    return ToyRuntime(np.frombuffer(numbers, np.float64), spec)
