"""``edgefake config init`` and ``check``."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgefake.cli import main
from edgefake.config import proposal, read_config
from edgefake.streaming.sources.camera import CameraHere


def test_init_writes_a_file_that_check_takes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "edgefake.toml"
    assert main(["config", "init", str(path)]) == 0
    assert "is written" in capsys.readouterr().out
    assert path.stat().st_mode & 0o777 == 0o600
    monkeypatch.setenv("DOOR_PASSWORD", "s@crt")
    assert main(["config", "check", str(path)]) == 0
    told = capsys.readouterr().out
    assert "cameras 1, detectors 1" in told and "log (jsonl): events" in told and "s%40crt" not in told
    assert main(["config", "init", str(path)]) == 2
    assert "is there already" in capsys.readouterr().err
    path.write_text("")
    assert main(["config", "init", "--force", str(path)]) == 0
    assert path.read_text()


def test_every_comment_that_is_a_key_may_be_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole file, with all that is commented out switched on."""
    for name in ("DOOR_PASSWORD", "MQTT_PASSWORD"):
        monkeypatch.setenv(name, "secret")
    (tmp_path / "hook-token").write_text("token")
    commented = [line.removeprefix("# ") for line in proposal.proposal().splitlines()]
    keys = [line for line in commented if line.startswith("[") or " = " in line]
    path = tmp_path / "edgefake.toml"
    path.write_text("\n".join(keys))
    config = read_config(path)
    assert config.health is not None and config.cameras[0].detect_every in (None, 1)


def test_cameras_of_this_machine_are_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lasting = "/dev/v4l/by-id/usb-Cam_1234-video-index0"
    monkeypatch.setattr(proposal, "cameras_here", lambda: [CameraHere(lasting, "Cam"), CameraHere("picamera2:0", "imx708")])
    path = tmp_path / "edgefake.toml"
    path.write_text(proposal.proposal())
    assert {camera.name: camera.source for camera in read_config(path).cameras} == {"camera1": lasting, "camera2": "picamera2:0"}


def test_check_names_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "edgefake.toml"
    for text, told in {
        '[cameras.a]\nsource = "ftp://x"': "[cameras.a]: expected an address of rtsp",
        '[cameras.a]\nsource = 0\nmodel = "absent"': "[cameras.a]: ",
        "[cameras.a]\nsource = 0\nthreshold = 7": "[cameras.a]: ",
    }.items():
        path.write_text(text)
        assert main(["config", "check", str(path)]) == 2
        assert f"error: {path}: {told}" in capsys.readouterr().err


def test_check_says_what_is_not_there_yet(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "edgefake.toml"
    path.write_text('[detector]\nmodel = "cnn_int8"\n[cameras.a]\nsource = "incoming"\nlive = true\n')
    assert main(["config", "check", str(path)]) == 0
    assert f"a: watches {tmp_path / 'incoming'}, which is not there yet\n" in capsys.readouterr().out
