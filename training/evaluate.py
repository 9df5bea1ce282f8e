"""How well models do on held-out faces, per precision: runs through Keras, ``.tflite`` files through edgefake itself."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edgefake import Box, Detector
from edgefake.errors import InputError
from edgefake.images import read_image
from edgefake.model_card import ModelCard, read_card
from training.batches import all_pixels
from training.decision import fit_decision
from training.device import device_outputs, on_device
from training.metrics import Estimate, evaluate_scores
from training.runs import Run, read_run
from training.samples import Sample

THRESHOLD = "fpr_5%"
SAME_FACE = 0.3  # overlap (IoU) from which a found face is the labelled one


@dataclass(frozen=True, slots=True)
class Report:
    """One model on one set of faces."""

    model: str
    precision: str
    data: str
    real: int
    fake: int
    without_score: int
    """Pictures without a face that could be scored; they are in none of the figures."""
    threshold: float
    figures: dict[str, Estimate]

    def to_json(self) -> str:
        """One line of JSON."""
        return json.dumps(asdict(self))


def evaluate(model: Path, samples: Sequence[Sample], *, data: str, find_faces: str | None = None) -> Report:
    """Score ``samples`` with a run folder or a ``.tflite`` file, at the threshold stored for 5 % false positives.

    ``find_faces`` ("haar" or a YuNet file) lets the device find the faces, instead of taking the boxes of the samples; for
    ``.tflite`` files only.
    Raises ``InputError`` when the samples are of a split that chose the run's checkpoint or thresholds.
    """
    if model.suffix == ".tflite":
        card = read_card(model)
        if card is None:
            raise InputError(f"{model} carries no card: convert it with python -m convert tflite")
        if find_faces is None:
            scores = np.array(card.p_fake(on_device(device_outputs, model, card, samples)))
        else:
            scores = on_device(detector_scores, model, samples, find_faces)
        return _report(model.name, card.precision, samples, scores, card.thresholds[THRESHOLD], data)
    if find_faces is not None:
        raise InputError(f"--find-faces measures what a device does: give a .tflite file, not the run {model}")
    run = read_run(model)
    unseen = run.report_splits()
    if any(sample.split not in unseen for sample in samples):
        raise InputError(
            f"{model} was trained or chosen on this split, so its figures would flatter: report {' or '.join(unseen)} "
            "(train with --hold-out 0.1 to keep val unseen)"
        )
    precision, outputs, validation_outputs, labels = _keras_outputs(model, run, samples)
    decision = fit_decision(labels, validation_outputs)
    card = ModelCard(
        name=model.name,
        architecture=run.recipe,
        precision="float32",
        input_size=run.size,
        crop_margin=run.margin,
        output="logit",
        thresholds=decision.thresholds,
        calibration=decision.calibration,
    )
    return _report(model.name, precision, samples, np.array(card.p_fake(outputs)), card.thresholds[THRESHOLD], data)


def detector_scores(model: Path, samples: Sequence[Sample], find_faces: str) -> npt.NDArray[np.float64]:
    """p_fake (N,) of the labelled faces, found and scored by ``Detector``; NaN without one. For use through ``on_device``.

    Other faces in a picture do not count: its label says nothing about them.
    """
    scores = []
    with Detector(model, faces=find_faces, num_threads=2) as detector:
        for sample in samples:
            faces = [
                face for face in detector.predict(read_image(sample.path)).faces if _overlap(face.box, sample.box) >= SAME_FACE
            ]
            best = max(faces, key=lambda face: _overlap(face.box, sample.box), default=None)
            scores.append(np.nan if best is None or best.p_fake is None else best.p_fake)
    return np.array(scores, np.float64)


def _overlap(a: Box, b: Box) -> float:
    """Intersection over union."""
    width = min(a.x + a.width, b.x + b.width) - max(a.x, b.x)
    height = min(a.y + a.height, b.y + b.height) - max(a.y, b.y)
    shared = max(width, 0.0) * max(height, 0.0)
    return shared / (a.width * a.height + b.width * b.height - shared)


def table(reports: Sequence[Report]) -> str:
    """The reports as a Markdown table."""
    names = list(reports[0].figures)
    lines = [f"| model | precision | data | real + fake | {' | '.join(names)} |", "|---" * (4 + len(names)) + "|"]
    for r in reports:
        count = f"{r.real} + {r.fake}" + (f" ({r.without_score} without score)" if r.without_score else "")
        lines.append(f"| {r.model} | {r.precision} | {r.data} | {count} | {' | '.join(str(e) for e in r.figures.values())} |")
    return "\n".join(lines)


def _keras_outputs(
    folder: Path, run: Run, samples: Sequence[Sample]
) -> tuple[str, npt.NDArray[np.float32], npt.NDArray[np.float32], npt.NDArray[np.int_]]:
    """(precision, logits of ``samples``, logits and labels of the run's validation faces)."""
    from training.loop import logits
    from training.qat import folded_model, quantized_model

    load = quantized_model if run.is_qat else folded_model
    model = load(run, folder / "best.h5")
    _, validation = run.training_samples()
    outputs = [logits(model, all_pixels(part, size=run.size, margin=run.margin)) for part in (samples, validation)]
    return "QAT" if run.is_qat else "float", outputs[0], outputs[1], np.array([s.label for s in validation])


def _report(
    model: str, precision: str, samples: Sequence[Sample], scores: npt.NDArray[np.float64], threshold: float, data: str
) -> Report:
    labels = np.array([s.label for s in samples])
    scored = ~np.isnan(scores)
    figures = evaluate_scores(labels[scored], scores[scored], threshold=threshold)
    real = int((labels[scored] == 0).sum())
    return Report(model, precision, data, real, int(scored.sum()) - real, int((~scored).sum()), threshold, figures)
