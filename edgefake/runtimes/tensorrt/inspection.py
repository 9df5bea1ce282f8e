"""Which precision TensorRT gave the layers of an engine."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

_NO_ARITHMETIC = {"Reformat", "NoOp", "kgen"}
"""Layers that move and scale: they take INT8 in front of a convolution that itself may be float."""


def not_int8(information: str, expected: Iterable[str]) -> list[str]:
    """Those of the ``expected`` convolutions and matrix products (names in the ONNX file) that no layer computes in INT8.

    ``information`` is what the engine inspector gives as JSON for an engine built with detailed profiling verbosity. The keys
    differ by version: types are under "Format/Datatype" or "Datatype", weights under "Weights" or "Constants", and layers that
    were fused name their origins in "Name" (``weight + quantize + conv + relu``) or in "Metadata" (``[ONNX Layer: conv]``).
    """
    layers = [layer for layer in json.loads(information)["Layers"] if isinstance(layer, dict) and _is_int8(layer)]
    origins = [f"{layer.get('Name', '')}\n{layer.get('Metadata', '')}" for layer in layers]
    return [name for name in expected if not any(_mentions(origin, name) for origin in origins)]


def _is_int8(layer: dict[str, Any]) -> bool:
    inputs = layer.get("Inputs", [])
    if not inputs or not _int8(inputs[0]):
        return False
    weights = [layer["Weights"]] if "Weights" in layer else layer.get("Constants", [])
    return any(map(_int8, weights)) if weights else layer.get("LayerType") not in _NO_ARITHMETIC


def _int8(tensor: dict[str, Any]) -> bool:
    type_ = " ".join(str(tensor.get(key, "")) for key in ("Format/Datatype", "Datatype", "Type"))
    return re.search(r"\bint8", type_, re.IGNORECASE) is not None  # not UInt8


def _mentions(origin: str, name: str) -> bool:
    """Whether ``name`` stands in ``origin`` whole, or with the suffix that TensorRT gives the parts of a fused region."""
    return re.search(rf"(?<![\w./:-]){re.escape(name)}(?=_myl|[^\w./:-]|$)", origin) is not None
