"""Many scores of one face → one p_fake and a verdict that does not flicker.

Scores are averaged as log-odds, that is, their odds by the geometric mean (the logarithmic opinion pool, Genest & Zidek 1986).
They are not summed as independent evidence would be: neighbouring frames show nearly the same thing. For the same reason how
much evidence there is counts in seconds and in searches that found the face, not in frames, of which a fast camera has many.
"""

from __future__ import annotations

from edgefake.odds import log_odds, p_fake
from edgefake.prediction import Verdict

HALF_LIFE_S = 1.0
"""After so long a score weighs half as much as a new one."""

HYSTERESIS = 0.5
"""A verdict changes when the log-odds pass the threshold's by so much: at a threshold of 0.5 at p_fake 0.62 and 0.38."""

MIN_SCORED_S = 0.5
"""So long a face must have been scored before it gets a verdict, where each score stands for the time since the one before."""

LONGEST_STEP_S = 0.1
"""But for no more than this: at 10 frames per second and below, the first verdict needs six scored frames."""

MIN_SEARCHES = 3
"""So many searches must have found a face before it gets a verdict: one or two take something else for a face now and then."""

MAX_LOG_ODDS = 6.0
"""No single frame counts as more certain than this (p_fake 0.0025 or 0.9975)."""


def capped_log_odds(p_fake: float) -> float:
    """The log-odds of one score, within ± ``MAX_LOG_ODDS``."""
    return max(-MAX_LOG_ODDS, min(MAX_LOG_ODDS, log_odds(p_fake)))


class Evidence:
    """The mean of a face's scores so far, in which an older score weighs less."""

    def __init__(self, threshold: float) -> None:
        self._threshold = capped_log_odds(threshold)
        self._sum = 0.0
        self._weight = 0.0
        self._seconds = 0.0
        self._scored_s = 0.0
        self.scored = 0
        self.verdict: Verdict | None = None

    @property
    def p_fake(self) -> float | None:
        return p_fake(self._sum / self._weight) if self.scored else None

    def add(self, p_fake: float, seconds: float, *, searches: int) -> None:
        """Take in the calibrated score of a frame at ``seconds`` of media time; so many ``searches`` have found the face."""
        step = max(0.0, seconds - self._seconds)
        decay = 0.5 ** (step / HALF_LIFE_S)
        self._sum = self._sum * decay + capped_log_odds(p_fake)
        self._weight = self._weight * decay + 1.0
        self._seconds = max(seconds, self._seconds)
        if self.scored:
            self._scored_s += min(step, LONGEST_STEP_S)
        self.scored += 1
        if self._scored_s >= MIN_SCORED_S and searches >= MIN_SEARCHES:
            self.verdict = self._judge(self._sum / self._weight - self._threshold)

    def _judge(self, excess: float) -> Verdict:
        if self.verdict is None:
            return Verdict.FAKE if excess >= 0 else Verdict.REAL
        if abs(excess) < HYSTERESIS:
            return self.verdict
        return Verdict.FAKE if excess > 0 else Verdict.REAL
