"""Golden vectors: synthetic inputs with a model's answers, to check that a runtime computes what the converter measured."""

from __future__ import annotations

import base64
import hashlib
import platform
import struct
from contextlib import suppress
from pathlib import Path

import cv2
import numpy as np

from edgefake.errors import BackendError, CardError, ModelStoreError
from edgefake.models.card import Golden, ModelCard
from edgefake.models.card_files import payload_sha256
from edgefake.models.store import cache_folder
from edgefake.pixels import Pixels
from edgefake.runtimes import Runtime
from edgefake.text import printable


def encode_pixels(pixels: Pixels) -> str:
    """A model input (uint8, H×W×3, RGB) as base64 of a PNG, for ``Golden.png``."""
    _, png = cv2.imencode(".png", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))
    return base64.b64encode(png.tobytes()).decode()


def decode_pixels(png: str, size: int) -> Pixels:
    """The model input (uint8, size×size×3, RGB) that ``encode_pixels`` encoded. Raises ``CardError`` for anything else."""
    try:
        data = base64.b64decode(png, validate=True)
        if data[:8] != b"\x89PNG\r\n\x1a\n":
            raise ValueError
        width, height = struct.unpack(">II", data[16:24])
        if (height, width) != (size, size):  # told before decoding, which takes memory for whatever the header says
            raise CardError(
                f"a golden vector has {width}×{height} pixels, the model takes {size}×{size}: convert the model again"
            )
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except (ValueError, struct.error, cv2.error):
        image = None
    if image is None or image.shape != (size, size, 3):
        raise CardError("a golden vector is no base64 of a PNG: convert the model again")
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8)


def golden_errors(runtime: Runtime, card: ModelCard) -> list[float]:
    """How far ``runtime`` is off each golden output of ``card``: at most ``card.golden_tolerance`` when correct."""
    return [abs(_output(runtime, card, golden) - golden.output) for golden in card.golden]


def replay_once(runtime: Runtime, card: ModelCard, path: Path) -> None:
    """Check ``runtime``, which has loaded ``path``, against the golden vectors, unless this was done on this machine before.

    That it was done is remembered in the cache folder, by the SHA-256 of the network and the runtime's version; where that
    cannot be written the vectors are replayed every time.
    Raises ``BackendError`` when the runtime computes something else than the converter measured.
    """
    if not card.golden:
        return
    digest = card.payload_sha256 or payload_sha256(path)
    vectors = [(golden.png, golden.output) for golden in card.golden]
    facts = (digest, vectors, card.golden_tolerance, card.colour_order, runtime.name, platform.node(), platform.machine())
    done = None
    with suppress(ModelStoreError):
        done = cache_folder() / "replayed" / hashlib.sha256(repr(facts).encode()).hexdigest()
        if done.exists():
            return
    worst = max(golden_errors(runtime, card))
    if not worst <= card.golden_tolerance:
        raise BackendError(
            f"{runtime.name} does not compute what {printable(card.name)} was measured with: its output is {worst:.3g} off a "
            f"golden vector ({card.golden_tolerance:.3g} is allowed): get {printable(path)} again if it was changed, else "
            "install that runtime again or choose another backend"
        )
    with suppress(OSError):
        if done:
            done.parent.mkdir(parents=True, exist_ok=True)
            done.touch()


def _output(runtime: Runtime, card: ModelCard, golden: Golden) -> float:
    pixels = decode_pixels(golden.png, runtime.input_shape[1])
    if card.colour_order == "BGR":
        pixels = np.ascontiguousarray(pixels[:, :, ::-1])
    return float(runtime.run(pixels[None])[0])
