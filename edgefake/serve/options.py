"""What a request may choose: by what its verdicts are told. No option names a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

from edgefake.arguments import checked_prior
from edgefake.detector import Detector
from edgefake.errors import InputError
from edgefake.serve.refusals import Refusal
from edgefake.thresholds import find_threshold


@dataclass(frozen=True, slots=True)
class Options:
    """None: as the service was started."""

    threshold: float | None = None
    prior: float | None = None


DEFAULT = Options()


def read_options(threshold: str | float | None, prior: float | None, named: Mapping[str, float]) -> Options:
    """What a caller gave, where ``named`` are the thresholds of the model's card. Raises ``Refusal``."""
    try:
        return Options(
            None if threshold is None else find_threshold(_number(threshold), named, "the model"),
            None if prior is None else checked_prior(prior),
        )
    except InputError as error:
        raise Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, str(error)) from error


def _number(text: str | float) -> str | float:
    try:
        return float(text)
    except (ValueError, OverflowError):
        return str(text)


class Views:
    """One detector as requests want it: with other thresholds, the same model and finder."""

    MOST = 64
    """Kept; more would be a caller that tries all thresholds."""

    def __init__(self, detector: Detector) -> None:
        self._own, self._views = detector, {DEFAULT: detector}

    def __getitem__(self, options: Options) -> Detector:
        if options not in self._views:
            if len(self._views) >= self.MOST:
                self._views = {DEFAULT: self._own}
            own = self._own
            self._views[options] = Detector(
                own.scorer,
                faces=own.finder,
                find=own.find,
                threshold=options.threshold,
                prior=own.prior if options.prior is None else options.prior,
            )
        return self._views[options]
