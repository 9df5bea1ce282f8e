"""Engines are built once per model and machine, checked, and never trusted blindly."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import resource
import subprocess
import sys
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edgefake import BackendError, Detector, ModelCard, ModelFileError, ModelStoreError
from edgefake.models.card import Golden, Scaling
from edgefake.models.engine_form import read_sidecar, sidecar_path
from edgefake.models.file import write_card
from edgefake.runtimes.tensorrt import engines
from edgefake.runtimes.tensorrt.gpu import Gpu
from tests.edgefake.runtimes.tensorrt.conftest import UseMachine, open_engine_of
from tests.edgefake.runtimes.tensorrt.fake_tensorrt import FakeTensorRT, logit, onnx_file
from tests.processes import started


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where engines are kept."""
    return tmp_path / "home" / "engines"


def only_engine(folder: Path) -> Path:
    (engine,) = folder.glob("*.engine")
    return engine


def test_an_engine_is_built_once_and_used_from_then_on(
    trt: FakeTensorRT, model: Path, card: ModelCard, folder: Path, faces: np.ndarray, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "edgefake")
    open_engine_of(model, card).close()
    (note,) = caplog.records  # for whoever waits for it
    assert card.name in note.getMessage() and "Fake Orin" in note.getMessage()
    assert open_engine_of(model, card).run(faces)[0] == pytest.approx(logit(faces))
    assert len(trt._configs) == 1
    sidecar = read_sidecar(only_engine(folder))
    assert (sidecar.origin.gpu, sidecar.origin.capability, sidecar.origin.tensorrt) == ("Fake Orin", "8.7", "10.3.0")
    assert (sidecar.int8_layers, sidecar.golden_error, sidecar.card) == (2, 0.0, card)
    assert not list(folder.glob(".partial-*")) and len(caplog.records) == 1


@pytest.mark.parametrize("generation", ["8.5", "8.6", "10", "11"])
def test_every_generation_is_built_in_its_way(
    use_machine: UseMachine, model: Path, card: ModelCard, generation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    converted: list[bytes] = []
    monkeypatch.setattr("edgefake.runtimes.tensorrt.builder.float_weights", lambda data: (converted.append(data), data)[1])
    trt = use_machine(FakeTensorRT(generation))
    open_engine_of(model, card)
    (config,) = trt._configs
    old = generation.startswith("8")
    assert len(converted) == old
    assert config._flags == ({"INT8", "FP16"} if old else set())
    assert config._profile._shapes == ((1, 16, 16, 3), (1, 16, 16, 3), (16, 16, 16, 3))
    assert config._workspace == 512 << 20
    assert config._sources == 0b110  # not cuBLAS
    assert config.profiling_verbosity == trt.ProfilingVerbosity.DETAILED
    assert getattr(config, "builder_optimization_level", None) == (None if generation == "8.5" else 4)


def test_what_was_measured_helps_the_next_build(trt: FakeTensorRT, model: Path, card: ModelCard) -> None:
    open_engine_of(model, card)
    write_card(model, replace(card, name="another"))  # changes the file's hash
    open_engine_of(model, card)
    first, second = (config._timings._given for config in trt._configs)
    assert (first, second) == (b"", b"measured ")


def test_another_tensorrt_gpu_or_file_gets_its_own_engine(
    use_machine: UseMachine, trt: FakeTensorRT, model: Path, card: ModelCard, folder: Path
) -> None:
    open_engine_of(model, card)
    newer = use_machine(FakeTensorRT(version="10.13.3"))
    open_engine_of(model, card)
    use_machine(newer, Gpu("Fake Thor", "11.0"))
    open_engine_of(model, card)
    use_machine(trt)
    open_engine_of(model, card)
    assert (len(trt._configs), len(newer._configs), len(list(folder.glob("*.engine")))) == (1, 2, 3)


def damage(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def other_origin(engine: Path) -> None:
    sidecar = json.loads(sidecar_path(engine).read_text())
    sidecar["origin"]["gpu"] = "Another GPU"
    sidecar_path(engine).write_text(json.dumps(sidecar))


def not_loadable(engine: Path) -> None:
    engine.write_bytes(b"of an older driver")
    sidecar = json.loads(sidecar_path(engine).read_text())
    sidecar["engine_sha256"] = hashlib.sha256(b"of an older driver").hexdigest()
    sidecar_path(engine).write_text(json.dumps(sidecar))


@pytest.mark.parametrize(
    "spoil",
    [
        damage,
        not_loadable,
        other_origin,
        lambda engine: engine.unlink(),
        lambda engine: engine.write_bytes(b""),
        lambda engine: sidecar_path(engine).unlink(),
        lambda engine: sidecar_path(engine).write_text("{"),
        lambda engine: sidecar_path(engine).write_text('{"schema": 0}'),
        lambda engine: sidecar_path(engine).write_text('{"schema": 1}'),
    ],
    ids=["damaged", "not loadable", "foreign", "gone", "empty", "no sidecar", "half a sidecar", "old sidecar", "empty sidecar"],
)
def test_a_stale_engine_is_built_again(
    trt: FakeTensorRT, model: Path, card: ModelCard, folder: Path, faces: np.ndarray, spoil: object
) -> None:
    open_engine_of(model, card)
    spoil(only_engine(folder))  # type: ignore[operator]
    assert open_engine_of(model, card).run(faces)[0] == pytest.approx(logit(faces))
    open_engine_of(model, card)
    assert len(trt._configs) == 2


def test_building_again_is_said_in_the_log(
    trt: FakeTensorRT, model: Path, card: ModelCard, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    open_engine_of(model, card)
    damage(only_engine(folder))
    with caplog.at_level(logging.WARNING):
        open_engine_of(model, card)
    assert "building an engine again" in caplog.text and "SHA-256" in caplog.text


def test_an_engine_with_float_layers_is_refused_by_name(trt: FakeTensorRT, model: Path, card: ModelCard, folder: Path) -> None:
    trt._float = {"second"}
    with pytest.raises(BackendError, match=r"1 of 2 .*INT8 \(second\)"):
        open_engine_of(model, card)
    assert not list(folder.glob("*.engine*"))


def test_a_float_model_may_have_float_layers(trt: FakeTensorRT, model: Path, card: ModelCard, folder: Path) -> None:
    trt._float = {"first", "second"}
    open_engine_of(model, replace(card, precision="float32"))
    assert read_sidecar(only_engine(folder)).int8_layers == 0


@pytest.mark.parametrize("off", [0.1, float("nan")])
def test_an_engine_that_is_off_the_golden_outputs_is_refused(
    trt: FakeTensorRT, model: Path, card: ModelCard, folder: Path, off: float
) -> None:
    trt._off = off
    with pytest.raises(BackendError, match=r"score .* 0\.05 .* (0\.1|nan) off"):
        open_engine_of(model, card)
    assert not list(folder.glob("*.engine*"))


def test_a_build_that_fails_says_why(trt: FakeTensorRT, model: Path, card: ModelCard) -> None:
    trt._error = "no implementation for node x"
    with pytest.raises(BackendError, match=r"\(no implementation .*\): .*workspace"):
        open_engine_of(model, card)
    trt._error = "Requested size was 5 bytes: out of memory"
    with pytest.raises(BackendError, match=r"out of .*\): the GPU"):
        open_engine_of(model, card)


def test_a_file_that_tensorrt_cannot_read(trt: FakeTensorRT, tmp_path: Path, card: ModelCard) -> None:
    path = tmp_path / "edited.onnx"
    path.write_bytes(onnx_file().replace(b'"size"', b"size  "))
    with pytest.raises(ModelFileError, match=r"TensorRT 10\.3\.0 .*ONNX .*\(.*no ONNX\)"):
        open_engine_of(path, card)


def test_a_gpu_without_int8(use_machine: UseMachine, model: Path, card: ModelCard) -> None:
    for capability in ("5.3", "6.2"):
        use_machine(gpu=Gpu("Tegra", capability))
        with pytest.raises(BackendError, match=rf"Tegra \(compute capability {capability}\) has no INT8 arithmetic"):
            open_engine_of(model, card)
        open_engine_of(model, replace(card, precision="float16"))


def test_a_scaling_that_would_not_be_heeded(trt: FakeTensorRT, model: Path, card: ModelCard) -> None:
    with pytest.raises(ModelFileError, match="as they"):
        open_engine_of(model, replace(card, scaling=Scaling(0.0, 255.0)))
    assert not trt._configs


def test_a_forked_child_is_told_to_be_spawned(trt: FakeTensorRT, model: Path, card: ModelCard, faces: np.ndarray) -> None:
    runtime = open_engine_of(model, card)
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        told = []
        for use in (lambda: runtime.run(faces), lambda: open_engine_of(model, card)):
            try:
                use()
            except BackendError as error:
                told.append(str(error))
        runtime.close()
        os.write(writing, "\n".join(told).encode())
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    told = os.read(reading, 10000).decode().splitlines()
    assert len(told) == 2
    assert all("forked from one that uses CUDA, which does not survive that: start processes with" in line for line in told)
    assert runtime.run(faces)[0] == pytest.approx(logit(faces))


def test_a_disk_that_is_full(trt: FakeTensorRT, model: Path, card: ModelCard, folder: Path) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))  # what is written beyond is refused by the kernel
    try:
        with pytest.raises(ModelStoreError, match=r"engine cache .*\(File too"):
            open_engine_of(model, card)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert not list(folder.glob("*.engine*")) and not list(folder.glob(".*"))
    open_engine_of(model, card)


def test_a_cache_that_cannot_be_written_is_told_before_the_build(
    trt: FakeTensorRT, model: Path, card: ModelCard, tmp_path: Path
) -> None:
    (tmp_path / "home").write_text("a file, not a folder")
    with pytest.raises(ModelStoreError, match=r"engine cache .*written"):
        open_engine_of(model, card)
    assert not trt._configs


def run(model: Path, seconds: float) -> AbstractContextManager[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "tests.edgefake.runtimes.tensorrt.build_in_process", str(model), str(seconds)]
    return started(command, stdout=subprocess.PIPE, text=True, env=dict(os.environ))


def test_of_two_processes_one_builds_and_the_other_waits(trt: FakeTensorRT, model: Path, card: ModelCard, folder: Path) -> None:
    with run(model, seconds=2) as other:
        assert other.stdout is not None and other.stdout.readline() == "building\n"
        open_engine_of(model, card)
        assert not trt._configs
        assert other.stdout.read() == "1\n"


def test_a_killed_build_leaves_nothing_behind(trt: FakeTensorRT, model: Path, card: ModelCard, folder: Path) -> None:
    with run(model, seconds=600) as other:
        assert other.stdout is not None and other.stdout.readline() == "building\n"
        other.kill()
    assert not list(folder.glob("*.engine*"))
    open_engine_of(model, card)
    assert len(trt._configs) == 1


class TestEngineFile:
    """An ``.engine`` that is given by its path."""

    @pytest.fixture
    def engine(self, trt: FakeTensorRT, model: Path, card: ModelCard, folder: Path) -> Path:
        open_engine_of(model, card)
        return only_engine(folder)

    def test_runs_on_the_machine_it_was_built_on(
        self, trt: FakeTensorRT, engine: Path, card: ModelCard, faces: np.ndarray
    ) -> None:
        assert open_engine_of(engine, card).run(faces)[0] == pytest.approx(logit(faces))
        assert len(trt._configs) == 1

    def test_of_another_machine_is_refused(self, use_machine: UseMachine, engine: Path, card: ModelCard) -> None:
        use_machine(FakeTensorRT(version="8.6.1"), Gpu("Fake Nano", "8.7"))
        told = r"Fake Orin, .* tensorrt 10\.3\.0, .*this .*Fake Nano, .* tensorrt 8\.6\.1"
        with pytest.raises(BackendError, match=told):
            open_engine_of(engine, card)

    def test_without_its_sidecar_is_refused(self, engine: Path, card: ModelCard) -> None:
        sidecar_path(engine).unlink()
        with pytest.raises(ModelFileError, match=r"read \(No such .*: build"):
            open_engine_of(engine, card)

    def test_damaged_is_refused(self, engine: Path, card: ModelCard) -> None:
        damage(engine)
        with pytest.raises(ModelFileError, match="SHA-256 differs"):
            open_engine_of(engine, card)

    def test_answers_to_its_golden_vectors(self, engine: Path, card: ModelCard) -> None:
        wrong = tuple(Golden(golden.png, golden.output + 1) for golden in card.golden)
        with pytest.raises(BackendError, match=r"score .* 1 off"):
            open_engine_of(engine, replace(card, golden=wrong))


@pytest.mark.parametrize("missing", ["find_gpu", "load_tensorrt", "cuda_layer"])
def test_what_is_missing_is_told_before_the_build(
    trt: FakeTensorRT, model: Path, card: ModelCard, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    def fail(*_: object) -> None:
        raise BackendError(missing)

    monkeypatch.setattr(engines, missing, fail)
    with pytest.raises(BackendError, match=missing):
        open_engine_of(model, card)
    assert not trt._configs


def test_a_detector_takes_the_onnx_file_or_an_engine_beside_its_sidecar(
    trt: FakeTensorRT, model: Path, folder: Path, faces: np.ndarray
) -> None:
    with Detector(model, runtime="tensorrt", faces="frame") as detector:
        first = detector.predict_faces(list(faces))
    engine = only_engine(folder)
    with Detector(engine, faces="frame") as detector:  # auto: nothing else reads engines
        assert detector.runtime.startswith("tensorrt (10.3.0")
        assert detector.predict_faces(list(faces)) == first
    sidecar_path(engine).unlink()
    with pytest.raises(ModelFileError, match=r"beside it.* GPU"):
        Detector(engine)
