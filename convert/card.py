"""Completing a converted file: calibration, thresholds, metrics and golden vectors, through edgefake, go into its card."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import asdict, replace
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from scipy.special import logit

from edgefake import __version__
from edgefake.card_files import write_card
from edgefake.golden import encode_pixels
from edgefake.model_card import Figure, Golden, Metrics, ModelCard, Training
from edgefake.runtimes import open_runtime
from training.decision import fit_decision
from training.device import device_outputs, on_device
from training.metrics import evaluate_scores
from training.samples import CLASSES, Sample

if TYPE_CHECKING:  # it loads TensorFlow, which the processes that measure devices must not
    from convert.source import Source

DEFAULT_THRESHOLD = "fpr_5%"
GOLDEN_COUNT = 4


def complete(
    path: Path,
    name: str,
    precision: str,
    source: Source,
    data: str,
    licence: str,
    validation: Sequence[Sample],
    reports: dict[str, Sequence[Sample]],
) -> ModelCard:
    """Write the card of the bare ``.tflite`` at ``path``.

    Calibration and thresholds come from ``validation``, the metrics from ``reports`` (held-out samples by data set name).
    """
    run = source.run
    bare = ModelCard(
        name=name,
        architecture=run.recipe,
        precision=precision,  # type: ignore[arg-type]
        input_size=run.size,
        crop_margin=run.margin,
        output=source.output,
        classes=run.classes or CLASSES,
        thresholds={DEFAULT_THRESHOLD: 0.5},
        training=Training(data, licence, source.commands, run.seed),
        toolchain=_toolchain(),
        parent_sha256=source.parent_sha256(),
    )
    outputs = on_device(device_outputs, path, bare, validation)
    decision = fit_decision(_labels(validation), log_odds_of(bare, outputs))
    card = replace(bare, calibration=decision.calibration, thresholds=decision.thresholds)
    golden, step = on_device(golden_vectors, path, card)
    card = replace(
        card,
        metrics=tuple(_metrics(path, card, data, samples) for data, samples in reports.items()),
        golden=golden,
        golden_tolerance=3 * step if precision == "int8" else 1e-3,
    )
    write_card(path, card)
    return card


def log_odds_of(card: ModelCard, outputs: npt.NDArray[np.float32]) -> npt.NDArray[np.floating]:
    """The card's ``one_output`` (N,) as what calibration divides by its temperature: a probability as its log-odds."""
    return logit(np.clip(outputs, 1e-7, 1 - 1e-7, dtype=np.float64)) if card.output == "p_fake" else outputs


def golden_vectors(path: Path, card: ModelCard) -> tuple[tuple[Golden, ...], float]:
    """Synthetic inputs with unsaturated, well-spread outputs, and their smallest step. For use through ``on_device``."""
    runtime = open_runtime(path, card, backend="auto", num_threads=1)
    inputs = [_pattern(seed, card.input_size) for seed in range(48)]
    outputs = np.concatenate([runtime.run(pixels[None]) for pixels in inputs])
    distinct, first = np.unique(outputs, return_index=True)
    # A saturated output would hide errors, so the extremes are left out.
    inner = first[1:-1] if len(first) >= GOLDEN_COUNT + 2 else first
    chosen = inner[np.linspace(0, len(inner) - 1, min(GOLDEN_COUNT, len(inner))).round().astype(int)]
    golden = tuple(Golden(encode_pixels(inputs[i]), float(outputs[i])) for i in chosen)
    return golden, float(np.diff(distinct).min()) if len(distinct) > 1 else 0.0


def _pattern(seed: int, size: int) -> npt.NDArray[np.uint8]:
    """Coloured blocks on a grey level, coarse enough to be a small PNG."""
    rng = np.random.default_rng(seed)
    cells = int(rng.integers(4, 17))
    blocks = rng.normal(rng.uniform(60, 200), rng.uniform(5, 60), (cells, cells, 3))
    index = np.arange(size) * cells // size
    return np.clip(blocks, 0, 255).astype(np.uint8)[index][:, index]


def _metrics(path: Path, card: ModelCard, data: str, samples: Sequence[Sample]) -> Metrics:
    labels = _labels(samples)
    p_fake = np.array(card.p_fake(on_device(device_outputs, path, card, samples)))
    estimates = evaluate_scores(labels, p_fake, threshold=card.thresholds[DEFAULT_THRESHOLD])
    figures = {name: Figure(**asdict(estimate)) for name, estimate in estimates.items()}
    return Metrics(data, int((labels == 0).sum()), int((labels == 1).sum()), figures)


def _labels(samples: Sequence[Sample]) -> npt.NDArray[np.int_]:
    return np.array([sample.fake for sample in samples], int)


def _toolchain() -> dict[str, str]:
    packages = ("tensorflow", "tf-keras", "tensorflow-model-optimization", "ai-edge-litert", "opencv-python-headless", "numpy")
    return {"python": platform.python_version(), "edgefake": __version__} | {name: metadata.version(name) for name in packages}
