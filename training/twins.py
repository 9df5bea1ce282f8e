"""Twins: a fake and the real picture that it was made from, in one batch and under one variation.

All that differs between them then is the forgery: sharpness, compression, pose and person give nothing away.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from edgefake.errors import InputError
from training.samples import Sample

Indices = npt.NDArray[np.int_]


def check_twins(samples: Sequence[Sample], batch: int) -> None:
    """Raise ``InputError`` where no fake has a twin, or an odd ``batch`` would part some."""
    if batch % 2:
        raise InputError(f"expected an even --batch with --twins, so that none are parted, got {batch}")
    if not any(real_twins(samples).values()):
        raise InputError(
            "expected fakes whose real twins are there too, got none: a manifest names both alike in its column pair"
        )


def real_twins(samples: Sequence[Sample]) -> dict[int, list[int]]:
    """The real twins of each fake, by index in ``samples``: of its pair, or the picture itself that a fake was made from."""
    by_pair: dict[str, list[int]] = defaultdict(list)
    by_picture: dict[object, list[int]] = defaultdict(list)
    for index, sample in enumerate(samples):
        if not sample.fake:
            by_picture[sample.path, sample.box].append(index)
            if sample.pair:
                by_pair[sample.pair].append(index)
    return {
        index: by_picture.get((sample.path, sample.box)) or by_pair.get(sample.pair, [])
        for index, sample in enumerate(samples)
        if sample.fake
    }


def side_by_side(samples: Sequence[Sample], order: Indices, turn: Indices, rng: np.random.Generator) -> tuple[Indices, ...]:
    """``order``, (N,) indices of ``samples``, with twins side by side at even places: (order, drawn as, turn), each (N,).

    As many faces of each family and label are in it as before: the twin of a fake takes the place of a real face of its family
    that has twins too, first of all its own. Twins are ``drawn as`` the fake in its ``turn`` (how often it came before), which
    decides the variation. Fakes for which no place is left stay alone.
    """
    twins = real_twins(samples)
    paired = {real for reals in twins.values() for real in reals}
    places: dict[str, dict[int, list[int]]] = defaultdict(lambda: defaultdict(list))  # of real faces, by family and index
    for place, index in enumerate(order.tolist()):
        if index in paired:
            places[samples[index].family][index].append(place)
    pairs, taken = [], set()
    for place, index in enumerate(order.tolist()):
        for real in twins.get(index, []):
            if free := places[samples[real].family]:
                given_up = real if real in free else next(iter(free))
                taken |= {place, free[given_up].pop()}
                if not free[given_up]:
                    del free[given_up]
                pairs.append(((index, index, int(turn[place])), (real, index, int(turn[place]))))
                break
    alone = [(int(order[p]), int(order[p]), int(turn[p])) for p in range(len(order)) if p not in taken]
    slots = [*pairs, *zip(alone[::2], alone[1::2], strict=False)]
    rows = [row for slot in rng.permutation(len(slots)) for row in slots[slot]]
    return tuple(np.array(column, np.int_) for column in zip(*rows, *[alone[-1]] * (len(alone) % 2), strict=True))
