"""Golden vectors: synthetic inputs with a model's answers, to check that a runtime computes what the converter measured."""

from __future__ import annotations

import base64
import hashlib
import platform
import struct
from contextlib import suppress

import cv2
import numpy as np
import numpy.typing as npt

from edgefake.errors import BackendError, CardError, ModelFileError, ModelStoreError
from edgefake.models.card import Golden, ModelCard
from edgefake.models.card_checks import SCORE
from edgefake.models.file import ModelFile
from edgefake.models.store import cache_folder
from edgefake.pixels import Pixels
from edgefake.preprocessing import coloured
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


def sampled(output: npt.NDArray[np.float32], count: int) -> npt.NDArray[np.float32]:
    """``count`` numbers of one picture's output, evenly spaced over all of them, first and last included; all, if it has fewer.

    For ``Golden.samples``, when a model is converted and when it is replayed.
    """
    places = np.linspace(0, output.size - 1, min(count, output.size)).round().astype(int)
    return np.take(output, places)


def golden_errors(runtime: Runtime, card: ModelCard) -> dict[str, float]:
    """How far each output of ``runtime`` is off the golden vectors of ``card`` at worst; empty where it has none.

    At most ``card.tolerance`` of that output when correct.
    """
    errors: dict[str, list[float]] = {name: [] for name in card.outputs}
    for golden in card.golden:
        pixels = decode_pixels(golden.png, card.height, card.width)
        outputs = runtime.run(coloured(pixels[None], card.colour_order))
        card.check_outputs(outputs)
        for name, output in zip(card.outputs, outputs, strict=True):
            errors[name].append(_error(card, golden, name, output))
    return {name: float(np.max(found)) for name, found in errors.items() if found}  # NaN is the greatest


def _error(card: ModelCard, golden: Golden, name: str, output: npt.NDArray[np.float32]) -> float:
    if golden.output is not None and name == SCORE:
        return abs(float(card.one_output(output)[0]) - golden.output)
    expected = golden.samples[name]
    if len(found := sampled(output, len(expected))) != len(expected):
        raise ModelFileError(
            f"expected {len(expected)} samples of {name}, as in the golden vectors of {printable(card.name)}, "
            f"got {list(output.shape)}"
        )
    return float(np.abs(found - expected).max())


def check_golden(runtime: Runtime, card: ModelCard, remedy: str) -> float:
    """The greatest of all ``golden_errors``, 0 where there are none.

    Raises ``BackendError``, with what to do, where ``runtime`` computes something else than the converter measured.
    """
    errors = golden_errors(runtime, card)
    for name, error in errors.items():
        if not error <= card.tolerance(name):
            raise BackendError(
                f"expected {name} of {printable(card.name)} within {card.tolerance(name):.3g} of its golden vectors, got "
                f"{error:.3g} off with {runtime.name}: {remedy}"
            )
    return max(errors.values(), default=0.0)


def replay_once(runtime: Runtime, card: ModelCard, file: ModelFile) -> None:
    """Check ``runtime``, which has loaded ``file``, against the golden vectors, once on each machine.

    A passed check is remembered in the cache folder, under the SHA-256 of the network and the runtime's version; without a
    writable cache the vectors are replayed every time.
    Raises ``BackendError`` when the runtime computes something else than the converter measured.
    """
    if not card.golden:
        return
    tolerances = (card.golden_tolerance, card.sample_tolerances)
    facts = (
        *(file.payload_sha256, card.golden, tolerances, card.colour_order, card.outputs, card.output, card.classes),
        *(runtime.name, platform.node(), platform.machine()),
    )
    done = None
    with suppress(ModelStoreError):
        done = cache_folder() / "replayed" / hashlib.sha256(repr(facts).encode()).hexdigest()
        if done.exists():
            return
    path = printable(file.path)
    check_golden(runtime, card, f"get {path} again if it was changed, else install that runtime again or choose another")
    with suppress(OSError):
        if done:
            done.parent.mkdir(parents=True, exist_ok=True)
            done.touch()
