"""Golden vectors: synthetic inputs with a model's answers, to check that a runtime computes what the converter measured."""

from __future__ import annotations

import base64
import hashlib
import platform
import struct
from contextlib import suppress

import cv2
import numpy as np

from edgefake.errors import BackendError, CardError, ModelStoreError
from edgefake.models.card import Golden, ModelCard
from edgefake.models.file import ModelFile
from edgefake.models.store import cache_folder
from edgefake.pixels import Pixels
from edgefake.runtimes import Runtime
from edgefake.text import printable


def encode_pixels(pixels: Pixels) -> str:
    """A model input (uint8, H×W×3, RGB) as base64 of a PNG, for ``Golden.png``."""
    _, png = cv2.imencode(".png", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))
    return base64.b64encode(png.tobytes()).decode()


def decode_pixels(png: str, height: int, width: int) -> Pixels:
    """The model input (uint8, height×width×3, RGB) that ``encode_pixels`` encoded. Raises ``CardError`` for anything else."""
    try:
        data = base64.b64decode(png, validate=True)
        if data[:8] != b"\x89PNG\r\n\x1a\n":
            raise ValueError
        has_width, has_height = struct.unpack(">II", data[16:24])
        if (has_height, has_width) != (height, width):  # told before decoding, which takes memory for whatever the header says
            raise CardError(
                f"a golden vector has {has_width}×{has_height} pixels, the model takes {width}×{height}: convert the model again"
            )
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except (ValueError, struct.error, cv2.error):
        image = None
    if image is None or image.shape != (height, width, 3):
        raise CardError("a golden vector is no base64 of a PNG: convert the model again")
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8)


def golden_errors(runtime: Runtime, card: ModelCard) -> list[float]:
    """How far ``runtime`` is off each golden output of ``card``: at most ``card.golden_tolerance`` when correct."""
    return [abs(_output(runtime, card, golden) - golden.output) for golden in card.golden]


def replay_once(runtime: Runtime, card: ModelCard, file: ModelFile) -> None:
    """Check ``runtime``, which has loaded ``file``, against the golden vectors, unless this was done on this machine before.

    That it was done is remembered in the cache folder, by the SHA-256 of the network and the runtime's version; where that
    cannot be written the vectors are replayed every time.
    Raises ``BackendError`` when the runtime computes something else than the converter measured.
    """
    if not card.golden:
        return
    vectors = [(golden.png, golden.output) for golden in card.golden]
    facts = (
        *(file.payload_sha256, vectors, card.golden_tolerance, card.colour_order),
        *(runtime.name, platform.node(), platform.machine()),
    )
    done = None
    with suppress(ModelStoreError):
        done = cache_folder() / "replayed" / hashlib.sha256(repr(facts).encode()).hexdigest()
        if done.exists():
            return
    worst = max(golden_errors(runtime, card))
    if not worst <= card.golden_tolerance:
        raise BackendError(
            f"{runtime.name} does not compute what {printable(card.name)} was measured with: its output is {worst:.3g} off a "
            f"golden vector ({card.golden_tolerance:.3g} is allowed): get {printable(file.path)} again if it was changed, else "
            "install that runtime again or choose another backend"
        )
    with suppress(OSError):
        if done:
            done.parent.mkdir(parents=True, exist_ok=True)
            done.touch()


def _output(runtime: Runtime, card: ModelCard, golden: Golden) -> float:
    spec = card.input_spec
    pixels = decode_pixels(golden.png, spec.height, spec.width)
    if spec.colour_order == "BGR":
        pixels = np.ascontiguousarray(pixels[:, :, ::-1])
    return float(card.one_output(runtime.run(pixels[None])[0])[0])
