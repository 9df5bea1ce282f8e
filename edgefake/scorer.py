"""Scorer: what a detector thinks of faces that are cut out; ``CardScorer`` is the usual one, one model on one runtime."""

from __future__ import annotations

import os
import reprlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from edgefake import odds
from edgefake.arguments import listed, whole_number
from edgefake.calibration import profile_or_name, read_profile
from edgefake.errors import InputError, ModelFileError
from edgefake.faces.geometry import Box, CropMode
from edgefake.models.card import ModelCard
from edgefake.models.card_checks import MAP
from edgefake.models.file import require_card
from edgefake.models.golden import replay_once
from edgefake.models.golden_pixels import check_pixels
from edgefake.models.store import open_model
from edgefake.pixels import Pixels
from edgefake.preprocessing import face_pixels
from edgefake.runtimes import Outputs, Runtime, open_runtime, suffix_of, todays_name
from edgefake.system import check_threads
from edgefake.text import printable
from edgefake.thresholds import Thresholds, thresholds_of

Threshold = float | str | Thresholds | os.PathLike[str]
"""What a verdict is told by: a p_fake in 0…1, the name of one in the model's card, two, or the file of a ``Profile``."""


@dataclass(frozen=True, slots=True)
class Score:
    """What a scorer thinks of one face."""

    p_fake: float
    """In 0…1, calibrated."""
    evidence: npt.NDArray[np.float32] | None = None
    """(h, w): what each part of the crop speaks for, positive = fake, in calibrated log-odds whose mean is that of ``p_fake``,
    where the model tells."""


class Scorer(Protocol):
    """From faces to p_fake. ``crop`` and ``score`` may be called from several threads."""

    name: str
    """Of the model, for people and in every ``Prediction``."""
    threshold: float
    """The p_fake from which a verdict is fake, else real, unless the ``Detector`` is given another.

    A scorer may have ``thresholds`` beside it, which hold in its stead: ``edgefake.Thresholds``, of a verdict that may be unsure.
    """
    crop_margin: float
    """Context that ``crop`` takes around a face box, as a fraction of its longer side.

    A scorer that does not crop from inside the frame says so in ``crop_mode``: see ``edgefake.faces.geometry.CropMode``.
    """

    def crop(self, frame: Pixels, box: Box | None) -> Pixels:
        """What ``score`` takes of the face in ``box`` of ``frame`` (uint8, H×W×3, BGR): uint8, S×S×3, S ≥ 8, in any colour order.

        None: ``frame`` is a face with its context already, of which the square in the middle is taken.
        """
        ...

    def score(self, crops: Sequence[Pixels]) -> list[Score]:
        """The score of each of what ``crop`` gave, one or more."""
        ...

    def close(self) -> None:
        """Free the memory; twice is fine."""
        ...


class CardScorer:
    """One model, as its card says, on one runtime. See ``Scorer``.

    Args:
        card: what the network's numbers mean.
        runtime: has loaded it; ``close`` closes it.
        threshold: as for ``Detector``; None: the card's own.
        replayed: the card's golden vectors have been replayed, so that the outputs are known to be what it says.

    Raises ``ModelFileError`` where the network gives other outputs than the card says, which one run on grey shows unless
    ``replayed``, and ``BackendError`` where this OpenCV makes other pixels of a face.
    """

    def __init__(self, card: ModelCard, runtime: Runtime, *, threshold: Threshold | None = None, replayed: bool = False) -> None:
        self.card, self.runtime = card, runtime
        self.thresholds = chosen_thresholds(card, threshold)
        self.name, self.crop_margin = card.name, card.crop_margin
        self.crop_mode = card.crop_mode
        self._size, self._bgr = card.side, card.colour_order == "BGR"
        check_pixels()
        if not replayed:
            outputs = runtime.run(np.full((1, self._size, self._size, 3), 128, np.uint8))
            card.check_outputs(outputs)
            self._maps(outputs)

    @property
    def threshold(self) -> float:
        """The p_fake from which a face is called fake; set to another, which makes verdicts two-way."""
        return self.thresholds.fake

    @threshold.setter
    def threshold(self, p_fake: float) -> None:
        self.thresholds = self.card.thresholds_at(p_fake)

    def crop(self, frame: Pixels, box: Box | None) -> Pixels:
        """As the card says: its size, margin, crop mode and colour order."""
        return face_pixels(frame, box, size=self._size, margin=self.crop_margin, mode=self.crop_mode, bgr=self._bgr)

    def score(self, crops: Sequence[Pixels]) -> list[Score]:
        """One call of the runtime for all ``crops``, which may be one array (N, S, S, 3)."""
        outputs = self.runtime.run(_batch(crops))
        p_fakes = self.card.p_fake(self.card.one_output(outputs[0]))
        if len(outputs) == 1:
            return [Score(p_fake) for p_fake in p_fakes]
        return list(map(Score, p_fakes, self._maps(outputs)))

    def _maps(self, outputs: Outputs) -> list[npt.NDArray[np.float32]]:
        """The evidence (h, w) of each face, where the card tells of a map: calibrated like the score, rising with fake."""
        if len(outputs) == 1:
            return []
        maps = outputs[self.card.outputs.index(MAP)]
        if maps.ndim == 4 and maps.shape[3] == 1:
            maps = maps[..., 0]
        if maps.ndim != 3:
            raise ModelFileError(f"expected a map of [1, h, w] or [1, h, w, 1] of {printable(self.name)}, got {list(maps.shape)}")
        calibration = self.card.calibration
        scale = (-1.0 if self.card.rises_with_real else 1.0) / calibration.temperature
        return list(maps * np.float32(scale) + np.float32(calibration.bias))

    def close(self) -> None:
        self.runtime.close()


def crop_mode_of(scorer: Scorer) -> CropMode:
    """What ``scorer`` does where a crop would leave the frame."""
    return getattr(scorer, "crop_mode", "inside")


def open_scorer(
    model: str | os.PathLike[str],
    *,
    runtime: str = "auto",
    device: str | int | None = None,
    threshold: Threshold | None = None,
    num_threads: int | None = None,
    card: ModelCard | None = None,
) -> CardScorer:
    """Find, check and load a model: a name (``edgefake models`` lists them) or the path of a file. See ``Detector`` for the rest.

    A runtime that does not compute what the card's golden vectors say is refused with ``BackendError``.
    """
    if card is not None and not isinstance(card, ModelCard):
        raise InputError(f"expected card=ModelCard(…) for a file that carries none, got {card!r}")
    if num_threads is not None:
        num_threads = whole_number("num_threads", num_threads)
        check_threads(num_threads)
    runtime, device = todays_name(runtime, device)
    file = open_model(model, suffix=suffix_of(runtime), card=card)
    card = require_card(file)
    thresholds = chosen_thresholds(card, threshold)  # told before the minutes that an engine may take
    opened = open_runtime(file, card.input_spec, name=runtime, device=device, num_threads=num_threads)
    try:
        replay_once(opened, card, file)
        scorer = CardScorer(card, opened, threshold=thresholds, replayed=bool(card.golden))
    except BaseException:
        opened.close()
        raise
    return scorer


def checked_scorer(given: object) -> Scorer:
    """``given``, where it has what a ``Scorer`` has. Raises ``InputError`` for anything else."""
    missing = [name for name in ("name", "threshold", "crop_margin", "crop", "score", "close") if not hasattr(given, name)]
    if missing:
        raise InputError(
            f"expected the name of a model, the path of a model file or a Scorer, got {given!r}, which lacks {', '.join(missing)}"
        )
    return given  # type: ignore[return-value]


def scored(scorer: Scorer, crops: list[Pixels]) -> list[Score]:
    """What ``scorer`` thinks of ``crops``, each p_fake a plain float.

    Raises ``InputError`` where that is no ``Score`` of a p_fake in 0…1 for each of them: NaN would pass for a real face.
    """
    if not crops:
        return []
    name = printable(scorer.name)
    scores = listed(scorer.score(crops), f"a list of scores from the scorer {name}")
    if len(scores) != len(crops):
        raise InputError(f"expected {len(crops)} scores from the scorer {name}, got {len(scores)}")
    return [_plain(score, name) for score in scores]


def _plain(score: Score, name: str) -> Score:
    p_fake: Any = getattr(score, "p_fake", None)
    if type(p_fake) is float and 0.0 <= p_fake <= 1.0:
        return score
    if not odds.is_p_fake(p_fake):
        raise InputError(f"expected a Score with a p_fake in 0…1 from the scorer {name}, got {reprlib.repr(score)}")
    return Score(float(p_fake), score.evidence)


def chosen_thresholds(card: ModelCard, chosen: Threshold | None) -> Thresholds:
    """What ``chosen`` is or names, None being the card's own. Raises ``InputError`` for anything else."""
    if isinstance(chosen, str):
        chosen = profile_or_name(chosen)
    if isinstance(chosen, os.PathLike):
        return read_profile(chosen, card)
    return chosen if isinstance(chosen, Thresholds) else card.thresholds_at(chosen)


def scorers_thresholds(scorer: Scorer, chosen: Threshold | None) -> Thresholds:
    """What ``chosen`` is or names, None being the scorer's own. Raises ``InputError`` for anything else."""
    if chosen is None:
        own = getattr(scorer, "thresholds", None)
        if own is not None and not isinstance(own, Thresholds):
            raise InputError(f"expected edgefake.Thresholds of the scorer {printable(scorer.name)}, got {own!r}")
        if own is None and not odds.is_p_fake(scorer.threshold):
            raise InputError(f"expected a threshold in 0…1 of the scorer {printable(scorer.name)}, got {scorer.threshold!r}")
        chosen = scorer.threshold if own is None else own
    if isinstance(chosen, str):
        chosen = profile_or_name(chosen)
    if isinstance(scorer, CardScorer):
        return chosen_thresholds(scorer.card, chosen)
    if isinstance(chosen, os.PathLike):
        raise InputError(f"expected a number or Thresholds for the scorer {printable(scorer.name)}, got a profile of a model")
    return chosen if isinstance(chosen, Thresholds) else thresholds_of({}, scorer.name, chosen)


def _batch(crops: Sequence[Pixels]) -> Pixels:
    if isinstance(crops, np.ndarray):
        return crops
    return crops[0][np.newaxis] if len(crops) == 1 else np.stack(crops)  # the usual single face is not copied
