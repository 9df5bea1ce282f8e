"""What counts as going on."""

from __future__ import annotations

from edgefake.station.progress import Progress
from edgefake.streaming.health import Health


def test_frames_that_come_and_are_not_judged_are_no_progress() -> None:
    door, yard, progress = Health(), Health(), Progress()
    cameras = {"door": door, "yard": yard}
    assert progress.made(cameras)  # nothing comes: the sources are waited for
    for health in (door, yard):
        health.count("frames_in")
        health.count("frames_out")
    assert progress.made(cameras)
    door.count("frames_in", 5)
    door.count("frames_out")
    yard.count("frames_in", 5)
    assert not progress.made(cameras)  # the yard is stuck
    assert not progress.made(cameras)
    yard.count("frames_out")
    assert progress.made(cameras)
    assert progress.made(cameras)


def test_a_camera_that_is_new_or_gone_is_no_standstill() -> None:
    door, progress = Health(), Progress()
    door.count("frames_in", 3)
    door.count("frames_out", 3)
    assert progress.made({"door": door}) and progress.made({}) and progress.made({"door": door})
