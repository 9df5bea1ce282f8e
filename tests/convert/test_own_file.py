"""A card for somebody else's ``.tflite`` or ``.onnx``."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from convert.cli import main
from convert.own_file import scaled_inside, signature
from edgefake.errors import InputError
from edgefake.models.card import Scaling
from edgefake.models.file import ModelFile
from edgefake.models.tflite_form import ENTRY
from edgefake.runtimes.inputs import Layout
from tests.conftest import Converted
from tests.interpreted import replayed
from training.batches import all_pixels
from training.device import on_device
from training.own.feed import FEEDS
from training.samples import fake_labels, load_samples


@pytest.fixture
def strange(converted: Converted, tmp_path: Path) -> Path:
    """A model file as others have it: the network alone."""
    data = (converted.out / "tiny_int8.tflite").read_bytes()
    path = tmp_path / "theirs.tflite"
    path.write_bytes(data[: data.index(b"PK\x03\x04")])
    assert ENTRY.encode() not in path.read_bytes() and ModelFile(path).card is None
    return path


def _card(strange: Path, converted: Converted, *more: str) -> int:
    known = ["--data", str(converted.data), "--margin", "0", "--scaling", "128,128", "--data-name", "drawn", "--licence", "free"]
    return main(["card", str(strange), "--out", str(strange.with_name("carded.tflite")), *known, *more])


def test_the_card_holds_what_was_measured(strange: Path, converted: Converted, capsys: pytest.CaptureFixture[str]) -> None:
    before = strange.read_bytes()
    assert _card(strange, converted, "--name", "their_model", "--crop-mode", "reflect") == 0
    assert "AUC" in capsys.readouterr().out
    card, ours = ModelFile(strange.with_name("carded.tflite")).card, ModelFile(converted.int8).card
    assert card is not None and ours is not None
    assert strange.read_bytes() == before
    assert (card.name, card.architecture, card.precision, card.output) == ("their_model", "theirs", "int8", "logit")
    assert (card.crop_mode, ours.crop_mode) == ("reflect", "inside")
    # The same network on the same faces, whose crops do not leave their pictures.
    assert (card.calibration, card.thresholds, card.golden) == (ours.calibration, ours.thresholds, ours.golden)
    (measured, chosen), (our_measured, our_chosen) = card.metrics, ours.metrics
    assert (measured, chosen) == (replace(our_measured, data="drawn test"), our_chosen)
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
        card = ModelFile(tmp_path / "carded.tflite").card
        assert card is not None
        assert (card.output, card.precision, ",".join(card.classes)) == ("p_fake", "float32", classes)
        cards.append(card)
    assert cards[1].thresholds == pytest.approx(cards[0].thresholds, abs=1e-3)


def test_a_network_that_takes_bgr_is_measured_on_bgr(converted: Converted, tmp_path: Path) -> None:
    import tf_keras as keras

    from convert.tflite import float_tflite

    layers = keras.layers
    model = keras.Sequential([layers.Input((32, 32, 3)), layers.GlobalAveragePooling2D(), layers.Dense(1)])
    _like_the_labels(model, converted, sign=1.0)
    path, cards = tmp_path / "theirs.tflite", []
    for more in ([], ["--bgr"]):
        path.write_bytes(float_tflite(model, size=32, precision="float32"))
        assert _card(path, converted, *more) == 0
        card = ModelFile(tmp_path / "carded.tflite").card
        assert card is not None
        cards.append(card)
        kernel, bias = model.layers[-1].get_weights()
        model.layers[-1].set_weights([kernel[::-1], bias])  # the same detector, in the other order
    assert [card.colour_order for card in cards] == ["RGB", "BGR"]
    assert cards[1].thresholds == pytest.approx(cards[0].thresholds, abs=1e-4)
    assert cards[1].calibration.temperature == pytest.approx(cards[0].calibration.temperature, rel=1e-3)
    assert on_device(replayed, tmp_path / "carded.tflite")["score"] <= cards[1].golden_tolerance


def test_what_detects_nothing_is_told(converted: Converted, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import tf_keras as keras

    from convert.tflite import float_tflite

    layers = keras.layers
    answer = layers.Dense(1, kernel_initializer="zeros")
    model = keras.Sequential([layers.Input((32, 32, 3)), layers.GlobalAveragePooling2D(), answer])
    path = tmp_path / "nothing.tflite"
    path.write_bytes(float_tflite(model, size=32, precision="float32"))
    assert _card(path, converted) == 0
    told = capsys.readouterr().err
    assert "warning: on drawn test carded.tflite detects nothing that chance would not: its AUC is 0.500" in told


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


def _exported(converted: Converted) -> onnx.ModelProto:
    """A network of (N, 3, 32, 32), fake first, as PyTorch exports those that are fed like ImageNet's: mean colours, weighted."""
    samples = load_samples(converted.data)
    means = FEEDS["torch"](all_pixels(samples, size=32, margin=0.0)).mean(axis=(1, 2))
    weights, *_ = np.linalg.lstsq(np.c_[means, np.ones(len(means))], fake_labels(samples) * 2.0 - 1.0, rcond=None)
    weights = np.c_[weights, -weights].astype(np.float32)
    graph = onnx.helper.make_graph(
        [
            onnx.helper.make_node("GlobalAveragePool", ["input"], ["pooled"]),
            onnx.helper.make_node("Flatten", ["pooled"], ["means"]),
            onnx.helper.make_node("Gemm", ["means", "weights", "bias"], ["output"]),
        ],
        "main_graph",
        [onnx.helper.make_tensor_value_info("input", onnx.TensorProto.FLOAT, ["batch", 3, 32, 32])],
        [onnx.helper.make_tensor_value_info("output", onnx.TensorProto.FLOAT, ["batch", 2])],
        [onnx.numpy_helper.from_array(weights[:-1], "weights"), onnx.numpy_helper.from_array(weights[-1], "bias")],
    )
    return onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)


def test_an_export_of_pytorch_gets_its_scaling_and_a_card(converted: Converted, tmp_path: Path) -> None:
    onnx.save(_exported(converted), tmp_path / "theirs.onnx")
    known = ["--data", str(converted.data), "--margin", "0", "--data-name", "drawn", "--licence", "free"]
    more = ["--scaling", "torch", "--classes", "fake,real", "--out", str(tmp_path / "carded.onnx")]
    assert main(["card", str(tmp_path / "theirs.onnx"), *known, *more]) == 0
    card = ModelFile(tmp_path / "carded.onnx").card
    assert card is not None
    assert (card.output, card.classes, card.precision, card.scaling) == ("logits", ("fake", "real"), "float32", Scaling(0.0, 1.0))
    assert card.metrics[0].figures["auc"].value > 0.5


def test_the_scaling_of_each_colour_goes_into_the_graph(converted: Converted) -> None:
    model = _exported(converted)
    model.graph.initializer[0].name = "input_scale"  # a name that is taken
    model.graph.node[-1].input[1] = "input_scale"
    pixels = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)

    def outputs(data: bytes, faces: np.ndarray) -> np.ndarray:
        session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
        return np.asarray(session.run(None, {"input": faces.astype(np.float32).transpose(0, 3, 1, 2)})[0])

    inside = scaled_inside(model.SerializeToString(), FEEDS["torch"], Layout(32, 32, 3, first=True))
    assert outputs(inside, pixels) == pytest.approx(outputs(model.SerializeToString(), FEEDS["torch"](pixels)), abs=1e-4)


@pytest.mark.parametrize(
    ("shape", "size", "found"),
    [
        (["batch", 3, 32, 32], None, Layout(32, 32, 3, first=True)),
        ([1, 32, 32, 1], None, Layout(32, 32, 1)),
        (["batch", 3, "height", "width"], 48, Layout(48, 48, 3, first=True)),
        (["batch", 3, "height", "width"], None, "--size"),
        (["batch", 3, 32, 48], None, r"\[\?, 3, 32, 48\].*square"),
        (["batch", 4, 32, 32], None, r"\[\?, 4, 32, 32\].*square"),
        ([32, 32], None, r"\[32, 32\].*square"),
    ],
)
def test_inputs_of_onnx_files(shape: list[int | str], size: int | None, found: Layout | str, tmp_path: Path) -> None:
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("ReduceMean", ["input"], ["output"], axes=list(range(1, len(shape))), keepdims=0)],
        "mean",
        [onnx.helper.make_tensor_value_info("input", onnx.TensorProto.FLOAT, shape)],
        [onnx.helper.make_tensor_value_info("output", onnx.TensorProto.FLOAT, shape[:1])],
    )
    onnx.save(
        onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8), tmp_path / "mean.onnx"
    )
    if isinstance(found, Layout):
        assert signature(tmp_path / "mean.onnx", size).layout == found
    else:
        with pytest.raises(InputError, match=found):
            signature(tmp_path / "mean.onnx", size)


def test_what_no_runtime_runs_is_said(strange: Path, converted: Converted, capsys: pytest.CaptureFixture[str]) -> None:
    data = strange.read_bytes()
    wrong = strange.with_suffix(".onnx")
    wrong.write_bytes(data)
    assert _card(wrong, converted) == 2
    assert "is no ONNX model" in capsys.readouterr().err
    assert _card(strange.with_suffix(".pt"), converted) == 2
    wrong.rename(strange.with_suffix(".pt"))
    assert _card(strange.with_suffix(".pt"), converted) == 2
    assert "is neither .tflite nor .onnx" in capsys.readouterr().err
