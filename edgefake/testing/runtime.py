"""The contract of runtimes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from edgefake.errors import BackendError
from edgefake.models.card import ModelCard
from edgefake.models.golden import golden_errors
from edgefake.pixels import Pixels
from edgefake.runtimes import Outputs, Runtime
from edgefake.runtimes.spec import InputSpec
from edgefake.testing.clauses import THREADS, at_once, clause, drawn, expect, expect_name, expect_refusal, frozen, kind

PICTURES = 7


def check_runtime(
    runtime: Runtime, model: InputSpec | ModelCard, *, pictures: Pixels | None = None, tolerance: float = 1e-4
) -> None:
    """Check the contract of ``edgefake.Runtime``; the runtime is closed in the end.

    - ``name``: a text.
    - ``outputs``: a tuple of float32 arrays (N, …) of finite numbers, and pictures that differ are answered differently.
    - ``batch = singles``: any number of pictures gets the answers that each gets alone, in their order.
    - ``own arrays``: they keep their numbers when the runtime runs again, and may be written to.
    - ``views and read-only input``: pixels may lie anyhow in memory, and are not changed.
    - ``threads``: several may call ``run`` at once.
    - ``golden vectors``: of the card, if one is given, within its tolerance.
    - ``close``: twice is fine, and ``run`` raises ``BackendError`` afterwards, one sentence.

    Args:
        runtime: open, with any network that tells pictures apart.
        model: the card of the network, or just what pixels it takes.
        pictures: uint8, (N, H, W, 3), N > 1, that the network tells apart; default: blocks of colour.
        tolerance: how far two answers to the same picture may be apart, absolute and relative: of a quantized network on a
            runtime that computes batches in another order, a step or two of its output.
    """
    card, spec = (model, model.input_spec) if isinstance(model, ModelCard) else (None, model)
    pictures = drawn(PICTURES, spec.height, spec.width) if pictures is None else pictures
    with clause("name"):
        expect_name(runtime.name)
    with clause("outputs"):
        singles = [[output.copy() for output in _run(runtime, pictures[i : i + 1])] for i in range(len(pictures))]
        expected = tuple(np.concatenate(parts) for parts in zip(*singles, strict=True))
        told_apart = any(len(np.unique(output.reshape(len(pictures), -1), axis=0)) > 1 for output in expected)
        expect(told_apart, f"{len(pictures)} different pictures all got the same answer: give pictures= that it tells apart")
    with clause("batch = singles"):
        for order in (range(len(pictures)), [0], [1, 0], list(range(len(pictures))) * 5, [0]):
            answers = tuple(output[list(order)] for output in expected)
            _expect_same(_run(runtime, pictures[list(order)]), answers, tolerance, f"of a batch of {len(order)}")
    _check_arrays(runtime, pictures, expected, tolerance)
    with clause("threads"):
        starts = [i % len(pictures) for i in range(8 * THREADS)]
        for start, got in zip(starts, at_once(lambda start: _run(runtime, pictures[start:]), starts), strict=True):
            _expect_same(got, tuple(output[start:] for output in expected), tolerance, "while other threads run it")
    if card is not None:
        with clause("golden vectors"):
            for name, error in golden_errors(runtime, card).items():
                expect(error <= card.tolerance(name), f"{name} is {error:.3g} off, {card.tolerance(name):.3g} is allowed")
    with clause("close"):
        runtime.close()
        runtime.close()
        expect_refusal(lambda: runtime.run(pictures[:1]), BackendError, "run after close")


def _run(runtime: Runtime, pixels: Pixels) -> Outputs:
    """The outputs for ``pixels``, if they are of the kind that is promised."""
    outputs = runtime.run(pixels)
    expect(isinstance(outputs, tuple) and len(outputs) > 0, f"{type(outputs).__name__}, expected a tuple of arrays")
    for output in outputs:
        expect(isinstance(output, np.ndarray) and output.dtype == np.float32, f"{kind(output)}, expected an array of float32")
        expect(output.shape[:1] == (len(pixels),), f"shape {output.shape} for {len(pixels)} pictures, expected (N, …)")
        expect(bool(np.isfinite(output).all()), "NaN or infinity, expected finite numbers")
    return outputs


def _expect_same(got: Outputs, expected: Outputs, tolerance: float, what: str) -> None:
    expect(len(got) == len(expected), f"{len(got)} outputs {what}, expected {len(expected)}")
    for number, (one, other) in enumerate(zip(got, expected, strict=True)):
        expect(one.shape == other.shape, f"output {number} {what} has shape {one.shape}, expected {other.shape}")
        off = float(np.abs(one.astype(np.float64) - other).max(initial=0.0))
        same = np.allclose(one, other, rtol=tolerance, atol=tolerance, equal_nan=True)
        expect(same, f"output {number} {what} is {off:.3g} off, {tolerance:.3g} is allowed")


def _check_arrays(runtime: Runtime, pictures: Pixels, expected: Outputs, tolerance: float) -> None:
    """Whose the arrays are that come out, and which may go in."""
    with clause("own arrays"):
        kept = _run(runtime, pictures)
        _run(runtime, np.ascontiguousarray(pictures[::-1]))
        _expect_same(kept, expected, tolerance, "after another run")
        for output in kept:
            output.fill(np.nan)
        _expect_same(_run(runtime, pictures), expected, tolerance, "after its arrays were written to")
    with clause("views and read-only input"):
        for how, view in _views(pictures):
            before = view.copy()
            got = _run(runtime, view)
            expect(np.array_equal(view, before), f"run changed pixels that it was given {how}")
            _expect_same(got, _run(runtime, before), tolerance, f"of pixels {how}")


def _views(pictures: Pixels) -> Iterator[tuple[str, Pixels]]:
    larger = np.zeros((len(pictures), pictures.shape[1] + 2, pictures.shape[2] + 2, 3), np.uint8)
    larger[:, 1:-1, 1:-1] = pictures
    yield "inside larger ones", larger[:, 1:-1, 1:-1]
    yield "mirrored", pictures[:, ::-1, ::-1]
    yield "of which every second is taken", pictures[::2]
    yield "in another order of colours", pictures[..., ::-1]
    yield "read-only", frozen(pictures)
