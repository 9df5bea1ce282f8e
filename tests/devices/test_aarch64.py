"""The processor of a Raspberry Pi, emulated, gives the answers of this machine."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest

from tests.answers import RunPython, answers, here, lossless_clip
from tests.devices.aarch64 import PROCESSORS, run, why_not

REASON = why_not()


@pytest.mark.skipif(REASON is not None, reason=REASON or "")
@pytest.mark.parametrize("processor", PROCESSORS)
def test_an_arm_processor_gives_the_same_answers(processor: str, portrait: Path, tmp_path: Path) -> None:
    clip = lossless_clip(portrait, tmp_path / "clip.avi")
    assert answers(partial(run, processor, tmp_path), portrait, clip) == answers(here, portrait, clip)


def watched(python: RunPython, folder: Path, clip: Path) -> list[object]:
    """What the command of the container's image tells of a clip, without names and times."""
    folder.mkdir()
    (folder / "edgefake.toml").write_text(
        f'[health]\nport = 0\n[sinks.log]\nkind = "jsonl"\npath = "{folder}/events.jsonl"\n[cameras.door]\nsource = "{clip}"\n'
    )
    done = python("-m", "edgefake", "watch", "--config", str(folder / "edgefake.toml"))
    assert done.returncode == 0, done.stderr
    events = [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]
    return [(event["event"], event["camera"], event["track"]["verdict"]) for event in events]


@pytest.mark.skipif(REASON is not None, reason=REASON or "")
def test_an_arm_processor_runs_what_the_container_runs(portrait: Path, tmp_path: Path) -> None:
    clip = lossless_clip(portrait, tmp_path / "clip.avi")
    emulated = watched(partial(run, "cortex-a76", tmp_path), tmp_path / "emulated", clip)
    assert emulated == watched(here, tmp_path / "here", clip)
    assert [event for event, _, _ in emulated][:2] == ["appeared", "verdict"]
