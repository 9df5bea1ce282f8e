"""edgefake on an emulated ARM processor: QEMU runs Debian's arm64 Python with the real aarch64 wheels, without any ARM hardware.

What it needs (root, apt, QEMU from Debian's packages, the package index) is checked by ``why_not``; what is fetched, 0.3 GB, is
kept in the virtual environment that runs the tests. It shows that the same numbers come out, and nothing about speed.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import tempfile
from importlib import metadata
from pathlib import Path

from tests.packed import ROOT

PYTHON_PACKAGES = (
    *("python3.11-minimal", "libpython3.11-minimal", "libpython3.11-stdlib", "libc6", "libgcc-s1", "libstdc++6", "libbz2-1.0"),
    *("libexpat1", "libffi8", "liblzma5", "libssl3", "libuuid1", "zlib1g"),
)
"""Debian 12's Python, and every library that it or a wheel loads."""

QEMU = "qemu-user-static"

WHEELS = ("ai-edge-litert", "numpy", "opencv-python-headless", "simplejpeg", "paho-mqtt", "prometheus-client")
"""As in the container's image: edgefake's requirements and those of ``[stream]``."""

# As the processors themselves say in /proc/cpuinfo; LiteRT reads it and crashes on that of an x86-64 machine.
_FEATURES = "fp asimd evtstrm crc32 cpuid"
_MORE_FEATURES = "aes pmull sha1 sha2 atomics fphp asimdhp asimdrdm lrcpc dcpop asimddp"
PROCESSORS = {
    "cortex-a72": ("0xd08", _FEATURES),  # Raspberry Pi 4
    "cortex-a76": ("0xd0b", f"{_FEATURES} {_MORE_FEATURES}"),  # Raspberry Pi 5
}


def why_not() -> str | None:
    """Why no ARM processor can be emulated here, or None."""
    if platform.machine() != "x86_64" or not hasattr(os, "geteuid") or os.geteuid() != 0:
        return "emulating aarch64 takes an x86-64 machine, and root, who may lay another file over /proc/cpuinfo"
    for tool in ("apt-get", "dpkg", "unshare"):
        if shutil.which(tool) is None:
            return f"emulating aarch64 takes {tool}, which is not installed"
    if subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode:
        return "emulating aarch64 takes a mount namespace, which this machine does not allow"
    return None


def sysroot() -> Path:
    """A folder with QEMU, an arm64 Python and the wheels of edgefake's requirements as installed here; made on first use."""
    wheels = [f"{name}=={metadata.version(name)}" for name in WHEELS]
    ready = Path(sys.prefix) / "aarch64" / "_".join(wheels)
    if ready.is_dir():
        return ready
    ready.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=ready.parent) as scratch:
        new = Path(scratch) / "new"
        new.mkdir()
        _unpack_debian(Path(scratch), new)
        platforms = [f"--platform=manylinux{tag}_aarch64" for tag in ("_2_28", "_2_27", "_2_17", "2014")]
        only = ["--only-binary=:all:", "--implementation=cp", "--python-version=311", *platforms]
        _succeed(sys.executable, "-m", "pip", "install", "-q", "--no-compile", "--target", str(new / "site"), *only, *wheels)
        new.rename(ready)  # whole, or not there
    return ready


def _unpack_debian(scratch: Path, new: Path) -> None:
    """Unpack the packages into ``new``, with apt's lists in ``scratch``: nothing is installed on this machine."""
    debs = scratch / "debs"
    for folder in (debs, scratch / "lists" / "partial", scratch / "cache" / "archives" / "partial"):
        folder.mkdir(parents=True)
    settings = {
        "APT::Architecture": "arm64",
        "APT::Architectures": "arm64,amd64",
        "APT::Sandbox::User": "root",
        "Dir::State::status": "/dev/null",
        "Dir::State::lists": str(scratch / "lists"),
        "Dir::Cache": str(scratch / "cache"),
    }
    apt = ["apt-get", "-qq", *(part for key, value in settings.items() for part in ("-o", f"{key}={value}"))]
    subprocess.run(
        [*apt, "update"], capture_output=True
    )  # a source that does not answer is no harm if the others have the packages
    _succeed(*apt, "download", *PYTHON_PACKAGES, f"{QEMU}:amd64", cwd=debs)
    for deb in debs.glob("*_arm64.deb"):
        _succeed("dpkg", "-x", str(deb), str(new))
    _succeed("dpkg", "-x", str(next(debs.glob(f"{QEMU}_*"))), str(scratch / "qemu"))
    shutil.copy2(scratch / "qemu" / "usr" / "bin" / "qemu-aarch64-static", new)


def run(processor: str, scratch: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python with ``arguments`` on ``processor``, with edgefake from this checkout and a home of its own in ``scratch``."""
    root = sysroot()
    part, features = PROCESSORS[processor]
    core = f"Features\t: {features}\nCPU implementer\t: 0x41\nCPU part\t: {part}\n"
    cpuinfo = scratch / f"cpuinfo-{processor}"
    cpuinfo.write_text("\n".join(f"processor\t: {index}\n{core}" for index in range(os.cpu_count() or 1)))
    mount = ["unshare", "-m", "sh", "-c", 'mount --bind "$0" /proc/cpuinfo && exec "$@"', str(cpuinfo)]
    python = [str(root / "qemu-aarch64-static"), "-cpu", processor, "-L", str(root), str(root / "usr" / "bin" / "python3.11")]
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": f"{ROOT}:{root / 'site'}",
        "PYTHONPYCACHEPREFIX": str(root / "pyc"),  # without .pyc files every start in QEMU is slow
        "EDGEFAKE_HOME": str(scratch / f"home-{processor}"),
    }
    return subprocess.run([*mount, *python, *arguments], capture_output=True, text=True, env=environment, cwd=scratch)


def _succeed(*command: str, cwd: Path | None = None) -> None:
    done = subprocess.run(command, capture_output=True, text=True, cwd=cwd)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}{done.stderr}"
