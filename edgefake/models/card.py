"""ModelCard: everything about a model that a device needs and a reader should know; ``forms`` keep it in the file."""

from __future__ import annotations

import dataclasses
import json
import math
import numbers
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from edgefake.errors import CardError, InputError, ModelFileError
from edgefake.models.card_values import Unfit, check_keys, checked, shown, types_of
from edgefake.runtimes.spec import CENTRED, InputSpec, Scaling
from edgefake.text import printable

SCHEMA = 2
SHA256 = re.compile("[0-9a-f]{64}")
MAX_CARD = 2 << 20
"""Bytes. A card with its golden vectors has 50 kB; a card that unpacks to more is made to exhaust memory."""

WIDEST = 4.0
"""Logits, plain or calibrated, that a golden output may be off at most: a wider tolerance would check nothing."""


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
    """What the output is: one number per face, which speaks for the second class, or, in the plural, one per class (before or
    after the softmax)."""
    thresholds: dict[str, float]
    """p_fake thresholds by the false-positive rate they were chosen for: ``fpr_5%``, ``fpr_1%``, ``eer``."""
    scaling: Scaling = CENTRED
    colour_order: Literal["RGB", "BGR"] = "RGB"
    classes: tuple[str, ...] = ("real", "fake")
    """What the model tells apart, in the order of its outputs: one is called real, p_fake is the sum over all others.

    One output rises with the second: of ``("fake", "real")`` it is turned round.
    """
    calibration: Calibration = Calibration()
    metrics: tuple[Metrics, ...] = ()
    training: Training | None = None
    toolchain: dict[str, str] = dataclasses.field(default_factory=dict)
    golden: tuple[Golden, ...] = ()
    golden_tolerance: float = 0.0
    """How far a correct runtime may be off a golden output; INT8 kernels differ by a step or two between processors."""
    parent_sha256: str | None = None
    """SHA-256 of the float checkpoint that this model was made from."""
    payload_sha256: str | None = None
    """SHA-256 of the network in the file, without the card; written and checked with the file."""
    schema: int = SCHEMA

    def __post_init__(self) -> None:
        try:
            for field, kind in types_of(ModelCard).items():
                object.__setattr__(self, field, checked(kind, getattr(self, field), field))
            self._check_values()
        except Unfit as fault:
            raise CardError(f"the card of {shown(self.name)} is not usable: {fault}") from None

    def _check_values(self) -> None:
        """Raise ``Unfit`` for a value that no model has, and which would cost memory or pass anything."""
        ranges = [
            ("input_size", self.input_size, 8, 4096),
            ("crop_margin (0.3 is 30 % of the face box)", self.crop_margin, 0, 3),
            ("scaling.offset", self.scaling.offset, -65536, 65536),
            ("scaling.scale", self.scaling.scale, 1e-3, 65536),
            ("calibration.temperature", self.calibration.temperature, 1e-6, 1e6),
            ("calibration.bias", self.calibration.bias, -1e6, 1e6),
            ("golden_tolerance", self.golden_tolerance, 0, self.widest_tolerance),
            *((f"thresholds, {shown(name)}", threshold, 0, 1) for name, threshold in self.thresholds.items()),
        ]
        for name, value, low, high in ranges:
            if not low <= value <= high:
                raise Unfit(f"{name} must be {low:.6g}…{high:.6g}, got {shown(value)}")
        classes, shown_classes = [name.casefold() for name in self.classes], shown(self.classes)
        hashes = [sha256 for sha256 in (self.parent_sha256, self.payload_sha256) if sha256 is not None]
        problems = [
            (self.schema != SCHEMA, f"schema must be {SCHEMA}, got {shown(self.schema)}"),
            (not 0 < len(self.name) <= 200, f"name must have 1…200 characters, got {len(self.name)}"),
            (not self.thresholds, "thresholds must name at least one p_fake threshold"),
            (
                len(classes) < 2 or classes.count("real") != 1 or len(set(classes)) != len(classes),
                f"classes must name real once and at least one kind of fake, each once, got {shown_classes}",
            ),
            (
                self.outputs == 1 and len(classes) > 2 and classes[0] != "real",
                f"classes of one output must name real first, or just fake, real; got {shown_classes}",
            ),
            (not all(map(SHA256.fullmatch, hashes)), f"a SHA-256 must be 64 lower-case hexadecimal digits, got {shown(hashes)}"),
        ]
        for wrong, message in problems:
            if wrong:
                raise Unfit(message)

    @property
    def input_spec(self) -> InputSpec:
        """What a runtime must know."""
        return InputSpec(self.input_size, self.input_size, self.scaling, self.colour_order)

    @property
    def outputs(self) -> int:
        """How many numbers the model gives per face."""
        return len(self.classes) if self.output in ("logits", "probabilities") else 1

    @property
    def widest_tolerance(self) -> float:
        """The greatest ``golden_tolerance`` that still checks something."""
        return 0.5 if self.output == "p_fake" else WIDEST * max(1.0, self.calibration.temperature)

    def one_output(self, raw: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """A runtime's first output (N, …), of ``outputs`` numbers per face, as one number per face (N,) that rises with fake.

        Of several classes it is the log-odds of all fakes against real.
        """
        raw = raw.reshape(len(raw), -1)
        real = [name.casefold() for name in self.classes].index("real")
        if self.outputs > 1:
            return fake_log_odds(np.log(np.clip(raw, 1e-7, 1.0)) if self.output == "probabilities" else raw, real=real)
        if real == 0:
            return raw[:, 0]
        return (1 - raw[:, 0]) if self.output == "p_fake" else -raw[:, 0]

    def p_fake(self, raw: npt.NDArray[np.float32]) -> list[float]:
        """Calibrated p_fake in [0, 1] of each ``one_output`` (N,); monotone in it. NaN raises ``ModelFileError``."""
        # Scalars on purpose: for the one face of a typical frame, NumPy's functions cost ten times as much.
        return [self._calibrated(output) for output in raw.tolist()]

    def _calibrated(self, output: float) -> float:
        if math.isnan(output):  # every comparison with it is false, so it would pass for a real face
            raise ModelFileError(
                f"{printable(self.name)} answered NaN: the model is broken, or its scaling is not {self.scaling}"
            )
        if self.output == "p_fake":
            p = min(max(output, 1e-7), 1 - 1e-7)
            output = math.log(p / (1 - p))
        z = output / self.calibration.temperature + self.calibration.bias
        return 0.5 * (1.0 + math.tanh(0.5 * z))  # the sigmoid, without overflow

    def threshold(self, chosen: float | str) -> float:
        """The p_fake threshold that ``chosen`` names, or ``chosen`` itself. Raises ``InputError`` for anything else."""
        return find_threshold(chosen, self.thresholds, self.name)

    def to_json(self) -> str:
        """As ``from_json`` reads it. Raises ``CardError`` where no reader would accept it: figures must be finite, and
        ``MAX_CARD`` is the limit."""
        try:
            text = json.dumps(dataclasses.asdict(self), indent=2, allow_nan=False)
        except ValueError:
            raise CardError(f"the card of {self.name!r} cannot be written: one of its figures is not a finite number") from None
        if len(text) > MAX_CARD:  # it is ASCII
            raise CardError(
                f"the card of {printable(self.name)} has {len(text)} bytes, more than the {MAX_CARD} that are read: shorten it"
            )
        return text

    @staticmethod
    def from_json(text: str | bytes, *, source: str = "the card") -> ModelCard:
        """Read a card strictly: unknown or missing keys, wrong types or values and newer schemas raise ``CardError``.

        Cards of older schemas are brought to today's.
        """
        where = f"the card in {source}"
        if len(text) > MAX_CARD:
            raise CardError(f"{where} has {len(text)} bytes, more than {MAX_CARD}: convert the model again")
        try:
            value = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise CardError(f"{where} is no JSON: {printable(error)}") from None
        schema = value.get("schema") if isinstance(value, dict) else None
        if type(schema) is int:
            while schema in UPGRADES:
                value = UPGRADES[schema](value)
                schema = value["schema"]
        if type(schema) is not int or schema != SCHEMA:
            newer = type(schema) is int and schema > SCHEMA
            remedy = "update edgefake (pip install -U edgefake)" if newer else "convert the model again"
            readable = f"{', '.join(map(str, UPGRADES))} and {SCHEMA}"
            raise CardError(f"{where} has schema {shown(schema)}, this version reads {readable}: {remedy}")
        try:
            check_keys(ModelCard, value, where)
            return ModelCard(**value)
        except Unfit as fault:
            raise CardError(f"{fault}: convert the model again with this version") from None
        except CardError as error:
            raise CardError(f"{source}: {error}") from None


def find_threshold(chosen: float | str, named: Mapping[str, float], name: str) -> float:
    """The p_fake threshold that ``chosen`` is, or names among those ``named`` of the model ``name``. Raises ``InputError``."""
    names = printable(", ".join(named))
    if isinstance(chosen, str):
        if chosen not in named:
            choice = f"{names} or a number" if named else "a number"
            raise InputError(f"{printable(name)} has no threshold {chosen!r}: choose {choice} in 0…1")
        return named[chosen]
    if not isinstance(chosen, numbers.Real) or isinstance(chosen, bool) or not 0.0 <= chosen <= 1.0:
        raise InputError(f"a threshold must be a p_fake in 0…1{f' or one of {names}' if named else ''}, got {chosen!r}")
    return float(chosen)


def fake_log_odds(logits: npt.NDArray[np.floating], *, real: int = 0) -> npt.NDArray[np.float32]:
    """``log(p_fake / p_real)`` (N,) of class logits (N, K); p_fake is the softmax summed over all but column ``real``."""
    fakes = np.logaddexp.reduce(np.delete(logits, real, axis=1), axis=1)
    return np.asarray(fakes - logits[:, real], np.float32)


def _from_1_to_2(value: dict[str, Any]) -> dict[str, Any]:
    """Schema 1 had no digest of the network, and its first class was real, whatever it was called."""
    classes = value.get("classes")
    if isinstance(classes, list) and not any(isinstance(name, str) and name.casefold() == "real" for name in classes):
        classes = ["real", *classes[1:]]
    return {"payload_sha256": None, **value, "schema": 2} | ({"classes": classes} if "classes" in value else {})


UPGRADES: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {1: _from_1_to_2}
"""From one schema to the next."""
