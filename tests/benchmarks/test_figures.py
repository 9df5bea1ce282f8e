"""The figures of the documentation are those of the cards and of the files of results."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from benchmarks.figures import models, pages, results
from edgefake.errors import InputError
from edgefake.models.card import ModelCard
from edgefake.models.families import Family
from edgefake.statistics import Interval


def test_no_page_differs() -> None:
    """``python -m benchmarks figures --write`` mends it."""
    assert [path.name for path in pages.stale()] == []


def test_a_figure_typed_by_hand_is_seen() -> None:
    name = "terms"
    page = f"before\n<!-- figures: {name} -->\n| AUC 1.000 |\n<!-- /figures -->\nafter\n"
    mended = pages.renewed(page)
    assert "1.000" not in mended and "`cnn_int8`" in mended and mended.startswith("before\n") and mended.endswith("\nafter\n")
    assert pages.renewed(mended) == mended


def test_an_unknown_table_is_told() -> None:
    with pytest.raises(InputError, match="'nothing'"):
        pages.renewed("<!-- figures: nothing -->\n<!-- /figures -->")


def test_every_table_stands_somewhere() -> None:
    text = "\n".join(pages.pages().values())
    assert [name for name in pages.TABLES if f"<!-- figures: {name} -->" not in text] == []


@pytest.fixture
def card() -> ModelCard:
    def family(name: str, auc: float, rate: float, real: int) -> Family:
        figures = {"auc": auc, "tpr@fpr_5%": 2 * rate, "fpr@fpr_5%": rate}
        return Family(name, "somewhere", real, 10, None, {"clean": {k: Interval(v, v, v) for k, v in figures.items()}})

    return ModelCard(
        name="mine",
        architecture="tiny",
        precision="int8",
        input_size=16,
        crop_margin=0.3,
        output="logit",
        thresholds={"fpr_5%": 0.5},
        families=(family("few", 0.7, 0.3, 29), family("many", 0.9, 0.1, 30)),
    )


def test_a_summary_is_of_all_families_and_names_the_worst(card: ModelCard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "bundled", lambda: {"mine": (card, 1_000_000), models.DEFAULT_MODEL: (card, 1_000_000)})
    row = next(line for line in models.summary() if "`mine`" in line)
    assert [cell.strip() for cell in row.strip("|").split("|")][3:6] == [
        "0.80 (2); 0.70 `few`",
        "10.0 % [10, 10] `many`",
        "40 %",
    ]


def test_a_file_of_results_is_a_table(tmp_path: Path) -> None:
    with (tmp_path / "a.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("what", "value"), ("a|b", "1")])
    assert results.of_csv(tmp_path / "a.csv")[0].split() == ["|", "what", "|", "value", "|"]
    assert "a\\|b" in results.of_csv(tmp_path / "a.csv")[2]
    (tmp_path / "a.csv").write_text("what,value\na, b,1\n")
    with pytest.raises(InputError, match=r"2 values.*a\.csv.*got 3.*'a'"):
        results.of_csv(tmp_path / "a.csv")
