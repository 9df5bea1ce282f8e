"""Whether maps tell what moves the score: deletion and insertion (Petsiuk et al. 2018, arXiv:1806.07421). Imports no runtime."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from edgefake import Detector
from edgefake.explanation import Explain, Map, blurred
from edgefake.images import read_image
from edgefake.odds import log_odds_of
from edgefake.pixels import Pixels
from edgefake.scorer import Scorer, scored
from edgefake.statistics import Interval
from training.metrics import RESAMPLES
from training.samples import Sample

STEPS = 10
"""Of a curve: a tenth of the places is deleted, or inserted, in each."""
OTHERS = ("random", "centred")
"""Maps that know nothing of the face: numbers drawn at random, and the nearer to the middle the higher."""


@dataclass(frozen=True, slots=True)
class ExplainedFace:
    """A face, its map, and what following that map and the ``OTHERS`` does to its score."""

    sample: Sample
    evidence: Map
    evidence_from: str
    deletion: dict[str, float]
    """By map: mean log-odds of p_fake over the steps in which its places, highest first, take the crop's mean colour."""
    insertion: dict[str, float]
    """... in which the sharp crop is put back onto the blurred one."""


@dataclass(frozen=True, slots=True)
class Faithfulness:
    """How well the maps of one model tell what moves its score, with bootstrap intervals over the faces."""

    faces: int
    evidence_from: str
    deletion: Interval
    """Mean log-odds under the curve: the lower, the better."""
    insertion: Interval
    """The higher, the better."""
    deletion_gain: dict[str, Interval]
    """By map of ``OTHERS``: how much lower the own map's is than that one's, face by face."""
    insertion_gain: dict[str, Interval]
    """... how much higher."""
    agreement: Interval | None = None
    """Rank correlation (Spearman) with Grad-CAM of the float model, mean over the faces."""

    @property
    def holds(self) -> bool:
        """Whether the maps beat the others in both curves beyond the interval."""
        return all(gain.low > 0 for gain in (*self.deletion_gain.values(), *self.insertion_gain.values()))


def explained_faces(model: Path, samples: Sequence[Sample], seed: int, explain: Explain) -> list[ExplainedFace]:
    """The labelled faces of ``samples`` that can be scored, with what their maps do. For ``training.device.on_device``."""
    rng = np.random.default_rng(seed)
    found = []
    with Detector(model, faces="frame", num_threads=1) as detector:
        for sample in tqdm(samples, "explaining", unit="face", disable=None):
            frame = read_image(sample.path)
            (face,) = detector.predict(frame, boxes=[sample.box], explain=explain).faces
            if face.evidence is None or face.evidence_from is None:
                continue
            maps = {"own": face.evidence, "random": rng.random(face.evidence.shape), "centred": centred_map(face.evidence.shape)}
            crop = detector.scorer.crop(frame, sample.box)
            mean = np.broadcast_to(crop.mean((0, 1)).round().astype(np.uint8), crop.shape)
            deletion = {name: area_under(detector.scorer, crop, mean, order) for name, order in maps.items()}
            insertion = {name: area_under(detector.scorer, blurred(crop), crop, order) for name, order in maps.items()}
            found.append(ExplainedFace(sample, face.evidence, face.evidence_from, deletion, insertion))
    return found


def faithfulness(faces: Sequence[ExplainedFace], *, heats: Sequence[Map] | None = None, seed: int = 0) -> Faithfulness:
    """The figures of ``faces``, one or more; ``heats`` are Grad-CAM's maps of the same faces, of any size."""
    drawn = np.random.default_rng(seed).integers(len(faces), size=(RESAMPLES, len(faces)))

    def mean(values: Sequence[float]) -> Interval:
        array = np.asarray(values)
        return Interval.of(float(array.mean()), array[drawn].mean(axis=1))

    return Faithfulness(
        len(faces),
        faces[0].evidence_from,
        mean([face.deletion["own"] for face in faces]),
        mean([face.insertion["own"] for face in faces]),
        {name: mean([face.deletion[name] - face.deletion["own"] for face in faces]) for name in OTHERS},
        {name: mean([face.insertion["own"] - face.insertion[name] for face in faces]) for name in OTHERS},
        None if heats is None else mean([_agreement(*pair) for pair in zip([f.evidence for f in faces], heats, strict=True)]),
    )


def centred_map(shape: tuple[int, ...]) -> npt.NDArray[np.float64]:
    rows, columns = (np.linspace(-1, 1, count) for count in shape)
    return -np.hypot(rows[:, None], columns)


def area_under(scorer: Scorer, before: Pixels, after: Pixels, order: npt.NDArray[np.floating]) -> float:
    """Mean log-odds of p_fake while the places of ``before`` become those of ``after``, highest in ``order`` first."""
    side = before.shape[0]
    ranks = np.empty(order.size)
    ranks[np.argsort(-order, axis=None, kind="stable")] = np.arange(order.size) / order.size
    rows, columns = (np.arange(side) * count // side for count in order.shape)
    place = ranks.reshape(order.shape)[np.ix_(rows, columns)][..., None]
    steps = [np.where(place < step / STEPS, after, before) for step in range(STEPS + 1)]
    curve = log_odds_of(np.array([score.p_fake for score in scored(scorer, steps)]))
    return float(np.mean((curve[1:] + curve[:-1]) / 2))


def _agreement(evidence: Map, heat: Map) -> float:
    from scipy.stats import spearmanr  # processes that measure devices need it not

    height, width = evidence.shape
    seen = cv2.resize(heat, (width, height), interpolation=cv2.INTER_AREA)
    if not np.ptp(evidence) or not np.ptp(seen):
        return 0.0  # it ranks nothing
    return float(spearmanr(evidence, seen, axis=None).statistic)
