"""Completing a converted file: calibration, thresholds, metrics and golden vectors, through edgefake, go into its card."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from scipy.special import logit

from edgefake import __version__
from edgefake.defaults import DEFAULT_THRESHOLD
from edgefake.errors import BackendError, ModelFileError
from edgefake.models.card import Figure, Golden, Metrics, ModelCard, Training
from edgefake.models.card_files import write_card
from edgefake.models.file import ModelFile
from edgefake.models.golden import encode_pixels
from edgefake.pixels import Pixels
from edgefake.runtimes import Runtime, open_runtime
from edgefake.runtimes.tflite import Ends
from training.decision import fit_decision
from training.device import device_outputs, on_device
from training.metrics import evaluate_scores
from training.samples import CLASSES, Sample, fake_labels

if TYPE_CHECKING:  # it loads TensorFlow, which the processes that measure devices must not
    from convert.source import Source

UNKNOWN_THRESHOLDS = {DEFAULT_THRESHOLD: 0.5}
GOLDEN_COUNT = 4
PATTERNS = 48
SATURATED = 6.0
"""Log-odds (p_fake 0.9975) beyond which an answer is no golden one: it would hide errors."""


def complete(path: Path, bare: ModelCard, validation: Sequence[Sample], reports: dict[str, Sequence[Sample]]) -> ModelCard:
    """Fill in ``bare`` and write it into the model file at ``path``.

    Calibration and thresholds come from ``validation``, the metrics from ``reports`` (held-out samples by data set name).
    """
    outputs = on_device(device_outputs, path, bare, validation)
    decision = fit_decision(fake_labels(validation), log_odds_of(bare, outputs))
    card = replace(bare, calibration=decision.calibration, thresholds=decision.thresholds)
    golden, tolerance = on_device(golden_vectors, path, card)
    card = replace(
        card,
        metrics=tuple(_metrics(path, card, data, samples) for data, samples in reports.items()),
        golden=golden,
        golden_tolerance=tolerance,
    )
    return write_card(path, card)


def bare_card(name: str, precision: str, source: Source, data: str, licence: str) -> ModelCard:
    """What is known of a file made from ``source`` before it is measured."""
    run = source.run
    return ModelCard(
        name=name,
        architecture=run.recipe,
        precision=precision,  # type: ignore[arg-type]
        input_size=run.size,
        crop_margin=run.margin,
        output=source.output,
        classes=("real", *(run.classes or CLASSES)[1:]),  # training has real first, whatever its folder is called
        thresholds=UNKNOWN_THRESHOLDS,
        training=Training(data, licence, source.commands, run.seed),
        toolchain=toolchain(),
        parent_sha256=source.parent_sha256(),
    )


def log_odds_of(card: ModelCard, outputs: npt.NDArray[np.float32]) -> npt.NDArray[np.floating]:
    """The card's ``one_output`` (N,) as what calibration divides by its temperature: a probability as its log-odds."""
    return logit(np.clip(outputs, 1e-7, 1 - 1e-7, dtype=np.float64)) if card.output == "p_fake" else outputs


def golden_vectors(path: Path, card: ModelCard) -> tuple[tuple[Golden, ...], float]:
    """Synthetic inputs with unsaturated, well-spread outputs, and the tolerance for them. For use through ``on_device``.

    Correct INT8 runtimes round differently. The tolerance is the greatest difference that was measured between the runtimes of
    this machine on such inputs, and one step of the output beyond it for those that are not here.
    """
    inputs = [_pattern(seed, card.input_size) for seed in range(PATTERNS)]
    answers = np.array(list(_answers(path, card, inputs)))
    outputs, candidates = answers[0], np.arange(PATTERNS)
    unsaturated = np.flatnonzero(np.abs(log_odds_of(card, outputs) / card.calibration.temperature) < SATURATED)
    candidates = unsaturated if len(unsaturated) >= GOLDEN_COUNT else candidates
    distinct, first = np.unique(outputs[candidates], return_index=True)
    inner = candidates[first[1:-1] if len(first) >= GOLDEN_COUNT + 2 else first]
    chosen = inner[np.linspace(0, len(inner) - 1, min(GOLDEN_COUNT, len(inner))).round().astype(int)]
    golden = tuple(Golden(encode_pixels(inputs[i]), float(outputs[i])) for i in chosen)
    difference = float(np.abs(answers - outputs)[:, candidates].max())
    step = float(np.diff(distinct).min()) if card.precision == "int8" and len(distinct) > 1 else 1e-3
    return golden, min(difference + step, card.widest_tolerance)


def _answers(path: Path, card: ModelCard, inputs: Sequence[Pixels]) -> Iterator[list[float]]:
    """Those of LiteRT with XNNPACK, of its own kernels (or of onnxruntime), and of OpenVINO where it is and takes the file."""
    file = ModelFile(path, card)
    yield _answers_of(open_runtime(file, card.input_spec, num_threads=1), card, inputs)
    if path.suffix == ".tflite":
        yield _reference_answers(path, card, inputs)
    with suppress(BackendError, ModelFileError):
        yield _answers_of(open_runtime(file, card.input_spec, name="openvino", num_threads=1), card, inputs)


def _reference_answers(path: Path, card: ModelCard, inputs: Sequence[Pixels]) -> list[float]:
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    plain, answers = Interpreter(str(path), experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES), []
    plain.allocate_tensors()
    ends = Ends(plain, path, card.input_spec)
    score = ends.outputs[0]
    for pixels in inputs:
        ends.encode(pixels[None], plain.tensor(ends.input)())
        plain.invoke()
        answers.append(float(card.one_output(score.decode(plain.get_tensor(score.index)))[0]))
    return answers


def _answers_of(runtime: Runtime, card: ModelCard, inputs: Sequence[Pixels]) -> list[float]:
    return [float(card.one_output(runtime.run(pixels[None])[0])[0]) for pixels in inputs]


def _pattern(seed: int, size: int) -> Pixels:
    """Coloured blocks on a grey level, coarse enough to be a small PNG."""
    rng = np.random.default_rng(seed)
    cells = int(rng.integers(4, 17))
    blocks = rng.normal(rng.uniform(60, 200), rng.uniform(5, 60), (cells, cells, 3))
    index = np.arange(size) * cells // size
    return np.clip(blocks, 0, 255).astype(np.uint8)[index][:, index]


def _metrics(path: Path, card: ModelCard, data: str, samples: Sequence[Sample]) -> Metrics:
    labels = fake_labels(samples)
    p_fake = np.array(card.p_fake(on_device(device_outputs, path, card, samples)))
    estimates = evaluate_scores(labels, p_fake, threshold=card.thresholds[DEFAULT_THRESHOLD])
    figures = {name: Figure(**asdict(estimate)) for name, estimate in estimates.items()}
    return Metrics(data, {"real": int((labels == 0).sum()), "fake": int((labels == 1).sum())}, figures)


def toolchain() -> dict[str, str]:
    packages = ("tensorflow", "tf-keras", "tensorflow-model-optimization", "ai-edge-litert", "opencv-python-headless", "numpy")
    return {"python": platform.python_version(), "edgefake": __version__} | {name: metadata.version(name) for name in packages}
