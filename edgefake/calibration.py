"""Thresholds of one's own: from scores of one's own real faces, kept as a small JSON profile that holds for one network."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from edgefake import odds
from edgefake.errors import InputError
from edgefake.files import write_json
from edgefake.models.card import ModelCard
from edgefake.schema import SCHEMA, check_keys
from edgefake.statistics import Interval, exact_share
from edgefake.text import printable
from edgefake.thresholds import REAL, Thresholds

RULE_OF_THREE = 3.0
"""Of n faces of which none is called fake, up to 3 / n may be, in 95 of 100 cases: fewer say nothing about a rarer rate."""
MAX_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class Profile:
    """Thresholds at which at most a share ``rate`` of the ``faces`` real ones that they were chosen on are called fake."""

    model: str
    payload_sha256: str | None
    """Of the network that scored them, as its card has it: the thresholds hold for no other."""
    rate: float
    thresholds: Thresholds
    false_alarms: Interval
    """Share of the faces at or above ``thresholds.fake``, with its exact 95 % interval."""
    faces: int
    finder: str
    """What found them."""

    @property
    def needed(self) -> int:
        """How many faces tell of such a rate at all."""
        return int(np.ceil(RULE_OF_THREE / self.rate - 1e-9))

    def to_dict(self) -> dict[str, Any]:
        """Plain values only, as the file has them; ``docs/schema.md`` describes the keys."""
        return {
            "schema": SCHEMA,
            "model": self.model,
            "payload_sha256": self.payload_sha256,
            "rate": self.rate,
            "thresholds": self.thresholds.to_dict(),
            "false_alarms": asdict(self.false_alarms),
            "faces": self.faces,
            "finder": self.finder,
        }

    def write(self, path: Path) -> None:
        """Put it at ``path``. Raises ``InputError`` where that cannot be written."""
        try:
            write_json(path, self.to_dict())
        except OSError as error:
            raise InputError(f"expected a place for the profile, got {printable(path)}: {error.strerror}") from error


def calibrate(card: ModelCard, p_fake: Sequence[float], *, rate: float, finder: str) -> Profile:
    """The profile of real faces that ``card``'s model gave ``p_fake``.

    ``fake`` is the lowest threshold that at most a share ``rate`` of them reaches, half way to the next score; ``real`` the
    card's, where it has one that is lower, else the same. Raises ``InputError`` without faces, or for a rate that is none.
    """
    if not p_fake:
        raise InputError("expected real faces to choose thresholds by, got none that could be scored: give other pictures")
    if not 0.0 < rate < 1.0:
        raise InputError(f"expected a rate above 0 and below 1, got {rate:g}: 0.01 calls one real face of 100 fake")
    scores = np.sort(odds.log_odds_of(np.array(p_fake)))[::-1]
    allowed = min(int(np.floor(rate * len(scores) + 1e-9)), len(scores) - 1)
    highest, above = scores[allowed], scores[scores > scores[allowed]]
    fake = odds.p_fake(float(highest + above.min()) / 2 if len(above) else float(highest) + 0.5)
    thresholds = Thresholds(fake, min(card.thresholds.get(REAL, fake), fake), card.thresholds_at(fake).decay)
    called = exact_share(sum(p >= fake for p in p_fake), len(p_fake))  # more than allowed where scores stand at 1
    return Profile(card.name, card.payload_sha256, rate, thresholds, called, len(p_fake), finder)


def profile_or_name(text: str) -> Path | str:
    """The file of a profile as a ``Path``: what ends in ``.json`` or is in a folder; else the name of a threshold, as it is."""
    return Path(text) if os.sep in text or text.endswith(".json") else text


def read_profile(path: str | os.PathLike[str], card: ModelCard) -> Thresholds:
    """The thresholds in the profile at ``path``. Raises ``InputError`` where it is none, or not of the network of ``card``."""
    shown = printable(path)
    try:
        with open(path, "rb") as file:
            value = json.loads(file.read(MAX_BYTES))
    except OSError as error:
        raise InputError(f"expected a profile of edgefake calibrate, got {shown}: {error.strerror}") from error
    except (ValueError, RecursionError):
        raise InputError(f"expected a profile of edgefake calibrate, got {shown}, which is no JSON: make it again") from None
    value = check_keys(value, ("model", "payload_sha256", "thresholds"), f"a profile in {shown}")
    if value["model"] != card.name or value["payload_sha256"] != card.payload_sha256:
        other = "another network of that name" if value["model"] == card.name else printable(repr(value["model"]), limit=60)
        raise InputError(f"expected a profile of {printable(card.name)}, got {shown} of {other}: calibrate this model too")
    both = check_keys(value["thresholds"], ("fake", "real"), f"the thresholds in {shown}")
    try:
        thresholds = Thresholds(both["fake"], both["real"])
    except InputError as error:
        raise InputError(f"the profile {shown} is damaged ({error}): make it again") from None
    return replace(thresholds, decay=card.thresholds_at(thresholds.fake).decay)
