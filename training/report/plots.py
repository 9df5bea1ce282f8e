"""The curves and charts of a report, each a function from scored models to a figure. Drawn without a screen."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sklearn.metrics import roc_curve

from edgefake.odds import log_odds, log_odds_of
from training.evaluate import Scored
from training.metrics import reliability, wilson
from training.samples import fake_labels

DPI = 120
REAL, FAKE = "#0072B2", "#D55E00"  # Okabe & Ito 2008: told apart with any kind of colour vision
MODELS = ("#000000", "#E69F00", "#56B4E9", "#009E73", "#CC79A7", "#0072B2", "#D55E00", "#8C8C00")
MARKERS = "osD^vP*X"
EDGES = np.linspace(-7.0, 7.0, 57)  # of the histogram's bins, in log-odds: p_fake 0.001 to 0.999
TICKS = (0.001, 0.01, 0.1, 0.5, 0.9, 0.99, 0.999)


def roc(scored: Sequence[Scored]) -> Figure:
    """ROC curves of all models on one data set, whole and near the corner that matters, with the stored thresholds."""
    figure = Figure(figsize=(11, 5.2), layout="constrained")
    whole, corner = figure.subplots(1, 2)
    for i, one in enumerate(scored):
        labels, p_fake = _labels_and_scores(one)
        fpr, tpr, _ = roc_curve(labels, p_fake)
        figures = one.measurement.figures
        label = f"{_name(one)}: AUC {figures['auc']:.3f}"
        for axes in (whole, corner):
            axes.plot(fpr, tpr, color=_colour(i), label=label, linewidth=1.6)
            point = figures["fpr"].value, figures["recall"].value
            axes.plot(*point, _marker(i), color=_colour(i), markersize=8, markeredgecolor="white")
    whole.plot((0, 1), (0, 1), ":", color="grey", linewidth=1)
    whole.set(xlim=(-0.01, 1.01), title="whole")
    whole.legend(loc="lower right")
    corner.set(xscale="log", title="logarithmic, for low false-positive rates")
    corner.set_xticks((0.001, 0.01, 0.05, 0.1, 1.0))
    corner.set_xlim(_lowest_rate(scored), 1.0)
    for axes in (whole, corner):
        axes.set(
            ylim=(-0.01, 1.01), xlabel="false-positive rate: real faces called fake", ylabel="true-positive rate: fakes found"
        )
        axes.xaxis.set_major_formatter(_percent)
        axes.yaxis.set_major_formatter(_percent)
        axes.grid(alpha=0.3)
    figure.suptitle(f"{_where(scored[0])}: ROC curves (markers: the stored thresholds)")
    return figure


def degradation_curves(scored: Sequence[Scored]) -> Figure:
    """AUC, fakes found at 5 % false positives, and false positives at the stored threshold, by degradation."""
    titles = {
        "auc": "AUC",
        "tpr@5%fpr": "TPR at 5 % FPR",
        "recall": "fakes called fake\n(stored threshold)",
        "fpr": "real faces called fake\n(stored threshold)",
    }
    measured = scored[0].measurement.figures
    shown = ("auc", "tpr@5%fpr", "fpr") if "auc" in measured else tuple(measured)
    conditions = list(dict.fromkeys(s.measurement.degradation for s in scored))
    models = list(dict.fromkeys(s.subject.name for s in scored))
    figure = Figure(figsize=(max(7.0, 1.1 * len(conditions) + 1.5), 3.0 * len(shown)), layout="constrained")
    for axes, key in zip(figure.subplots(len(shown), 1, sharex=True, squeeze=False)[:, 0], shown, strict=True):
        for i, model in enumerate(models):
            chosen = [s for s in scored if s.subject.name == model]
            values = [s.measurement.figures[key] for s in chosen]
            x = np.arange(len(values)) + (i - (len(models) - 1) / 2) * min(0.12, 0.7 / len(models))  # side by side
            middle = np.array([v.value for v in values])
            bars = np.clip([middle - [v.low for v in values], [v.high for v in values] - middle], 0, None)
            style = {"color": _colour(i), "marker": _marker(i), "linewidth": 1.2, "capsize": 3, "markersize": 6}
            axes.errorbar(x, middle, bars, label=_name(chosen[0]), **style)
        axes.set_ylabel(titles[key])
        axes.grid(alpha=0.3)
        if key != "auc":
            axes.yaxis.set_major_formatter(_percent)
    axes.set_xticks(range(len(conditions)), conditions)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    figure.align_ylabels()
    figure.suptitle(f"{scored[0].data.name}: what degraded pictures cost (bars: 95 % intervals)")
    return figure


def score_histograms(scored: Sequence[Scored]) -> Figure:
    """How p_fake of real and of fake faces is spread, and where the stored threshold cuts."""
    figure, panels = _panels(scored, 4.4)
    for axes, one in zip(panels, scored, strict=True):
        labels, p_fake = _labels_and_scores(one)
        odds = np.clip(log_odds_of(p_fake), EDGES[0], EDGES[-1])
        for label, name, colour in ((0, "real", REAL), (1, "fake", FAKE)):
            axes.hist(odds[labels == label], EDGES, color=colour, alpha=0.55, label=name)
        threshold = one.subject.threshold
        axes.axvline(log_odds(threshold), color="black", linestyle="--", label="stored threshold")
        axes.set_xticks(log_odds_of(np.array(TICKS)), [f"{tick:g}" for tick in TICKS])
        axes.set(title=f"{_name(one)}\nthreshold {threshold:.3f}", xlabel="p_fake (log-odds scale)", ylabel="faces per bin")
        axes.grid(alpha=0.3)
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    figure.suptitle(f"{_where(scored[0])}: scores\n(the outermost bins hold all that lies beyond)")
    return figure


def reliability_diagrams(scored: Sequence[Scored]) -> Figure:
    """Of faces with a p_fake of 0.8, are 80 % fake? Dots are bins of equal mass, bars their binomial 95 % intervals."""
    figure, panels = _panels(scored, 5.2)
    for axes, one in zip(panels, scored, strict=True):
        bins = reliability(*_labels_and_scores(one))
        promised, held, faces = (np.array([getattr(b, key) for b in bins]) for key in ("p_fake", "fake", "faces"))
        axes.plot((0, 1), (0, 1), ":", color="grey")
        low, high = wilson(held, faces)
        axes.errorbar(promised, held, [held - low, high - held], fmt="o", color=MODELS[0], capsize=3, markersize=5)
        ece = one.measurement.figures["ece"]
        axes.set(title=f"{_name(one)}\ncalibration error {ece:.3f}")
        axes.set(xlabel="mean p_fake of the bin", ylabel="share of fakes in the bin", xlim=(-0.03, 1.03), ylim=(-0.03, 1.03))
        axes.set_box_aspect(1)
        axes.grid(alpha=0.3)
    figure.suptitle(f"{_where(scored[0])}: reliability ({scored[0].measurement.real + scored[0].measurement.fake} faces)")
    return figure


def confusion_matrices(scored: Sequence[Scored]) -> Figure:
    """Verdicts as a device gives them by label, as counts and shares of the label."""
    figure, panels = _panels(scored, 4.6)
    for axes, one in zip(panels, scored, strict=True):
        c = one.measurement.confusion
        real, fake = (c.real_as_real, c.real_as_unsure, c.real_as_fake), (c.fake_as_real, c.fake_as_unsure, c.fake_as_fake)
        counts = np.array([real, fake])
        at = one.subject.card.thresholds_at()
        shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        for (row, column), count in np.ndenumerate(counts):
            colour = "white" if shares[row, column] > 0.5 else "black"
            text = f"{count}\n{100 * shares[row, column]:.1f} %"
            axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=13)
        axes.set_xticks((0, 1, 2), ("called real", "unsure", "called fake"))
        axes.set_yticks((0, 1), ("real", "fake"))
        axes.set(xlabel="verdict", ylabel="label")
        axes.set_title(f"{_name(one)}\nreal below {at.real:.3f}, fake from {at.fake:.3f}")
    figure.suptitle(f"{_where(scored[0])}: verdicts")
    return figure


def _panels(scored: Sequence[Scored], height: float) -> tuple[Figure, list[Axes]]:
    """A figure with one panel per model, at most three beside each other."""
    columns = min(3, len(scored))
    rows = -(-len(scored) // columns)
    figure = Figure(figsize=(max(5.0, 4.6 * columns), height * rows + 0.4), layout="constrained")
    axes = list(figure.subplots(rows, columns, squeeze=False).ravel())
    for unused in axes[len(scored) :]:
        unused.remove()
    return figure, axes[: len(scored)]


def _labels_and_scores(one: Scored) -> tuple[np.ndarray, np.ndarray]:
    scored = ~np.isnan(one.p_fake)
    return fake_labels(one.data.samples)[scored], one.p_fake[scored]


def _lowest_rate(scored: Sequence[Scored]) -> float:
    """Where the logarithmic axis starts: one false positive among the real faces."""
    return min(0.01, 1 / max(one.measurement.real for one in scored))


def _percent(value: float, _: int) -> str:
    return f"{100 * value:.3g} %"


def _name(one: Scored) -> str:
    return f"{one.subject.name} ({one.subject.precision})"


def _where(one: Scored) -> str:
    degradation = one.measurement.degradation
    return one.data.name if degradation == "clean" else f"{one.data.name}, {degradation}"


def _colour(index: int) -> str:
    return MODELS[index % len(MODELS)]


def _marker(index: int) -> str:
    return MARKERS[index % len(MARKERS)]
