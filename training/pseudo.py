"""Fakes made from real faces beside self-blends: what generators leave when they make pixels again, with nothing that one owns.

``upsample``: the face is made again from half its pixels by strided filters, as in a decoder, whose four phases are unlike.
``blocks``: made again block by block, each pattern in a block a little stronger or weaker, alike in all of them.
``bands``: the detail of one range of sizes is that of its fake twin, all else its own; for faces that have one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import cv2
import numpy as np
import numpy.typing as npt

from edgefake.errors import InputError
from edgefake.pixels import Pixels
from training.samples import Sample

Values = npt.NDArray[np.float32]


def with_pseudo_fakes(samples: Sequence[Sample], makers: Sequence[str]) -> list[Sample]:
    """``samples`` and, after each real one, a fake with label 1 that ``makers`` make of it, each time one of them.

    Raises ``InputError`` for a maker that is not known, and where there are several kinds of fake, of which this is none.
    """
    if unknown := [name for name in makers if name not in MAKERS]:
        raise InputError(f"there are no pseudo-fakes {unknown[0]!r}: expected some of {','.join(MAKERS)}")
    if any(sample.label > 1 for sample in samples):
        raise InputError("pseudo-fakes are fakes of no kind of their own: expected the classes real and fake, got several kinds")
    twins = {sample.pair: (sample.path, sample.box) for sample in samples if sample.fake and sample.pair and not sample.made}
    alone = tuple(name for name in makers if name != "bands")
    result = []
    for sample in samples:
        result.append(sample)
        twin = twins.get(sample.pair) if "bands" in makers else None
        if not sample.fake and (made := tuple(makers) if twin else alone):
            result.append(replace(sample, label=1, made=made, twin=twin))
    if len(result) == len(samples):
        raise InputError(
            "expected real faces whose fake twins are there too, got none: a manifest names both alike in column pair"
        )
    return result


def pseudo_fake(region: Pixels, makers: Sequence[str], twin: Pixels | None, rng: np.random.Generator) -> Pixels:
    """A fake made of ``region`` (uint8, side×side×3, BGR, unchanged) by one of ``makers``; for ``bands``, ``twin`` is the same
    region of its fake twin. ``rng`` decides everything."""
    made = MAKERS[makers[rng.integers(len(makers))]](region.astype(np.float32), region if twin is None else twin, rng)
    return np.clip(np.rint(made), 0, 255).astype(np.uint8)


def _upsample(region: Values, _: Pixels, rng: np.random.Generator) -> Values:
    side = region.shape[0]
    half = max(4, round(side * rng.uniform(0.25, 0.5)))
    small = cv2.resize(region, (half, half), interpolation=cv2.INTER_AREA)
    large = np.zeros((2 * half, 2 * half, 3), np.float32)
    large[::2, ::2] = small
    learned = 1.0 + rng.uniform(0.01, 0.06) * rng.uniform(-1.0, 1.0, (3, 3))
    kernel = np.outer((0.5, 1, 0.5), (0.5, 1, 0.5)) * learned  # bilinear, but for that
    large = np.asarray(cv2.filter2D(large, -1, 4 * kernel / kernel.sum(), borderType=cv2.BORDER_REFLECT_101), np.float32)
    again = cv2.resize(large, (side, side), interpolation=cv2.INTER_LINEAR)
    # The detail that half the pixels can't hold comes back in part, or blur would tell these fakes.
    return again + rng.uniform(0.3, 1.0) * (region - cv2.resize(small, (side, side), interpolation=cv2.INTER_LINEAR))


def _blocks(region: Values, _: Pixels, rng: np.random.Generator) -> Values:
    block, side = int(rng.choice((4, 8, 16))), region.shape[0]
    count = -(-side // block)
    padded = cv2.copyMakeBorder(region, 0, count * block - side, 0, count * block - side, cv2.BORDER_REFLECT_101)
    place, wave = np.arange(block), np.arange(block)[:, None]
    basis = np.cos(np.pi * (2 * place + 1) * wave / (2 * block)) * np.sqrt(np.where(wave, 2, 1) / block)
    gain = 1.0 + rng.normal(0.0, 0.25, (block, block))
    gain[0, 0] = 1.0  # the mean of a block stays
    blocks = padded.reshape(count, block, count, block, 3)
    patterns = np.einsum("ui,aibjc,vj->aubvc", basis, blocks, basis, optimize=True) * gain[None, :, None, :, None]
    again = np.einsum("ui,aubvc,vj->aibjc", basis, patterns, basis, optimize=True)
    return np.asarray(again.reshape(padded.shape)[:side, :side], np.float32)


def _bands(region: Values, twin: Pixels, rng: np.random.Generator) -> Values:
    side = region.shape[0]
    other = cv2.resize(twin, (side, side), interpolation=cv2.INTER_LINEAR).astype(np.float32)
    coarse = side * float(np.exp(rng.uniform(np.log(0.01), np.log(0.06))))
    fine = rng.choice((0.0, 0.25)) * coarse  # from the finest detail on, or a band in between
    return region + _between(other, fine, coarse) - _between(region, fine, coarse)


def _between(picture: Values, fine: float, coarse: float) -> Values:
    """What of ``picture`` is coarser than a Gaussian of sigma ``fine`` leaves (0: all) and finer than ``coarse``, in pixels."""
    lower = cv2.GaussianBlur(picture, (0, 0), fine) if fine > 0.3 else picture
    return np.asarray(lower - cv2.GaussianBlur(picture, (0, 0), coarse), np.float32)


MAKERS: dict[str, Callable[[Values, Pixels, np.random.Generator], Values]] = {
    "upsample": _upsample,
    "blocks": _blocks,
    "bands": _bands,
}
