"""Twins come side by side and are varied alike, and nothing else about an epoch changes."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from edgefake import Box, InputError
from tests.drawn import drawn_dataset
from tests.training.runs import small_run
from training.batches import training_batches
from training.families import balanced, turns
from training.fit import fit
from training.loop import Stopping
from training.samples import Sample, load_samples
from training.self_blend import with_self_blends
from training.twins import real_twins, side_by_side

BOX = Box(22, 14, 52, 68)
SAMPLES = [
    Sample(Path(f"{family}{i}_{label}.png"), label, "train", BOX, family=family, pair=f"{family}{i}" if paired else "")
    for family, label, count, paired in [
        *(("swap", 0, 12, True), ("swap", 1, 12, True), ("cam", 0, 21, False), ("gan", 1, 25, False), ("edit", 1, 7, True)),
        ("edit", 0, 3, True),
    ]
    for i in range(count)
]


def drawn(seed: int) -> tuple[np.ndarray, tuple[np.ndarray, ...]]:
    rng = np.random.default_rng(seed)
    order = balanced(SAMPLES, rng)
    return order, side_by_side(SAMPLES, order, turns(order), rng)


@pytest.mark.parametrize("seed", range(5))
def test_twins_are_neighbours_and_families_come_as_often_as_before(seed: int) -> None:
    order, (index, drawn_as, turn) = drawn(seed)
    twins, together = real_twins(SAMPLES), 0
    for place in range(0, len(index) - 1, 2):
        fake, real = index[place], index[place + 1]
        if drawn_as[place] == drawn_as[place + 1] and fake != real:
            assert real in twins[fake] and turn[place] == turn[place + 1] and SAMPLES[fake].pair == SAMPLES[real].pair
            together += 1
    assert together > 12 and (index != drawn_as).sum() == together
    kinds = [Counter((SAMPLES[i].family, SAMPLES[i].label) for i in indices) for indices in (order, index)]
    assert kinds[0] == kinds[1]
    assert len({*zip(index.tolist(), drawn_as.tolist(), turn.tolist(), strict=True)}) == len(order)  # none is seen twice alike


def test_the_same_for_the_same_seed() -> None:
    assert all(map(np.array_equal, drawn(3)[1], drawn(3)[1])) and not np.array_equal(drawn(3)[1][0], drawn(4)[1][0])


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> list[Sample]:
    """Eight pairs of which the fake differs from the real picture in one dot, and six others."""
    samples = load_samples(drawn_dataset(tmp_path_factory.mktemp("data"), splits={"train": 11}))
    reals = [sample for sample in samples if not sample.fake]
    pairs = []
    for number, real in enumerate(reals[:8]):
        picture = cv2.imread(str(real.path))
        picture[40:44, 46:50] = 255
        path = real.path.with_name(f"twin{number}.png")
        cv2.imwrite(str(path), picture)
        pairs += [replace(real, pair=str(number)), replace(real, path=path, label=1, pair=str(number))]
    return [*pairs, *reals[8:], *[sample for sample in samples if sample.fake][:3]]


def test_twins_are_varied_alike(pictures: list[Sample]) -> None:
    batches = [*training_batches(pictures, size=32, margin=0.3, batch=4, seed=1, epoch=0, twins=True)]
    near = 0
    for x, y in batches:
        for place in (0, 2):
            difference = np.abs(x[place].numpy() - x[place + 1].numpy())
            if y[place] > y[place + 1] and np.median(difference) < 0.01:
                near += 1
    assert near >= 6  # of eight pairs; one or two others may be in the batch that is not full


def test_a_made_fake_is_the_twin_of_its_own_picture(pictures: list[Sample]) -> None:
    made = with_self_blends([replace(sample, pair="") for sample in pictures if not sample.fake])
    assert all(made[real].path == made[fake].path for fake, [real] in real_twins(made).items()) and len(real_twins(made)) == 11


def test_what_twins_need(tmp_path: Path) -> None:
    data = drawn_dataset(tmp_path / "data", splits={"train": 8, "val": 4})
    stop = Stopping(1, 1, 1)
    with pytest.raises(InputError, match=r"twins.*got none.*pair"):
        fit(small_run(data, twins=True), tmp_path / "a", stop)
    with pytest.raises(InputError, match=r"even --batch.*got 5"):
        fit(small_run(data, twins=True, batch=5, self_blend=True), tmp_path / "b", stop)
