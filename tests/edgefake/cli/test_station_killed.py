"""The power goes while several cameras are watched: what is on the disk is whole, and the next start goes on."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import pytest

from tests.edgefake.streaming.videos import write_long_video
from tests.processes import started

ROOT = Path(__file__).parents[3]
LONGEST_S = 3.0
"""After its first event a process is killed within so long."""


HEAD_BYTES = 1000
"""A recording that ended before its first frame is shorter."""


def written(folder: Path, source: Path) -> Path:
    """A configuration under which files change all the time."""
    path = folder / "edgefake.toml"
    path.write_text(
        '[detector]\nmodel = "cnn_int8"\nthreads = 1\n'
        '[sinks.log]\nkind = "jsonl"\npath = "{camera}.jsonl"\nrotate_mb = 0.02\nevery = "frame"\n'
        '[sinks.events]\nkind = "jsonl"\npath = "events-{camera}.jsonl"\npicture = "crop"\nrotate_mb = 0.01\n'
        '[sinks.video]\nkind = "recordings"\nfolder = "video"\nsegment_minutes = 0.01\n'
        '[sinks.pictures]\nkind = "pictures"\nfolder = "pictures"\n'
        f'[cameras.a]\nsource = "{source}"\n[cameras.b]\nsource = "{source}"\n'
    )
    return path


def run_and_kill(config: Path, after_s: float) -> None:
    command = [sys.executable, "-m", "edgefake", "watch", "--config", str(config), "--json"]
    environment = {"PYTHONPATH": str(ROOT), "EDGEFAKE_HOME": str(config.parent / "home"), "PATH": ""}
    with started(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stderr is not None
        assert process.stdout.readline(), process.stderr.read()
        time.sleep(after_s)
        process.send_signal(signal.SIGKILL)
        process.wait(60)


def check_lines(path: Path, *, may_be_torn: bool) -> int:
    """How many whole lines there are."""
    data = path.read_bytes()
    *lines, last = data.split(b"\n")
    for line in lines:
        if line:
            json.loads(line)
    assert may_be_torn or not last
    return len(lines)


def frames_in(path: Path) -> int:
    reader, count = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG), 0
    while reader.read()[0]:
        count += 1
    return count


def check_all(folder: Path, checked: set[Path]) -> None:
    """Everything in ``folder``, but videos only once."""
    for path in folder.glob("*.jsonl"):
        check_lines(path, may_be_torn=not path.stem.endswith("Z"))
    for camera in "ab":
        videos = sorted((folder / "video").glob(f"{camera}-*.mkv"))
        for path in videos[:-1]:
            if path not in checked:
                assert frames_in(path) > 0 or path.stat().st_size < HEAD_BYTES, path
        checked |= {*videos[:-1]}
        if videos and videos[-1].stat().st_size:
            assert frames_in(videos[-1]) >= 0
    for path in (folder / "pictures").glob("[!.]*"):
        assert cv2.imread(str(path)) is not None
    for path in (folder / "home" / "run").glob("[!.]*.json"):
        assert json.loads(path.read_text())["schema"] == 1


def kill_again_and_again(folder: Path, portrait: Path, times: int) -> None:
    config = written(folder, write_long_video(folder / "long", portrait))
    chosen = random.Random(times)
    checked: set[Path] = set()
    for _ in range(times):
        run_and_kill(config, chosen.uniform(0, LONGEST_S))
        check_all(folder, checked)
    for camera in "ab":
        assert check_lines(folder / f"{camera}.jsonl", may_be_torn=True) >= 0
        assert sum(frames_in(path) for path in (folder / "video").glob(f"{camera}-*.mkv")) > 0


def test_whatever_is_on_the_disk_is_whole(tmp_path: Path, portrait: Path) -> None:
    kill_again_and_again(tmp_path, portrait, 2)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_at_fifty_moments(tmp_path: Path, portrait: Path) -> None:
    kill_again_and_again(tmp_path, portrait, 50)
