"""As the container runs: everything is read-only but a volume, which is full. Needs a mount namespace of its own, as root."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import pytest

from edgefake.pixels import Pixels

ROOT = Path(__file__).parents[3]
_SCRIPT = """
mount -t tmpfs -o size=64k tmpfs "$STATE"
mount --bind "$WORK" "$WORK"
mount -o remount,ro,bind "$WORK"
mount -o remount,ro,bind /
cat /dev/zero > "$STATE/full" 2> /dev/null
touch "$WORK/written" 2> /dev/null && exit 99
exec "$@"
"""


def can_mount() -> bool:
    if not hasattr(os, "geteuid") or os.geteuid() != 0 or shutil.which("unshare") is None:
        return False
    command = ["unshare", "-m", "sh", "-c", "mount -o remount,ro,bind / && mount -t tmpfs tmpfs /mnt"]
    return subprocess.run(command, capture_output=True).returncode == 0


@pytest.mark.skipif(not can_mount(), reason="takes root, and a mount namespace")
def test_a_full_volume_and_nothing_else_to_write_to_stop_no_camera(model: Path, photo: Pixels, tmp_path: Path) -> None:
    state, work = tmp_path / "state", tmp_path / "work"
    state.mkdir()
    pictures = work / "pictures"
    pictures.mkdir(parents=True)
    for name in "abc":
        cv2.imwrite(str(pictures / f"{name}.png"), photo)
    config = work / "edgefake.toml"
    config.write_text(
        f'[detector]\nmodel = "{model}"\nfaces = "frame"\nthreads = 1\n'
        f'[sinks.log]\nkind = "jsonl"\npath = "{state}/{{camera}}.jsonl"\n'
        f'[cameras.door]\nsource = "{pictures}"\n'
    )
    environment = {**os.environ, "STATE": str(state), "WORK": str(work), "EDGEFAKE_HOME": str(state), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "edgefake", "watch", "--config", str(config)]
    whole = ["unshare", "-m", "sh", "-c", _SCRIPT, "sh", *command]
    done = subprocess.run(whole, env=environment, capture_output=True, text=True, timeout=300, cwd="/")
    assert "door: 3 frames judged" in done.stdout, (done.returncode, done.stdout, done.stderr)
    assert "No space left" in done.stderr and "Traceback" not in done.stderr
