"""ModelCard: everything about a model that a device needs and a reader should know; ``card_files`` keeps it in the file."""

from __future__ import annotations

import dataclasses
import json
import math
import numbers
import types
import typing
from dataclasses import dataclass
from typing import Any, Literal, Union

import numpy as np
import numpy.typing as npt

from edgefake.errors import CardError, InputError, ModelFileError

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Scaling:
    """What the file's input tensor means: ``x = (pixel - offset) / scale``, pixel 0…255."""

    offset: float = 128.0
    scale: float = 128.0


@dataclass(frozen=True, slots=True)
class Calibration:
    """``p_fake = sigmoid(logit / temperature + bias)`` (Guo et al. 2017, with a bias), fitted on validation data."""

    temperature: float = 1.0
    bias: float = 0.0


@dataclass(frozen=True, slots=True)
class Figure:
    """A measured figure with its bootstrap 95 % confidence interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Metrics:
    """How well the model did on one held-out data set."""

    data: str
    real: int
    fake: int
    figures: dict[str, Figure]


@dataclass(frozen=True, slots=True)
class Training:
    """Where the model comes from."""

    data: str
    licence: str
    commands: tuple[str, ...]
    seed: int


@dataclass(frozen=True, slots=True)
class Golden:
    """A synthetic input and what the model answers to it, to check a runtime or an engine against."""

    png: str
    """The input pixels, RGB, as base64 of a PNG."""
    output: float
    """The model's ``one_output``, before calibration."""


@dataclass(frozen=True, slots=True)
class ModelCard:
    """Everything about a model. The fields with defaults may be left out when a card is made for a file that has none."""

    name: str
    architecture: str
    precision: Literal["float32", "float16", "int8"]
    input_size: int
    """Side of the square input in pixels."""
    crop_margin: float
    """Context around the face box, as a fraction of its longer side."""
    output: Literal["logit", "p_fake", "logits", "probabilities"]
    """What the output is: one number per face, or, in the plural, one per class (before or after the softmax)."""
    thresholds: dict[str, float]
    """p_fake thresholds by the false-positive rate they were chosen for: ``fpr_5%``, ``fpr_1%``, ``eer``."""
    scaling: Scaling = Scaling()
    colour_order: Literal["RGB", "BGR"] = "RGB"
    classes: tuple[str, ...] = ("real", "fake")
    """What the model tells apart: real first, then every kind of fake; p_fake is the sum over those."""
    calibration: Calibration = Calibration()
    metrics: tuple[Metrics, ...] = ()
    training: Training | None = None
    toolchain: dict[str, str] = dataclasses.field(default_factory=dict)
    golden: tuple[Golden, ...] = ()
    golden_tolerance: float = 0.0
    """How far a correct runtime may be off a golden output; INT8 kernels differ by a step or two between processors."""
    parent_sha256: str | None = None
    """SHA-256 of the float checkpoint that this model was made from."""
    schema: int = SCHEMA

    def __post_init__(self) -> None:
        problems = [
            (self.input_size < 8, f"input_size must be at least 8, got {self.input_size}"),
            (self.crop_margin < 0, f"crop_margin must be 0 or more, got {self.crop_margin}"),
            (len(self.classes) < 2, f"classes must name real and at least one kind of fake, got {self.classes}"),
            (self.scaling.scale == 0, "scaling.scale must not be 0"),
            (self.calibration.temperature <= 0, f"calibration.temperature must be above 0, got {self.calibration.temperature}"),
            (not self.thresholds, "thresholds must name at least one p_fake threshold"),
            (any(not 0 <= t <= 1 for t in self.thresholds.values()), f"thresholds must lie in 0…1, got {self.thresholds}"),
        ]
        for wrong, message in problems:
            if wrong:
                raise CardError(f"the card of {self.name!r} is not usable: {message}")

    @property
    def outputs(self) -> int:
        """How many numbers the model gives per face."""
        return len(self.classes) if self.output in ("logits", "probabilities") else 1

    def one_output(self, raw: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Raw outputs (N, ``outputs``) as one number per face (N,): of several classes the log-odds of all fakes against real."""
        if self.outputs == 1:
            return raw[:, 0]
        return fake_log_odds(np.log(np.clip(raw, 1e-7, 1.0)) if self.output == "probabilities" else raw)

    def p_fake(self, raw: npt.NDArray[np.float32]) -> list[float]:
        """Calibrated p_fake in [0, 1] of each ``one_output`` (N,); monotone in it. NaN raises ``ModelFileError``."""
        # Scalars on purpose: for the one face of a typical frame, NumPy's functions cost ten times as much.
        return [self._calibrated(output) for output in raw.tolist()]

    def _calibrated(self, output: float) -> float:
        if math.isnan(output):  # every comparison with it is false, so it would pass for a real face
            raise ModelFileError(f"{self.name} answered NaN: the model is broken, or its scaling is not {self.scaling}")
        if self.output == "p_fake":
            p = min(max(output, 1e-7), 1 - 1e-7)
            output = math.log(p / (1 - p))
        z = output / self.calibration.temperature + self.calibration.bias
        return 0.5 * (1.0 + math.tanh(0.5 * z))  # the sigmoid, without overflow

    def threshold(self, chosen: float | str) -> float:
        """The p_fake threshold that ``chosen`` names, or ``chosen`` itself. Raises ``InputError`` for anything else."""
        if isinstance(chosen, str):
            if chosen not in self.thresholds:
                raise InputError(
                    f"{self.name} has no threshold {chosen!r}: choose {', '.join(self.thresholds)} or a number in 0…1"
                )
            return self.thresholds[chosen]
        if not isinstance(chosen, numbers.Real) or isinstance(chosen, bool) or not 0.0 <= chosen <= 1.0:
            raise InputError(f"a threshold must be a p_fake in 0…1 or one of {', '.join(self.thresholds)}, got {chosen!r}")
        return float(chosen)

    def to_json(self) -> str:
        """As ``from_json`` reads it. Raises ``CardError`` where a figure is not finite, which no reader would accept."""
        try:
            return json.dumps(dataclasses.asdict(self), indent=2, allow_nan=False)
        except ValueError:
            raise CardError(f"the card of {self.name!r} cannot be written: one of its figures is not a finite number") from None

    @staticmethod
    def from_json(text: str | bytes, *, source: str = "the card") -> ModelCard:
        """Read a card strictly: unknown or missing keys, wrong types and other schemas raise ``CardError`` naming them."""
        try:
            value = json.loads(text)
        except ValueError as error:
            raise CardError(f"the card in {source} is no JSON: {error}") from error
        schema = value.get("schema") if isinstance(value, dict) else None
        if schema != SCHEMA:
            newer = isinstance(schema, int) and schema > SCHEMA
            remedy = "update edgefake (pip install -U edgefake)" if newer else "convert the model again"
            raise CardError(f"the card in {source} has schema {schema}, this version reads {SCHEMA}: {remedy}")
        card = _decode(ModelCard, value, f"the card in {source}")
        assert isinstance(card, ModelCard)
        return card


def fake_log_odds(logits: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
    """``log(p_fake / p_real)`` (N,) of class logits (N, K), real first; p_fake is the softmax summed over the fakes."""
    fakes = np.logaddexp.reduce(logits[:, 1:], axis=1)
    return np.asarray(fakes - logits[:, 0], np.float32)


def _decode(kind: Any, value: Any, where: str) -> Any:
    """``value`` (from JSON) as ``kind``, one of the types that cards use; raises ``CardError`` where it does not fit."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if dataclasses.is_dataclass(kind):
        if not isinstance(value, dict):
            raise CardError(f"{where}: expected an object, got {value!r}")
        hints = typing.get_type_hints(kind)
        missing, unknown = hints.keys() - value.keys(), value.keys() - hints.keys()
        if missing or unknown:
            faults = [f"lacks {', '.join(sorted(missing))}"] * bool(missing) + [
                f"has unknown {', '.join(sorted(unknown))}"
            ] * bool(unknown)
            raise CardError(f"{where} {' and '.join(faults)}: convert the model again with this version")
        values = {name: _decode(hint, value[name], f"{where}, {name}") for name, hint in hints.items()}
        return kind(**values)  # type: ignore[operator]
    if origin in (Union, types.UnionType):  # the cards' only unions are "X or None"
        return None if value is None else _decode(arguments[0], value, where)
    if origin is tuple and isinstance(value, list):
        return tuple(_decode(arguments[0], item, where) for item in value)
    if origin is dict and isinstance(value, dict):
        return {key: _decode(arguments[1], item, f"{where}, {key}") for key, item in value.items()}
    if origin is Literal and value in arguments:
        return value
    if kind is float and type(value) in (int, float) and math.isfinite(value):
        return float(value)
    if kind in (int, str) and type(value) is kind:
        return value
    raise CardError(f"{where}: expected {getattr(kind, '__name__', kind)}, got {value!r}")
