from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.soak import measure_soak
from edgefake import InputError
from tests.edgefake.streaming.videos import moving_face, write_video


def test_every_event_of_every_camera_is_counted(tmp_path: Path, portrait: Path) -> None:
    clip = write_video(tmp_path / "clip.avi", moving_face(portrait, 40), codec="MJPG")
    soak = measure_soak("cnn_int8", [str(clip)], cameras=2, frames=1200)
    assert (soak.frames, soak.cameras, soak.lost) == (1200, 2, 0)
    assert soak.events > 0 and set(soak.arrived.values()) == {soak.events}
    assert len(soak.samples) == 20 and soak.samples[-1].frames == 1200
    assert "1,200 frames of 2 cameras" in str(soak)
    assert [goal.value for goal in soak.goals][3] == 0
    assert not replace(soak, arrived={"jsonl": 0, "webhook": soak.events}).goals[3].met


def test_what_is_no_video(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no video"):
        measure_soak("cnn_int8", [str(tmp_path / "absent.mp4")])
