"""Small matrices measured for real: processes, files and errors are what a user's would be."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edgefake import BackendError, Detector, EdgefakeError, InputError, ModelCard
from edgefake.benchmark import matrix, worker
from edgefake.benchmark.matrix import run
from edgefake.benchmark.plan import Place, Settings, make_plan
from edgefake.benchmark.report import Report
from edgefake.benchmark.worker import STAGES, Job, Sample
from edgefake.images import write_image
from edgefake.models.file import ModelFile, write_card
from edgefake.models.store import find_model
from edgefake.runtimes import tflite
from edgefake.runtimes.spec import InputSpec
from edgefake.runtimes.tflite import TFLiteRuntime

QUICK = {"runs": 6, "seconds": 0.0}


def measure(
    *models: Path,
    batches: tuple[int, ...] = (1,),
    streams: tuple[int, ...] = (1,),
    places: tuple[Place, ...] = (("auto", None),),
    **settings: object,
) -> Report:
    plan = make_plan([str(path) for path in models], places=places, threads=(1,), batches=batches, streams=streams)
    return run(plan, Settings(**{**QUICK, "processes": 1, **settings}))  # type: ignore[arg-type]


def test_what_is_measured(model: Path) -> None:
    told: list[str] = []
    plan = make_plan([str(model)], places=(("auto", None),), threads=(1,), batches=(1, 3), streams=(1,))
    report = run(plan, Settings(runs=6, seconds=0.0, processes=2), progress=told.append)
    single, batch = report.rows
    assert [text.split(":")[0] for text in told] == ["process 1 of 2"] * 2 + ["process 2 of 2"] * 2
    assert (report.interrupted, report.skipped, report.failed) == (False, (), ())
    for row in report.rows:
        assert [list(map(len, sample.infer_ms)) for sample in row.samples] == [[3], [3]]  # six runs in two processes
        assert row.latency.summary.runs == 6 and row.faces_per_second > 0
        for sample in row.samples:
            assert (sample.precision, sample.input_size, sample.runtime_version.split()[0]) == ("int8", 16, "tflite")
            assert min(sample.import_s, sample.load_s, sample.first_ms, sample.peak_mb or 0) > 0
    assert (single.size, len(single.sha256)) == (model.stat().st_size, 64)
    assert list(single.stages()) == list(STAGES) and single.verdict is not None
    assert batch.stages() == {} and batch.verdict is None
    stages = single.samples[0].stages_ms
    for index, total in enumerate(stages["total"]):
        assert sum(stages[stage][index] for stage in STAGES[:-1]) == pytest.approx(total, abs=1e-3)


def test_streams_run_at_once_and_leave_out_the_way_from_a_file() -> None:
    model = find_model("cnn_int8")
    told: list[str] = []
    plan = make_plan([str(model)], places=(("auto", None),), threads=(2,), batches=(1, 2), streams=(3,))
    report = run(plan, Settings(runs=6, seconds=0.0, processes=2), progress=told.append)
    assert told[0] == "process 1 of 2: cnn_int8 on tflite, threads 2, batch 1, streams 3"
    assert [(row.case.batch, row.case.streams) for row in report.rows] == [(1, 3), (2, 3)]
    for row in report.rows:
        assert (row.stages(), row.verdict) == ({}, None)
        for sample in row.samples:
            runs = list(map(len, sample.infer_ms))
            assert len(runs) == 3 and min(runs) >= 3
            assert sum(runs) <= sample.runs_done <= sum(runs) + 2 * 3  # each stream may be cut at both edges
            assert all(sum(ms) <= 1e3 * sample.window_s for ms in sample.infer_ms)


def test_every_stream_has_a_detector_of_its_own(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[Detector] = []

    class Watched(Detector):
        def __enter__(self) -> Detector:
            opened.append(self)
            return super().__enter__()

    monkeypatch.setattr(worker, "Detector", Watched)
    job = Job(model, "tflite", None, 1, 1, 3, "frame", 0.5, None, min_runs=1, min_seconds=0.0)
    assert isinstance(worker._do(job, 0.0), Sample)
    assert len({id(detector.scorer) for detector in opened}) == 3
    for detector in opened:
        with pytest.raises(BackendError, match="is closed"):
            detector.scorer.score(np.zeros((1, 16, 16, 3), np.uint8))


def test_the_finder_beside_a_factory_has_the_threads_of_the_case(monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[int | None] = []

    class Watched(TFLiteRuntime):
        def __init__(self, file: ModelFile, spec: InputSpec, num_threads: int) -> None:
            threads.append(num_threads)
            super().__init__(file, spec, num_threads)

    monkeypatch.setattr(tflite, "TFLiteRuntime", Watched)
    job = Job("tests.edgefake.ensemble:both", "factory", None, 1, 1, 1, "edge", 0.5, None, min_runs=1, min_seconds=0.0)
    worker._detector(job).close()
    assert threads == [1, 1, 1]  # the finder's and two models'


def test_a_labelled_folder_is_scored_for_every_row(model: Path, photo: object, tmp_path: Path) -> None:
    for label in ("real", "fake"):
        write_image(tmp_path / "data" / label / "one.png", photo)  # type: ignore[arg-type]
    rows = measure(model, batches=(1, 2), data=tmp_path / "data", faces="frame").rows
    assert [row.accuracy and (row.accuracy.auc.value, row.accuracy.real) for row in rows] == [(0.5, 1)] * 2


def test_a_picture_that_breaks_accuracy_costs_no_latencies(model: Path, photo: object, tmp_path: Path) -> None:
    write_image(tmp_path / "data" / "real" / "one.png", photo)  # type: ignore[arg-type]
    (tmp_path / "data" / "fake").mkdir()
    (tmp_path / "data" / "fake" / "bad.jpg").write_bytes(b"no picture")
    report = measure(model, data=tmp_path / "data", faces="frame")
    assert len(report.rows) == 1 and report.rows[0].accuracy is None
    assert [left.what for left in report.failed] == ["accuracy of tiny_int8 on tflite"]
    assert "bad.jpg is damaged" in report.failed[0].why


def test_a_damaged_model_fails_and_the_others_are_measured(
    model: Path, models: Path, make_card: Callable[..., ModelCard], tmp_path: Path
) -> None:
    bad = tmp_path / "bad.tflite"
    shutil.copyfile(models / "oblong.tflite", bad)
    write_card(bad, make_card())
    report = measure(bad, model)
    assert [row.case.model for row in report.rows] == ["tiny_int8"]
    assert [left.what for left in report.failed] == ["bad on tflite, threads 1, batch 1"]
    assert "as the card says" in report.failed[0].why


def test_a_missing_runtime_is_skipped_with_the_reason(make_card: Callable[..., ModelCard], tmp_path: Path) -> None:
    path = tmp_path / "any.onnx"
    path.write_bytes(b"\x3a\x00")  # a model with an empty graph
    write_card(path, make_card())
    report = measure(path, places=(("onnx", "tensorrt"),), batches=(1, 2))
    assert (report.rows, report.failed) == ((), ())
    assert [left.what for left in report.skipped] == ["any on onnx tensorrt"]
    assert "onnxruntime" in report.skipped[0].why and "install" in report.skipped[0].why


def test_nothing_is_measured_with_wrong_settings(model: Path, tmp_path: Path, photo: object) -> None:
    with pytest.raises(InputError, match="faces"):
        measure(model, faces="hair")
    with pytest.raises(InputError, match=r"absent\.jpg"):
        measure(model, picture=tmp_path / "absent.jpg")
    with pytest.raises(InputError, match="no folder"):
        measure(model, data=tmp_path / "absent")


def test_a_picture_without_a_face(model: Path, photo: object, tmp_path: Path) -> None:
    write_image(tmp_path / "empty.png", photo)  # type: ignore[arg-type]
    report = measure(model, picture=tmp_path / "empty.png")
    assert "can be scored (no_face): give another --picture" in report.failed[0].why


def test_an_interrupted_run_keeps_what_there_is(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[Job] = []

    def interrupted(job: Job) -> Sample:
        if done:
            raise KeyboardInterrupt
        done.append(job)
        return matrix_measured(job)

    matrix_measured = matrix.measured
    monkeypatch.setattr(matrix, "measured", interrupted)
    report = measure(model, batches=(1, 2), processes=3)
    assert report.interrupted
    assert [(row.case.batch, len(row.samples)) for row in report.rows] == [(1, 1)]


def test_a_runtime_that_only_some_cases_are_too_much_for_is_not_missing(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = matrix.measured

    def small_device(job: Job) -> Sample:
        if job.streams > 1:
            raise BackendError("out of memory")
        return real(job)

    monkeypatch.setattr(matrix, "measured", small_device)
    report = measure(model, streams=(1, 2), processes=2)
    assert [(row.case.streams, len(row.samples)) for row in report.rows] == [(1, 2)]
    assert (report.skipped, [left.why for left in report.failed]) == ((), ["out of memory"])
    assert report.failed[0].what == "tiny_int8 on tflite, threads 1, batch 1, streams 2"


def test_one_process_that_fails_leaves_the_others(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    outcomes = iter([None, EdgefakeError("it died"), None])
    real = matrix.measured

    def sometimes(job: Job) -> Sample:
        if error := next(outcomes):
            raise error
        return real(job)

    monkeypatch.setattr(matrix, "measured", sometimes)
    report = measure(model, processes=3)
    assert [len(row.samples) for row in report.rows] == [2]
    assert [(left.what, left.why) for left in report.failed] == [
        ("a process of tiny_int8 on tflite, threads 1, batch 1", "it died")
    ]
