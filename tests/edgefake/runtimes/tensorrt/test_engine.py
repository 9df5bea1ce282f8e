"""Running engines on a fake GPU: batches, threads, and nothing held in the end."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgefake import BackendError, Detector, ModelCard, ModelFileError
from edgefake.runtimes.spec import InputSpec
from edgefake.runtimes.tensorrt import TensorRTRuntime
from edgefake.runtimes.tensorrt.builder import build
from edgefake.runtimes.tensorrt.library import logger
from edgefake.testing import check_runtime
from tests.edgefake.runtimes.tensorrt.conftest import open_engine_of
from tests.edgefake.runtimes.tensorrt.fake_cuda import FakeCuda
from tests.edgefake.runtimes.tensorrt.fake_tensorrt import FakeTensorRT, logit, onnx_file, rows


@pytest.fixture
def runtime(model: Path, card: ModelCard, trt: FakeTensorRT) -> Iterator[TensorRTRuntime]:
    opened = open_engine_of(model, card)
    yield opened
    opened.close()


def held(trt: FakeTensorRT) -> list[object]:
    """All that is held on the GPU."""
    return [*trt._live, *(cuda for cuda in FakeCuda.opened if not cuda.freed)]


@pytest.mark.parametrize("count", [1, 2, 16, 17, 40])
def test_any_number_of_faces_is_judged_in_chunks(runtime: TensorRTRuntime, faces: np.ndarray, count: int) -> None:
    assert runtime.run(faces[:count])[0] == pytest.approx(logit(faces[:count]))
    assert runtime.run(faces[:1])[0] == pytest.approx(logit(faces[:1]))


def test_a_model_with_a_batch_of_one(trt: FakeTensorRT, card: ModelCard, tmp_path: Path, faces: np.ndarray) -> None:
    path = tmp_path / "one.onnx"
    path.write_bytes(onnx_file(batch=1))
    runtime = open_engine_of(path, card)
    assert runtime.run(faces[:3])[0] == pytest.approx(logit(faces[:3]))
    assert trt._configs[0]._profile is None


@pytest.mark.parametrize("batch", [-1, 4])
def test_every_output_of_a_network_that_is_not_square(trt: FakeTensorRT, batch: int) -> None:
    log, names = logger(trt), ("rows", "logit")
    engine = build(trt, log, onnx_file(size=12, width=20, batch=batch, outputs=names), precision="int8").engine
    pictures = np.random.default_rng(0).integers(0, 256, (21, 12, 20, 3), dtype=np.uint8)
    runtime = TensorRTRuntime(trt, log, engine, FakeCuda(), InputSpec(12, 20), outputs=names)
    for count in (21, 1, 5):
        first, second = runtime.run(pictures[:count])
        assert first == pytest.approx(rows(pictures[:count])) and second == pytest.approx(logit(pictures[:count]))


@pytest.mark.parametrize("names", [("score", "map"), ("map", "score")])
def test_outputs_come_as_the_card_names_them_whatever_the_order_of_the_bindings(
    trt: FakeTensorRT, make_card: Callable[..., ModelCard], tmp_path: Path, faces: np.ndarray, names: tuple[str, str]
) -> None:
    path = tmp_path / "mapped.onnx"
    path.write_bytes(onnx_file(outputs=names))
    score, evidence = open_engine_of(path, make_card(outputs=("score", "map"))).run(faces)
    assert score == pytest.approx(logit(faces)) and evidence == pytest.approx(rows(faces))


def test_an_output_that_a_stranger_named_is_the_one_there_is(trt: FakeTensorRT, model: Path, card: ModelCard) -> None:
    assert card.outputs == ("score",)  # the file calls it logit
    (score,) = open_engine_of(model, card).run(np.full((3, 16, 16, 3), 200, np.uint8))
    assert score.shape == (3, 1)


def test_a_further_gpu(trt: FakeTensorRT, model: Path, card: ModelCard, faces: np.ndarray) -> None:
    with closing(open_engine_of(model, card, device=1)) as runtime:
        assert runtime.run(faces)[0] == pytest.approx(logit(faces))
    assert {cuda.gpu for cuda in FakeCuda.opened} == {1}  # it was built there too


def test_pixels_need_not_be_contiguous(runtime: TensorRTRuntime, faces: np.ndarray) -> None:
    assert runtime.run(faces[:2, ::-1, :, ::-1])[0] == pytest.approx(logit(faces[:2]))


def test_an_answer_outlives_the_next_run(runtime: TensorRTRuntime, faces: np.ndarray) -> None:
    (first,) = runtime.run(faces[:1])
    runtime.run(faces[39:])
    assert first == pytest.approx(logit(faces[:1]))


def test_many_threads_get_their_own_answers(runtime: TensorRTRuntime, faces: np.ndarray) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda start: runtime.run(faces[start : start + 4])[0], list(range(36)) * 5))
    for start, answer in zip(list(range(36)) * 5, answers, strict=True):
        assert answer == pytest.approx(logit(faces[start : start + 4]))


def test_it_says_what_it_is(runtime: TensorRTRuntime) -> None:
    assert runtime.name == "tensorrt (10.3.0, fake CUDA)"


def test_close_gives_everything_back_and_may_be_called_again(
    runtime: TensorRTRuntime, trt: FakeTensorRT, faces: np.ndarray
) -> None:
    assert len(held(trt)) == 4  # runtime, engine, context, stream with its memory
    thread = threading.Thread(target=runtime.close)
    thread.start()
    thread.join()
    runtime.close()
    assert held(trt) == []
    with pytest.raises(BackendError, match="closed"):
        runtime.run(faces[:1])


def test_a_runtime_that_is_dropped_gives_everything_back(trt: FakeTensorRT, model: Path, card: ModelCard) -> None:
    for _ in range(3):
        open_engine_of(model, card)
        gc.collect()
        assert held(trt) == []


def test_closing_waits_for_a_run(runtime: TensorRTRuntime, faces: np.ndarray) -> None:
    """``FakeCuda`` asserts that nothing is touched after free, nor by two threads at once."""
    with ThreadPoolExecutor(2) as pool:
        runs = [pool.submit(runtime.run, faces) for _ in range(20)]
        runtime.close()
    for run in runs:
        error = run.exception()
        assert error is None or "closed" in str(error)


@pytest.mark.parametrize(
    ("file", "changes", "told"),
    [
        ({"size": 24}, {}, "one input of uint8 ['N', 16, 16, 3], got uint8 [-1, 24, 24, 3]"),
        ({"outputs": ("logit", "for_all")}, {}, "outputs of float32 [-1, '…'], got float32 [1, 1]"),
    ],
    ids=["size", "one answer for all"],
)
def test_an_engine_that_is_not_what_the_card_says(
    trt: FakeTensorRT, card: ModelCard, tmp_path: Path, file: dict[str, Any], changes: dict[str, object], told: str
) -> None:
    path = tmp_path / "other.onnx"
    path.write_bytes(onnx_file(**file))
    with pytest.raises(ModelFileError) as caught:
        open_engine_of(path, replace(card, **changes))  # type: ignore[arg-type]
    assert told in str(caught.value)
    del caught
    gc.collect()
    assert held(trt) == []


@pytest.mark.parametrize("method", ["device", "synchronize"])
def test_a_gpu_that_fails_is_told_and_given_back(
    trt: FakeTensorRT, model: Path, card: ModelCard, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    monkeypatch.setattr(FakeCuda, "fail", method)
    with pytest.raises(BackendError, match=r"the GPU failed \(CUDA_ERROR_FAKE\)"):
        open_engine_of(model, card)
    assert held(trt) == []


def test_a_gpu_that_fails_even_at_closing(runtime: TensorRTRuntime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FakeCuda, "fail", "free")
    runtime.close()


def test_an_execution_that_is_refused_is_told(runtime: TensorRTRuntime, trt: FakeTensorRT, faces: np.ndarray) -> None:
    trt._error = "refused"
    with pytest.raises(BackendError, match="TensorRT"):
        runtime.run(faces[:1])


def test_a_detector_on_tensorrt(trt: FakeTensorRT, model: Path, photo: np.ndarray) -> None:
    with Detector(model, runtime="tensorrt", faces="frame") as detector:
        assert detector.runtime == "tensorrt (10.3.0, fake CUDA)"
        first, second = detector.predict_batch([photo, 255 - photo])
        assert first.p_fake is not None and second.p_fake is not None
        assert (first.p_fake < second.p_fake) == (photo.mean() < 128)
    assert held(trt) == []


def test_the_contract(runtime: TensorRTRuntime, card: ModelCard) -> None:
    check_runtime(runtime, card)
