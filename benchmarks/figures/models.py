"""Tables of the bundled models, from their cards."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache

from benchmarks.figures.speed import face_ms
from edgefake.defaults import DEFAULT_MODEL, DEFAULT_THRESHOLD
from edgefake.models.card import ModelCard
from edgefake.models.families import CLEAN, Family, family_markdown
from edgefake.models.file import ModelFile, require_card
from edgefake.models.store import LocatedFile, list_models
from edgefake.statistics import Interval
from edgefake.tables import markdown_table

NOT_MEASURED = "not measured"
ENOUGH = 30
"""So many real faces a family must have, for its rate to be told as the worst."""


def first_files(files: Iterable[LocatedFile]) -> dict[str, LocatedFile]:
    """Of every model the file that its name stands for."""
    first: dict[str, LocatedFile] = {}
    for file in files:
        first.setdefault(file.stored.name, file)
    return first


@cache
def bundled() -> dict[str, tuple[ModelCard, int]]:
    """Card and size in bytes of every bundled model, the default one first."""
    found = {
        name: (require_card(ModelFile(file.path), None), file.stored.size)
        for name, file in first_files(list_models()).items()
        if file.path is not None
    }
    return dict(sorted(found.items(), key=lambda item: (item[0] != DEFAULT_MODEL, item[1][0].kind, item[0])))


def detectors() -> Iterator[tuple[str, ModelCard, int]]:
    for name, (card, size) in bundled().items():
        if card.kind == "detector":
            yield name, card, size


def summary() -> list[str]:
    """Of every detector what a chooser needs first."""
    speeds = {name: face_ms(name) for name, _, _ in detectors()}
    rows = [
        (
            _named(name),
            f"{size / 1e6:.1f} MB, {card.side} px",
            _speed(speeds[name], speeds[DEFAULT_MODEL]),
            _fakes(card.families),
            _worst_rate(card),
            _called_fake(card),
            terms(card).partition(":")[0],
        )
        for name, card, size in detectors()
    ]
    heading = (
        *("model", "size, input", "speed", "AUC, mean over families of fakes; lowest"),
        *("real faces called fake, worst family", "fakes called fake, mean over families", "terms of the weights"),
    )
    told = dict.fromkeys(terms(card) for _, card, _ in detectors())
    names = {text: ", ".join(f"`{name}`" for name, card, _ in detectors() if terms(card) == text) for text in told}
    return [*markdown_table(heading, rows), "", *(f"- {names[text]}: {text}." for text in told)]


def overall() -> list[str]:
    """What the cards hold of whole data sets."""
    names = ("auc", "eer", "tpr@1%fpr", "tpr@5%fpr", "balanced_accuracy", "fpr", "recall")
    rows = [
        (_named(name), metrics.data, metrics.size, *(_cell(metrics.figures.get(figure)) for figure in names))
        for name, card, _ in detectors()
        for metrics in card.metrics
    ]
    return markdown_table(("model", "data", "faces", *names), rows)


def families() -> list[str]:
    """AUC of each family's fakes, and how many of its real faces are called fake, model beside model."""
    cards = {name: {family.name: family for family in card.families} for name, card, _ in detectors() if card.families}
    lines: list[str] = []
    for title, wanted in (
        ("Fakes of a family against every source of real faces: AUC", lambda card: "auc"),
        ("Fakes that are called fake", lambda card: f"tpr@{_upper(card)}"),
        ("Real faces that are called fake", lambda card: f"fpr@{_upper(card)}"),
    ):
        all_names = sorted({name for known in cards.values() for name in known})
        rows = []
        for family in all_names:
            cells = [
                _cell(known[family].figures.get(CLEAN, {}).get(wanted(bundled()[model][0]))) if family in known else "–"
                for model, known in cards.items()
            ]
            if any(cell != "–" for cell in cells):
                rows.append((f"`{family}`", *cells))
        lines += [f"### {title}", "", *markdown_table(("family", *map(_named, cards)), rows), ""]
    unmeasured = [name for name, card, _ in detectors() if not card.families]
    if unmeasured:
        lines += [f"By family not measured: {', '.join(map(_named, unmeasured))}.", ""]
    data = dict.fromkeys(family.data for known in cards.values() for family in known.values())
    return [*lines, *(f"Measured on {text}." for text in data)]


def degraded() -> list[str]:
    """Everything of each card that is about families, in whole."""
    lines: list[str] = []
    for name, card, _ in detectors():
        if card.families:
            lines += [f"### {name}", "", *family_markdown(card.families, level=4), ""]
    return lines[:-1]


def terms_table() -> list[str]:
    rows = [
        (_named(name), card.kind.replace("_", " "), card.training.data if card.training else "not told", terms(card))
        for name, (card, _) in bundled().items()
    ]
    return markdown_table(("model", "kind", "trained on", "terms of the weights"), rows)


def terms_text() -> list[str]:
    """The same for a file of plain text."""
    return [
        f"{name}\n    trained on: {card.training.data if card.training else 'not told'}\n    terms: {terms(card)}"
        for name, (card, _) in bundled().items()
    ]


def terms(card: ModelCard) -> str:
    return card.terms or "not told"


def _named(name: str) -> str:
    return f"`{name}` (default)" if name == DEFAULT_MODEL else f"`{name}`"


def _speed(ms: float | None, default_ms: float | None) -> str:
    if ms is None:
        return NOT_MEASURED
    return f"{ms:.2f} ms" if default_ms is None else f"{ms:.2f} ms, {default_ms / ms:.1f} ×"


def _upper(card: ModelCard) -> str:
    """The name of the threshold from which this model calls a face fake, as families tell of it."""
    return "fake" if "fake" in card.thresholds else DEFAULT_THRESHOLD


def _fakes(families: Iterable[Family]) -> str:
    aucs = {family.name: family.figures[CLEAN]["auc"] for family in families if "auc" in family.figures.get(CLEAN, {})}
    if not aucs:
        return NOT_MEASURED
    worst = min(aucs, key=lambda name: aucs[name].value)
    return f"{sum(auc.value for auc in aucs.values()) / len(aucs):.2f} ({len(aucs)}); {aucs[worst].value:.2f} `{worst}`"


def _worst_rate(card: ModelCard) -> str:
    name = f"fpr@{_upper(card)}"
    rates = {
        family.name: family.figures[CLEAN][name]
        for family in card.families
        if family.real >= ENOUGH and name in family.figures.get(CLEAN, {})
    }
    if not rates:
        return NOT_MEASURED
    worst = max(rates, key=lambda family: rates[family].value)
    return f"{_percent(rates[worst])} `{worst}`"


def _called_fake(card: ModelCard) -> str:
    name = f"tpr@{_upper(card)}"
    rates = [family.figures[CLEAN][name].value for family in card.families if name in family.figures.get(CLEAN, {})]
    return f"{100 * sum(rates) / len(rates):.0f} %" if rates else NOT_MEASURED


def _percent(rate: Interval) -> str:
    return f"{100 * rate.value:.1f} % [{100 * rate.low:.0f}, {100 * rate.high:.0f}]"


def _cell(figure: Interval | None) -> str:
    return "–" if figure is None else f"{figure:.3f}"


TABLES: Mapping[str, Callable[[], list[str]]] = {
    "models": summary,
    "overall": overall,
    "families": families,
    "degraded": degraded,
    "terms": terms_table,
    "terms text": terms_text,
}
