import hashlib
from dataclasses import replace

import numpy as np
import pytest

from convert.cli import main
from convert.graph import read_graph
from convert.source import commands_of
from edgefake.models.card import ModelCard
from edgefake.models.file import ModelFile
from edgefake.models.golden import golden_errors
from edgefake.runtimes import open_runtime
from edgefake.runtimes.tflite import Ends
from tests.conftest import Converted
from training.device import on_device
from training.runs import read_run

VARIANTS = {"tiny_int8.tflite": "int8", "tiny_fp32.tflite": "float32", "tiny_fp16.tflite": "float16"}


def test_three_precisions_and_nothing_else_are_written(converted: Converted) -> None:
    assert {path.name for path in converted.out.iterdir()} == set(VARIANTS)
    sizes = {name: (converted.out / name).stat().st_size for name in VARIANTS}
    assert sizes["tiny_int8.tflite"] < sizes["tiny_fp16.tflite"] < sizes["tiny_fp32.tflite"]


@pytest.mark.parametrize(("file", "precision"), VARIANTS.items())
def test_cards_are_complete(converted: Converted, file: str, precision: str) -> None:
    card = ModelFile(converted.out / file).card
    assert card is not None
    assert (card.name, card.precision, card.input_size) == (file.removesuffix(".tflite"), precision, 32)
    assert set(card.thresholds) - {"fpr_0.1%"} == {"fpr_5%", "fpr_1%", "eer", "fake", "real"}
    assert card.thresholds["real"] <= card.thresholds["fake"] and card.thresholds_at().fake == card.thresholds["fake"]
    assert card.thresholds["fpr_5%"] <= card.thresholds["fpr_1%"]
    metrics, chosen = card.metrics
    assert {*chosen.figures} == {"fpr@fake", "fnr@real"} and chosen.figures["fpr@fake"].value <= 0.01
    assert (metrics.data, metrics.counts) == ("drawn test", {"real": 24, "fake": 24})
    assert metrics.figures["auc"].low <= metrics.figures["auc"].value <= metrics.figures["auc"].high
    assert card.training is not None
    assert [command.split()[3] for command in card.training.commands] == ["fit", "qat"]
    assert card.parent_sha256 == hashlib.sha256((converted.float_run / "best.h5").read_bytes()).hexdigest()
    assert len(card.golden) == 4
    assert len({golden.output for golden in card.golden}) == 4
    for runtime in ("tflite", "openvino"):
        assert on_device(_golden_errors, converted.out / file, card, runtime) <= card.golden_tolerance


def _golden_errors(path, card: ModelCard, runtime: str) -> float:  # type: ignore[no-untyped-def]
    return golden_errors(open_runtime(ModelFile(path), card.input_spec, name=runtime, num_threads=1), card)["score"]


def test_the_int8_graph_is_int8_throughout_in_one_partition(converted: Converted) -> None:
    graph = on_device(read_graph, converted.int8)
    assert graph.faults() == []
    assert graph.ops == {"CONV_2D": 5, "MAX_POOL_2D": 4, "MEAN": 1, "FULLY_CONNECTED": 2}


def test_a_float_graph_is_found_out(converted: Converted) -> None:
    faults = on_device(read_graph, converted.out / "tiny_fp32.tflite").faults()
    assert any("float tensors are left" in fault for fault in faults)
    assert any("input scale" in fault for fault in faults)


def test_the_input_is_the_pixels_with_their_top_bit_flipped(converted: Converted) -> None:
    assert on_device(_flips_top_bit, converted.int8)


def _flips_top_bit(path) -> bool:  # type: ignore[no-untyped-def]
    file = ModelFile(path)
    assert file.card is not None
    runtime = open_runtime(file, file.card.input_spec, name="tflite", num_threads=1)
    flips = Ends(runtime.interpreter, path, file.card.input_spec).encode.flips_top_bit  # type: ignore[attr-defined]
    return flips and np.all(np.isfinite(runtime.run(np.zeros((1, 32, 32, 3), np.uint8))[0]))


def test_the_commands_reach_back_to_a_published_model(converted: Converted) -> None:
    card = ModelFile(converted.int8).card
    assert card is not None and card.training is not None
    run = replace(read_run(converted.float_run), weights=str(converted.int8), command="python -m training fit again")
    assert commands_of(run) == (*card.training.commands, "python -m training fit again")
    assert len(card.training.commands) == 2  # fit and qat


def test_runs_that_cannot_be_converted_are_refused_with_the_remedy(
    converted: Converted, capsys: pytest.CaptureFixture[str]
) -> None:
    def error(*arguments: object) -> str:
        assert main(["tflite", *map(str, arguments), "--out", str(converted.out), "--data-name", "x", "--licence", "x"]) == 2
        return capsys.readouterr().err

    assert "python -m training qat" in error(converted.float_run)
    assert "--post-training" in error(converted.float_run)
    assert "without --post-training" in error(converted.qat_run, "--post-training")
    assert "run.json" in error(converted.data)
