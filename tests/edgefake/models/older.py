"""Cards as older versions of edgefake wrote them."""

from __future__ import annotations

import json
from typing import Any

from edgefake import ModelCard


def older(card: ModelCard, schema: int) -> dict[str, Any]:
    """The JSON of a detector's card of schema 1 to 4."""
    value: dict[str, Any] = json.loads(card.to_json())
    del value["crop_mode"]
    if schema == 4:
        return {**value, "schema": schema}
    for key in ("families", "bias"):
        del value[key]
    if schema == 3:
        return {**value, "schema": schema}
    for key in ("kind", "outputs", "sample_tolerances", *(["payload_sha256"] if schema == 1 else [])):
        del value[key]
    for vector in value["golden"]:
        del vector["samples"]
    for metrics in value["metrics"]:
        metrics |= metrics.pop("counts")
    return {**value, "schema": schema}
