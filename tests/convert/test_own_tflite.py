"""A card for somebody else's ``.tflite``."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from convert.cli import main
from edgefake.card_files import ENTRY, read_card
from tests.conftest import Converted


@pytest.fixture
def strange(converted: Converted, tmp_path: Path) -> Path:
    """A model file as others have it: the network alone."""
    data = (converted.out / "tiny_int8.tflite").read_bytes()
    path = tmp_path / "theirs.tflite"
    path.write_bytes(data[: data.index(b"PK\x03\x04")])
    assert ENTRY.encode() not in path.read_bytes() and read_card(path) is None
    return path


def _card(strange: Path, converted: Converted, *more: str) -> int:
    known = ["--data", str(converted.data), "--margin", "0", "--scaling", "128,128", "--data-name", "drawn", "--licence", "free"]
    return main(["card", str(strange), "--out", str(strange.with_name("carded.tflite")), *known, *more])


def test_the_card_holds_what_was_measured(strange: Path, converted: Converted, capsys: pytest.CaptureFixture[str]) -> None:
    before = strange.read_bytes()
    assert _card(strange, converted, "--name", "their_model") == 0
    assert "AUC" in capsys.readouterr().out
    card, ours = read_card(strange.with_name("carded.tflite")), read_card(converted.int8)
    assert card is not None and ours is not None
    assert strange.read_bytes() == before
    assert (card.name, card.architecture, card.precision, card.output) == ("their_model", "theirs", "int8", "logit")
    # The same network on the same faces.
    assert (card.calibration, card.thresholds, card.golden) == (ours.calibration, ours.thresholds, ours.golden)
    assert card.metrics == tuple(replace(m, data="drawn test") for m in ours.metrics)
    assert card.training is not None and card.training.commands[0].startswith("python -m convert card")


def test_probabilities_are_told_from_logits(strange: Path, converted: Converted, tmp_path: Path) -> None:
    import tf_keras as keras

    from convert.tflite import float_tflite

    model = keras.Sequential(
        [
            keras.layers.Input((32, 32, 3)),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    path, cards = tmp_path / "sigmoid.tflite", []
    for classes in ("real,fake", "fake,real"):  # as Keras sorts folders, its one output rises with real
        _like_the_labels(model, converted, sign=1.0 if classes == "real,fake" else -1.0)
        path.write_bytes(float_tflite(model, size=32, precision="float32"))
        assert _card(path, converted, "--classes", classes) == 0
        card = read_card(tmp_path / "carded.tflite")
        assert card is not None
        assert (card.output, card.precision, ",".join(card.classes)) == ("p_fake", "float32", classes)
        cards.append(card)
    assert cards[1].thresholds == pytest.approx(cards[0].thresholds, abs=1e-3)


def _like_the_labels(model, converted: Converted, *, sign: float) -> None:  # type: ignore[no-untyped-def]
    """Weights by least squares, so that its scores rise with fakes, or with real faces."""
    from edgefake.preprocessing import to_float
    from training.batches import all_pixels
    from training.samples import fake_labels, load_samples

    samples = load_samples(converted.data)
    means = to_float(all_pixels(samples, size=32, margin=0.0)).mean(axis=(1, 2))
    design = np.c_[means, np.ones(len(means))]
    weights, *_ = np.linalg.lstsq(design, fake_labels(samples) * 2.0 - 1, rcond=None)
    model.layers[-1].set_weights([sign * weights[:3, None], sign * weights[3:]])


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--classes", "fake,real"], "the scores of this model are no higher for fake than for real"),
        (["--scaling", "own"], "does not tell what its training fed it: say so with --scaling"),
        (["--scaling", "torch"], "a card holds one offset and scale for all colours"),
    ],
)
def test_what_a_card_cannot_say(
    more: list[str], message: str, strange: Path, converted: Converted, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _card(strange, converted, *more) == 2
    assert message in capsys.readouterr().err
    assert not strange.with_name("carded.tflite").exists()


def test_files_that_are_no_model(strange: Path, converted: Converted, capsys: pytest.CaptureFixture[str]) -> None:
    assert _card(strange.with_name("absent.tflite"), converted) == 2
    assert "there is no file" in capsys.readouterr().err
    strange.write_bytes(b"no model")
    assert _card(strange, converted) == 2
    assert "is no TFLite model" in capsys.readouterr().err
