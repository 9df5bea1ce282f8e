"""What is no model file is measured by the name of a function that makes it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edgefake import InputError
from edgefake.benchmark.factory import made, names_factory
from edgefake.benchmark.matrix import run
from edgefake.benchmark.plan import Settings, make_plan
from edgefake.benchmark.worker import STAGES

ENSEMBLE = "tests.edgefake.ensemble:both"
ONE = {"threads": (1,), "batches": (1,), "streams": (1,)}


def test_an_ensemble_is_measured_beside_a_model(tmp_path: Path) -> None:
    plan = make_plan([ENSEMBLE, "cnn_int8"], places=(("auto", None),), **ONE)  # type: ignore[arg-type]
    report = run(plan, Settings(runs=4, seconds=0.0, processes=1))
    ensemble, model = report.rows
    assert (ensemble.case.model, ensemble.case.runtime, ensemble.case.path) == (ENSEMBLE, "factory", None)
    assert ensemble.samples[0].runtime_version == "cnn_int8 + mobilenet_v2_035_int8"
    assert tuple(ensemble.stages()) == STAGES == tuple(model.stages())
    rows = json.loads(report.to_json())["rows"]
    assert [(row["file"] is None, row["precision"]) for row in rows] == [(True, None), (False, "int8")]
    assert ENSEMBLE in report.to_markdown()


def test_a_factory_opens_its_own_runtime() -> None:
    plan = make_plan([ENSEMBLE], places=(("auto", None), ("onnx", None)), **ONE)  # type: ignore[arg-type]
    assert [case.runtime for case in plan.cases] == ["factory"]
    assert [left.what for left in plan.skipped] == [f"{ENSEMBLE} on onnx"]


def test_what_is_a_factory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert names_factory(ENSEMBLE) and names_factory("mine:make")
    assert not any(map(names_factory, ("cnn_int8", "C:/models/a.tflite", "a.tflite", "mine:", ":make", "mine:make()")))
    monkeypatch.chdir(tmp_path)
    Path("mine:make").touch()
    assert not names_factory("mine:make")


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("nowhere.at_all:make", "nowhere"),
        ("tests.edgefake.ensemble:neither", "neither"),
        ("tests.edgefake.benchmark.test_factory:no_scorer", r"lacks .*score"),
    ],
)
def test_what_makes_no_scorer_is_told(name: str, told: str) -> None:
    with pytest.raises(InputError, match=told):
        made(name, 1)


@pytest.mark.parametrize("name", ["nowhere.at_all:make", "tests.edgefake.ensemble:neither", "tests.edgefake.conftest:SCALINGS"])
def test_a_factory_that_is_not_there_is_told_when_the_plan_is_made(name: str) -> None:
    with pytest.raises(InputError, match=f"MODULE:FUNCTION.*{name}"):
        make_plan(["cnn_int8", name], places=(("auto", None),), **ONE)  # type: ignore[arg-type]


def no_scorer(num_threads: int) -> int:
    return num_threads


def test_modules_in_the_working_folder_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "house_of_scorers.py").write_text("from tests.edgefake.ensemble import both\n")
    monkeypatch.chdir(tmp_path)
    scorer = made("house_of_scorers:both", 1)
    assert scorer.name == "cnn_int8 + mobilenet_v2_035_int8"
    scorer.close()
