"""ModelCard: everything about a model that a device needs and a reader should know; ``forms`` keep it in the file."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from edgefake import odds
from edgefake.errors import CardError, ModelFileError
from edgefake.faces.geometry import CropMode
from edgefake.models.card_checks import SCHEMA, SCORE, WIDEST, check_values
from edgefake.models.card_upgrades import UPGRADES
from edgefake.models.card_values import Unfit, check_keys, checked, shown, types_of
from edgefake.models.families import Family
from edgefake.runtimes.spec import CENTRED, InputSpec, Scaling
from edgefake.statistics import Interval
from edgefake.text import printable
from edgefake.thresholds import Thresholds, find_threshold, thresholds_of

MAX_CARD = 2 << 20
"""Bytes. A card with its golden vectors has 50 kB; a card that unpacks to more is made to exhaust memory."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """``p_fake = sigmoid(logit / temperature + bias)`` (Guo et al. 2017, with a bias), fitted on validation data."""

    temperature: float = 1.0
    bias: float = 0.0


@dataclass(frozen=True, slots=True)
class Metrics:
    """How well the model did on one held-out data set."""

    data: str
    counts: dict[str, int]
    """Of what the data set has: ``real`` and ``fake`` faces for a detector, ``pictures`` and ``faces`` for a face finder."""
    figures: dict[str, Interval]

    @property
    def size(self) -> str:
        """The counts, for people."""
        return " and ".join(f"{count} {what}" for what, count in self.counts.items())


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
    output: float | None
    """A detector's ``one_output``, before calibration; None for a face finder."""
    samples: dict[str, tuple[float, ...]] = dataclasses.field(default_factory=dict)
    """Of every other output by its name: a few of its numbers, evenly spaced (``golden.sampled``)."""


Kind = Literal["detector", "face_finder"]

DETECTOR_ONLY = (
    "crop_margin",
    "crop_mode",
    "output",
    "thresholds",
    "classes",
    "calibration",
    "golden_tolerance",
    "families",
    "bias",
)
"""Fields that speak of p_fake, or of the way to it. Cards of other kinds do not have them."""
FINDER_ONLY = ("min_score",)
"""Likewise for face finders."""


@dataclass(frozen=True, slots=True)
class ModelCard:
    """Everything about a model. The fields with defaults may be left out when a card is made for a file that has none.

    A card of kind ``face_finder`` has no fields of ``DETECTOR_ONLY``, which are None or their defaults in it, and a detector's
    none of ``FINDER_ONLY``.
    """

    name: str
    architecture: str
    precision: Literal["float32", "float16", "int8"]
    input_size: int | tuple[int, int]
    """Side of the square input in pixels; (height, width) of a face finder's that is not square. See ``height``, ``side``."""
    crop_margin: float = None  # type: ignore[assignment]
    """Context around the face box, as a fraction of its longer side."""
    output: Literal["logit", "p_fake", "logits", "probabilities"] = None  # type: ignore[assignment]
    """What the score is: one number per face, which speaks for the second class, or, in the plural, one per class (before or
    after the softmax)."""
    thresholds: dict[str, float] = None  # type: ignore[assignment]
    """p_fake thresholds by the false-positive rate they were chosen for, ``fpr_5%``, ``fpr_1%``, ``eer``, and the two of a
    verdict that may be unsure, ``fake`` and ``real``; see ``edgefake.Thresholds``."""
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
    kind: Kind = "detector"
    outputs: tuple[str, ...] = (SCORE,)
    """What each output of the graph is, in its order: a detector's ``score``, with or without a ``map``; a face finder's
    ``score_S``, ``box_S`` and ``points_S`` for each stride S."""
    sample_tolerances: dict[str, float] = dataclasses.field(default_factory=dict)
    """Like ``golden_tolerance``, for each output that golden vectors have samples of."""
    min_score: float = 0.5
    """Of a face finder: the score from which a box is a face."""
    families: tuple[Family, ...] = ()
    """How well it does on each family of pictures, where that was measured (``python -m training matrix``)."""
    bias: Metrics | None = None
    """How far real faces move with what says nothing of forgery, where that was measured (``python -m training bias``): by
    influence ``NAME_shift``, the median change of the log-odds of p_fake, and ``NAME_crossed``, the share that gets another
    verdict."""
    crop_mode: CropMode = "inside"
    """What a crop does where its square would leave the frame; another than ``inside`` where that tells faces of the worst source
    of real pictures better (``python -m training crop-mode``)."""
    schema: int = SCHEMA

    def __post_init__(self) -> None:
        try:
            own = self.fields(checked(Kind, self.kind, "kind"))
            for field, kind in types_of(ModelCard).items():
                if field in own:
                    object.__setattr__(self, field, checked(kind, getattr(self, field), field))
                elif (given := getattr(self, field)) != (default := _DEFAULTS[field]):
                    raise Unfit(f"{field}: expected {default!r}, since a {self.kind} has none, got {shown(given)}")
            if self.input_size == (self.height, self.height):
                object.__setattr__(self, "input_size", self.height)
            check_values(self)
        except Unfit as fault:
            raise CardError(f"the card of {shown(self.name)} is not usable: {fault}") from None

    @staticmethod
    def fields(kind: str) -> list[str]:
        """The names of those that a card of this kind has."""
        others = FINDER_ONLY if kind == "detector" else DETECTOR_ONLY
        return [name for name in types_of(ModelCard) if name not in others]

    @property
    def input_spec(self) -> InputSpec:
        """What a runtime must know."""
        return InputSpec(self.height, self.width, self.scaling, self.colour_order)

    @property
    def height(self) -> int:
        """Of the input in pixels."""
        return self.input_size if isinstance(self.input_size, int) else self.input_size[0]

    @property
    def width(self) -> int:
        return self.input_size if isinstance(self.input_size, int) else self.input_size[1]

    @property
    def side(self) -> int:
        """Of the square input of a detector."""
        return self.height

    @property
    def terms(self) -> str | None:
        """Of the weights: what they may be used for, and what of that was not verified; None where nobody said."""
        return self.training.licence if self.training else None

    @property
    def numbers(self) -> int:
        """How many numbers a detector's score has per face."""
        return len(self.classes) if self.output in ("logits", "probabilities") else 1

    @property
    def rises_with_real(self) -> bool:
        """Whether a detector's one output, or its map, rises with real instead of fake: of ``("fake", "real")``."""
        return self.classes[0].casefold() != "real"

    def tolerance(self, output: str) -> float:
        """How far a correct runtime may be off a golden vector in this output."""
        return self.golden_tolerance if output == SCORE else self.sample_tolerances[output]

    def check_outputs(self, outputs: Sequence[npt.NDArray[np.float32]]) -> None:
        """Raise ``ModelFileError`` unless a runtime's ``outputs`` for one picture are those that the card tells of."""
        given = ", ".join(str(list(output.shape)) for output in outputs)
        if len(outputs) != len(self.outputs):
            raise ModelFileError(
                f"expected the outputs that the card names, {', '.join(self.outputs)}, got {given} from {printable(self.name)}"
            )
        if self.kind == "detector" and outputs[0].size != self.numbers:
            raise ModelFileError(
                f"expected a score of [1, {self.numbers}] from {printable(self.name)}, got {given}: its card says "
                f"{self.output!r} of {printable(', '.join(self.classes))}"
            )

    @property
    def widest_tolerance(self) -> float:
        """The greatest ``golden_tolerance`` that still checks something."""
        return 0.5 if self.output == "p_fake" else WIDEST * max(1.0, self.calibration.temperature)

    def one_output(self, raw: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """A runtime's first output (N, …), of ``numbers`` per face, as one number per face (N,) that rises with fake.

        Of several classes it is the log-odds of all fakes against real.
        """
        if self.numbers > 1:
            raw, real = raw.reshape(len(raw), -1), [name.casefold() for name in self.classes].index("real")
            logits = np.log(np.clip(raw, odds.SMALLEST, 1.0)) if self.output == "probabilities" else raw
            return odds.class_log_odds(logits, real=real)
        raw = raw.reshape(len(raw))
        if not self.rises_with_real:
            return raw
        return (1 - raw) if self.output == "p_fake" else -raw

    def p_fake(self, raw: npt.NDArray[np.float32]) -> list[float]:
        """Calibrated p_fake in [0, 1] of each ``one_output`` (N,); monotone in it. NaN raises ``ModelFileError``."""
        # Scalars on purpose: for the one face of a typical frame, NumPy's functions cost ten times as much.
        return list(map(self._calibrated, raw.tolist()))

    def _calibrated(self, output: float) -> float:
        if math.isnan(output):  # every comparison with it is false, so it would pass for a real face
            raise ModelFileError(
                f"{printable(self.name)} answered NaN: the model is broken, or its scaling is not {self.scaling}"
            )
        if self.output == "p_fake":
            output = odds.log_odds(output)
        return odds.p_fake(output / self.calibration.temperature + self.calibration.bias)

    def threshold(self, chosen: float | str) -> float:
        """The p_fake threshold that ``chosen`` names, or ``chosen`` itself. Raises ``InputError`` for anything else."""
        return find_threshold(chosen, self.thresholds, self.name)

    def thresholds_at(self, chosen: float | str | None = None) -> Thresholds:
        """Those of a verdict: the card's own, or two-way at ``threshold(chosen)``. Raises ``InputError`` where there are none."""
        return thresholds_of(self.thresholds, self.name, chosen)

    def to_json(self) -> str:
        """As ``from_json`` reads it. Raises ``CardError`` where no reader would accept it: figures must be finite, and
        ``MAX_CARD`` is the limit."""
        value = dataclasses.asdict(self)
        try:
            text = json.dumps({name: value[name] for name in self.fields(self.kind)}, indent=2, allow_nan=False)
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
        try:
            value = _of_today(value, where)
            checked(Kind, value.get("kind"), f"{where}: kind")
            check_keys(ModelCard.fields(value["kind"]), value, where)
            return ModelCard(**value)
        except Unfit as fault:
            raise CardError(f"{fault}: convert the model again with this version") from None
        except CardError as error:
            raise CardError(f"{source}: {error}") from None


def _of_today(value: Any, where: str) -> dict[str, Any]:
    """A card's JSON, of whichever schema, as one of today's. Raises ``CardError`` for a schema that is not known."""
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
    return value  # type: ignore[no-any-return]


_DEFAULTS = {field.name: field.default for field in dataclasses.fields(ModelCard)}
