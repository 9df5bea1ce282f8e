"""Installing a service, asking how it is, and taking it away: the unit file and `systemctl`."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import edgefake
from edgefake.errors import EdgefakeError, InputError
from edgefake.files import write_atomically
from edgefake.service.unit import MARK, Service, unit_text
from edgefake.text import printable

UNITS = Path("/etc/systemd/system")
_ASKED = ("LoadState", "ActiveState", "SubState", "Result", "ExecMainStatus", "NRestarts", "StatusText", "ActiveEnterTimestamp")


@dataclass(frozen=True, slots=True)
class ServiceState:
    """How a service is, as systemd tells it."""

    installed: bool
    running: bool
    state: str
    """Such as ``active (running)``."""
    since: str
    restarts: int
    exit_status: int
    said: str
    """What it last said of itself."""


def install(service: Service, config: Path) -> Path:
    """Write the unit, and have it started now and at every boot; where it is.

    Raises ``InputError`` where there is no systemd, this user may not, or the service's own user could not read what it needs.
    """
    _require_systemd()
    config = Path(os.path.abspath(config))
    path = UNITS / f"{service.name}.service"
    _require_writable(path, "install")
    _require_ours(path)
    check_readable(
        config, f"make it readable for all: chmod 644 {printable(config)}; secrets belong into /etc/edgefake/environment"
    )
    advice = "make an environment at a place that all can read, such as python3 -m venv /opt/edgefake, and install edgefake there"
    check_readable(Path(sys.executable), advice)
    check_readable(Path(edgefake.__file__), advice)
    write_atomically(path, unit_text(service, config=config).encode(), mode=0o644)
    _systemctl("daemon-reload")
    _systemctl("enable", path.name)
    _systemctl("restart", "--no-block", path.name)
    return path


def uninstall(service: Service) -> Path:
    """Stop it and take its unit away; configuration and state stay. Raises ``InputError`` where it is not installed."""
    _require_systemd()
    path = UNITS / f"{service.name}.service"
    if not path.exists():
        raise InputError(f"{path} is not there: {service.name} is not installed")
    _require_ours(path)
    _require_writable(path, "uninstall")
    _systemctl("disable", "--now", path.name)
    path.unlink()
    _systemctl("daemon-reload")
    return path


def state(service: Service) -> ServiceState:
    """How it is. Raises ``InputError`` where there is no systemd."""
    _require_systemd()
    text = _systemctl("show", f"{service.name}.service", f"--property={','.join(_ASKED)}")
    values = dict(line.partition("=")[::2] for line in text.splitlines())
    active = values.get("ActiveState", "unknown")
    return ServiceState(
        installed=values.get("LoadState") == "loaded",
        running=active == "active",
        state=f"{active} ({values.get('SubState', 'unknown')})",
        since=values.get("ActiveEnterTimestamp", ""),
        restarts=_number(values.get("NRestarts")),
        exit_status=_number(values.get("ExecMainStatus")),
        said=printable(values.get("StatusText", "")),
    )


def check_readable(path: Path, advice: str) -> None:
    """Raise ``InputError`` with ``advice`` unless every user may read ``path``."""
    ways = [Path(os.path.abspath(path)), Path(os.path.realpath(path))]  # a link must be found as well as what it leads to
    try:
        for folder in dict.fromkeys(step for way in ways for step in (*reversed(way.parents), way)):
            mode = folder.stat().st_mode
            needed = stat.S_IXOTH if stat.S_ISDIR(mode) else stat.S_IROTH
            if not mode & needed or folder in (Path("/home"), Path("/root")):  # ProtectHome hides these
                raise InputError(f"{printable(path)} cannot be read by the service, which has a user of its own: {advice}")
    except OSError as error:
        raise InputError(f"{printable(path)} cannot be read ({error.strerror}): write it first") from error


def _require_systemd() -> None:
    if shutil.which("systemctl") is None:
        raise InputError("this machine has no systemctl: run the command itself, by what starts services here, or in a container")


def _require_writable(path: Path, action: str) -> None:
    if not os.access(path.parent, os.W_OK):
        again = f"sudo {sys.executable} -m edgefake service {action}"
        raise InputError(f"{path} cannot be written by this user: {again}")


def _require_ours(path: Path) -> None:
    if path.exists() and not path.read_text("utf-8", errors="replace").startswith(MARK):
        raise InputError(f"{path} was not written by edgefake: move it away first")


def _systemctl(*arguments: str) -> str:
    done = subprocess.run(["systemctl", *arguments], capture_output=True, text=True, env={**os.environ, "LC_ALL": "C"})
    if done.returncode:
        told = printable(" ".join(done.stderr.split()) or f"exit code {done.returncode}")
        raise EdgefakeError(f"systemctl {' '.join(arguments)} failed: {told}")
    return done.stdout


def _number(text: str | None) -> int:
    return int(text) if text and text.isdigit() else 0
