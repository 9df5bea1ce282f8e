"""The forms that a model file comes in, by suffix. A new one is a row here, and a runtime that reads such files."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from edgefake.errors import ModelFileError
from edgefake.models import engine_form, onnx_form, tflite_form
from edgefake.models.card import ModelCard
from edgefake.text import printable


@dataclass(frozen=True, slots=True)
class Form:
    """What a kind of file is. Each function gets the whole file, and its path: for messages, and for what lies beside it."""

    name: str
    """For people."""
    check: Callable[[bytes, Path], None]
    """Raises ``ModelFileError`` when the file is none of its kind: runtimes answer some of those with a crash."""
    read_card: Callable[[bytes, Path], ModelCard | None]
    """None where there is no card. Raises ``CardError`` for one that cannot be used, ``ModelFileError`` for a damaged file."""
    write_card: Callable[[bytes, ModelCard, Path], bytes]
    """The file with this card in the place of one that is there. Metadata of others is kept, the network untouched."""
    payload: Callable[[bytes, Path], Iterable[memoryview]]
    """The network without its card, in pieces, in their order."""


FORMS = {
    ".tflite": Form("TFLite", tflite_form.check, tflite_form.read_card, tflite_form.write_card, tflite_form.payload),
    ".onnx": Form("ONNX", onnx_form.check, onnx_form.read_card, onnx_form.write_card, onnx_form.payload),
    ".engine": Form("TensorRT", engine_form.check, engine_form.read_card, engine_form.write_card, engine_form.payload),
}


def form_of(path: Path) -> Form:
    """The form of the file at ``path``, by its suffix. Raises ``ModelFileError`` for any other."""
    if (form := FORMS.get(path.suffix)) is None:
        raise ModelFileError(f"expected a model file ({suffixes()}), got {printable(path.name)}")
    return form


def suffixes() -> str:
    """All of them, for messages: ``.tflite, .onnx or .engine``."""
    *others, last = FORMS
    return f"{', '.join(others)} or {last}"
