"""How often a model errs on faces like the one at hand, from its card."""

from __future__ import annotations

import pytest

from edgefake import ModelCard, Thresholds
from edgefake.models.families import Family
from edgefake.report.rates import conditions, named_thresholds, rates, span
from edgefake.statistics import Interval
from tests.edgefake.conftest import MakeCard

LOW, HIGH = Interval(0.1, 0.05, 0.2), Interval(0.75, 0.5, 0.875)


@pytest.fixture
def card(make_card: MakeCard) -> ModelCard:
    """With two sources of real faces, a kind of fake, and one that is not measured."""
    both = {"fpr@fpr_5%": LOW, "tpr@fpr_5%": HIGH, "tpr@fpr_1%": LOW}
    measured = {"clean": both, "jpeg50": {"fpr@fpr_5%": HIGH}, "to 64 px": both}
    return make_card(
        families=(
            Family("attic", "drawn", 9, 0, None, {"clean": {"fpr@fpr_5%": HIGH}}),
            Family("gan", "drawn", 9, 9, "attic", measured),
            Family("swap", "drawn", 0, 0, None, {}),
        )
    )


@pytest.mark.parametrize(
    ("size", "quality", "found"),
    [
        (63.9, None, ["to 64 px", "clean"]),
        (64.0, 100, ["64 to 128 px", "clean"]),
        (900.0, 76, ["from 128 px", "clean"]),
        (900.0, 74, ["from 128 px", "jpeg50"]),
        (900.0, 1, ["from 128 px", "jpeg50"]),
    ],
)
def test_conditions_follow_from_size_and_compression(card: ModelCard, size: float, quality: int | None, found: list[str]) -> None:
    assert conditions(card, size=size, jpeg_quality=quality) == found


def test_a_card_without_figures_has_conditions_all_the_same(make_card: MakeCard) -> None:
    assert conditions(make_card(), size=50.0, jpeg_quality=5) == ["to 64 px", "clean"]
    assert rates(make_card(), "clean", ("fpr_5%", "fpr_5%")) == []


def test_rates_are_of_the_threshold_in_use(card: ModelCard) -> None:
    attic, gan, swap = rates(card, "clean", ("fpr_5%", "fpr_5%"))
    assert (attic.false_alarms, attic.missed) == (HIGH, None)
    assert (gan.false_alarms, gan.missed, gan.caught) == (LOW, Interval(0.25, 0.125, 0.5), HIGH)
    assert not swap.measured and (swap.real, swap.fake) == (0, 0)
    (_, other, _) = rates(card, "clean", ("fpr_1%", "fpr_1%"))
    assert (other.false_alarms, other.missed) == (None, Interval(0.9, 0.8, 0.95))
    assert not any(rate.measured for rate in rates(card, "clean", None))
    assert not any(rate.measured for rate in rates(card, "from 128 px", ("fpr_5%", "fpr_5%")))


def test_thresholds_are_known_by_their_values(card: ModelCard, make_card: MakeCard) -> None:
    assert named_thresholds(card, card.thresholds_at(), 0.5) == ("fpr_5%", "fpr_5%")
    assert named_thresholds(card, card.thresholds_at("fpr_1%").for_prior(0.01), 0.01) == ("fpr_1%", "fpr_1%")
    assert named_thresholds(card, Thresholds.two_way(0.6), 0.5) is None
    both = make_card(thresholds={"fake": 0.8, "real": 0.3, "fpr_5%": 0.5})
    assert named_thresholds(both, both.thresholds_at(), 0.5) == ("fake", "real")
    assert named_thresholds(both, Thresholds(0.8, 0.5), 0.5) is None


def test_the_lowest_and_the_highest_are_named(card: ModelCard) -> None:
    found = rates(card, "clean", ("fpr_5%", "fpr_5%"))
    alarms, missed = span(found, "false_alarms"), span(found, "missed")
    assert alarms and (alarms.lowest.family, alarms.highest.family, alarms.measured) == ("gan", "attic", 2)
    assert missed and missed.lowest is missed.highest and missed.measured == 1
    assert span(found[2:], "missed") is None
