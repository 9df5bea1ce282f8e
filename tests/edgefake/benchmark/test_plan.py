"""Which cases there are, and which there cannot be."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from edgefake import BackendError, InputError, ModelNotFoundError
from edgefake.benchmark.plan import Place, Plan, Settings, make_plan
from edgefake.models.store import find_model


def plan(
    *models: str,
    places: Sequence[Place] = (("auto", None),),
    threads: Sequence[int] = (1,),
    batches: Sequence[int] = (1,),
    streams: Sequence[int] = (1,),
) -> Plan:
    return make_plan(models, places=places, threads=threads, batches=batches, streams=streams)


def test_every_combination_once() -> None:
    cases = plan("cnn_int8", "resnet18_int8", "cnn_int8", threads=(1, 2, 1), batches=(1, 4), streams=(1, 3)).cases
    found = [(case.model, case.runtime, case.threads, case.batch, case.streams) for case in cases]
    models = ("cnn_int8", "resnet18_int8")
    assert found == [(m, "tflite", t, b, s) for m in models for t in (1, 2) for b in (1, 4) for s in (1, 3)]
    assert cases[0].path == find_model("cnn_int8")


def test_auto_and_the_runtime_that_it_chooses_are_one_case() -> None:
    assert len(plan("cnn_int8", places=(("auto", None), ("tflite", None))).cases) == 1


def test_a_model_without_a_file_for_a_runtime_is_skipped(model: Path) -> None:
    found = plan(str(model), "cnn_int8", places=(("tflite", None), ("onnx", None)))
    assert [(case.model, case.runtime) for case in found.cases] == [
        ("tiny_int8", "tflite"),
        ("cnn_int8", "tflite"),
        ("cnn_int8", "onnx"),
    ]
    assert [left.what for left in found.skipped] == [f"{model} on onnx"]
    assert found.skipped[0].why == "it reads .onnx files"


def test_unknown_names() -> None:
    with pytest.raises(ModelNotFoundError, match=r"cnn_int8\?"):
        plan("cnn_int9", places=(("onnx", None),))
    with pytest.raises(ModelNotFoundError, match=r"absent\.tflite"):
        plan("absent.tflite", places=(("onnx", None), ("tflite", None)))
    with pytest.raises(BackendError, match="unknown runtime 'tflit': choose"):
        plan("cnn_int8", places=(("tflite", None), ("tflit", None)))


def test_numbers_below_one() -> None:
    with pytest.raises(InputError, match=r"threads .* 1, got 0"):
        plan("cnn_int8", threads=(1, 0))
    with pytest.raises(InputError, match=r"batch .* 1, got -2"):
        plan("cnn_int8", batches=(-2,))
    with pytest.raises(InputError, match=r"streams .* 1, got 0"):
        plan("cnn_int8", streams=(2, 0))


def test_names_tell_of_streams_where_there_are_several() -> None:
    names = [str(case) for case in plan("cnn_int8", streams=(1, 2)).cases]
    assert names == ["cnn_int8 on tflite, threads 1, batch 1", "cnn_int8 on tflite, threads 1, batch 1, streams 2"]


@pytest.mark.parametrize("wrong", [{"runs": 0}, {"seconds": -1.0}, {"seconds": float("nan")}, {"processes": 0}])
def test_settings_that_measure_nothing(wrong: dict[str, float]) -> None:
    with pytest.raises(InputError, match=f"{next(iter(wrong))} .*got {next(iter(wrong.values()))}"):
        Settings(**wrong)  # type: ignore[arg-type]


def test_different_files_of_one_name(model: Path, tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    other = Path(shutil.copy(model, tmp_path / "old"))
    with pytest.raises(InputError, match="one name"):
        plan(str(model), str(other))
