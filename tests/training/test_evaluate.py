import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from edgefake import Box, read_image
from edgefake.errors import InputError
from edgefake.models.file import ModelFile
from tests.conftest import Converted
from tests.drawn import drawn_dataset
from training.cli import main
from training.degrade import DEGRADATIONS
from training.device import device_outputs, on_device
from training.digests import read_seen
from training.evaluate import DataSet, distinct_names, evaluate
from training.runs import read_run
from training.samples import Sample, load_samples

FIGURES = {
    *("auc", "eer", "tpr@1%fpr", "tpr@5%fpr", "ece"),
    *("accuracy", "balanced_accuracy", "precision", "recall", "f1", "fpr"),
}


def _test_set(converted: Converted) -> DataSet:
    return DataSet("data test", converted.data, [s for s in load_samples(converted.data) if s.split == "test"])


def test_every_precision_is_reported_on_the_unseen_split(converted: Converted, capsys: pytest.CaptureFixture[str]) -> None:
    models = [converted.float_run, converted.qat_run, converted.int8, converted.out / "tiny_fp32.tflite"]
    assert main(["evaluate", *map(str, models), "--data", str(converted.data), "--split", "test", "--json"]) == 0
    reports = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(r["model"], r["precision"]) for r in reports] == [
        ("float", "float"),
        ("qat", "QAT"),
        ("tiny_int8", "int8"),
        ("tiny_fp32", "float32"),
    ]
    for report in reports:
        assert (report["data"], report["degradation"]) == ("data test", "clean")
        assert (report["real"], report["fake"], report["without_score"]) == (24, 24, 0)
        assert set(report["figures"]) == FIGURES
        assert report["figures"]["auc"]["value"] > 0.8
        verdicts = report["confusion"]
        for label in ("real", "fake"):
            assert sum(count for name, count in verdicts.items() if name.startswith(label)) == 24
        assert verdicts["real_as_fake"] / 24 <= report["figures"]["fpr"]["value"]  # by the card's threshold fake, a stricter one
    # The float32 file is the float run on another runtime.
    assert reports[3]["figures"]["auc"]["value"] == pytest.approx(reports[0]["figures"]["auc"]["value"], abs=1e-6)


def test_scores_are_those_of_each_model_alone_on_pictures_that_were_degraded_before(converted: Converted, tmp_path: Path) -> None:
    data = _test_set(converted)
    degraded = []
    for i, sample in enumerate(data.samples):
        frame, box = DEGRADATIONS["noise"].apply(read_image(sample.path), sample.box)
        path = tmp_path / f"{i}.png"
        cv2.imwrite(str(path), frame)
        degraded.append(replace(sample, path=path, box=box))
    card = ModelFile(converted.int8).card
    assert card is not None
    clean, noisy = (card.p_fake(on_device(device_outputs, converted.int8, card, part)) for part in (data.samples, degraded))
    together = list(evaluate([converted.out / "tiny_fp16.tflite", converted.int8], [data], degradations=["noise", "clean"]))
    assert [(s.subject.name, s.measurement.degradation) for s in together] == [
        ("tiny_fp16", "noise"),
        ("tiny_fp16", "clean"),
        ("tiny_int8", "noise"),
        ("tiny_int8", "clean"),
    ]
    assert clean != noisy
    np.testing.assert_array_equal(together[2].p_fake, noisy)
    np.testing.assert_array_equal(together[3].p_fake, clean)


def test_the_table_is_markdown(converted: Converted, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["evaluate", str(converted.int8), "--data", str(converted.data), "--degradations", "clean,half"]
    assert main(arguments) == 0
    heading, _, clean, half = capsys.readouterr().out.strip().splitlines()[-4:]
    columns, *rows = ([cell.strip() for cell in line.split("|")[1:-1]] for line in (heading, clean, half))
    assert columns[:6] == ["model", "precision", "data", "degradation", "real + fake", "AUC"]
    assert [row[:5] for row in rows] == [["tiny_int8", "int8", "data test", name, "24 + 24"] for name in ("clean", "half")]


@pytest.mark.parametrize("split", ["train", "val"])
def test_a_split_that_training_or_thresholds_have_seen_is_refused(
    converted: Converted, capsys: pytest.CaptureFixture[str], split: str
) -> None:
    assert main(["evaluate", str(converted.qat_run), "--data", str(converted.data), "--split", split]) == 2
    assert "would flatter: report test" in capsys.readouterr().err


def test_seen_pictures_are_known_by_their_content_wherever_they_lie(converted: Converted, tmp_path: Path) -> None:
    def data(name: str, seen: Path | None) -> DataSet:
        root = drawn_dataset(tmp_path / name, splits={"val": 3}, seed=77)
        if seen is not None:
            shutil.copy(seen, root / "val" / "fake" / "001.png")
        return DataSet(name, root, load_samples(root))

    fresh, leaking = data("fresh", None), data("leaking", converted.data / "train" / "fake" / "005.png")
    (scored,) = evaluate([converted.float_run], [fresh])  # another set's val is no split that the run has seen
    assert scored.measurement.fake == 3
    with pytest.raises(InputError, match=r"1 of the 6 .*leaking"):
        list(evaluate([converted.float_run], [fresh, leaking]))


@pytest.fixture(scope="module")
def without_splits(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A data set of class folders alone, and a run on it."""
    root = tmp_path_factory.mktemp("splits")
    drawn_dataset(root, splits={"x": 40})
    (root / "x" / "faces.csv").write_text((root / "faces.csv").read_text().replace("x/", ""))
    command = f"fit cnn --data {root / 'x'} --run {root / 'run'} --size 32 --margin 0 --batch 8 --epochs 1"
    assert main(command.split()) == 0
    return root / "x", root / "run"


def test_what_was_trained_on_stays_known_when_the_data_changes(
    without_splits: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, run = shutil.copytree(without_splits[0], tmp_path / "data"), without_splits[1]
    gone, renamed = [s.path for s in load_samples(data, seed=1) if s.split == "train" and not s.fake][:2]
    gone.unlink()
    renamed.rename(renamed.with_name("renamed.png"))
    table = data / "faces.csv"
    table.write_text(table.read_text().replace(f"real/{renamed.name}", "real/renamed.png"))
    assert main(["evaluate", str(run), "--data", str(data), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["real"] > 0
    assert main(["evaluate", str(run), "--data", str(data), "--split", "train"]) == 2
    count = sum(s.split == "train" for s in load_samples(data, seed=1))
    assert f"was trained or chosen on {count} of the {count} pictures" in capsys.readouterr().err


def test_of_a_run_without_digests_it_is_told_what_cannot_be_known(
    without_splits: tuple[Path, Path], converted: Converted, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, run = without_splits[0], shutil.copytree(without_splits[1], tmp_path / "run")
    settings = json.loads((run / "run.json").read_text())
    for key in ("parts", "folders"):  # as before either was written
        del settings[key]
    (run / "run.json").write_text(json.dumps(settings))
    (run / "seen.txt").unlink()
    assert main(["evaluate", str(run), "--data", str(data)]) == 2
    assert "keeps no digests of its pictures, and may have been trained or chosen on" in capsys.readouterr().err
    assert main(["evaluate", str(run), "--data", str(converted.data), "--json"]) == 0
    assert "which faces it was validated on can't be told again" in capsys.readouterr().err


def test_data_that_was_moved_is_known_by_its_pictures(
    converted: Converted, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    moved, run = shutil.copytree(converted.data, tmp_path / "moved"), shutil.copytree(converted.float_run, tmp_path / "run")
    settings = run / "run.json"
    settings.write_text(settings.read_text().replace(str(converted.data), str(tmp_path / "before")))
    other = drawn_dataset(tmp_path / "other", splits={"train": 2, "val": 2, "test": 2}, seed=5)
    assert main(["evaluate", str(run), "--data", str(other)]) == 2
    assert "is gone, and is not among what --data names" in capsys.readouterr().err
    assert main(["evaluate", str(run), "--data", str(other), "--data", str(moved), "--json"]) == 0
    assert [json.loads(line)["data"] for line in capsys.readouterr().out.splitlines()] == ["other test", "moved test"]
    qat = f"qat {run} --run {tmp_path / 'qat'} --epochs 0 --data"
    assert main([*qat.split(), str(other)]) == 2
    assert "is not the data of" in capsys.readouterr().err
    assert main([*qat.split(), str(moved)]) == 0
    assert read_run(tmp_path / "qat").data == str(moved)
    assert read_seen(tmp_path / "qat") == read_seen(converted.float_run)


@pytest.mark.parametrize(("label", "figure"), [("fake", "recall"), ("real", "fpr")])
def test_faces_of_one_class_give_the_rate_that_they_can(
    converted: Converted, tmp_path: Path, capsys: pytest.CaptureFixture[str], label: str, figure: str
) -> None:
    data = shutil.copytree(converted.data, tmp_path / "data")
    shutil.rmtree(data / "test" / ("real" if label == "fake" else "fake"))
    copy = data / "test" / label / "copy.png"
    shutil.copy(data / "test" / label / "003.png", copy)
    (data / "faces.csv").write_text((data / "faces.csv").read_text() + f"test/{label}/copy.png,22,14,52,68\n")
    out = tmp_path / "report"
    arguments = [
        "evaluate",
        str(converted.int8),
        "--data",
        str(data),
        "--json",
        "--out",
        str(out),
        "--degradations",
        "clean,half",
    ]
    assert main(arguments) == 0
    printed = capsys.readouterr()
    reports = [json.loads(line) for line in printed.out.splitlines()]
    assert [set(r["figures"]) for r in reports] == [{figure}, {figure}]
    assert (reports[0][label], sum(reports[0]["confusion"].values())) == (24, 24)
    assert reports[0]["figures"][figure]["low"] < reports[0]["figures"][figure]["high"]
    assert "1 picture(s) of data test are copies of others: counted once" in printed.err
    assert "–" in (out / "report.md").read_text() and len(list(out.glob("*.png"))) == 5


def test_several_data_sets_are_reported_one_by_one(
    converted: Converted, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = drawn_dataset(tmp_path / "other", splits={"test": 5}, seed=9)
    arguments = ["evaluate", str(converted.int8), "--data", str(converted.data), "--data", str(other), "--json"]
    assert main(arguments) == 0
    reports = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(r["data"], r["real"]) for r in reports] == [("data test", 24), ("other test", 5)]
    assert main([*arguments, "--faces", str(other / "faces.csv")]) == 2
    assert "one data set" in capsys.readouterr().err


def test_kinds_of_fake_are_counted_apart(converted: Converted) -> None:
    samples = [replace(s, label=s.label + (s.label and i % 2)) for i, s in enumerate(_test_set(converted).samples)]
    (scored,) = evaluate([converted.int8], [DataSet("x", converted.data, samples, ("swap", "edit", "none of these"))])
    kinds = scored.measurement.kinds
    assert set(kinds) == {"swap", "edit"}
    assert (kinds["swap"].value + kinds["edit"].value) / 2 == pytest.approx(scored.measurement.figures["recall"].value)


def test_faces_found_on_the_device_and_pictures_without_one_are_counted(
    converted: Converted, portrait: Path, tmp_path: Path
) -> None:
    picture = read_image(portrait)
    samples = []
    for label, frame in enumerate((picture, picture[:, ::-1])):
        for name, content in (("face", frame), ("empty", np.full_like(picture, 90))):
            path = tmp_path / f"{label}_{name}.png"
            cv2.imwrite(str(path), content)
            samples.append(Sample(path, label, "test", Box(90, 150, 300, 300)))

    def measured(model: Path, samples: list[Sample]) -> list[tuple[int, int, int]]:
        scored = evaluate([model], [DataSet("x", tmp_path, samples)], degradations=["clean", "half"], find_faces="haar")
        return [(s.measurement.real, s.measurement.fake, s.measurement.without_score) for s in scored]

    assert measured(converted.int8, samples) == [(1, 1, 2), (1, 1, 2)]
    elsewhere = [replace(sample, box=Box(0, 0, 60, 60)) for sample in samples]  # the face found is not the labelled one
    with pytest.raises(InputError, match=r"the 4 .* x .*tiny_int8"):
        measured(converted.int8, elsewhere)
    assert measured(converted.int8, samples[:2]) == [(1, 0, 1), (1, 0, 1)]
    with pytest.raises(InputError, match=r"\.tflite, \.onnx or \.engine"):
        measured(converted.float_run, samples)


def test_onnx_files_find_faces_too(converted: Converted, portrait: Path, tmp_path: Path) -> None:
    from convert.onnx import export_onnx

    model = export_onnx(converted.int8, tmp_path / "tiny.onnx")
    samples = [Sample(portrait, label, "test", Box(90, 150, 300, 300)) for label in (0, 1)]
    (scored,) = evaluate([model], [DataSet("x", tmp_path, samples)], find_faces="haar")
    assert scored.measurement.without_score == 0


def test_pictures_that_cannot_be_read_are_left_out_and_listed(
    converted: Converted, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = shutil.copytree(converted.data, tmp_path / "data")
    for picture in (data / "test" / "real" / "003.png", data / "val" / "fake" / "002.png"):  # to report on, to calibrate with
        picture.write_bytes(picture.read_bytes()[:200])
    run = shutil.copytree(converted.float_run, tmp_path / "run")
    settings = run / "run.json"
    settings.write_text(settings.read_text().replace(str(converted.data), str(data)))
    assert main(["evaluate", str(run), str(converted.int8), "--data", str(data), "--json"]) == 0
    printed = capsys.readouterr()
    assert [json.loads(line)["real"] for line in printed.out.splitlines()] == [23, 23]
    assert "003.png is damaged or cut short" in printed.err and "002.png is damaged or cut short" in printed.err
    assert f"warning: {data} is not audited" in printed.err


def test_names_are_as_short_as_they_can_be_told_apart() -> None:
    paths = [Path("a/resnet18_int8.tflite"), Path("runs/one/qat"), Path("runs/two/qat"), Path("v1.5")]
    assert distinct_names(paths) == ["resnet18_int8", "runs/one/qat", "runs/two/qat", "v1.5"]


def test_processes_that_measure_devices_load_no_tensorflow() -> None:
    code = "import sys, convert.card, convert.graph, convert.layers, training.evaluate; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2]).returncode == 0


def test_bad_arguments_are_explained(converted: Converted, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = ["--data", str(converted.data)]
    bare = tmp_path / "bare.tflite"
    bare.write_bytes(b"\0\0\0\0TFL3")
    for arguments, message in (
        ([str(bare), *data], "no model card"),
        ([str(tmp_path / "gone.tflite"), *data], "there is no model"),
        ([str(tmp_path), *data], "no run.json"),
        ([str(Path(__file__)), *data], "got the file"),
        ([str(converted.int8), "--data", str(tmp_path / "nothing")], "expected a folder"),
        ([str(converted.int8), *data, "--degradations", "clean,jpg"], "no degradation 'jpg': choose from clean,jpeg75"),
        ([str(converted.int8), *data, "--out", str(bare)], "cannot be made"),
    ):
        assert main(["evaluate", *arguments]) == 2
        assert message in capsys.readouterr().err
