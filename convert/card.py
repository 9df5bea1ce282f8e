"""Completing a converted file: calibration, thresholds, metrics and golden vectors, through edgefake, go into its card."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from convert.golden import uncalibrated, with_golden
from edgefake import __version__
from edgefake.defaults import DEFAULT_THRESHOLD
from edgefake.models.card import Metrics, ModelCard, Training
from edgefake.models.file import write_card
from training.decision import fit_decision
from training.device import device_outputs, on_device
from training.metrics import evaluate_scores
from training.samples import CLASSES, Sample, fake_labels

if TYPE_CHECKING:  # it loads TensorFlow, which the processes that measure devices must not
    from convert.source import Source

UNKNOWN_THRESHOLDS = {DEFAULT_THRESHOLD: 0.5}


def complete(path: Path, bare: ModelCard, validation: Sequence[Sample], reports: dict[str, Sequence[Sample]]) -> ModelCard:
    """Fill in ``bare`` and write it into the model file at ``path``.

    Calibration and thresholds come from ``validation``, the metrics from ``reports`` (held-out samples by data set name).
    """
    outputs = on_device(device_outputs, path, bare, validation)
    decision = fit_decision(validation, uncalibrated(bare, outputs))
    card = replace(bare, calibration=decision.calibration, thresholds=decision.thresholds)
    card = with_golden(path, card)
    metrics = [_metrics(path, card, data, samples) for data, samples in reports.items()]
    return write_card(path, replace(card, metrics=(*metrics, decision.chosen.metrics())))


def bare_card(name: str, precision: str, source: Source, data: str, licence: str) -> ModelCard:
    """What is known of a file made from ``source`` before it is measured."""
    run = source.run
    return ModelCard(
        name=name,
        architecture=run.recipe,
        precision=precision,  # type: ignore[arg-type]
        input_size=run.size,
        crop_margin=run.margin,
        crop_mode=run.crop_mode,
        output=source.output,
        outputs=source.outputs,
        classes=("real", *(run.classes or CLASSES)[1:]),  # training has real first, whatever its folder is called
        thresholds=UNKNOWN_THRESHOLDS,
        training=Training(data, licence, source.commands, run.seed),
        toolchain=toolchain(),
        parent_sha256=source.parent_sha256(),
    )


def _metrics(path: Path, card: ModelCard, data: str, samples: Sequence[Sample]) -> Metrics:
    labels = fake_labels(samples)
    p_fake = np.array(card.p_fake(on_device(device_outputs, path, card, samples)))
    figures = evaluate_scores(labels, p_fake, threshold=card.thresholds[DEFAULT_THRESHOLD])
    return Metrics(data, {"real": int((labels == 0).sum()), "fake": int((labels == 1).sum())}, figures)


def toolchain() -> dict[str, str]:
    packages = ("tensorflow", "tf-keras", "tensorflow-model-optimization", "ai-edge-litert", "opencv-python-headless", "numpy")
    return {"python": platform.python_version(), "edgefake": __version__} | {name: metadata.version(name) for name in packages}
