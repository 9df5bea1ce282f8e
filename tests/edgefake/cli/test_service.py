"""``edgefake service``, and what a service says while it runs, with stand-ins for systemd."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import cv2
import pytest

from edgefake.cli import main
from edgefake.pixels import Pixels
from edgefake.service import manage
from edgefake.service.unit import MARK
from tests.edgefake.broker import PATIENCE_S
from tests.edgefake.service.fake_systemd import FakeSystemctl, notify_socket
from tests.processes import started

SHOWN = (
    "LoadState=loaded\nActiveState={0}\nSubState={1}\nResult=success\nExecMainStatus={2}\nNRestarts=3\nStatusText=door 5.0 fps\n"
)


@pytest.fixture
def units(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "units"
    folder.mkdir()
    monkeypatch.setattr(manage, "UNITS", folder)
    monkeypatch.setattr(manage, "check_readable", lambda path, advice: None)
    return folder


@pytest.fixture
def systemctl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeSystemctl:
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return FakeSystemctl(folder)


def test_from_install_to_uninstall(
    units: Path, systemctl: FakeSystemctl, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "edgefake.toml"
    assert main(["service", "install", "--config", str(config)]) == 0
    unit = units / "edgefake.service"
    assert unit.read_text().startswith(MARK) and f"--config {config}" in unit.read_text()
    assert unit.stat().st_mode & 0o777 == 0o644
    assert systemctl.calls == [
        ["daemon-reload"],
        ["enable", "edgefake.service"],
        ["restart", "--no-block", "edgefake.service"],
    ]
    systemctl.answer(show=(0, SHOWN.format("active", "running", 0), ""))
    assert main(["service", "status"]) == 0
    assert "edgefake is active (running)" in (told := capsys.readouterr().out) and "it says: door 5.0 fps" in told
    assert main(["service", "install", "--config", str(config)]) == 0  # once more is fine
    assert main(["service", "uninstall"]) == 0
    assert not unit.exists() and ["disable", "--now", "edgefake.service"] in systemctl.calls


def test_status_of_one_that_does_not_run(units: Path, systemctl: FakeSystemctl, capsys: pytest.CaptureFixture[str]) -> None:
    systemctl.answer(show=(0, SHOWN.format("failed", "failed", 78), ""))
    assert main(["service", "status"]) == 1
    assert "restarts: 3, last exit code: 78; journalctl -u edgefake" in capsys.readouterr().out
    assert main(["service", "status", "frigate", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert (found["running"], found["exit_status"], found["state"]) == (False, 78, "failed (failed)")
    systemctl.answer(show=(0, "LoadState=not-found\nActiveState=inactive\nSubState=dead\n", ""))
    assert main(["service", "status", "frigate"]) == 1
    assert "edgefake-frigate is not installed: sudo edgefake service install frigate" in capsys.readouterr().out


def test_what_cannot_be_done_is_told(
    units: Path, systemctl: FakeSystemctl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["service", "uninstall"]) == 2
    assert "edgefake is not installed" in capsys.readouterr().err
    (units / "edgefake.service").write_text("[Unit]\nDescription=somebody else's\n")
    for action in ("install", "uninstall"):
        assert main(["service", action]) == 2
        assert "was not written by edgefake: move it away first" in capsys.readouterr().err
    (units / "edgefake.service").unlink()
    systemctl.answer(**{"daemon-reload": (1, "", "Failed to connect to bus\n")})
    assert main(["service", "install"]) == 2
    assert "systemctl daemon-reload failed: Failed to connect to bus" in capsys.readouterr().err
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(["service", "status"]) == 2
    assert "no systemctl" in capsys.readouterr().err


def test_the_unit_is_printed_without_installing_it(units: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["service", "install", "frigate", "--print"]) == 0
    assert f"ExecStart={sys.executable} -m edgefake frigate /etc/edgefake/frigate.toml" in capsys.readouterr().out
    assert not list(units.iterdir())


def test_what_the_service_could_not_read_is_told_before_it_is_installed(public_folder: Path) -> None:
    from edgefake.errors import InputError

    os.chmod(public_folder, 0o755)
    hidden = public_folder / "edgefake.toml"
    with pytest.raises(InputError, match=r"be read .*write it"):
        manage.check_readable(hidden, "chmod")
    hidden.write_text("")
    hidden.chmod(0o600)
    with pytest.raises(InputError, match="chmod 644"):
        manage.check_readable(hidden, "chmod 644")
    (link := public_folder / "closed" / "link").parent.mkdir(mode=0o700)
    link.symlink_to("/etc/hostname")  # as the Python of a virtual environment is one
    with pytest.raises(InputError, match="elsewhere"):
        manage.check_readable(link, "elsewhere")
    manage.check_readable(Path("/etc/hostname"), "")


@pytest.fixture
def public_folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def film(folder: Path, photo: Pixels) -> Path:
    """Pictures in a folder that is followed: a source that never ends."""
    pictures = folder / "pictures"
    pictures.mkdir()
    cv2.imwrite(str(pictures / "a.png"), photo)
    return pictures


def test_a_watching_service_tells_that_it_is_ready_alive_and_stopping(model: Path, photo: Pixels, tmp_path: Path) -> None:
    config = tmp_path / "edgefake.toml"
    config.write_text(
        f'[detector]\nmodel = "{model}"\nfaces = "frame"\nthreads = 1\n'
        f'[cameras.door]\nsource = "{film(tmp_path, photo)}"\nlive = true\n'
    )
    command = [sys.executable, "-m", "edgefake", "watch", "--config", str(config)]
    with notify_socket(tmp_path) as (ears, environment), started(command, env=environment, stderr=subprocess.PIPE) as process:
        ears.wait_for("READY=1")
        assert "STATUS=watching door" in ears.heard
        for _ in range(3):
            ears.forget()
            ears.wait_for("WATCHDOG=1")
        process.send_signal(signal.SIGTERM)
        ears.wait_for("STOPPING=1")
        assert process.wait(PATIENCE_S) == 0


@pytest.mark.parametrize("command", [["watch", "--config"], ["frigate"]])
def test_a_mistake_in_the_configuration_is_not_tried_again(command: list[str], tmp_path: Path) -> None:
    config = tmp_path / "wrong.toml"
    config.write_text("[cameras.door]\n[frigate]\n")
    whole = [sys.executable, "-m", "edgefake", *command, str(config)]
    with notify_socket(tmp_path) as (_, environment):
        done = subprocess.run(whole, env=environment, capture_output=True, text=True, timeout=PATIENCE_S)
    assert done.returncode == 78 and "edgefake: error: " in done.stderr and "Traceback" not in done.stderr
