"""Figures by family, as tables for people."""

from __future__ import annotations

from edgefake.models.families import Family, family_markdown, family_tables
from edgefake.statistics import Interval

HALF = Interval(0.5, 0.4, 0.6)
FAMILIES = (
    Family(
        "gan", "drawn val", 0, 9, "attic", {"clean": {"auc": HALF, "worst_auc": HALF, "tpr@eer": HALF}, "dark": {"auc": HALF}}
    ),
    Family("attic", "drawn val", 7, 0, None, {"clean": {"fpr@eer": HALF}, "dark": {}}),
    Family("swap", "drawn val", 0, 0, None, {}),
)


def test_what_was_not_measured_is_said() -> None:
    tables = dict(family_tables(FAMILIES))
    heading, gan, attic, swap = tables["By family"]
    assert heading == ("family", "real + fake", "AUC", "lowest AUC", "against", "TPR at eer", "FPR at eer")
    told = "0.500 [0.400, 0.600]"
    assert gan == ("gan", "0 + 9", told, told, "attic", told, "–")
    assert attic == ("attic", "7 + 0", "–", "–", "–", "–", told)
    assert swap == ("swap", "not measured", *["–"] * 5)
    assert tables["AUC by condition"] == [("family", "clean", "dark"), ("gan", told, told)]
    assert tables["FPR at eer by condition"] == [("family", "clean", "dark"), ("attic", told, "–")]
    assert not [*family_tables(())]


def test_columns_do_not_depend_on_which_family_comes_first() -> None:
    figures = {rate: HALF for rate in ("fpr@fake", "fpr@real")}
    attic = Family("attic", "drawn", 7, 0, None, {"clean": figures})
    gan = Family("gan", "drawn", 0, 7, None, {"clean": {"tpr@fake": HALF, "tpr@real": HALF, "found": HALF}})
    ((_, (heading, *_)),) = family_tables((attic, gan))
    assert heading[5:] == ("TPR at fake", "FPR at fake", "TPR at real", "FPR at real", "found")


def test_markdown_says_on_what_it_was_measured_and_cannot_be_broken() -> None:
    lines = family_markdown((Family("a|b", "x\n# y", 1, 0, None, {"clean": {"fpr@t": HALF}}),), level=3)
    assert lines[0] == "### By family" and lines[-1] == r"Measured on x\x0a# y; – is not measured."
    assert any(line.startswith(r"| a\|b ") for line in lines)
    assert family_markdown((), level=2) == ["## By family", "", "Not measured."]
