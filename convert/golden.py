"""Golden vectors: synthetic inputs with what a converted file answers, so that every runtime can be checked against it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edgefake.errors import BackendError, ModelFileError
from edgefake.models.card import Golden, ModelCard
from edgefake.models.card_checks import SCORE, WIDEST
from edgefake.models.file import ModelFile
from edgefake.models.golden import encode_pixels, sampled
from edgefake.odds import log_odds_of
from edgefake.pixels import Pixels
from edgefake.preprocessing import coloured
from edgefake.runtimes import Outputs, Runtime, open_runtime
from edgefake.runtimes.tflite import Ends
from training.device import on_device

COUNT = 4
PATTERNS = 48
SAMPLES = 16
"""Numbers of an output that a golden vector keeps."""
SATURATED = 6.0
"""Log-odds (p_fake 0.9975) beyond which an answer is no golden one: it would hide errors."""


def with_golden(path: Path, card: ModelCard) -> ModelCard:
    """``card`` with golden vectors of the file at ``path``, and the tolerances for them: inputs with well-spread answers.

    Correct INT8 runtimes round differently. A tolerance is the greatest difference that was measured between the runtimes of this
    machine on such inputs, and one step of the output beyond it for those that are not here.
    """
    return on_device(_with_golden, path, card)


def uncalibrated(card: ModelCard, outputs: npt.NDArray[np.float32]) -> npt.NDArray[np.floating]:
    """The card's ``one_output`` (N,) as what calibration divides by its temperature: a probability as its log-odds."""
    return log_odds_of(outputs) if card.output == "p_fake" else outputs


def _with_golden(path: Path, card: ModelCard) -> ModelCard:
    inputs = [_pattern(seed, card.height, card.width) for seed in range(PATTERNS)]
    runs = list(_answers(path, card, inputs))
    answers = runs[0]
    chosen, tolerance = np.arange(COUNT), 0.0
    if card.kind == "detector":
        scores = np.array([[float(card.one_output(outputs[0])[0]) for outputs in run] for run in runs])
        chosen, tolerance = _spread(card, scores)
    golden, tolerances = [], {}
    others = [index for index, name in enumerate(card.outputs) if name != SCORE]
    for number in chosen:
        output = float(card.one_output(answers[number][0])[0]) if card.kind == "detector" else None
        samples = {card.outputs[index]: tuple(map(float, sampled(answers[number][index], SAMPLES))) for index in others}
        golden.append(Golden(encode_pixels(inputs[number]), output, samples))
    for index in others:
        values = np.array([[outputs[index] for outputs in run] for run in runs])
        difference = float(np.abs(values - values[0]).max())
        tolerances[card.outputs[index]] = min(difference + _step(card, values[0]), WIDEST)
    return replace(card, golden=tuple(golden), golden_tolerance=tolerance, sample_tolerances=tolerances)


def _spread(card: ModelCard, scores: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.intp], float]:
    """Which inputs have unsaturated, well-spread scores, of those (runtimes, N), and the tolerance for them."""
    first, candidates = scores[0], np.arange(scores.shape[1])
    unsaturated = np.flatnonzero(np.abs(uncalibrated(card, first) / card.calibration.temperature) < SATURATED)
    candidates = unsaturated if len(unsaturated) >= COUNT else candidates
    distinct, where = np.unique(first[candidates], return_index=True)
    inner = candidates[where[1:-1] if len(where) >= COUNT + 2 else where]
    chosen = inner[np.linspace(0, len(inner) - 1, min(COUNT, len(inner))).round().astype(int)]
    difference = float(np.abs(scores - first)[:, candidates].max())
    return chosen, min(difference + _step(card, distinct), card.widest_tolerance)


def _step(card: ModelCard, values: npt.NDArray[np.floating]) -> float:
    distinct = np.unique(values)
    return float(np.diff(distinct).min()) if card.precision == "int8" and len(distinct) > 1 else 1e-3


def _answers(path: Path, card: ModelCard, inputs: Sequence[Pixels]) -> Iterator[list[Outputs]]:
    """Those of LiteRT with XNNPACK, of its own kernels (or of onnxruntime), and of OpenVINO where it is and takes the file."""
    file, inputs = ModelFile(path, card), [coloured(pixels, card.colour_order) for pixels in inputs]
    yield _answers_of(open_runtime(file, card.input_spec, num_threads=1), inputs)
    if path.suffix == ".tflite":
        yield _reference_answers(path, card, inputs)
    with suppress(BackendError, ModelFileError):
        yield _answers_of(open_runtime(file, card.input_spec, name="openvino", num_threads=1), inputs)


def _reference_answers(path: Path, card: ModelCard, inputs: Sequence[Pixels]) -> list[Outputs]:
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    plain, answers = Interpreter(str(path), experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES), []
    plain.allocate_tensors()
    ends = Ends(plain, path, card.input_spec)
    for pixels in inputs:
        ends.encode(pixels[None], plain.tensor(ends.input)())
        plain.invoke()
        answers.append(tuple(output.decode(plain.get_tensor(output.index)) for output in ends.outputs))
    return answers


def _answers_of(runtime: Runtime, inputs: Sequence[Pixels]) -> list[Outputs]:
    return [runtime.run(pixels[None]) for pixels in inputs]


def _pattern(seed: int, height: int, width: int) -> Pixels:
    """Coloured blocks on a grey level, coarse enough to be a small PNG."""
    rng = np.random.default_rng(seed)
    cells = int(rng.integers(4, 17))
    blocks = rng.normal(rng.uniform(60, 200), rng.uniform(5, 60), (cells, cells, 3))
    rows, columns = (np.arange(side) * cells // side for side in (height, width))
    return np.clip(blocks, 0, 255).astype(np.uint8)[rows][:, columns]
