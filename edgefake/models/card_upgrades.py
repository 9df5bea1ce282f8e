"""Older cards, brought to today's schema as they are read; on disk they stay as they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from edgefake.models.card_values import Unfit

Card = dict[str, Any]


def _from_1_to_2(card: Card) -> Card:
    """Schema 1 had no digest of the network, and its first class was real, whatever it was called."""
    classes = card.get("classes")
    if isinstance(classes, list) and not any(isinstance(name, str) and name.casefold() == "real" for name in classes):
        card = {**card, "classes": ["real", *classes[1:]]}
    return _with(card, payload_sha256=None) | {"schema": 2}


def _from_2_to_3(card: Card) -> Card:
    """Schema 2 knew detectors of one output alone, and counted their faces in two fields."""
    card = _with(card, kind="detector", outputs=["score"], sample_tolerances={})
    card |= {"golden": _each(card, "golden", lambda vector: _with(vector, samples={}))}
    return card | {"metrics": _each(card, "metrics", _counted), "schema": 3}


def _from_3_to_4(card: Card) -> Card:
    """Schema 3 said nothing of families, nor of what moves the scores of real faces."""
    new: Card = {"families": [], "bias": None} if card.get("kind") == "detector" else {}
    return _with(card, **new) | {"schema": 4}


def _from_4_to_5(card: Card) -> Card:
    """Schema 4 knew crops from inside the picture alone."""
    return _with(card, **({"crop_mode": "inside"} if card.get("kind") == "detector" else {})) | {"schema": 5}


def _counted(metrics: Card) -> Card:
    if not {"real", "fake"} <= metrics.keys():
        return metrics
    rest = {name: value for name, value in metrics.items() if name not in ("real", "fake")}
    return _with(rest, counts={"real": metrics["real"], "fake": metrics["fake"]})


def _with(value: Card, **new: Any) -> Card:
    """Raises ``Unfit`` where one is there already: its schema did not know it."""
    if known := new.keys() & value.keys():
        raise Unfit(f"a card of its schema has no {', '.join(sorted(known))}")
    return {**value, **new}


def _each(card: Card, name: str, change: Callable[[Card], Card]) -> Any:
    """What ``card`` has under ``name``, with every entry changed; what is no list of objects is told when types are checked."""
    entries = card.get(name)
    return [change(one) if isinstance(one, dict) else one for one in entries] if isinstance(entries, list) else entries


UPGRADES: dict[int, Callable[[Card], Card]] = {1: _from_1_to_2, 2: _from_2_to_3, 3: _from_3_to_4, 4: _from_4_to_5}
"""From one schema to the next."""
