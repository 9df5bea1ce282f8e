"""The two thresholds of a verdict, by hand and on families that differ."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgefake import Box, InputError
from training.samples import Sample
from training.verdicts import FAKES_CALLED_REAL, FEWEST, REAL_CALLED_FAKE, choose_thresholds, thresholds_of

RNG = np.random.default_rng(5)
EASY, HARD = RNG.normal(-3, 1, 1000), RNG.normal(0, 1, 200)
GAN, SWAP = RNG.normal(4, 1, 1000), RNG.normal(1, 1, 100)


def test_fake_begins_where_the_worst_source_ends() -> None:
    chosen = thresholds_of({"easy": EASY, "hard": HARD}, {"gan": GAN, "swap": SWAP})
    assert (chosen.worst_source, chosen.real_faces, chosen.fake_faces) == ("hard", 200, 1100)
    assert np.sum(chosen.fake <= HARD) == 2 and not np.any(chosen.fake <= EASY)
    assert chosen.false_alarms.value == 0.01 and chosen.false_alarms.high > 0.03  # of 200 faces no more is known


def test_real_ends_where_families_of_fakes_begin_each_weighted_alike() -> None:
    chosen = thresholds_of({"hard": HARD}, {"gan": GAN, "swap": SWAP})
    assert np.sum(chosen.real > SWAP) == 10 and not np.any(chosen.real > GAN)  # 10 % of one half
    assert chosen.missed.value == pytest.approx(0.05) and chosen.missed.low < 0.05 < chosen.missed.high
    assert chosen.real < chosen.fake


def test_where_they_cross_fake_serves_both() -> None:
    chosen = thresholds_of({"easy": EASY}, {"gan": GAN + 9})
    assert chosen.real == chosen.fake and chosen.missed.value == 0.0


def test_a_source_of_few_faces_counts_where_there_is_no_other() -> None:
    few = np.linspace(5, 6, FEWEST - 1)
    assert thresholds_of({"easy": EASY, "few": few}, {"gan": GAN}).worst_source == "easy"
    assert thresholds_of({"few": few}, {"gan": GAN}).worst_source == "few"
    assert thresholds_of({"easy": EASY, "enough": np.linspace(5, 6, FEWEST)}, {"gan": GAN}).worst_source == "enough"


def test_one_side_is_not_enough() -> None:
    for real, fake in (({}, {"gan": GAN}), ({"easy": EASY}, {})):
        with pytest.raises(InputError, match="families"):
            thresholds_of(real, fake)


def test_samples_are_told_apart_by_family_and_label() -> None:
    rows = [(EASY, 0, "easy"), (HARD, 0, "hard"), (GAN, 2, "gan"), (SWAP, 1, "")]
    samples = [Sample(Path("a.jpg"), label, "val", Box(0, 0, 9, 9), family=name) for xs, label, name in rows for _ in xs]
    chosen = choose_thresholds(samples, np.concatenate([xs for xs, _, _ in rows]))
    assert chosen == thresholds_of({"easy": EASY, "hard": HARD}, {"gan": GAN, "not named": SWAP})
    card = chosen.metrics()
    assert "hard" in card.data and card.counts == {"real": 200, "fake": 1100} and card.figures["fpr@fake"] == chosen.false_alarms


SCORES = st.lists(st.integers(-9, 9), min_size=1, max_size=60).map(lambda xs: np.array(xs, float))  # many are equal, as in INT8
FAMILIES = st.dictionaries(st.sampled_from("abc"), SCORES, min_size=1)


@settings(max_examples=60)
@given(FAMILIES, FAMILIES)
def test_neither_share_is_more_than_allowed(real: dict[str, np.ndarray], fake: dict[str, np.ndarray]) -> None:
    chosen = thresholds_of(real, fake)
    assert chosen.real <= chosen.fake
    assert chosen.false_alarms.value <= REAL_CALLED_FAKE
    assert chosen.missed.value <= FAKES_CALLED_REAL + 1e-9
