"""On a fake module: no camera of a Raspberry Pi was there."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import edgefake
from edgefake import Detector, InputError
from edgefake.streaming import capture as capture_module
from edgefake.streaming.sources import SourceAwayError, find_source
from edgefake.streaming.sources.picamera2 import cameras_here

FAKE = Path(__file__).with_name("fake_picamera2.py")


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> type:
    """The fake camera, new, in the place of the real one."""
    spec = importlib.util.spec_from_file_location("picamera2", FAKE)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setitem(sys.modules, "picamera2", module)
    return module.Picamera2  # type: ignore[no-any-return]


def test_frames_are_bgr_of_the_size_and_rate_asked_for(fake: type) -> None:
    source = find_source("picamera2:0", size=(640, 480), fps=10)
    assert (source.name, source.live, source.reconnects) == ("picamera2:0", True, True)
    reader = source.open()
    assert (reader.size, reader.fps) == ((640, 480), 10)
    assert fake.configured["controls"] == {"FrameDurationLimits": (100_000, 100_000)}
    (first, seconds), (second, _) = next(reader.frames), next(reader.frames)
    assert first.shape == (480, 640, 3) and seconds is None
    assert [frame[5, 5].tolist() for frame in (first, second)] == [[0, 0, 0], [1, 0, 0]]
    reader.frames.close()
    assert (fake.opened, fake.closed) == (1, 1)


@pytest.mark.parametrize("text", ["picamera2:", "picamera2:x", "picamera2:-1"])
def test_its_number_is_a_number(text: str, fake: type) -> None:
    with pytest.raises(InputError, match=f"picamera2:0, got {text}"):
        find_source(text)


def test_the_first_camera_has_a_short_name(fake: type) -> None:
    assert find_source("picamera2").name == "picamera2:0"
    assert find_source("picamera2").open().size == (1280, 720)


def test_a_size_that_it_does_not_have_is_told_and_it_is_let_go(fake: type) -> None:
    with pytest.raises(InputError, match="picamera2:0 gives 1280×720, not 100×100"):
        find_source("picamera2:0", size=(100, 100)).open()
    assert (fake.opened, fake.closed) == (1, 1)


def test_a_camera_that_is_not_there_or_in_use_may_come_back(fake: type) -> None:
    with pytest.raises(SourceAwayError, match=r"picamera2:1 .* 1 cameras"):
        find_source("picamera2:1").open()
    assert fake.opened == 0  # one that fails to open would keep a pipe for ever
    fake.busy = True
    with pytest.raises(SourceAwayError, match=r"picamera2:0 .*sequence"):
        find_source("picamera2:0").open()


def test_one_that_hangs_is_opened_again(fake: type, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capture_module, "FIRST_WAIT_S", 0.01)
    with Detector(model, num_threads=1) as detector, edgefake.watch("picamera2:0", detector) as watch:
        next(watch)
        fake.hangs = True
        while fake.closed == 0:
            next(watch)
            fake.hangs = fake.closed == 0
        assert next(result for _, result in watch if result.reconnects).source == "picamera2:0"
    assert fake.opened == fake.closed == 2


def test_the_cameras_of_a_machine_are_listed(fake: type) -> None:
    fake.cameras = 2
    assert [(camera.source, camera.name) for camera in cameras_here()] == [("picamera2:0", "imx708"), ("picamera2:1", "imx708")]


def test_without_it_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(ModuleType):
        """Compiled for another NumPy."""

        def __getattr__(self, name: str) -> object:
            raise ValueError("numpy.dtype size changed")

    for there, reason in ((None, "ModuleNotFoundError"), (Broken("picamera2"), "ValueError.*dtype")):
        monkeypatch.setitem(sys.modules, "picamera2", there)  # type: ignore[arg-type]
        with pytest.raises(InputError, match=f"{reason}.*python3-picamera2.*--system-site-packages"):
            find_source("picamera2:0").open()


def test_it_is_imported_when_a_camera_is_opened_in_an_environment_that_sees_the_systems_packages(tmp_path: Path) -> None:
    packages = tmp_path / "dist-packages"
    packages.mkdir()
    shutil.copyfile(FAKE, packages / "picamera2.py")
    program = (
        "import sys; from edgefake.streaming.sources import find_source\n"
        "source = find_source('picamera2:0'); assert 'picamera2' not in sys.modules\n"
        "print(next(source.open().frames)[0].shape)"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(Path(edgefake.__file__).parents[1]), str(packages)])}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment)
    assert done.stdout == "(720, 1280, 3)\n", done.stderr
