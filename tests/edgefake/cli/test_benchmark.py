"""``edgefake benchmark`` as users run it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import edgefake
from edgefake import ModelCard
from edgefake.cli import main
from edgefake.images import read_image, write_image
from edgefake.models.file import write_card
from tests.edgefake.benchmark.reports import report, row, sample
from tests.processes import started

MakeCard = Callable[..., ModelCard]
ROOT = Path(edgefake.__file__).parents[1]
QUICK = ["--threads", "1", "--runs", "2", "--seconds", "0", "--processes", "1"]


def test_tables(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["benchmark", str(model), *QUICK]) == 0
    text = capsys.readouterr().out
    assert "| tiny_int8 | tflite  | 1       | 1     | int8 16 px |" in text
    assert "find faces" in text and "first ms" in text


def test_json_and_files(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "new" / "out"
    assert (
        main(
            [
                "benchmark",
                str(model),
                *QUICK,
                "--batch",
                "1,2",
                "--streams",
                "1,2",
                "--threads",
                "1,2",
                "--json",
                "--out",
                str(out),
            ]
        )
        == 0
    )
    printed = capsys.readouterr().out
    assert (out / "report.json").read_text() == printed.strip()
    rows = json.loads(printed)["rows"]
    assert [(r["threads"], r["batch"], r["streams"]) for r in rows] == [(t, b, s) for t in (1, 2) for b in (1, 2) for s in (1, 2)]
    assert "| tiny_int8 |" in (out / "report.md").read_text()
    assert sorted(path.name for path in out.glob("*.png")) == ["latency.png", "streams.png", "threads.png"]
    assert read_image(out / "latency.png").shape[2] == 3


def test_a_case_that_failed_is_an_error(
    model: Path, photo: np.ndarray, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_image(tmp_path / "empty.png", photo)
    assert main(["benchmark", str(model), *QUICK, "--picture", str(tmp_path / "empty.png")]) == 2
    assert "- failed: tiny_int8 on tflite, threads 1, batch 1: no face in" in capsys.readouterr().out


def test_a_card_with_thresholds_of_its_own(model: Path, make_card: MakeCard, capsys: pytest.CaptureFixture[str]) -> None:
    write_card(model, make_card(thresholds={"mine": 0.5}))
    assert main(["benchmark", str(model), *QUICK]) == 2
    assert "no threshold 'fpr_5%': choose mine or a number" in capsys.readouterr().out
    assert main(["benchmark", str(model), *QUICK, "--threshold", "mine"]) == 0


def test_nothing_measured_is_an_error(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["benchmark", str(model), *QUICK, "--runtime", "onnx"]) == 2
    assert "Nothing was measured" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "at least one model to measure"),
        (["resnet19_int8"], "did you mean resnet18_int8"),
        (["cnn_int8", "--runtime", "tflit"], "unknown runtime 'tflit'"),
        (["cnn_int8", "--threads", "0"], "threads to be a whole number"),
        (["cnn_int8", "--threads", "1,100000"], "one for each core of this machine, got 100000"),
        (["cnn_int8", "--streams", "0"], "of at least 1, got 0"),
        (["cnn_int8", "--processes", "0"], "processes to be a whole number"),
        (["cnn_int8", "--data", "nowhere"], "there is no folder nowhere"),
        (["cnn_int8", "--out", "/dev/null/out"], "cannot be made"),
        (["cnn_int8", "--compare", "a.json", "b.json"], "leave out the models"),
        (["--compare", "a.json", "b.json"], "a.json cannot be read"),
    ],
)
def test_wrong_arguments(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["benchmark", *arguments]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--threads", "--batch", "--streams"])
def test_lists_of_numbers(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["benchmark", "cnn_int8", option, "1;2"])
    assert caught.value.code == 2
    assert "expected whole numbers separated by commas, such as 1,2,4, got '1;2'" in capsys.readouterr().err


def test_compare(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, ms in (("a", 2.0), ("b", 3.0)):
        (tmp_path / f"{name}.json").write_text(report(row(*[sample([ms] * 9)] * 3)).to_json())
    a, b = str(tmp_path / "a.json"), str(tmp_path / "b.json")
    assert main(["benchmark", "--compare", a, b]) == 1
    assert "1.500 [1.500, 1.500] | slower (regression)" in capsys.readouterr().out
    assert main(["benchmark", "--compare", a, b, "--tolerance", "0.6"]) == 0
    assert main(["benchmark", "--compare", a, a]) == 0
    assert main(["benchmark", "--compare", b, a, "--json"]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["rows"][0]["outcome"] == "faster"


def test_ctrl_c_leaves_valid_json_that_says_so(model: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    command = [sys.executable, "-m", "edgefake", "benchmark", str(model), *QUICK[:-1], "100000", "--json", "--out", str(out)]
    with started(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True, cwd=ROOT) as process:
        while process.poll() is None and not _children(process.pid):
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        printed, messages = process.communicate(timeout=60)
    assert (process.returncode, messages) == (130, b"")
    assert json.loads(printed)["interrupted"] is True
    assert json.loads((out / "report.json").read_text())["interrupted"] is True


def _children(pid: int) -> str:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text()
