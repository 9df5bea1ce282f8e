import json
import resource
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from edgefake.errors import InputError
from tests.drawn import drawn_dataset
from tests.processes import started
from tests.training.runs import small_run
from training.averaging import Averaging
from training.batches import all_pixels
from training.cli import main
from training.evaluate import trained
from training.families import known_auc
from training.fit import fit
from training.history import read_history
from training.lock import alone_in
from training.loop import Stopping, compile_for, keeping, logits
from training.recipes import build
from training.runs import Run, read_run
from training.start import load_weights


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return drawn_dataset(tmp_path_factory.mktemp("data"), splits={"train": 32, "val": 12})


def test_training_learns_the_drawn_difference_and_logs_every_epoch(data: Path, tmp_path: Path) -> None:
    state = fit(small_run(data), tmp_path, Stopping(epochs=8, patience=8, plateau=8))
    assert state.best_auc > 0.9
    assert (tmp_path / "best.h5").exists()
    lines = (tmp_path / "history.csv").read_text().splitlines()
    assert len(lines) == 1 + state.epoch


def test_a_killed_run_continues_with_its_best_checkpoint_kept(data: Path, tmp_path: Path) -> None:
    first = fit(small_run(data), tmp_path, Stopping(epochs=2, patience=9, plateau=9))
    best = (tmp_path / "best.h5").read_bytes()
    (tmp_path / ".partial-5eed.h5").write_bytes(b"what a kill in the middle of a save leaves")
    assert fit(small_run(data), tmp_path, Stopping(epochs=2, patience=9, plateau=9)) == first  # nothing left to do
    assert (tmp_path / "best.h5").read_bytes() == best
    assert not list(tmp_path.glob(".partial-*"))
    second = fit(small_run(data), tmp_path, Stopping(epochs=3, patience=9, plateau=9))
    assert second.epoch == 3
    assert second.best_auc >= first.best_auc
    assert [line.split(",")[0] for line in (tmp_path / "history.csv").read_text().splitlines()[1:]] == ["1", "2", "3"]


def test_the_average_of_the_weights_is_judged_and_goes_on_where_it_stopped(data: Path, tmp_path: Path) -> None:
    run = small_run(data, ema=0.9)
    state = fit(run, tmp_path, Stopping(epochs=3, patience=9, plateau=9))
    average, raw = (arrays(run, tmp_path / f"{name}-1.h5") for name in ("average", "last"))
    assert any(np.abs(a - b).max() > 1e-3 for a, b in zip(average, raw, strict=True))
    subject = trained(tmp_path, run, "average")
    validation = run.training_samples()[1]
    scores = logits(subject.keras, all_pixels(validation, size=32, margin=0.0))
    assert known_auc(validation, scores) == pytest.approx(state.best_auc, abs=1e-6)  # folded, so not to the last bit
    # The average is in the file and nowhere else: one from elsewhere is gone on from.
    model = run.build()
    model.set_weights([weights + 1000 for weights in average])
    compile_for(model, 1e-3)
    model.optimizer.build(model.trainable_variables)
    model.save(tmp_path / "average-1.h5")
    fit(run, tmp_path, Stopping(epochs=4, patience=9, plateau=9))
    assert min(weights.min() for weights in arrays(run, tmp_path / "average-0.h5")) > 50
    assert max(np.abs(weights).max() for weights in arrays(run, tmp_path / "last-0.h5")) < 50


def test_the_average_of_every_step() -> None:
    inputs = keras.Input((4, 4, 3))
    model = keras.Model(inputs, keras.layers.Dense(1)(keras.layers.Flatten()(keras.layers.BatchNormalization()(inputs))))
    compile_for(model, 0.1)
    averaging = Averaging(model, 0.5)
    rng, expected, steps = np.random.default_rng(0), model.get_weights(), []

    class Steps(keras.callbacks.Callback):  # type: ignore[misc]
        def on_train_batch_end(self, batch: int, logs: object = None) -> None:
            steps.append(model.get_weights())

    x, y = rng.normal(size=(96, 4, 4, 3)).astype(np.float32), rng.integers(0, 2, (96, 1))
    model.fit(x, y, batch_size=8, epochs=1, verbose=0, callbacks=[averaging, Steps()])
    for step, weights in enumerate(steps, start=1):
        kept = min(0.5, (1 + step) / (10 + step))
        expected = [kept * e + (1 - kept) * w for e, w in zip(expected, weights, strict=True)]
    with averaging.applied():
        assert all(map(np.allclose, model.get_weights(), expected)) and len(expected) == 6  # four are of BatchNorm
    assert all(map(np.array_equal, model.get_weights(), steps[-1]))


def arrays(run: Run, checkpoint: Path) -> list[np.ndarray]:
    model = run.build()
    load_weights(model, checkpoint)
    return list(model.get_weights())


def test_patience_stops_and_the_plateau_lowers_the_rate(data: Path, tmp_path: Path) -> None:
    # Validation AUC cannot rise above 1, which the drawn faces reach within a few epochs.
    state = fit(small_run(data), tmp_path, Stopping(epochs=40, patience=2, plateau=1))
    assert state.epoch - state.best_epoch == 2
    rates = [epoch.learning_rate for epoch in read_history(tmp_path)]
    assert state.learning_rate < 1e-3
    assert rates == sorted(rates, reverse=True)


def test_another_run_in_the_same_folder_is_refused(data: Path, tmp_path: Path) -> None:
    fit(small_run(data), tmp_path, Stopping(epochs=1, patience=1, plateau=1))
    with pytest.raises(InputError, match="another run"):
        fit(small_run(data, seed=2), tmp_path, Stopping(epochs=1, patience=1, plateau=1))


def test_a_folder_where_nothing_was_trained_yet_takes_another_run(data: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"missing\.h5"):
        fit(small_run(data, weights="missing.h5"), tmp_path, Stopping(epochs=1, patience=1, plateau=1))
    assert fit(small_run(data), tmp_path, Stopping(epochs=1, patience=1, plateau=1)).epoch == 1


def test_damage_is_told_when_a_run_is_resumed(data: Path, tmp_path: Path) -> None:
    fit(small_run(data), tmp_path, Stopping(epochs=1, patience=9, plateau=9))
    last = tmp_path / "last-1.h5"
    last.write_bytes(last.read_bytes()[:1000])
    with pytest.raises(InputError, match=r"last-1\.h5 .*damaged .*--weights .*best\.h5"):
        fit(small_run(data), tmp_path, Stopping(epochs=2, patience=9, plateau=9))
    build("resnet18", 32).save(last)
    with pytest.raises(InputError, match=r"last-1\.h5 .*resnet18.* cnn"):
        fit(small_run(data), tmp_path, Stopping(epochs=2, patience=9, plateau=9))
    last.unlink()
    with pytest.raises(InputError, match="damaged"):
        fit(small_run(data), tmp_path, Stopping(epochs=2, patience=9, plateau=9))
    (tmp_path / "state.json").write_text("{")
    with pytest.raises(InputError, match=r"state\.json is damaged"):
        fit(small_run(data), tmp_path, Stopping(epochs=2, patience=9, plateau=9))


def test_a_checkpoint_of_another_architecture_is_refused(data: Path, tmp_path: Path) -> None:
    path = tmp_path / "cnn.h5"
    build("cnn", 32).save_weights(path)
    with pytest.raises(InputError, match="checkpoint of resnet18"):
        load_weights(build("resnet18", 32), path)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(InputError, match=r"checkpoint .*cnn"):
        load_weights(build("cnn", 32), path)
    with pytest.raises(InputError, match=r"missing\.h5"):
        load_weights(build("cnn", 32), tmp_path / "missing.h5")
    with pytest.raises(InputError, match=r"folder.*best\.h5"):
        load_weights(build("cnn", 32), tmp_path)


def test_weights_start_a_run_at_another_input_size(data: Path, tmp_path: Path) -> None:
    fit(small_run(data), tmp_path / "small", Stopping(epochs=6, patience=9, plateau=9))
    larger = small_run(data, size=48, learning_rate=1e-6, weights=str(tmp_path / "small" / "best.h5"))
    state = fit(larger, tmp_path / "large", Stopping(epochs=1, patience=9, plateau=9))
    assert state.best_auc > 0.8
    assert read_run(tmp_path / "large").weights == larger.weights


def test_a_folder_without_a_run_is_explained(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no run\.json"):
        read_run(tmp_path)
    (tmp_path / "run.json").write_text("{}")
    with pytest.raises(InputError, match="damaged"):
        read_run(tmp_path)


def test_seeds_decide_the_weights(data: Path, tmp_path: Path) -> None:
    states = [
        fit(small_run(data, seed=seed), tmp_path / name, Stopping(epochs=1, patience=1, plateau=1))
        for name, seed in (("a", 1), ("b", 1), ("c", 2))
    ]
    weights = [np.concatenate([w.ravel() for w in _weights(tmp_path / name, data)]) for name in "abc"]
    np.testing.assert_allclose(weights[0], weights[1], atol=1e-4)
    assert np.abs(weights[0] - weights[2]).max() > 1e-2
    assert states[0].best_auc == pytest.approx(states[1].best_auc, abs=0.02)


def _weights(folder: Path, data: Path) -> list[np.ndarray]:
    model = small_run(data).build()
    load_weights(model, folder / "best.h5")
    return list(model.get_weights())


@pytest.mark.parametrize(
    ("limit", "best_auc", "file"),
    [(500_000, 0.0, r"best\.h5"), (500_000, 1.0, r"last-0\.h5"), (10_000, 1.0, r"history\.csv"), (100, 1.0, r"run\.json")],
)
def test_a_full_disk_costs_one_epoch_and_is_told(limit: int, best_auc: float, file: str, data: Path, tmp_path: Path) -> None:
    """A limit on the size of files stands for the full disk: the same errors from the system, in the same place.

    ``best_auc`` of the epoch before decides whether the next one is the best, whose checkpoint is written first.
    """
    first = fit(small_run(data), tmp_path, Stopping(epochs=1, patience=9, plateau=9))
    state = tmp_path / "state.json"
    state.write_text(json.dumps({**json.loads(state.read_text()), "best_auc": best_auc}))
    best = (tmp_path / "best.h5").read_bytes()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        with pytest.raises(InputError, match=rf"{file} .*File too"):
            fit(small_run(data), tmp_path, Stopping(epochs=2, patience=9, plateau=9))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    assert (tmp_path / "best.h5").read_bytes() == best
    assert not list(tmp_path.glob(".partial-*"))
    assert read_history(tmp_path)[0].epoch == 1  # of the whole epoch, nothing is lost
    assert fit(small_run(data), tmp_path, Stopping(epochs=2, patience=9, plateau=9)).epoch == first.epoch + 1


def test_tensorboard_tells_a_full_disk_in_a_way_of_its_own(tmp_path: Path) -> None:
    said = f"{{{{function_node wrapped}}}} {tmp_path}/events.1.v2; No space left on device\n\tFailed to flush 1 events"
    with pytest.raises(InputError, match=r"history\.csv .*No space"), keeping(tmp_path / "history.csv"):
        raise tf.errors.ResourceExhaustedError(None, None, said)


def test_one_batch_at_least(data: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"64 .*batch of 128"):
        fit(small_run(data, batch=128), tmp_path, Stopping(epochs=1, patience=1, plateau=1))


def test_two_softmax_outputs(data: Path, tmp_path: Path) -> None:
    state = fit(small_run(data, classes=("real", "fake")), tmp_path, Stopping(epochs=8, patience=8, plateau=8))
    assert state.best_auc > 0.9


def test_self_blends_alone(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for split in ("train", "val"):
        shutil.copytree(data / split / "real", tmp_path / "data" / split / "real")
    shutil.copy(data / "faces.csv", tmp_path / "data")
    state = fit(small_run(tmp_path / "data", self_blend=True), tmp_path / "run", Stopping(epochs=1, patience=1, plateau=1))
    assert state.epoch == 1
    assert "there is no fake to validate on" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("fit resnet5 --data {data} --run {out}", "unknown recipe 'resnet5': choose resnet50"),
        ("fit cnn --data {data}/missing --run {out}", "missing, which is none"),
        ("fit cnn --data {data} --run {out} --weights missing.h5", "there is no checkpoint missing.h5"),
        ("fit cnn --data {data} --run {data}/faces.csv", "the run folder"),
        ("fit cnn --data {data} --run {out} --classes real", "two or more classes, real first, got real"),
        ("fit cnn --data {data} --run {out} --augmentation none", "augmentation"),
        ("fit cnn --data {data} --run {out} --size 8", "8 px are too small for cnn"),
        ("qat {data} --run {out}", "holds no run.json"),
        ("qat {data} --run {out} --data {data}", "holds no run.json"),
    ],
)
def test_wrong_arguments(arguments: str, message: str, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments.format(data=data, out=tmp_path / "run").split()) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "expected"),
    [
        ("--batch 0", "a whole number of at least 1, got '0'"),
        ("--epochs 1.5", "a whole number of at least 0, got '1.5'"),
        ("--hold-out 1", "a number from 0 to below 1, got '1'"),
        ("--ema 1", "a number from 0 to below 1, got '1'"),
        ("--margin -1", "a number of at least 0, got '-1'"),
        ("--learning-rate 0", "a number above 0, got '0'"),
        ("--learning-rate nan", "a number above 0, got 'nan'"),
        ("--seed one", "a whole number of at least 0, got 'one'"),
    ],
)
def test_numbers_out_of_range(option: str, expected: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(f"fit cnn --data data --run run {option}".split())
    assert left.value.code == 2
    assert expected in capsys.readouterr().err


def test_ctrl_c_ends_in_one_line_and_the_run_goes_on(data: Path, tmp_path: Path) -> None:
    command = f"-m training fit cnn --data {data} --run {tmp_path} --size 32 --batch 8 --epochs 500 --patience 500"
    pipes = {"stderr": subprocess.PIPE, "stdout": subprocess.PIPE}
    with started([sys.executable, *command.split()], text=True, **pipes) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("epoch 1:"):
                process.send_signal(signal.SIGINT)
                break
        _, told = process.communicate()
    assert process.returncode == 130
    assert "Traceback" not in told and "training: stopped" in told
    assert fit(read_run(tmp_path), tmp_path, Stopping(epochs=2, patience=9, plateau=9)).epoch >= 2


def test_two_runs_in_one_folder(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = f"fit cnn --data {data} --run {tmp_path} --size 32 --batch 8 --epochs 0"
    with alone_in(tmp_path):
        assert main(command.split()) == 2
    assert f"{tmp_path} is in use by process" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_data_that_was_not_audited_is_told(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = f"fit cnn --data {data} --run {tmp_path} --size 32 --batch 8 --epochs 0"
    assert main(command.split()) == 0
    assert f"{data} is not audited" in capsys.readouterr().err
