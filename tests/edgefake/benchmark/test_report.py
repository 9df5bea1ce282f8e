"""JSON and Markdown of given latencies."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from edgefake.benchmark.accuracy import Accuracy
from edgefake.benchmark.plan import Left, Settings
from edgefake.benchmark.report import Row
from edgefake.benchmark.stability import warnings
from edgefake.benchmark.worker import Sample
from edgefake.statistics import Interval
from tests.edgefake.benchmark.reports import CALM, report, row, sample

ACCURACY = Accuracy("val", 40, 50, 3, 0.5, Interval(0.9, 0.85, 0.95), Interval(0.8, 0.7, 0.9))


def test_json_keeps_every_run() -> None:
    made = report(row(sample([2.0, 4.0]), sample([3.0, 3.0])))
    value = json.loads(made.to_json())
    assert (value["schema"], value["tool"], value["interrupted"]) == (3, "edgefake benchmark", False)
    assert value["machine"]["fingerprint"] == made.machine.fingerprint
    (only,) = value["rows"]
    assert [process["infer_ms"] for process in only["processes"]] == [[[2.0, 4.0]], [[3.0, 3.0]]]
    assert (only["latency_ms"]["median"]["value"], only["latency_ms"]["mean"], only["latency_ms"]["runs"]) == (3.0, 3.0, 4)
    assert only["verdict_ms"]["median"]["value"] == only["stages_ms"]["total"] == 30.0
    assert (only["power_w"], only["energy_mj_per_face"], only["accuracy"], only["temperature_c"]) == (None,) * 4
    assert (only["runtime"], only["device"], only["runtime_version"]) == ("tflite", None, "tflite (ai-edge-litert 2.3.0)")
    assert only["cold_start"] == {"import_s": 0.3, "load_s": 0.1, "first_ms": 5.0}


def test_json_names_files_but_not_their_folders() -> None:
    settings = Settings(faces="/home/me/yunet.onnx", picture=Path("/home/me/photo.jpg"), data=Path("/home/me/val"))
    text = dataclasses.replace(report(row()), settings=settings).to_json()
    found = json.loads(text)["settings"]
    assert (found["faces"], found["picture"], found["data"]) == ("yunet.onnx", "photo.jpg", "val")
    assert "/home/me" not in text


def test_throughput_and_energy_are_per_face() -> None:
    samples = [sample([4.0, 6.0], power_w=watts, power_source="RAPL", stages=False) for watts in (2.0, 4.0)]
    made = row(*samples, batch=8)
    assert made.faces_per_second == pytest.approx(1600.0)
    assert made.energy_mj == pytest.approx(3.0 / 1600 * 1e3)
    assert made.stages() == {} and made.verdict is None


def test_throughput_and_energy_of_several_streams_are_of_all_together() -> None:
    ms = [10.0] * 20, [20.0] * 10
    samples = [sample(*ms, window_s=0.1, runs_done=15.5, power_w=6.0), sample(*ms, window_s=0.3, runs_done=44.5, power_w=6.0)]
    made = row(*samples, streams=2, batch=4)
    assert made.faces_per_second == pytest.approx(4 * 60 / 0.4)
    assert made.energy_mj == pytest.approx(6.0 * 0.4 / (4 * 60) * 1e3)
    assert (made.latency.summary.runs, made.latency.summary.mean, made.latency.summary.max) == (60, pytest.approx(40 / 3), 20.0)


def test_streams_stand_in_json_and_tables() -> None:
    several = row(*[sample([2.0] * 3, [3.0] * 2)] * 2, streams=2)
    value = json.loads(report(row(), several).to_json())["rows"]
    assert [(each["threads"], each["batch"], each["streams"]) for each in value] == [(1, 1, 1), (1, 1, 2)]
    assert value[1]["processes"][0]["infer_ms"] == [[2.0] * 3, [3.0] * 2]
    assert cells(several)["streams"] == "2"


def test_tables_have_no_more_than_they_need() -> None:
    assert "streams" not in report(row()).to_markdown()
    assert "From file to verdict" not in report(row(sample([2.0], stages=False), batch=2)).to_markdown()
    text = report(row(), row(sample([2.0], [2.0]), streams=2)).to_markdown()
    judged = text.split("From file to verdict")[1].split("Cold start")[0]
    assert judged.count("| small |") == 1 and "streams" not in judged
    assert "peak MB only where" in text and "peak MB only where" not in report(row()).to_markdown()


def test_an_interrupted_report_is_valid_and_marked() -> None:
    for made in (report(interrupted=True), report(row(), interrupted=True)):
        assert json.loads(made.to_json())["interrupted"] is True
        assert made.to_markdown().startswith("**Interrupted")
    assert "Nothing was measured" in report().to_markdown()


def cells(made: Row) -> dict[str, str]:
    """The only row of all tables, by column."""
    lines = [line.strip("|").split(" | ") for line in report(made).to_markdown().splitlines() if line.startswith("| ")]
    found = zip(lines[::2], lines[1::2], strict=True)
    return {name.strip(): value.strip() for head, values in found for name, value in zip(head, values, strict=True)}


def test_what_a_device_does_not_give_is_not_available() -> None:
    found = cells(row(sample([2.0] * 9, peak_mb=None), sample([2.0] * 9, peak_mb=None)))
    assert (found["mJ/face"], found["°C"], found["peak MB"]) == ("not available",) * 3
    assert (found["median"], found["p99"], found["faces/s"], found["precision"]) == (
        "2.000 [2.000, 2.000]",
        "2.000",
        "500",
        "int8 160 px",
    )
    assert "AUC" not in found


def test_latency_and_accuracy_stand_in_one_row() -> None:
    found = cells(row(accuracy=ACCURACY))
    assert (found["AUC"], found["balanced accuracy"]) == ("0.900 [0.850, 0.950]", "0.800 [0.700, 0.900]")
    assert "accuracy: 40 real and 50 fake faces of val; 3 pictures without" in report(row(accuracy=ACCURACY)).to_markdown()


def test_what_was_not_measured_is_listed_with_the_reason() -> None:
    text = report(skipped=(Left("a on onnx", "not installed"),), failed=(Left("b on tflite", "damaged"),)).to_markdown()
    assert "- skipped: a on onnx: not installed" in text and "- failed: b on tflite: damaged" in text


def told(*samples: Sample, threads: int = 1, streams: int = 1) -> str:
    return "; ".join(warnings(samples, row(threads=threads, streams=streams).case))


def under(**changes: object) -> Sample:
    """A process with a long tail under such conditions."""
    return sample([1.0] * 8 + [3.0] * 2, conditions=dataclasses.replace(CALM, **changes))  # type: ignore[arg-type]


def test_a_stable_row_has_no_warning() -> None:
    usual = dataclasses.replace(CALM, others_cores=0.1, governor="powersave")
    assert told(*[sample([1.0, 1.1, 1.0, 1.05], conditions=usual)] * 3) == ""


def test_symptoms_of_an_unstable_row() -> None:
    assert "p90 is 3.00 × the median: no cause was seen" in told(under(), under())
    assert "processes differ from 1.00 to 1.20 ms" in told(sample([1.0] * 9), sample([1.2] * 9))
    assert "warm-up did not settle in 1 of 2 processes" in told(sample([1.0] * 9, is_steady=False), sample([1.0] * 9))
    assert "in one process only" in told(sample([1.0] * 9))


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        ({"others_cores": 1.5}, "other programs kept up to 1.5 cores busy"),
        ({"stolen_cores": 0.4}, "the hypervisor gave up to 0.4 cores to others"),
        ({"throttling": ("under-voltage",)}, "the clock was limited (under-voltage)"),
        ({"start_c": 40.0, "end_c": 62.0}, "it warmed from 40 to 62 °C"),
        ({"governor": "schedutil"}, "the clock governor is schedutil (set it to performance)"),
    ],
)
def test_causes_of_an_unstable_row(changes: dict[str, object], cause: str) -> None:
    assert told(under(**changes), under()).endswith(f"p90 is 3.00 × the median: {cause}")


def test_more_threads_than_cores_are_a_cause() -> None:
    assert told(under(cores=4), under(cores=2), threads=2, streams=2).endswith(": more threads (4) than cores (2)")
    assert told(under(cores=4), under(cores=4), threads=2, streams=2).endswith(": no cause was seen")
    assert told(sample([1.0] * 9, [1.0] * 9), sample([1.0] * 9, [1.0] * 9), threads=9, streams=2) == ""


def test_sleep_other_programs_and_throttling_are_always_told() -> None:
    calm = sample([1.0] * 9)
    slept = sample([1.0] * 9, conditions=dataclasses.replace(CALM, slept_s=12.0))
    slowed = sample([1.0] * 9, conditions=dataclasses.replace(CALM, throttling=("throttling",)))
    assert told(calm, slept) == "the device slept for 12.0 s: keep it awake and measure again"
    assert told(calm, slowed) == "perhaps slowed down: the clock was limited (throttling)"
    busy = sample([1.0] * 9, conditions=dataclasses.replace(CALM, others_cores=1.25))
    assert told(calm, busy) == "perhaps slowed down: other programs kept up to 1.2 cores busy"
