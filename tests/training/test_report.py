import errno
import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from edgefake.errors import InputError
from tests.conftest import Converted
from tests.drawn import drawn_dataset
from training.cli import main
from training.degrade import DEGRADATIONS
from training.evaluate import DataSet, Scored, evaluate
from training.report import faces, plots
from training.report.folder import write_report
from training.report.record import first_conditions, worst
from training.samples import load_samples


@pytest.fixture(scope="module")
def scored(converted: Converted) -> list[Scored]:
    data = DataSet("data test", converted.data, [s for s in load_samples(converted.data) if s.split == "test"])
    return list(evaluate([converted.int8, converted.out / "tiny_fp32.tflite"], [data], degradations=["clean", "noise"]))


def test_the_folder_holds_tables_json_and_plots(
    converted: Converted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)  # audits are kept below the working directory: there is none here
    out = tmp_path / "new" / "report"
    models = [str(converted.float_run), str(converted.int8)]
    assert main(["evaluate", *models, "--data", str(converted.data), "--out", str(out)]) == 0
    assert str(out / "report.md") in capsys.readouterr().out

    report = json.loads((out / "report.json").read_text())
    assert report["schema"] == 1
    assert report["command"].startswith("python -m training evaluate ")
    assert list(report["degradations"]) == list(DEGRADATIONS)
    measured = [(m["model"], m["degradation"]) for m in report["measurements"]]
    assert measured == [(model, name) for model in ("float", "tiny_int8") for name in DEGRADATIONS]
    assert report["data"] == [
        {"name": "data test", "root": str(converted.data), "real": 24, "fake": 24, "kinds": ["fake"], "audit": None}
    ]
    assert [(m["name"], m["training_data"]) for m in report["models"]] == [
        ("float", str(converted.data)),
        ("tiny_int8", "drawn"),
    ]

    text = (out / "report.md").read_text()
    assert text.startswith("# Evaluation\n\n> **data test is not audited:** run `python -m training audit ")
    row = f"| tiny_int8 | int8 | jpeg30 | 24 + 24 | {_estimate(report, 'tiny_int8', 'jpeg30', 'auc')} |"
    assert row in " ".join(text.split())
    linked = {line.partition("](")[2].rstrip(")") for line in text.splitlines() if line.startswith("![")}
    assert linked == {path.name for path in out.glob("*.png")}
    assert len(linked) == 5 + 2 * 2
    for name in linked:
        assert np.ptp(cv2.imread(str(out / name))) > 200


def test_a_full_disk_is_told(scored: list[Scored], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, _: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr("training.report.folder.write_atomically", full)
    with pytest.raises(InputError, match=r"report .*\(No space"):
        write_report(scored, tmp_path, command="test", seed=1)


def _estimate(report: dict, model: str, degradation: str, figure: str) -> str:
    (m,) = (m for m in report["measurements"] if (m["model"], m["degradation"]) == (model, degradation))
    value, low, high = (m["figures"][figure][key] for key in ("value", "low", "high"))
    return f"{value:.4f} [{low:.4f}, {high:.4f}]"


def test_what_the_audit_found_stands_first(
    converted: Converted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    data = drawn_dataset(tmp_path / "data", splits={"train": 6, "test": 6})
    (data / "test" / "real" / "000.png").write_bytes((data / "train" / "real" / "000.png").read_bytes())
    assert main(["audit", str(data)]) in (0, 1)
    capsys.readouterr()
    arguments = ["evaluate", str(converted.int8), "--data", str(data), "--degradations", "clean"]
    assert main([*arguments, "--out", str(tmp_path / "report")]) == 0
    warnings = json.loads((tmp_path / "report" / "report.json").read_text())["data"][0]["audit"]
    assert warnings
    first = (tmp_path / "report" / "report.md").read_text().splitlines()[2]
    assert first == f"> **data test:** {warnings[0]}"


def _answering(one: Scored, p_fake: np.ndarray) -> Scored:
    """``one`` with other scores, and a threshold of 0.5."""
    card = replace(one.subject.card, thresholds={"fpr_5%": 0.5})
    return replace(one, subject=replace(one.subject, card=card), p_fake=p_fake)


def test_the_worst_mistakes_are_the_most_confident_ones_of_either_kind(scored: list[Scored]) -> None:
    one = scored[0]
    fake = np.array([sample.fake for sample in one.data.samples])
    p_fake = np.where(fake, 0.9, 0.1)
    p_fake[np.flatnonzero(~fake)[[3, 5]]] = 0.97, 0.99
    p_fake[np.flatnonzero(fake)[[2, 4]]] = 0.02, 0.01
    p_fake[np.flatnonzero(fake)[6]] = np.nan  # without a score it is no mistake
    alarms, missed = worst(_answering(one, p_fake))
    assert [p_fake[i] for i in alarms] == [0.99, 0.97]
    assert [p_fake[i] for i in missed] == [0.01, 0.02]
    assert not fake[alarms].any()
    assert fake[missed].all()


def test_faces_have_green_frames_where_the_verdict_is_right_and_red_ones_elsewhere(scored: list[Scored]) -> None:
    one = scored[0]
    fake = np.array([sample.fake for sample in one.data.samples])
    for p_fake, colour in ((np.where(fake, 1.0, 0.0), faces.RIGHT), (np.where(fake, 0.0, 1.0), faces.WRONG)):
        figure = faces.predictions(_answering(one, p_fake), seed=1)
        shown = [axes for axes in figure.axes if axes.images]
        assert len(shown) == 40
        assert {axes.xaxis.label.get_color() for axes in shown} == {colour}
        assert sum(axes.get_xlabel().startswith("fake") for axes in shown) == 20


def test_the_same_seed_shows_the_same_faces(scored: list[Scored]) -> None:
    def captions(seed: int) -> list[str]:
        return [axes.get_xlabel() for axes in faces.predictions(scored[0], seed).axes]

    assert captions(1) == captions(1) != captions(2)


def test_a_model_without_mistakes_has_an_empty_page(scored: list[Scored]) -> None:
    one = scored[0]
    right = np.where([sample.fake for sample in one.data.samples], 1.0, 0.0)
    figure = faces.mistakes(_answering(one, right))
    assert not any(axes.images for axes in figure.axes)
    assert {axes.get_title(loc="left") for axes in figure.axes} == {"", "no real faces called fake", "no fakes called real"}


def test_curves_show_every_model_and_condition(scored: list[Scored]) -> None:
    shown = first_conditions(scored)
    assert [(s.subject.name, s.measurement.degradation) for s in shown] == [("tiny_int8", "clean"), ("tiny_fp32", "clean")]
    legend = [text.get_text() for text in plots.roc(shown).axes[0].get_legend().get_texts()]
    assert [text.split(":")[0] for text in legend] == ["tiny_int8 (int8)", "tiny_fp32 (float32)"]
    first, *_, last = plots.degradation_curves(scored).axes
    assert [tick.get_text() for tick in last.get_xticklabels()] == ["clean", "noise"]
    assert list(first.containers[0].lines[0].get_ydata()) == [s.measurement.figures["auc"].value for s in scored[:2]]
    for draw in (plots.score_histograms, plots.reliability_diagrams, plots.confusion_matrices):
        assert len(draw(shown * 2).axes) == 4  # two rows, the unused places left empty
