"""``edgefake models`` on the bundled models, and on a copy of the package whose models were tampered with."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import edgefake
from edgefake.cli import main
from edgefake.models.card import Metrics, ModelCard
from edgefake.models.families import Family
from edgefake.models.file import ModelFile, write_card
from edgefake.models.store import find_model
from edgefake.statistics import Interval

NAMES = ("resnet18_int8", "cnn_int8")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A folder with a copy of the package in it."""
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(Path(edgefake.__file__).parent, tmp_path / "edgefake", ignore=ignored)
    return tmp_path


def run(copy: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "edgefake", *arguments]
    return subprocess.run(command, cwd=copy, capture_output=True, text=True, check=False)


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--version"])
    assert caught.value.code == 0
    assert capsys.readouterr().out == f"edgefake {edgefake.__version__}\n"


def test_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models"]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    for name in NAMES:
        for suffix in (".tflite", ".onnx"):
            (row,) = (row for row in rows if row[:3] == [name, "detector", suffix])
            assert "research" in row and "bundled" in row and row[-1] == str(find_model(name, suffix=suffix))


def test_every_listed_name_is_one_that_commands_take(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models"]) == 0
    table, _, terms = capsys.readouterr().out.partition("\n\n")
    assert "not verified" in terms
    for line in table.splitlines()[1:]:
        assert main(["models", "show", line.split()[0]]) == 0
        assert main(["models", "verify", line.split()[0]]) == 0


def test_what_a_card_says_is_escaped(
    model: Path, make_card: Callable[..., ModelCard], capsys: pytest.CaptureFixture[str]
) -> None:
    write_card(model, make_card(name="tiny\x1b]0;owned\x07", thresholds={"\x1b[31m": 0.5}, toolchain={"x": "\x1b[2J"}))
    assert main(["models", "show", str(model)]) == 0
    assert main(["predict", str(model), "--model", str(model), "--threshold", "no"]) == 2
    told = capsys.readouterr()
    assert "\x1b" not in told.out + told.err and "\x07" not in told.out + told.err
    assert r"tiny\x1b]0;owned\x07" in told.out and r"tiny\x1b]0;owned\x07 has no threshold 'no': choose \x1b[31m" in told.err


def test_show_tells_families_and_bias_and_what_is_not_measured(
    model: Path, make_card: Callable[..., ModelCard], capsys: pytest.CaptureFixture[str]
) -> None:
    write_card(model, make_card())
    assert main(["models", "show", str(model)]) == 0
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert "families not measured" in lines and "bias not measured" in lines
    figures = {"clean": {"auc": Interval(0.75, 0.5, 0.875), "tpr@\x1b[2J": Interval(0.5, 0.25, 0.75)}, "dark\x1b[2J": {}}
    families = (Family("gan\x1b[2J", "drawn val", 0, 9, "attic", figures), Family("swap", "drawn val", 0, 0, None, {}))
    bias = Metrics("drawn val", {"real": 7}, {"grey_shift": Interval(1.5, 1.0, 2.0)})
    write_card(model, make_card(families=families, bias=bias))
    assert main(["models", "show", str(model)]) == 0
    out = capsys.readouterr().out
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert "\x1b" not in out
    assert any(line.startswith(r"gan\x1b[2J 0 + 9 0.750 [0.500, 0.875]") for line in lines)
    assert any(line.startswith("swap not measured") for line in lines)
    assert any("drawn val (7 real)" in line for line in lines) and any(line.startswith("grey_shift 1.5000") for line in lines)


def test_list_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "--json"]) == 0
    models = {model["file"]: model for model in json.loads(capsys.readouterr().out)}
    for name in NAMES:
        path = find_model(name)
        assert models[f"{name}.onnx"]["name"] == name
        assert models[f"{name}.onnx"]["kind"] == "detector"
        name += ".tflite"
        assert (models[name]["place"], models[name]["path"], models[name]["size"]) == ("bundled", str(path), path.stat().st_size)


@pytest.mark.parametrize("name", NAMES)
def test_show_is_for_people(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    card = ModelFile(find_model(name)).card
    assert card is not None
    assert main(["models", "show", name]) == 0
    by_name = capsys.readouterr().out
    assert main(["models", "show", str(find_model(name))]) == 0
    assert capsys.readouterr().out == by_name
    for fact in (card.name, card.architecture, *card.thresholds, *(metrics.data for metrics in card.metrics)):
        assert fact in by_name
    assert card.golden
    assert card.golden[0].png not in by_name


def test_figures_with_long_names_stand_in_a_column(capsys: pytest.CaptureFixture[str]) -> None:
    card = ModelFile(find_model("face_finder_int8")).card
    assert card is not None
    assert main(["models", "show", card.name]) == 0
    lines = capsys.readouterr().out.splitlines()
    for metrics in card.metrics:
        rows = [next(line for line in lines if line.strip().startswith(f"{name} ")) for name in metrics.figures]
        assert len({row.index("(95 %") - len(row.split("(95 %")[0].split()[1]) for row in rows}) == 1


def test_show_a_face_finder(tmp_path: Path, models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "finder.tflite"
    shutil.copyfile(models / "oblong.tflite", path)
    card = write_card(path, ModelCard("f", "drawn", "float32", (16, 32), kind="face_finder", outputs=("score_8",)))
    assert main(["models", "show", str(path)]) == 0
    told = capsys.readouterr().out
    assert all(fact in told for fact in ("face finder", "32×16 RGB", "score_8", str(card.payload_sha256)))
    assert "p_fake" not in told and "thresholds" not in told
    assert main(["models", "show", str(path), "--json"]) == 0
    assert ModelCard.from_json(capsys.readouterr().out) == card
    assert main(["predict", str(path), "--model", str(path)]) == 2
    assert "faces=" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["models", "show", "cnn_int8", "--json"], ["models", "--json", "show", "cnn_int8"]])
def test_show_as_json_is_the_card(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 0
    assert ModelCard.from_json(capsys.readouterr().out) == ModelFile(find_model("cnn_int8")).card


@pytest.mark.parametrize(("model", "message"), [("cnn_int9", "did you mean cnn_int8"), ("absent.tflite", "does not exist")])
def test_show_what_is_not_there(model: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "show", model]) == 2
    assert message in capsys.readouterr().err


def test_show_a_file_without_a_card(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "strange.tflite"
    path.write_bytes(b"\x1c\0\0\0TFL3")
    assert main(["models", "show", str(path)]) == 2
    told = capsys.readouterr().err
    assert all(fact in told for fact in (str(path), "no model card", "python -m convert card strange.tflite")), told


def test_verify(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "verify"]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert all([f"{name}{suffix}", "ok"] in rows for name in NAMES for suffix in (".tflite", ".onnx"))
    assert main(["models", "verify", "cnn_int8"]) == 0
    assert capsys.readouterr().out.split() == ["cnn_int8.tflite", "ok", "cnn_int8.onnx", "ok"]


def test_verify_an_unknown_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "verify", "other"]) == 2
    assert "there is no model 'other'" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["models", "verify", "--json"], ["models", "--json", "verify"]])
def test_verify_as_json(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*arguments, "cnn_int8"]) == 0
    assert json.loads(capsys.readouterr().out) == [
        {
            "schema": 1,
            "name": "cnn_int8",
            "file": f"cnn_int8{suffix}",
            "path": str(find_model("cnn_int8", suffix=suffix)),
            "fault": None,
        }
        for suffix in (".tflite", ".onnx")
    ]


def test_verify_finds_one_changed_byte(copy: Path) -> None:
    path = copy / "edgefake" / "zoo" / "cnn_int8.tflite"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    result = run(copy, "models", "verify")
    assert result.returncode == 2
    rows = {line.split()[0]: line for line in result.stdout.splitlines()}
    assert rows["resnet18_int8.tflite"].split() == ["resnet18_int8.tflite", "ok"]
    assert f"FAULT: {path}: SHA-256" in rows["cnn_int8.tflite"]
    told = run(copy, "models", "verify", "--json")
    assert told.returncode == 2
    faults = {row["file"]: row["fault"] for row in json.loads(told.stdout)}
    assert faults["resnet18_int8.tflite"] is None
    assert faults["cnn_int8.tflite"].startswith("SHA-256")
    assert run(copy, "models", "verify", "resnet18_int8").returncode == 0


def test_verify_a_model_that_is_gone(copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEFAKE_HOME", str(tmp_path / "cache"))
    (copy / "edgefake" / "zoo" / "cnn_int8.tflite").unlink()
    named = run(copy, "models", "verify", "cnn_int8")
    assert (named.returncode, "not on this machine" in named.stdout) == (2, True)
    assert "cnn_int8.tflite" not in [line.split()[0] for line in run(copy, "models", "verify").stdout.splitlines()]
