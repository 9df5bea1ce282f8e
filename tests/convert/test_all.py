"""``convert all`` and its report, as a user calls it."""

import json
import shutil
from pathlib import Path

import onnx
import pytest

from convert.cli import main
from convert.gate import Comparison
from edgefake.models.file import ModelFile, write_card
from tests.conftest import Converted

ORIGIN = ["--data-name", "drawn", "--licence", "Apache-2.0"]


@pytest.fixture(scope="module")
def everything(converted: Converted, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("all") / "out"
    assert main(["all", str(converted.qat_run), "--out", str(out), "--name", "tiny", *ORIGIN]) in (0, 1)
    return out


def test_every_form_is_written_and_nothing_else(everything: Path) -> None:
    models = {"tiny_int8.tflite", "tiny_int8.onnx", "tiny_fp32.tflite", "tiny_fp16.tflite"}
    assert {path.name for path in everything.iterdir()} == models | {"report.md", "report.json"}


def test_the_report_compares_every_form_with_those_before_it(everything: Path) -> None:
    report = json.loads((everything / "report.json").read_text())
    assert "is not audited" in report["audit"][0]
    assert report["data"] == "drawn test"  # training has seen val: it chose the checkpoint
    pairs = [(c["model"], c["reference"], c["faces"]) for c in report["comparisons"]]
    assert pairs == [
        ("QAT", "float", 48),
        ("TFLite INT8", "float", 48),
        ("TFLite INT8", "QAT", 48),
        ("ONNX INT8", "float", 48),
        ("ONNX INT8", "QAT", 48),
        ("ONNX INT8", "TFLite INT8", 48),
    ]
    last = report["comparisons"][-1]
    assert (last["flips"], last["mean_difference"] < 1e-3) == (0.0, True)  # a plain network: no addition that differs
    assert report["gate"] == ("failed" if report["faults"] else "passed")
    assert 0 < len(report["worst_layers"]) <= 10
    files = {file["file"]: file for file in report["files"]}
    for name in ("tiny_int8.tflite", "tiny_int8.onnx"):
        assert files[name]["float_ops"] == 0
        assert files[name]["bytes"] == (everything / name).stat().st_size
    # Counted by hand: 3×3 kernels over 32, 16, 8, 4 and 2 pixels, and the two dense layers.
    channels = (3, 32, 64, 96, 128, 192)
    convolutions = sum(9 * channels[i] * channels[i + 1] * (32 >> i) ** 2 for i in range(5))
    dense = files["tiny_int8.tflite"]["macs"] - convolutions
    assert dense % 193 == 0 and 0 < dense <= 193 * 512  # silent units of the head are dropped

    text = " ".join((everything / "report.md").read_text().split())  # columns are padded
    for word in (
        "Gate: **",
        "tiny_int8.onnx",
        "| ONNX INT8 | TFLite INT8 | 48 |",
        "| QAT (not gated) | float | 48 |",
        f"> **The data:** {report['audit'][0]}",
        report["worst_layers"][0]["layer"],
    ):
        assert word in text


def test_runtimes_must_agree_more_closely_than_parents() -> None:
    def faults(*, between: bool, flips: float = 0.0, mean: float = 0.0) -> list[str]:
        return Comparison("ONNX INT8", "TFLite INT8", 1000, 0.9, 0.9, flips, mean, 0.5, between, True, {}).faults()

    assert faults(between=False, flips=0.007, mean=0.02) == []
    assert "0.70% of ONNX INT8's verdicts differ from TFLite INT8's, more than 0.5%" in faults(between=True, flips=0.007)[0]
    assert "p_fake is 0.0200 off TFLite INT8's on average" in faults(between=True, mean=0.02)[0]


def test_check_takes_both_forms_and_notices_one_that_was_edited(
    everything: Path, converted: Converted, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edited = tmp_path / "tiny_int8.onnx"
    shutil.copyfile(everything / "tiny_int8.onnx", edited)
    model = onnx.load(edited)
    bias = next(i for i in model.graph.initializer if i.name == "logit_bias")
    bias.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(bias) + 30, "logit_bias"))
    onnx.save(model, edited)
    models = [str(everything / "tiny_int8.tflite"), str(edited)]
    assert main(["check", *models, "--run", str(converted.qat_run), "--split", "test"]) == 2  # its card is of another network
    assert f"{edited} is not the network that its card was written for" in capsys.readouterr().err

    card = ModelFile(everything / "tiny_int8.onnx").card
    assert card is not None
    write_card(edited, card)
    assert main(["check", *models, "--run", str(converted.qat_run), "--split", "test"]) == 1
    assert "ONNX INT8's verdicts differ from TFLite INT8's" in capsys.readouterr().err


def test_post_training_has_no_onnx_and_says_why(converted: Converted, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    assert main(["all", str(converted.float_run), "--post-training", "--out", str(out), "--name", "ptq", *ORIGIN]) in (0, 1)
    captured = capsys.readouterr()
    assert "no .onnx: post-training quantization gives zero-points" in captured.out
    assert "was not trained for eight bits" in captured.err
    assert not (out / "ptq_int8.onnx").exists()
    assert [c["reference"] for c in json.loads((out / "report.json").read_text())["comparisons"]] == ["float"]


def test_a_training_picture_that_is_cut_short_is_left_out(
    converted: Converted, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from training.runs import read_run

    shutil.copytree(converted.data, tmp_path / "data")
    cut = sorted((tmp_path / "data" / "train" / "real").iterdir())[0]
    cut.write_bytes(cut.read_bytes()[:200])
    shutil.copytree(converted.float_run, tmp_path / "run")
    run, settings = read_run(converted.float_run), tmp_path / "run" / "run.json"
    settings.write_text(settings.read_text().replace(run.data, str(tmp_path / "data")))
    out = tmp_path / "out"
    assert main(["tflite", str(tmp_path / "run"), "--post-training", "--out", str(out), *ORIGIN]) in (0, 1)
    assert f"{cut} is damaged or cut short" in capsys.readouterr().err


def test_a_folder_that_cannot_be_made_and_what_nobody_foresaw(
    converted: Converted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    arguments = ["tflite", str(converted.qat_run), *ORIGIN, "--out"]
    assert main([*arguments, str(tmp_path / "file")]) == 2
    assert capsys.readouterr().err.startswith(f"convert: error: {tmp_path / 'file'} cannot be used (File exists): ")

    monkeypatch.setattr("convert.build.build_tflite", lambda *_, **__: 1 / 0)
    assert main([*arguments, str(tmp_path / "out")]) == 2  # 1 says that the gate failed
    assert "ZeroDivisionError" in capsys.readouterr().err


def test_calibration_pictures_that_will_not_do(converted: Converted, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import tf_keras as keras

    detector = tmp_path / "mine.h5"
    keras.Sequential([keras.layers.Flatten(input_shape=(32, 32, 3)), keras.layers.Dense(1)]).save(detector)

    def error(calibration: Path) -> str:
        arguments = ["all", str(detector), "--post-training", "--calibration", str(calibration), "--scaling", "x/255"]
        assert main([*arguments, "--out", str(tmp_path / "out"), *ORIGIN]) == 2
        return capsys.readouterr().err

    (tmp_path / "empty").mkdir()
    assert "or the same without train, val and test" in error(tmp_path / "empty")
    shutil.copytree(converted.data, tmp_path / "one")
    for folder in (tmp_path / "one").glob("*/fake"):
        shutil.rmtree(folder)
    assert "fake" in error(tmp_path / "one")
    assert not (tmp_path / "out").exists()


def test_what_is_unfinished_does_not_lie_beside_the_models(
    converted: Converted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"

    def killed(path: Path, *_: object) -> None:
        assert path.read_bytes()[4:8] == b"TFL3"
        assert list(out.iterdir()) == []
        raise KeyboardInterrupt

    monkeypatch.setattr("convert.build.complete", killed)
    assert main(["tflite", str(converted.qat_run), "--out", str(out), *ORIGIN]) == 130
    assert list(out.iterdir()) == []


def test_one_form_that_cannot_be_made_costs_no_other(
    converted: Converted, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Vectors of feature maps that are joined have no form in ONNX, of which QAT warns."""
    import tf_keras as keras

    from tests.own_detectors import randomised
    from training.cli import main as training

    picture = keras.Input((32, 32, 3))
    scaled = keras.layers.Rescaling(1 / 255.0)(picture)
    sides = [keras.layers.Flatten(name=f"flat{n}")(keras.layers.Conv2D(2, 3, strides=8)(scaled)) for n in (1, 2)]
    randomised(keras.Model(picture, keras.layers.Dense(1)(keras.layers.Concatenate()(sides)))).save(tmp_path / "mine.keras")
    run, out = tmp_path / "run", tmp_path / "out"
    own = ["--data", str(converted.data), "--margin", "0", "--batch", "8", "--classes", "fake,real"]
    assert training(["qat", str(tmp_path / "mine.keras"), "--run", str(run), "--epochs", "0", *own]) == 0
    told = "flat1 (Flatten) makes vectors of feature maps for Concatenate, expected a Dense alone"
    assert f"warning: python -m convert will give .tflite, but no .onnx: {told}" in capsys.readouterr().err

    assert main(["all", str(run), "--out", str(out), "--name", "mine", *ORIGIN]) == 2
    assert "convert: mine_int8.onnx could not be made: " in capsys.readouterr().err
    assert {path.suffix for path in out.iterdir()} == {".tflite", ".md", ".json"}
    report = json.loads((out / "report.json").read_text())
    assert report["gate"] == "failed" and list(report["failed"]) == ["mine_int8.onnx"]
    assert [c["model"] for c in report["comparisons"]] == ["QAT", "TFLite INT8", "TFLite INT8"]
    text = (out / "report.md").read_text()
    assert "Gate: **failed**" in text and "- mine_int8.onnx could not be made: " in text
