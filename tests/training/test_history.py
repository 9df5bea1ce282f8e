from pathlib import Path

import cv2
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from training.history import Epoch, read_history, record


def _epoch(number: int, accuracy: float | None = 0.75) -> Epoch:
    return Epoch(number, 0.5 / number, accuracy, 0.6, 0.7, 0.8, 1e-3, 60.0 * number)


def test_every_epoch_is_logged_thrice(tmp_path: Path) -> None:
    for number in (1, 2):
        record(tmp_path, _epoch(number))
    assert read_history(tmp_path) == [_epoch(1), _epoch(2)]
    assert cv2.imread(str(tmp_path / "history.png")).shape[1] > 500
    events = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert {"loss", "val_loss", "val_auc", "accuracy", "learning_rate"} <= set(events.Tags()["tensors"])


def test_an_epoch_trained_again_after_a_kill_is_logged_once(tmp_path: Path) -> None:
    for number in (1, 2, 3, 2):
        record(tmp_path, _epoch(number))
    assert [epoch.epoch for epoch in read_history(tmp_path)] == [1, 2]


def test_a_distilled_epoch_has_no_accuracy(tmp_path: Path) -> None:
    record(tmp_path, _epoch(1, accuracy=None))
    assert read_history(tmp_path) == [_epoch(1, accuracy=None)]
