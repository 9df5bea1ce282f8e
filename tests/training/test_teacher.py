"""Distillation: targets half-way between a label and what a trained detector says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edgefake.errors import InputError
from edgefake.odds import p_fake_of
from tests.drawn import drawn_dataset
from tests.training.runs import small_run
from training.batches import training_batches
from training.cli import main
from training.digests import read_seen
from training.fit import fit
from training.loop import Stopping, all_outputs
from training.qat import folded_model
from training.runs import read_run
from training.teacher import CERTAIN, Teacher

ONE = Stopping(epochs=1, patience=9, plateau=9)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return drawn_dataset(tmp_path_factory.mktemp("data"), splits={"train": 32, "val": 12})


@pytest.fixture(scope="module")
def taught(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a trained run."""
    folder = tmp_path_factory.mktemp("teacher") / "run"
    fit(small_run(data), folder, replace(ONE, epochs=3))
    return folder


def batches(data: Path) -> Iterator[tuple[object, object]]:
    run = small_run(data)
    yield from training_batches(
        run.training_samples()[0], size=run.size, margin=run.margin, batch=run.batch, seed=run.seed, epoch=0
    )


def test_targets_are_half_label_half_teacher(data: Path, taught: Path) -> None:
    run = read_run(taught)
    model = folded_model(run, taught / "best.h5")
    for (x, label), (same, target) in zip(batches(data), Teacher(taught / "best.h5", run).targets(batches(data)), strict=True):
        p = np.clip(p_fake_of(np.asarray(all_outputs(model, x)[0])), CERTAIN, 1 - CERTAIN)
        np.testing.assert_array_equal(x, same)
        np.testing.assert_allclose(target, (np.asarray(label) + p) / 2, atol=1e-5)
        assert np.array_equal(np.rint(target), np.asarray(label))


def test_a_teacher_of_another_size_sees_the_faces_at_its_own(data: Path, taught: Path) -> None:
    larger = replace(small_run(data), size=48)
    x, y = np.zeros((4, 48, 48, 3), np.float32), np.array([[0], [1], [0], [1]])
    ((same, target),) = Teacher(taught / "best.h5", larger).targets([(x, y)])
    assert same is x and np.all(np.isfinite(target)) and target.shape == (4, 1)


def test_a_run_learns_from_it_and_has_seen_what_it_saw(data: Path, taught: Path, tmp_path: Path) -> None:
    state = fit(replace(small_run(data), distil=str(taught / "best.h5")), tmp_path / "run", ONE)
    assert state.epoch == 1 and (tmp_path / "run" / "best.h5").exists()
    assert read_seen(taught) <= read_seen(tmp_path / "run")


def test_a_teacher_that_sees_another_crop_or_run_that_tells_kinds_is_refused(data: Path, taught: Path) -> None:
    run = small_run(data)
    with pytest.raises(InputError, match=r"a margin .*teacher's"):
        Teacher(taught / "best.h5", replace(run, margin=run.margin + 0.2))
    with pytest.raises(InputError, match="leave --classes or --distil out"):
        Teacher(taught / "best.h5", replace(run, classes=("real", "fake", "swap")))


def test_a_missing_teacher_is_told_before_anything_is_loaded(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["fit", "cnn", "--data", str(data), "--run", str(tmp_path / "run"), "--distil", "gone.h5"]) == 2
    assert "there is no detector gone.h5 to distil from" in capsys.readouterr().err


def test_what_is_no_checkpoint_of_a_recipe_is_told(data: Path, tmp_path: Path) -> None:
    (tmp_path / "x.h5").write_bytes(b"no model")
    with pytest.raises(InputError, match="Keras model"):
        Teacher(tmp_path / "x.h5", small_run(data))


def test_weights_that_do_not_say_of_which_network_are_told(data: Path) -> None:
    with pytest.raises(InputError, match="--epochs 0"):
        Teacher(Path("training/checkpoints/mobilenet_v2_035_local.h5"), small_run(data))
