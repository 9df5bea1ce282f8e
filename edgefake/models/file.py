"""A model file, opened, read, checked and hashed once; and writing a card into one."""

from __future__ import annotations

import functools
import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

from edgefake.errors import CardError, ModelFileError
from edgefake.files import write_atomically
from edgefake.models.card import Kind, ModelCard
from edgefake.models.forms import Form, form_of
from edgefake.text import printable

MAX_FILE = 2 << 30
"""Bytes: what FlatBuffers and protocol buffers can address."""


class ModelFile:
    """A model file that was found to be one.

    Args:
        path: of a file with one of the suffixes of ``FORMS``.
        card: what the file is, for a file that carries no card.
        vouched: the whole file, where its bytes have been read already and the SHA-256 of all of them is known to be right. Its
            own card is then believed what it says of the network, which is not hashed again.

    Raises ``ModelFileError`` where the file cannot be read, is no model, or not the network that its card was written for,
    ``CardError`` for a card in it that cannot be used.
    """

    path: Path
    form: Form
    data: bytes
    """The whole file. Runtimes keep no reference to it."""
    card: ModelCard | None
    """The one given, else the one that the file carries, or None. See ``require_card``."""

    def __init__(self, path: str | Path, card: ModelCard | None = None, *, vouched: bytes | None = None) -> None:
        self.path = Path(path)
        self.form = form_of(self.path)
        self.data = _read(self.path) if vouched is None else vouched
        self.form.check(self.data, self.path)
        self.card = self.form.read_card(self.data, self.path) if card is None else card
        expected = self.card.payload_sha256 if self.card is not None else None
        if expected is None:
            return
        if vouched is not None and card is None:
            self.payload_sha256 = expected
        elif self.payload_sha256 != expected:
            raise ModelFileError(
                f"{printable(path)} is not the network that its card was written for (SHA-256 {self.payload_sha256[:12]}… "
                f"instead of {expected[:12]}…): get the file again"
            )

    @functools.cached_property
    def payload_sha256(self) -> str:
        """SHA-256 of the network, without the card and other metadata, in lower-case hexadecimal."""
        return _payload_sha256(self.form, self.data, self.path)


@dataclass(frozen=True, slots=True)
class _Kind:
    name: str
    """For people."""
    place: str
    """Where one is given."""
    needed: str
    """The fields that its card cannot do without."""


_KINDS = {
    "detector": _Kind(
        "a detector", "the model", "name, architecture, precision, input_size, crop_margin, output, thresholds, and its scaling"
    ),
    "face_finder": _Kind("a face finder", "faces=", "name, architecture, precision, input_size, kind, outputs, and its scaling"),
}


def require_card(file: ModelFile, kind: Kind | None = "detector") -> ModelCard:
    """The card of ``file``. Raises ``CardError`` where there is none, or where it is of another ``kind``; None: any kind."""
    path, card = printable(file.path), file.card
    if card is None:
        raise CardError(
            f"{path} carries no model card, or is cut short: give it one on a workstation (python -m convert card "
            f"{printable(file.path.name)}), or in Python pass card=ModelCard(…) with at least {_KINDS[kind or 'detector'].needed}"
        )
    if kind is not None and kind != card.kind:
        given = _KINDS[card.kind]
        raise CardError(f"expected {_KINDS[kind].name}, got {path}, whose card says it is {given.name}: give it as {given.place}")
    return card


def model_bytes(path: Path) -> bytes:
    """The whole of a model file, whatever its card says. Raises ``ModelFileError`` when it is none."""
    data = _read(path)
    form_of(path).check(data, path)
    return data


def payload_sha256(path: Path) -> str:
    """SHA-256 of the network in a model file, whatever its card says. Raises ``ModelFileError``."""
    return _payload_sha256(form_of(path), model_bytes(path), path)


def write_card(path: str | Path, card: ModelCard) -> ModelCard:
    """Put ``card`` into the model file at ``path``, replacing one that is there; the network itself is untouched.

    The file is replaced atomically. Other metadata (a stranger's) is kept. Returns the card as it is in the file, which has
    the SHA-256 of the network. Raises ``ModelFileError`` where the file cannot be read or is no model, or its form takes no card.
    """
    path = Path(path)
    form, data = form_of(path), model_bytes(path)
    card = replace(card, payload_sha256=_payload_sha256(form, data, path))
    write_atomically(path, form.write_card(data, card, path))
    return card


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > MAX_FILE:
            raise ModelFileError(f"{printable(path)} is larger than any TFLite or ONNX model: give a model file")
        return path.read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ModelFileError(f"{printable(path)} cannot be read ({reason}): give a model file that can") from error


def _payload_sha256(form: Form, data: bytes, path: Path) -> str:
    digest = hashlib.sha256()
    for piece in form.payload(data, path):
        digest.update(piece)
    return digest.hexdigest()
