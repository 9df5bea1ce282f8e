"""Copies of a picture: the same bytes, or the same photo stored again, scaled, or with its face forged."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.cluster.hierarchy import DisjointSet

from training.audit.pictures import Picture

HASH_BITS = 8
"""Two perceptual hashes that differ in at most so many of their 64 bits are compared further."""

CORRELATION = 0.95
"""... and are of one photo when their thumbnails correlate so well.

Of 15,633 photos of people 246 pairs of different files passed the first test and 90 both; looked at, those just above the bound
showed one photo, as did most down to 0.91. In 8,286 tight face crops, which are alike by nature, nearly all of 40 pairs above it
were right, and half of those below.
"""

BLOCK = 1 << 22
"""Pairs of hashes that are compared at a time: 32 MB."""


@dataclass(frozen=True, slots=True)
class Copy:
    """One of several files that show the same photo."""

    file: str
    split: str
    fake: bool
    sha256: str
    """Equal in identical files."""


Group = tuple[Copy, ...]
"""Two or more files that show the same photo."""


def find_copies(pictures: Sequence[Picture], names: Sequence[str]) -> list[Group]:
    """Every group of copies among ``pictures``, which are called ``names``. Memory grows with their number, not that of pairs."""
    files = {picture.sample.path: index for index, picture in enumerate(pictures)}  # one may hold several labelled faces
    groups = DisjointSet(files.values())
    first_with: dict[bytes, int] = {}
    for index in files.values():
        picture = pictures[index]
        groups.merge(first_with.setdefault(picture.sha256, index), index)
    different = list(first_with.values())
    for a, b in _near([pictures[index] for index in different]):
        groups.merge(different[a], different[b])
    found = sorted(sorted(members) for members in groups.subsets() if len(members) > 1)
    return [tuple(_copy(pictures[i], names[i]) for i in members) for members in found]


def _copy(picture: Picture, name: str) -> Copy:
    return Copy(name, picture.sample.split, picture.sample.fake, picture.sha256.hex()[:16])


def _near(pictures: Sequence[Picture]) -> Iterator[tuple[int, int]]:
    """The pairs of indices that pass both tests."""
    hashes = np.array([picture.perceptual_hash for picture in pictures], np.uint64)
    details = _details(pictures)
    rows = max(1, BLOCK // max(1, len(hashes)))
    for start in range(0, len(hashes), rows):
        later = hashes[start:]
        close = np.bitwise_count(later[:rows, None] ^ later[None, :]) <= HASH_BITS
        pairs = np.argwhere(np.triu(close, k=1)) + start
        for part in np.array_split(pairs, 1 + len(pairs) // 10_000):
            alike = np.einsum("ij,ij->i", details[part[:, 0]], details[part[:, 1]]) >= CORRELATION
            yield from part[alike].tolist()


def _details(pictures: Sequence[Picture]) -> npt.NDArray[np.float32]:
    """Thumbnails as unit vectors (N×256), whose products are correlations; zero for a flat picture, which is like no other."""
    flat = np.array([picture.thumbnail.reshape(-1) for picture in pictures], np.float32).reshape(len(pictures), -1)
    centred = flat - flat.mean(axis=1, keepdims=True)
    length = np.linalg.norm(centred, axis=1, keepdims=True)
    return np.where(length > flat.shape[1] ** 0.5, centred / np.maximum(length, 1e-6), 0.0).astype(np.float32)
