"""A report for people, as Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from edgefake.models.families import family_markdown
from edgefake.tables import markdown_table
from edgefake.text import printable
from training.evaluate import Measurement
from training.metrics import BINS, RESAMPLES
from training.report.record import DataRecord, Record

RANKING = {
    "auc": "AUC",
    "eer": "EER",
    "tpr@1%fpr": "TPR at 1 % FPR",
    "tpr@5%fpr": "TPR at 5 % FPR",
    "ece": "calibration error",
}
AT_THRESHOLD = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "precision": "precision",
    "recall": "recall",
    "f1": "F1",
    "fpr": "FPR",
}
FAMILIES = (
    "AUC: the fakes of a family against each source of real faces, each weighted alike; the lowest stands beside it, with its "
    "source. TPR and FPR are at the stored threshold."
)
LABELS, VERDICTS = ("real", "fake"), ("real", "unsure", "fake")
HEADLINES = ("auc", "eer", "tpr@1%fpr", "tpr@5%fpr", "balanced_accuracy", "fpr", "recall")


@dataclass(frozen=True, slots=True)
class Plot:
    """A picture of the report."""

    title: str
    file: str


def table(measurements: Sequence[Measurement]) -> str:
    """The figures that decide between models, for a terminal."""
    titles = RANKING | AT_THRESHOLD
    heading = ("model", "precision", "data", "degradation", "real + fake", *(titles[key] for key in HEADLINES))
    rows = [(m.model, m.precision, m.data, m.degradation, _count(m), *(_figure(m, k) for k in HEADLINES)) for m in measurements]
    lines = markdown_table(heading, rows)
    if any(m.families for m in measurements):
        lines += ["", *_families(measurements)]
    return "\n".join(lines)


def markdown(record: Record, plots: Mapping[str, Sequence[Plot]]) -> str:
    """The whole report; ``plots`` by data set."""
    lines = ["# Evaluation", ""]
    for data in record.data:
        lines += _audit(data)
    lines += [
        f"Size-matched, cropped faces. Figures in brackets are bootstrap 95 % intervals ({RESAMPLES} resamples, stratified by "
        "class), those of one class or kind alone Wilson intervals; all are shares of 0…1. TPR at 1 % or 5 % FPR is that of the "
        "best threshold *on this data*; what is called fake is what scores at or above the threshold that the model stores for "
        "5 % false positives, chosen on other faces. "
        f"Calibration error: expected distance between p_fake and the share of fakes, in {BINS} bins of equal mass.",
        "",
        *markdown_table(
            ("model", "file", "precision", "architecture", "input", "trained on"),
            [(m.name, f"`{m.path}`", m.precision, m.architecture, f"{m.input_size} px", m.training_data) for m in record.models],
        ),
        "",
        "A run is never measured on pictures that taught it or chose its thresholds. A model file does not list its pictures: "
        "compare what it was trained on with the data below.",
        "",
        *markdown_table(("degradation", "what it is"), record.degradations.items()),
        "",
    ]
    for data in record.data:
        lines += _data_set(record, data, plots[data.name])
    for model in record.models:
        if model.families is not None:
            lines += [f"## What the card of {model.name} says", "", *family_markdown(model.families, level=3), ""]
    versions = ", ".join(f"{name} {version}" for name, version in record.environment.items())
    lines += [
        "## How this was made",
        "",
        f"{record.created}, seed {record.seed}, {versions}.",
        "",
        "```sh",
        printable(record.command, limit=None),
        "```",
        "",
    ]
    return "\n".join(lines)


def _audit(data: DataRecord) -> list[str]:
    if data.audit is None:
        return [f"> **{data.name} is not audited:** run `python -m training audit {printable(data.root)}`", ""]
    return [line for warning in data.audit for line in (f"> **{data.name}:** {warning}", "")]


def _data_set(record: Record, data: DataRecord, plots: Sequence[Plot]) -> list[str]:
    rows = [m for m in record.measurements if m.data == data.name]
    lines = [f"## {data.name}", "", f"{data.real} real and {data.fake} fake faces in `{printable(data.root)}`.", ""]
    lines += ["### How well scores separate", "", *_figures(rows, RANKING), ""]
    lines += ["### At the stored threshold", "", *_figures(rows, AT_THRESHOLD, threshold=True), ""]
    lines += ["### Verdicts", "", "As a device gives them, by the card's `fake` and `real` where it has both.", ""]
    lines += [*_confusions(rows), ""]
    if any(m.kinds for m in rows):
        lines += ["### Share of each kind of fake that is called fake", "", *_kinds(rows, data.kinds), ""]
    if any(m.families for m in rows):
        lines += ["### By family", "", FAMILIES, "", *_families(rows), ""]
    lines += [line for plot in plots for line in (f"![{plot.title}]({plot.file})", "")]
    return [*lines, "### The most confident mistakes", "", *_mistakes(record, data), ""]


def _figures(measurements: Sequence[Measurement], titles: Mapping[str, str], *, threshold: bool = False) -> list[str]:
    heading = ("model", "precision", "degradation", "real + fake", *(("threshold",) if threshold else ()), *titles.values())
    rows = [
        (
            *(m.model, m.precision, m.degradation, _count(m)),
            *((f"{m.threshold:.4f}",) if threshold else ()),
            *(_figure(m, key) for key in titles),
        )
        for m in measurements
    ]
    return markdown_table(heading, rows)


def _confusions(measurements: Sequence[Measurement]) -> list[str]:
    heading = ("model", "degradation", *(f"{label} called {verdict}" for label in LABELS for verdict in VERDICTS))
    counts = [(m, m.confusion) for m in measurements]
    reals = [(m.model, m.degradation, c.real_as_real, c.real_as_unsure, c.real_as_fake) for m, c in counts]
    fakes = [(c.fake_as_real, c.fake_as_unsure, c.fake_as_fake) for _, c in counts]
    return markdown_table(heading, [(*real, *fake) for real, fake in zip(reals, fakes, strict=True)])


def _kinds(measurements: Sequence[Measurement], kinds: Sequence[str]) -> list[str]:
    rows = [(m.model, m.degradation, *(m.kinds.get(kind, "not measured") for kind in kinds)) for m in measurements]
    return markdown_table(("model", "degradation", *kinds), rows)


def _families(measurements: Sequence[Measurement]) -> list[str]:
    heading = ("model", "data", "degradation", "family", "real + fake", *("AUC", "lowest AUC", "against"), "TPR", "FPR")
    rows = [
        (
            *(m.model, m.data, m.degradation, f.family, f"{f.real} + {f.fake}"),
            *("–" if value is None else value for value in (f.auc, f.worst_auc, f.worst_source, f.tpr, f.fpr)),
        )
        for m in measurements
        for f in m.families
    ]
    return markdown_table(heading, rows)


def _mistakes(record: Record, data: DataRecord) -> list[str]:
    rows = [(m.model, m.degradation, m.label, f"{m.p_fake:.4f}", f"`{m.file}`") for m in record.mistakes if m.data == data.name]
    return markdown_table(("model", "degradation", "label", "p_fake", "picture"), rows) if rows else ["None."]


def _figure(m: Measurement, key: str) -> str:
    return str(m.figures.get(key, "–"))  # one class alone has no ranking


def _count(m: Measurement) -> str:
    return f"{m.real} + {m.fake}" + (f" ({m.without_score} without score)" if m.without_score else "")
