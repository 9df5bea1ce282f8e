"""The matrix of a model over families, and the bias score, from the command to the card."""

from __future__ import annotations

import csv
import json
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edgefake import Box, InputError
from edgefake.images import read_image
from edgefake.models.card import ModelCard
from edgefake.models.file import ModelFile, payload_sha256, write_card
from edgefake.statistics import auc
from tests.conftest import Converted
from tests.drawn import drawn_dataset
from training.cli import main
from training.degrade import INFLUENCES
from training.evaluate import DataSet
from training.matrix import families_of, judged_at, pooled
from training.notes import new_command
from training.samples import Sample


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A manifest of 36 faces to measure on: two generators, two sources of real pictures, twins in one of each."""
    root = drawn_dataset(tmp_path_factory.mktemp("families"), splits={"val": 18}, seed=11)
    with (root / "faces.csv").open() as source, (root / "all.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(("file", "label", "split", "family", "pair", "x", "y", "w", "h"))
        for i, row in enumerate(csv.DictReader(source)):
            split, label, _ = row["file"].split("/")
            family = {"real": ("cam", "web"), "fake": ("gan", "swap")}[label][i % 2]
            pair = f"p{i % 18}" if family in ("web", "swap") else ""
            writer.writerow((row["file"], label, split, family, pair, *(row[c] for c in "xywh")))
    return root / "all.csv"


def card_of(path: Path) -> ModelCard:
    card = ModelFile(path).card
    assert card is not None
    return card


def test_a_model_is_measured_on_every_family_and_its_card_keeps_it(
    converted: Converted, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = Path(shutil.copy(converted.int8, tmp_path / "tiny.tflite"))
    network = payload_sha256(model)
    command = ["matrix", str(model), "--data", str(data), "--degradations", "dark", "--json", "--write"]
    assert main([*command, "--out", str(tmp_path / "gone" / "tiny.md")]) == 2  # before anything is measured
    assert "gone" in capsys.readouterr().err and not card_of(model).families
    assert main([*command, "--families", "gan,cam,flux,gan", "--out", str(tmp_path / "tiny.md")]) == 0
    told = capsys.readouterr()
    (report,) = map(json.loads, told.out.splitlines())
    assert report["schema"] == 1 and report["model"] == "tiny"
    gan, cam, flux = report["families"]
    assert (gan["name"], gan["real"], gan["fake"]) == ("gan", 0, 9)
    assert [*gan["figures"]] == ["clean", "dark", "to 64 px", "64 to 128 px", "from 128 px"]
    names = [f"tpr@{name}" for name in judged_at(card_of(model))]
    assert [*gan["figures"]["clean"]] == ["auc", "worst_auc", *names] and [*gan["figures"]["dark"]] == ["auc", *names]
    assert gan["worst_source"] in ("cam", "web") and gan["figures"]["clean"]["auc"]["value"] > 0.8
    assert gan["figures"]["64 to 128 px"] == {k: v for k, v in gan["figures"]["clean"].items() if k != "worst_auc"}
    assert gan["figures"]["to 64 px"] == {}
    assert [*cam["figures"]["clean"]] == [name.replace("tpr", "fpr") for name in names] and (cam["real"], cam["fake"]) == (9, 0)
    assert flux["figures"] == {} and "not measured: flux" in told.err
    assert "cam (9 + 0); gan (0 + 9); web (9 + 0)" in told.err and "gan" in (tmp_path / "tiny.md").read_text()

    card = card_of(model)
    assert [family.name for family in card.families] == ["cam", "flux", "gan"] and payload_sha256(model) == network
    assert card.families[2].figures["dark"]["auc"].value == gan["figures"]["dark"]["auc"]["value"]
    assert card.families[2].data == "all val, given face boxes"
    assert main([*command, "--families", "swap,gan,nothing", "--per-family", "5"]) == 0  # others stay as they are
    again = card_of(model)
    assert [family.name for family in again.families] == ["cam", "flux", "gan", "nothing", "swap"]
    assert (again.families[0], again.families[2].fake) == (card.families[0], 5)


def test_runs_are_measured_too_and_keep_no_card(converted: Converted, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["matrix", str(converted.float_run), str(converted.out / "tiny_fp32.tflite"), "--data", str(data)]
    assert main([*command, "--json"]) == 0
    run, file = (json.loads(line)["families"] for line in capsys.readouterr().out.splitlines())
    assert run[0]["figures"]["clean"].keys() == file[0]["figures"]["clean"].keys()
    assert main([*command, "--write"]) == 2
    assert "float" in capsys.readouterr().err


def test_faces_that_a_finder_did_not_find_are_counted_apart(converted: Converted, data: Path) -> None:
    samples = [
        Sample(Path(f"{label}{i}.png"), label, "val", Box(0, 0, side, side), family=("cam", "gan")[label])
        for label in (0, 1)
        for i, side in enumerate((40, 100, 200, 300))
    ]
    p_fake = np.array([[0.1, 0.6, 0.3, np.nan, 0.9, 0.7, 0.2, 0.95]])
    found = np.array([[True, True, True, False, True, True, True, True]])
    card = card_of(converted.int8)
    rows = families_of(card, DataSet("x", data, samples), p_fake, found, ["clean"], names=["cam", "gan"], whose="found")
    cam, gan = rows
    assert (cam.real, gan.fake) == (4, 4)
    assert cam.figures["clean"]["found"].value == cam.figures["clean"]["judged"].value == 0.75
    labels = np.array([0, 0, 0, 1, 1, 1, 1])
    assert gan.figures["clean"]["auc"].value == pytest.approx(auc(labels, p_fake[0][found[0]]), abs=1e-4)
    name, threshold = next(iter(judged_at(card).items()))
    assert cam.figures["clean"][f"fpr@{name}"].value == pytest.approx(np.mean(p_fake[0, :3] >= threshold), abs=1e-4)
    assert gan.figures["to 64 px"]["auc"].value == 1.0 and gan.figures["from 128 px"]["auc"].value == 0.5


def test_the_device_finds_the_faces(
    converted: Converted, portrait: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "list.csv").write_text(f"file,label,split,family,x,y,w,h\n{portrait},real,val,cam,90,150,300,300\n")
    command = ["matrix", str(converted.int8), "--data", str(tmp_path / "list.csv"), "--json", "--degradations", "clean"]
    assert main([*command, "--find-faces", "haar"]) == 0
    (cam,) = json.loads(capsys.readouterr().out)["families"]
    assert cam["data"].endswith("faces found by haar")
    assert cam["figures"]["clean"]["found"]["value"] == cam["figures"]["clean"]["judged"]["value"] == 1.0
    assert main([*command, "--find-faces", "frame", "--degradations", "foggy"]) == 2
    assert "foggy" in capsys.readouterr().err


def test_of_each_family_so_many_are_taken_and_twins_stay_together(data: Path) -> None:
    samples = [
        Sample(Path(f"{family}{i}.png"), label, "val", Box(0, 0, 9, 9), pair=str(i), family=family)
        for family, label in (("web", 0), ("web", 1), ("", 1))
        for i in range(20)
    ]
    chosen = pooled([DataSet("x val", data, samples)], "val", per_family=6, seed=3)
    assert Counter((s.family, s.label) for s in chosen.samples) == {("web", 0): 6, ("web", 1): 6, ("all", 1): 6}
    assert chosen.name == "all val, at most 6 a family"
    pairs = [{s.pair for s in chosen.samples if (s.family, s.label) == key} for key in (("web", 0), ("web", 1))]
    assert pairs[0] == pairs[1]
    kinds = [replace(sample, label=sample.label * (1 + i % 2)) for i, sample in enumerate(samples) if sample.family]
    chosen_kinds = pooled([DataSet("x val", data, kinds)], "val", per_family=6)
    assert Counter(s.fake for s in chosen_kinds.samples) == {False: 6, True: 6}  # of both kinds together
    with pytest.raises(InputError, match=" all "):  # two that are called alike would be one family
        pooled([DataSet("x val", data, samples), DataSet("y val", data, samples)], "val")
    assert chosen.samples == pooled([DataSet("x val", data, samples)], "val", per_family=6, seed=3).samples
    assert chosen.samples != pooled([DataSet("x val", data, samples)], "val", per_family=6, seed=4).samples


def test_both_judged_at_a_card_with_three_verdicts_are_those_of_fake_and_real(converted: Converted) -> None:
    card = card_of(converted.int8)
    rates = {"fpr_5%": 0.5, "fpr_1%": 0.7}
    assert judged_at(replace(card, thresholds={**rates, "eer": 0.6})) == rates
    assert judged_at(replace(card, thresholds={**rates, "fake": 0.9, "real": 0.2})) == {"fake": 0.9, "real": 0.2}
    assert judged_at(replace(card, thresholds={"eer": 0.6})) == {"eer": 0.6}


def test_what_moves_real_faces_is_measured_and_kept(
    converted: Converted, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = Path(shutil.copy(converted.int8, tmp_path / "tiny.tflite"))
    command = ["bias", str(model), "--data", str(data)]
    assert main([*command, "--json", "--write"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert [one["name"] for one in report["influences"]] == ["clean", *INFLUENCES]
    clean = report["influences"][0]
    assert clean["shift"]["value"] == clean["crossed"]["value"] == 0.0
    assert {one["worst_source"] for one in report["influences"]} <= {"cam", "web"}
    for one in report["influences"]:
        assert abs(one["direction"]) <= one["shift"]["value"] and one["worst_fpr"]["value"] >= one["fpr"]["value"] - 1e-9
    kept = card_of(model).bias
    assert kept is not None and kept.counts == {"real": 18}
    assert [*kept.figures] == [f"{name}_{what}" for name in INFLUENCES for what in ("shift", "crossed")]
    assert {f"{one['name']}_shift": one["shift"]["value"] for one in report["influences"][1:]} == {
        name: figure.value for name, figure in kept.figures.items() if name.endswith("_shift")
    }
    assert any(figure.value > 0 for figure in kept.figures.values())
    assert main(command) == 0
    assert len([line for line in capsys.readouterr().out.splitlines() if line.startswith("| ")]) == 2 + len(INFLUENCES)


def test_a_verdict_is_that_of_the_card_and_copies_count_once(
    converted: Converted, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = data.read_text().splitlines()
    real = next(line for line in lines if ",real," in line)
    copy = data.with_name("copy.png")
    shutil.copy(data.parent / real.partition(",")[0], copy)
    again = data.with_name("again.csv")
    again.write_text("\n".join([*lines, f"{copy.name},{real.partition(',')[2]}", ""]))
    model = Path(shutil.copy(converted.int8, tmp_path / "tiny.tflite"))
    card, told = card_of(model), {}
    ways = {"unsure": {"fake": 1.0, "real": 0.0}, "two": {"fpr_1%": 1.0, "fpr_5%": 0.5}, "three": {"fake": 1.0, "real": 0.5}}
    for name, thresholds in ways.items():
        write_card(model, replace(card, thresholds=thresholds))
        assert main(["bias", str(model), "--data", str(again), "--json", "--write"]) == 0
        told[name] = json.loads(capsys.readouterr().out)["influences"]
        kept = card_of(model).bias
        assert kept is not None and kept.counts == {"real": 18} and {one["real"] for one in told[name]} == {18}
    assert not any(one["crossed"]["value"] for one in told["unsure"])  # all are unsure, always
    assert any(one["crossed"]["value"] for one in told["two"])
    assert [one["crossed"] for one in told["three"]] == [one["crossed"] for one in told["two"]]
    assert not any(one["fpr"]["value"] for one in told["three"])
    write_card(model, replace(card, thresholds={"eer": 0.5}))
    assert main(["bias", str(model), "--data", str(again)]) == 2
    assert "fpr_5%" in capsys.readouterr().err


def test_influences_that_pictures_leave_no_room_for_are_told(
    converted: Converted, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with data.open() as source, data.with_name("tight.csv").open("w", newline="") as stream:
        rows = [row for row in csv.DictReader(source) if row["label"] == "real"]
        height, width = read_image(data.parent / rows[0]["file"]).shape[:2]
        writer = csv.DictWriter(stream, [*rows[0]])
        writer.writeheader()
        writer.writerows({**row, "x": 0, "y": 0, "w": width, "h": height} for row in rows)
    new_command()
    assert main(["bias", str(converted.int8), "--data", str(data.with_name("tight.csv")), "--json"]) == 0
    told = capsys.readouterr()
    still = [one["name"] for one in json.loads(told.out)["influences"][1:] if one["shift"]["value"] == 0]
    assert {"wider", "shifted", "reflect", "constant"} <= set(still)  # the crop is the whole picture under all of them
    assert f"{len(still)} influence(s)" in told.err and still[0] in told.err


def test_fakes_alone_have_no_bias(converted: Converted, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = data.read_text().splitlines()
    path = data.with_name("fakes.csv")
    path.write_text("\n".join([lines[0], *(line for line in lines[1:] if ",fake," in line), ""]))
    new_command()
    assert main(["bias", str(converted.int8), "--data", str(path)]) == 2
    told = capsys.readouterr().err
    assert "real faces" in told
    assert "9 pair(s)" in told  # their other halves are missing
