"""Many scores of one face → one p_fake and a verdict that does not flicker; of a frame's faces → a verdict that does not either.

Scores are averaged as log-odds, that is, their odds by the geometric mean (the logarithmic opinion pool, Genest & Zidek 1986).
They are not summed as independent evidence would be: neighbouring frames show nearly the same thing. For the same reason how
much evidence there is counts in seconds and in searches that found the face, not in frames, of which a fast camera has many.
"""

from __future__ import annotations

from collections.abc import Sequence

from edgefake.odds import CALIBRATED_FOR, TURNED, log_odds, p_fake
from edgefake.thresholds import RISING, Thresholds, Verdict, worst_verdict

HALF_LIFE_S = 1.0
"""After so long a score weighs half as much as a new one."""

HYSTERESIS = 0.5
"""A verdict changes when the log-odds pass a threshold's by so much: at a threshold of 0.5 at p_fake 0.62 and 0.38."""

MIN_SCORED_S = 0.5
"""So long a face must have been scored before it gets a verdict, where each score stands for the time since the one before."""

LONGEST_STEP_S = 0.1
"""But for no more than this: at 10 frames per second and below, the first verdict needs six scored frames."""

MIN_SEARCHES = 3
"""So many searches must have found a face before it gets a verdict: one or two take something else for a face now and then."""

MAX_LOG_ODDS = 6.0
"""No single frame counts as more certain than this (p_fake 0.0025 or 0.9975, where half of the faces are fake), unless a
threshold lies so far out that no mean of such scores would pass it."""

BEYOND = 1.0
"""So far beyond the thresholds, in log-odds, a score counts in any case."""


def capped_log_odds(p_fake: float, thresholds: Thresholds, prior: float = CALIBRATED_FOR) -> float:
    """The log-odds of one score, within ± ``MAX_LOG_ODDS`` around those of ``prior``, and ``BEYOND`` the ``thresholds``."""
    middle, lowest, highest = log_odds(prior), thresholds.real, thresholds.fake
    low, high = middle - MAX_LOG_ODDS, middle + MAX_LOG_ODDS
    if lowest > 0.0:  # else everything reaches it
        low = min(low, log_odds(lowest, TURNED) - BEYOND)
    if highest < 1.0:
        high = max(high, log_odds(highest, TURNED) + BEYOND)
    return max(low, min(high, log_odds(p_fake, TURNED)))


def of_several(thresholds: Thresholds, count: int, prior: float = CALIBRATED_FOR) -> Thresholds:
    """Those for the highest of ``count`` means of capped scores: no higher than such means are now and then."""
    return thresholds.for_faces(count, most=p_fake(log_odds(prior) + MAX_LOG_ODDS - BEYOND))


def settled(before: Verdict | None, mean: float, thresholds: Thresholds) -> Verdict:
    """That on ``mean`` log-odds where it was ``before``, None for the first; it stays until a threshold is clearly passed."""
    above_fake, above_real = (mean - log_odds(end, TURNED) for end in (thresholds.fake, thresholds.real))
    if _passed(above_fake, None if before is None else before is Verdict.FAKE):
        return Verdict.FAKE
    unsure = _passed(above_real, None if before is None else before is not Verdict.REAL)
    return Verdict.UNSURE if unsure else Verdict.REAL


def _passed(excess: float, before: bool | None) -> bool:
    if before is None:
        return excess >= 0
    return excess > -HYSTERESIS if before else excess >= HYSTERESIS


class Evidence:
    """The mean of a face's scores so far, in which an older score weighs less."""

    def __init__(self, thresholds: Thresholds, prior: float = CALIBRATED_FOR) -> None:
        self._thresholds, self._prior = thresholds, prior
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
        self._sum = self._sum * decay + capped_log_odds(p_fake, self._thresholds, self._prior)
        self._weight = self._weight * decay + 1.0
        self._seconds = max(seconds, self._seconds)
        if self.scored:
            self._scored_s += min(step, LONGEST_STEP_S)
        self.scored += 1
        if self._scored_s >= MIN_SCORED_S and searches >= MIN_SEARCHES:
            self.verdict = settled(self.verdict, self._sum / self._weight, self._thresholds)


class FrameEvidence:
    """The verdict on a stream's frames: of several faces together, as ``Thresholds.for_faces`` says, and of one its own."""

    def __init__(self, thresholds: Thresholds, prior: float = CALIBRATED_FOR) -> None:
        self._thresholds, self._prior = thresholds, prior
        self._verdict: Verdict | None = None

    def whole(self, count: int) -> Thresholds:
        """Those for ``count`` faces."""
        return of_several(self._thresholds, count, self._prior)

    def verdict(self, faces: Sequence[tuple[float, Verdict]]) -> Verdict | None:
        """That on the next frame, whose ``faces`` have this p_fake and verdict; None without any."""
        worst = worst_verdict(verdict for _, verdict in faces)
        if len(faces) > 1 and worst is not None:
            highest = log_odds(max(p_fake for p_fake, _ in faces), TURNED)
            together = settled(self._verdict, highest, self.whole(len(faces)))
            worst = min(worst, together, key=RISING.index)
        self._verdict = worst
        return worst
