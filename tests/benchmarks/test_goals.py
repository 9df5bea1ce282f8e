from __future__ import annotations

from benchmarks.goals import Goal


def test_a_figure_at_its_limit_meets_the_goal() -> None:
    assert Goal("memory", 250.0, 250.0, "MB").met
    assert not Goal("memory", 250.1, 250.0, "MB").met


def test_a_missed_goal_says_so() -> None:
    assert "MISSED" in str(Goal("memory", 300.0, 250.0, "MB"))
    assert "MISSED" not in str(Goal("memory", 100.0, 250.0, "MB"))
