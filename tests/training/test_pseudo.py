"""Fakes made from real faces: what each maker leaves, and where they come in."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest

from edgefake import Box, InputError, read_image
from tests.drawn import drawn_dataset
from tests.training.runs import small_run
from training.batches import all_pixels, readable, sample_pixels
from training.cli import main
from training.pseudo import MAKERS, pseudo_fake, with_pseudo_fakes
from training.samples import Sample
from training.twins import real_twins

BOX = Box(90, 120, 300, 300)


@pytest.fixture(scope="module")
def region(portrait: Path) -> np.ndarray:
    return np.ascontiguousarray(read_image(portrait)[100:420, 60:380])


@pytest.mark.parametrize("maker", MAKERS)
def test_the_face_stays_and_the_generator_alone_decides(maker: str, region: np.ndarray) -> None:
    kept, twin = region.copy(), cv2.GaussianBlur(region, (0, 0), 3)
    made = [pseudo_fake(region, [maker], twin, np.random.default_rng(seed)) for seed in range(6)]
    again = pseudo_fake(region, [maker], twin, np.random.default_rng(2))
    np.testing.assert_array_equal(made[2], again)
    np.testing.assert_array_equal(region, kept)
    for one in made:
        assert one.dtype == np.uint8 and one.shape == region.shape
        change = np.abs(one.astype(float) - region)
        assert 0.05 < change.mean() < 12 and np.corrcoef(one.ravel(), region.ravel())[0, 1] > 0.97
        assert abs(one.mean() - region.mean()) < 2


def test_blocks_leave_the_mean_of_each_and_change_the_rest(region: np.ndarray) -> None:
    made = MAKERS["blocks"](region.astype(np.float32), region, np.random.default_rng(0))
    means = [cv2.resize(p.astype(np.float32), (20, 20), interpolation=cv2.INTER_AREA) for p in (region, made)]
    np.testing.assert_allclose(*means, atol=0.1)


def test_bands_come_from_the_twin_and_all_else_does_not(region: np.ndarray) -> None:
    noise = np.random.default_rng(0).normal(0, 20, region.shape)
    twin = np.clip(region.astype(float) * 0.7 + noise, 0, 255).astype(np.uint8)  # darker, and rough
    made = np.array([pseudo_fake(region, ["bands"], twin, np.random.default_rng(seed)) for seed in range(12)], float)
    assert np.abs(made.mean((1, 2, 3)) - region.mean()).max() < 2  # not the light
    rough = np.array([np.abs(cv2.Laplacian(one, cv2.CV_64F)).mean() for one in made])
    assert rough.max() > 3 * np.abs(cv2.Laplacian(region.astype(float), cv2.CV_64F)).mean()


def test_every_real_face_gets_one_and_bands_where_it_has_a_twin() -> None:
    real, alone = (Sample(Path(f"{name}.png"), 0, "train", BOX, pair=name) for name in ("a", "b"))
    fake = Sample(Path("fake.png"), 1, "train", Box(1, 2, 30, 40), pair="a")
    samples = with_pseudo_fakes([real, fake, alone], ["bands", "blocks"])
    made = replace(real, label=1, made=("bands", "blocks"), twin=(fake.path, fake.box))
    assert samples == [real, made, fake, alone, replace(alone, label=1, made=("blocks",))]
    assert with_pseudo_fakes([real, fake, alone], ["bands"]) == [real, replace(made, made=("bands",)), fake, alone]
    assert real_twins(samples) == {1: [0], 2: [0], 4: [3]}
    for wrong, told in ((["wave"], "'wave'.*upsample,blocks,bands"), (["bands"], "pair")):
        with pytest.raises(InputError, match=told):
            with_pseudo_fakes([alone], wrong)
    with pytest.raises(InputError, match=r"real.*fake"):
        with_pseudo_fakes([real, replace(fake, label=2)], ["blocks"])


def test_they_are_read_varied_and_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = drawn_dataset(tmp_path / "data", splits={"train": 6, "val": 3})
    train, validation = small_run(data, pseudo=("upsample", "blocks")).training_samples()
    assert (len(train), len(validation)) == (18, 6) and not any(sample.made for sample in validation)
    real, made = next((one, two) for one, two in pairwise(train) if two.made)
    pixels = all_pixels([real, made, made], size=48, margin=0.3)
    assert np.array_equal(pixels[1], pixels[2]) and not np.array_equal(pixels[0], pixels[1])
    one, two = (sample_pixels(s, size=48, margin=0.3, rng=np.random.default_rng(5)).astype(float) for s in (real, made))
    assert 0 < np.abs(one - two).mean() < 12  # varied alike
    gone = replace(made, made=("bands",), twin=(tmp_path / "gone.png", made.box))
    assert readable([*train, gone]) == train
    sheet = f"contact-sheet --data {data} --out {tmp_path / 'sheet.png'} --pseudo upsample,blocks --rows 6 --columns 2"
    assert main(sheet.split()) == 0 and (tmp_path / "sheet.png").stat().st_size > 1000
    assert main(sheet.replace("blocks", "waves").split()) == 2 and "'waves'" in capsys.readouterr().err
