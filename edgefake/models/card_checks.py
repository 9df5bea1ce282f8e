"""Which values a card may have, beyond their types."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from edgefake.models.card_values import Unfit, shown
from edgefake.models.families import check_families
from edgefake.thresholds import FAKE, REAL

if TYPE_CHECKING:
    from edgefake.models.card import Metrics, ModelCard

SCHEMA = 5
SHA256 = re.compile("[0-9a-f]{64}")
WIDEST = 4.0
"""Logits, plain or calibrated, that a golden output may be off at most: a wider tolerance would check nothing."""

SCORE, MAP = "score", "map"
"""Names of a detector's outputs: the one that p_fake is made of, and patch logits."""
_FINDER_OUTPUT = re.compile("(score|box|points)_[1-9][0-9]{0,2}")
MOST_SAMPLES = 256


def check_values(card: ModelCard) -> None:
    """Raise ``Unfit`` for a value that no model has, and which would cost memory or pass anything."""
    ranges: list[tuple[str, float, float, float]] = [
        *((f"input_size {shown(card.input_size)}", side, 8, 4096) for side in (card.height, card.width)),
        ("scaling.offset", card.scaling.offset, -65536, 65536),
        ("scaling.scale", card.scaling.scale, 1e-3, 65536),
        ("min_score", card.min_score, 0, 1),
        *((f"sample_tolerances, {shown(name)}", tolerance, 0, WIDEST) for name, tolerance in card.sample_tolerances.items()),
    ]
    hashes = [sha256 for sha256 in (card.parent_sha256, card.payload_sha256) if sha256 is not None]
    problems = [
        (card.schema != SCHEMA, f"schema must be {SCHEMA}, got {shown(card.schema)}"),
        (not 0 < len(card.name) <= 200, f"name must have 1…200 characters, got {len(card.name)}"),
        (not all(map(SHA256.fullmatch, hashes)), f"a SHA-256 must be 64 lower-case hexadecimal digits, got {shown(hashes)}"),
        *_output_problems(card),
    ]
    if card.kind == "detector":
        ranges += _detector_ranges(card)
        problems += _detector_problems(card)
        check_families(card.families)
        if card.bias is not None:
            _check_measured(card.bias)
    for name, value, low, high in ranges:
        if not low <= value <= high:
            raise Unfit(f"{name} must be {low:.6g}…{high:.6g}, got {shown(value)}")
    for wrong, message in problems:
        if wrong:
            raise Unfit(message)


def _check_measured(bias: Metrics) -> None:
    """Raise ``Unfit`` for what no measurement gives."""
    if not bias.counts or min(bias.counts.values()) < 1:
        raise Unfit(f"bias.counts: expected counts from 1, got {shown(bias.counts)}")
    for name, figure in bias.figures.items():
        if not 0 <= figure.low <= figure.value <= figure.high:
            raise Unfit(
                f"bias.figures, {shown(name)}: expected 0 ≤ low ≤ value ≤ high, got {figure.low}, {figure.value}, {figure.high}"
            )


def _detector_ranges(card: ModelCard) -> list[tuple[str, float, float, float]]:
    return [
        ("crop_margin (0.3 is 30 % of the face box)", card.crop_margin, 0, 3),
        ("calibration.temperature", card.calibration.temperature, 1e-6, 1e6),
        ("calibration.bias", card.calibration.bias, -1e6, 1e6),
        ("golden_tolerance", card.golden_tolerance, 0, card.widest_tolerance),
        *((f"thresholds, {shown(name)}", threshold, 0, 1) for name, threshold in card.thresholds.items()),
    ]


def _detector_problems(card: ModelCard) -> list[tuple[bool, str]]:
    classes, shown_classes = [name.casefold() for name in card.classes], shown(card.classes)
    return [
        (card.height != card.width, f"input_size: a detector takes square faces, got {shown(card.input_size)}"),
        (not card.thresholds, "thresholds must name at least one p_fake threshold"),
        (
            card.thresholds.get(REAL, 0.0) > card.thresholds.get(FAKE, 1.0),
            f"thresholds, fake must be no less than real, got {shown(card.thresholds)}",
        ),
        (
            len(classes) < 2 or classes.count("real") != 1 or len(set(classes)) != len(classes),
            f"classes must name real once and at least one kind of fake, each once, got {shown_classes}",
        ),
        (
            card.numbers == 1 and len(classes) > 2 and card.rises_with_real,
            f"classes of one output must name real first, or just fake, real; got {shown_classes}",
        ),
    ]


def _output_problems(card: ModelCard) -> list[tuple[bool, str]]:
    """What is wrong with the names of the outputs, or with what golden vectors say of them."""
    detector, names = card.kind == "detector", card.outputs
    sampled = {name for name in names if name != SCORE}
    known = names in ((SCORE,), (SCORE, MAP)) if detector else all(map(_FINDER_OUTPUT.fullmatch, names))
    expected = f"{SCORE}, or {SCORE} and {MAP}" if detector else "score_S, box_S and points_S of each stride S"
    samples = [set(golden.samples) for golden in card.golden]
    return [
        (not known or not names or len(set(names)) < len(names), f"outputs must be {expected}, each once, got {shown(names)}"),
        (
            any(given != sampled for given in samples) or set(card.sample_tolerances) != (sampled if samples else set()),
            f"golden vectors must have samples, and sample_tolerances, of {shown(sorted(sampled))}, got {shown(samples)} and "
            f"{shown(card.sample_tolerances)}",
        ),
        (
            any((golden.output is None) == detector for golden in card.golden),
            f"golden vectors of a {card.kind} must have {'an' if detector else 'no'} output",
        ),
        (
            any(not 0 < len(values) <= MOST_SAMPLES for golden in card.golden for values in golden.samples.values()),
            f"golden vectors must have 1…{MOST_SAMPLES} samples of an output",
        ),
    ]
