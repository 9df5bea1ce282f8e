"""Two reports side by side, from latencies that are known."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from edgefake import InputError
from edgefake.benchmark.compare import Comparison, compare
from edgefake.benchmark.plan import Settings
from edgefake.benchmark.report import Report, Row
from tests.edgefake.benchmark.reports import report, row, sample

RESULTS = Path(__file__).parents[3] / "benchmarks" / "results"


def around(level: float, *, seed: int = 0, model: str = "small") -> Row:
    """Five processes that differ by 2 %."""
    rng = np.random.default_rng(seed)
    return row(*[sample((level * rng.lognormal(0, 0.02) * rng.lognormal(0, 0.01, 40)).tolist()) for _ in range(5)], model=model)


def compared(tmp_path: Path, first: Report, second: Report, *, tolerance: float = 0.05) -> Comparison:
    paths = tmp_path / "first.json", tmp_path / "second.json"
    for path, made in zip(paths, (first, second), strict=True):
        path.write_text(made.to_json())
    return compare(*paths, tolerance=tolerance)


def test_the_same_again_is_no_difference(tmp_path: Path) -> None:
    found = compared(tmp_path, report(around(2.0)), report(around(2.0, seed=1)))
    assert [(change.key.what, change.word) for change in found.changes] == [
        ("inference", "no difference"),
        ("file to verdict", "no difference"),
    ]
    assert found.regressions == [] and found.notes == ()
    assert "No regressions of more than 5 %" in found.to_markdown()


def test_slower_and_faster(tmp_path: Path) -> None:
    slow = compared(tmp_path, report(around(2.0)), report(around(2.4, seed=1)))
    assert slow.changes[0].word == "slower" and slow.changes[0].ratio.value == pytest.approx(1.2, rel=0.05)
    assert len(slow.regressions) == 2 and "slower (regression)" in slow.to_markdown()
    fast = compared(tmp_path, report(around(2.4, seed=1)), report(around(2.0)))
    assert fast.changes[0].word == "faster" and fast.regressions == []


def test_a_difference_within_the_tolerance_is_no_regression(tmp_path: Path) -> None:
    found = compared(tmp_path, report(around(2.0)), report(around(2.4, seed=1)), tolerance=0.5)
    assert found.changes[0].word == "slower" and found.regressions == []


def test_a_difference_that_may_be_chance_is_no_regression(tmp_path: Path) -> None:
    noisy = report(row(*[sample([level] * 20) for level in (2.0, 2.3, 2.9, 1.9, 2.6)]))
    found = compared(tmp_path, report(around(2.0)), noisy)
    assert found.changes[0].ratio.value > 1.05
    assert found.changes[0].word == "no difference" and found.regressions == []


def test_rows_that_only_one_has_and_other_circumstances(tmp_path: Path) -> None:
    first = report(around(2.0), around(3.0, model="old"))
    second = report(around(2.0), around(1.0, model="new"), interrupted=True)
    second = dataclasses.replace(
        second, machine=dataclasses.replace(second.machine, kernel="0.1"), settings=Settings(faces="frame")
    )
    second = dataclasses.replace(second, rows=(dataclasses.replace(second.rows[0], sha256="ff"), *second.rows[1:]))
    found = compared(tmp_path, first, second)
    assert len(found.changes) == 2
    text = "\n".join(found.notes)
    assert "second.json was interrupted" in text
    assert f"{first.settings.faces} and frame" in text
    assert f"different machines or versions: kernel {first.machine.kernel} and 0.1" in text
    assert "only in " + str(tmp_path / "first.json") + ": inference of old on tflite, threads 1, batch 1" in text
    assert "second.json: file to verdict of new on tflite" in text
    assert "another model file: small on tflite" in text


def test_warnings_of_the_reports_are_repeated(tmp_path: Path) -> None:
    notes = compared(tmp_path, report(row(sample([2.0] * 5), batch=2)), report(row(batch=2))).notes
    assert any("first.json: small on tflite, threads 1, batch 2: measured in one process only" in note for note in notes)


def test_streams_are_compared_with_as_many(tmp_path: Path) -> None:
    first = report(row(), row(*[sample([2.0] * 9, [4.0] * 9)] * 3, streams=2))
    second = report(row(*[sample([3.0] * 9, [6.0] * 9)] * 3, streams=2))
    found = compared(tmp_path, first, second)
    assert [(change.key.streams, change.key.what, change.ratio.value) for change in found.changes] == [(2, "inference", 1.5)]
    assert f"only in {tmp_path / 'first.json'}: inference of small on tflite, threads 1, batch 1" in found.notes
    assert "| batch | streams | what " in found.to_markdown()
    assert "streams" not in compared(tmp_path, first, report(row())).to_markdown().splitlines()[0]


def test_json(tmp_path: Path) -> None:
    value = json.loads(compared(tmp_path, report(around(2.0)), report(around(3.0))).to_json())
    assert [(change["what"], change["outcome"]) for change in value["rows"]] == [
        ("inference", "slower"),
        ("file to verdict", "slower"),
    ]
    assert value["regressions"][0] == {
        "model": "small",
        "runtime": "tflite",
        "device": None,
        "threads": 1,
        "batch": 1,
        "streams": 1,
        "what": "inference",
    }


@pytest.mark.parametrize(("old", "place"), [("tflite", ("tflite", None)), ("onnx-cuda", ("onnx", "cuda"))])
def test_a_report_from_before_runtimes_had_devices(old: str, place: tuple[str, str | None], tmp_path: Path) -> None:
    made = row()
    made = dataclasses.replace(made, case=dataclasses.replace(made.case, runtime=place[0], device=place[1]))
    value = json.loads(report(made).to_json())
    (tmp_path / "new.json").write_text(json.dumps(value))
    (one,) = value["rows"]
    one |= {"backend": old, "runtime": one.pop("runtime_version")}
    del one["device"]
    (tmp_path / "old.json").write_text(json.dumps({**value, "schema": 2}))
    found = compare(tmp_path / "old.json", tmp_path / "new.json", tolerance=0.05)
    assert found.notes == () and {(change.key.runtime, change.key.device) for change in found.changes} == {place}


def test_the_results_in_the_repository_can_be_compared() -> None:
    found = [path for path in RESULTS.glob("*.json") if json.loads(path.read_text()).get("tool") == "edgefake benchmark"]
    assert found
    for path in found:
        assert compare(path, path, tolerance=0.05).regressions == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is no JSON"),
        ("[1, 2]", "no benchmark"),
        ('{"schema": 1}', "no benchmark"),
        ('{"tool": "edgefake benchmark", "schema": 1}', "schema 1, .* 2 and 3: "),
        ('{"tool": "edgefake benchmark", "schema": 2}', "is damaged"),
        ('{"tool": "edgefake benchmark", "schema": 2, "rows": [{"model": 3}]}', "is damaged"),
    ],
)
def test_files_that_are_no_such_report(text: str, message: str, tmp_path: Path) -> None:
    good, bad = tmp_path / "good.json", tmp_path / "bad.json"
    good.write_text(report(row()).to_json())
    bad.write_text(text)
    with pytest.raises(InputError, match=message):
        compare(good, bad, tolerance=0.05)
    with pytest.raises(InputError, match=message):
        compare(bad, good, tolerance=0.05)


def test_latencies_that_cannot_be(tmp_path: Path) -> None:
    for wrong in ([], [[]], [[0.0]], [[2.0], [-1.0]], [["a"]], [2.0]):
        value = json.loads(report(row()).to_json())
        value["rows"][0]["processes"][0]["infer_ms"] = wrong
        (tmp_path / "bad.json").write_text(json.dumps(value))
        with pytest.raises(InputError, match="is damaged"):
            compare(tmp_path / "bad.json", tmp_path / "bad.json", tolerance=0.05)


def test_nothing_to_compare(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"first\.json .*second\.json .*no row"):
        compared(tmp_path, report(around(2.0)), report(around(2.0, model="other")))
    with pytest.raises(InputError, match=r"absent.* No such"):
        compare(tmp_path / "absent.json", tmp_path / "absent.json", tolerance=0.05)
    with pytest.raises(InputError, match=r"tolerance .* 0 .*got"):
        compared(tmp_path, report(), report(), tolerance=-0.1)
