"""Golden vectors: synthetic inputs with a model's answers, to check that a runtime computes what the converter measured."""

from __future__ import annotations

import base64
import binascii

import cv2
import numpy as np
import numpy.typing as npt

from edgefake.errors import CardError
from edgefake.model_card import Golden, ModelCard
from edgefake.runtimes import Runtime

Pixels = npt.NDArray[np.uint8]


def encode_pixels(pixels: Pixels) -> str:
    """A model input (uint8, H×W×3, RGB) as base64 of a PNG, for ``Golden.png``."""
    _, png = cv2.imencode(".png", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))
    return base64.b64encode(png.tobytes()).decode()


def decode_pixels(png: str) -> Pixels:
    """The model input (uint8, H×W×3, RGB) that ``encode_pixels`` encoded. Raises ``CardError`` for anything else."""
    try:
        image = cv2.imdecode(np.frombuffer(base64.b64decode(png, validate=True), np.uint8), cv2.IMREAD_COLOR)
    except (binascii.Error, cv2.error):
        image = None
    if image is None:
        raise CardError("a golden vector is no base64 of a PNG: convert the model again")
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8)


def golden_errors(runtime: Runtime, card: ModelCard) -> list[float]:
    """How far ``runtime`` is off each golden output of ``card``: at most ``card.golden_tolerance`` when correct."""
    return [abs(_output(runtime, card, golden) - golden.output) for golden in card.golden]


def _output(runtime: Runtime, card: ModelCard, golden: Golden) -> float:
    pixels = decode_pixels(golden.png)
    if pixels.shape != runtime.input_shape[1:]:
        raise CardError(f"a golden vector of {card.name} has shape {pixels.shape}, the model takes {runtime.input_shape[1:]}")
    if card.colour_order == "BGR":
        pixels = np.ascontiguousarray(pixels[:, :, ::-1])
    return float(runtime.run(pixels[None])[0])
