"""Old names still work, are told where they are used, and are not kept for longer than was promised."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest

import edgefake
from edgefake import BackendError, Detector, InputError, ModelNotFoundError
from edgefake.cli import main
from edgefake.deprecation import DEPRECATIONS, due
from edgefake.faces.yunet import YuNetFinder
from edgefake.runtimes import OLD_NAMES, todays_name


def test_what_should_be_gone_in_this_version_is() -> None:
    assert due(edgefake.__version__) == [], "its time is up: take the old name and its row in DEPRECATIONS out"


def test_an_old_name_lasts_for_two_minor_versions() -> None:
    for key, deprecation in DEPRECATIONS.items():
        (major, since), (last, gone) = (map(int, v.split(".")) for v in (deprecation.since, deprecation.gone))
        assert (last, gone) == (major, since + 2), key
        assert key not in due(f"{major}.{gone - 1}.9")
        assert key in due(f"{major}.{gone}.0") and key in due(f"{major + 1}.0.0")


def test_backend_is_runtime_and_told_at_the_line_that_says_it(model: Path) -> None:
    with pytest.warns(DeprecationWarning, match=r"backend=.*runtime=") as told, Detector(model, backend="tflite") as detector:
        assert detector.runtime.startswith("tflite ")
    assert [warning.filename for warning in told] == [__file__]
    with pytest.raises(InputError, match=r"runtime=.*backend='tflite'"):
        Detector(model, runtime="onnx", backend="tflite")


def test_yunet_faces_is_a_finder(tmp_path: Path) -> None:
    with pytest.warns(DeprecationWarning, match=r"edgefake\.yunet_faces .*yunet:FILE") as told:
        assert edgefake.yunet_faces is YuNetFinder
    assert [warning.filename for warning in told] == [__file__]
    with pytest.warns(DeprecationWarning, match="yunet_faces"):
        from edgefake import yunet_faces  # type: ignore[attr-defined]
    with pytest.raises(InputError, match=r"absent\.onnx"):
        yunet_faces(tmp_path / "absent.onnx", min_score=0.7)
    assert "yunet_faces" not in [*edgefake.__all__, *dir(edgefake)]


@pytest.mark.parametrize("name", OLD_NAMES)
def test_a_runtime_on_a_device_by_its_old_name(name: str, model: Path) -> None:
    with pytest.warns(DeprecationWarning, match=f"{name}") as told, pytest.raises(ModelNotFoundError):
        Detector("absent", runtime=name, faces="frame")
    assert [warning.filename for warning in told] == [__file__]
    assert todays_name(name, None, tell=lambda key: None) == tuple(name.split("-"))
    with pytest.raises(BackendError, match=rf"'{name}'.*'cuda:1'"):
        Detector(model, runtime=name, device="cuda:1")


def test_the_command_line_tells_it_once(model: Path, portrait: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, told in (
        (["--backend", "tflite"], "--backend is deprecated"),
        (["--runtime", "onnx-cuda"], "the runtime onnx-cuda is deprecated"),
        (["--runtime", "tflite"], ""),
    ):
        with warnings.catch_warnings(record=True) as library:
            warnings.simplefilter("always")
            main(["predict", str(portrait), "--model", str(model), *arguments])
        lines = [line for line in capsys.readouterr().err.splitlines() if "deprecated" in line]
        assert len(lines) == bool(told) and all(line.startswith(f"edgefake: warning: {told}") for line in lines)
        assert not [warning for warning in library if "edgefake" in str(warning.message)]


def test_both_names_of_an_option_are_a_wrong_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["predict", "photo.jpg", "--backend", "tflite", "--runtime", "tflite"])
    assert "not allowed with argument" in capsys.readouterr().err


def test_the_help_shows_todays_name_only(capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("predict", "watch", "video", "benchmark"):
        with pytest.raises(SystemExit):
            main([command, "--help"])
        text = capsys.readouterr().out
        assert "--runtime" in text and "--device" in text and "--backend" not in text
