"""Making an ordinary float run out of a user's detector."""

from __future__ import annotations

import sys
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.metrics import log_loss

from edgefake.errors import InputError
from edgefake.files import write_json
from edgefake.odds import p_fake_of
from edgefake.pixels import Pixels
from edgefake.statistics import auc
from training.batches import all_pixels, readable
from training.digests import SEEN
from training.loop import keeping, logits, save_checkpoint, save_model
from training.metrics import evaluate_scores
from training.own.feed import FEEDS, Feed
from training.own.files import UserModel
from training.own.head import are_probabilities, check_classes, fake_logits, real_first
from training.own.scaling import check_stated
from training.own.standard import standard
from training.runs import Run, State, open_run, remember
from training.samples import fake_labels

COMPARED = 256  # faces on which the imported model is compared with the user's
MAX_DIFFERENCE = 5e-4  # of p_fake; ten times what the order of float32 sums makes in deep networks
TRIED = 64  # faces on which other scalings are tried
CLEARLY = 0.1  # nats of cross-entropy


@dataclass(frozen=True, slots=True)
class Own:
    """A user's detector, and what they say about it. Raises ``InputError`` where that does not fit."""

    model: UserModel
    feed: Feed
    """What it was fed in its training."""
    classes: tuple[str, ...]
    """What its outputs mean, in their order; one output rises with the second."""
    trust_classes: bool = False
    """Whether ``classes`` are right whatever the scores say."""

    def __post_init__(self) -> None:
        check_classes(self.classes, self.outputs)
        check_stated(self.model, self.feed)

    @property
    def outputs(self) -> int:
        """How many numbers it gives per face."""
        return int(np.size(self.model.call(np.zeros((1, self.model.size, self.model.size, 3), np.float32))))

    def run(self, settings: Run) -> Run:
        """``settings`` with what the model decides."""
        classes = real_first(self.classes) if self.outputs > 1 else ()
        return replace(settings, recipe=self.model.name, size=self.model.size, classes=classes, weights=str(self.model.path))


def import_model(own: Own, run: Run, folder: Path) -> State:
    """Write a user's model as the float run ``run`` into ``folder``; one that is there already stays.

    Raises ``InputError`` when it is no graph of layers that tf_keras has, or scores real faces higher than fakes.
    """
    run, path = replace(run, model=str(folder / "best.h5")), own.model.path
    imported = folder / "state.json"
    if imported.exists():
        state = open_run(run, folder)
        if (path / "saved_model.pb" if path.is_dir() else path).stat().st_mtime > imported.stat().st_mtime:
            raise InputError(f"{path} is newer than what was imported from it into {folder}: name another --run folder")
        return state
    train, chosen = run.training_samples()
    validation = readable(chosen)
    labels, pixels = fake_labels(validation), all_pixels(validation, size=run.size, margin=run.margin, mode=run.crop_mode)
    try:
        model = standard(own.model, own.feed, own.classes)
        scores = logits(model, pixels)
        difference = check_same(own, pixels, scores)
    except InputError as error:
        raise InputError(
            f"{path} cannot be imported: {error}; python -m convert tflite {path} --post-training takes it without import and QAT"
        ) from error
    value = check_order(own, pixels, labels, scores)
    print(f"{path} at {run.size} px: validation AUC {value:.4f} on {len(labels)} faces; imported p_fake within {difference:.1g}")
    open_run(run, folder)
    with keeping(folder / SEEN):
        remember(run, folder, [*train, *chosen])
    _save(model, Path(run.model))
    state = State(run.learning_rate, best_auc=value)
    with keeping(imported):
        write_json(imported, asdict(state))
    return state


def check_same(own: Own, pixels: Pixels, scores: npt.NDArray[np.floating]) -> float:
    """Largest difference in p_fake between a user's model and the logits (N,) of the imported one, on some of the same faces.

    Raises ``InputError`` when it is not the same detector.
    """
    some = slice(None, None, max(1, len(pixels) // COMPARED))
    outputs, scores = own.model.outputs(own.feed(pixels[some])), scores[some]
    # Logits of few faces may look like probabilities.
    readings = {are_probabilities(outputs), False}
    difference = min(
        float(np.abs(p_fake_of(fake_logits(outputs, own.classes, probabilities=reading)) - p_fake_of(scores)).max())
        for reading in readings
    )
    if difference > MAX_DIFFERENCE:
        raise InputError(f"rebuilt in tf_keras, its p_fake differs by up to {difference:.2g}: a layer means something else there")
    return difference


def check_order(own: Own, pixels: Pixels, labels: npt.NDArray[np.int_], scores: npt.NDArray[np.floating]) -> float:
    """AUC of a user's detector from its ``scores`` (N,) of labelled faces; warns when another scaling fits them better.

    Raises ``InputError`` when it scores real faces higher beyond chance (95 % interval), so that its classes must be in another
    order; warns where that may be chance, or the order is trusted.
    """
    classes = own.classes
    value = evaluate_scores(labels, p_fake_of(scores), threshold=0.5)["auc"]
    if value.value < 0.5:
        order = f"--classes {','.join(reversed(classes))}" if len(classes) == 2 else "the names in the order of its training"
        said = (
            f"with --classes {','.join(classes)} this detector scores real faces higher than fakes (AUC {value.value:.3f}, 95 % "
            f"interval {value.low:.3f} to {value.high:.3f}): "
        )
        other = f"{order}, or another --scaling or --margin where it was trained with that"
        if value.high < 0.5 and not own.trust_classes:
            raise InputError(f"{said}give {other}; --trust-classes takes them as they are")
        print(
            f"warning: {said}" + ("they are taken as given" if own.trust_classes else f"if that is no chance, give {other}"),
            file=sys.stderr,
        )
    some = np.concatenate([np.flatnonzero(labels == label)[: TRIED // 2] for label in (0, 1)])
    better = better_feed(own, pixels[some], labels[some])
    if better:
        print(f"warning: with {better} it would judge these faces better: is that what its training fed it?", file=sys.stderr)
    return value.value


def better_feed(own: Own, pixels: Pixels, labels: npt.NDArray[np.int_]) -> str | None:
    """The options by which the detector would judge labelled faces clearly better than as ``own`` is fed, where there are any."""

    def quality(feed: Feed) -> tuple[float, float]:
        try:
            outputs = own.model.outputs(feed(pixels))
            scores = fake_logits(outputs, own.classes, probabilities=are_probabilities(outputs))
        except InputError:  # NaN, from what it was never fed
            return 0.0, np.inf
        return auc(labels, scores), log_loss(labels, p_fake_of(scores))

    others = {f"--scaling {name}": feed for name, feed in FEEDS.items()}
    others["no --bgr" if own.feed.bgr else "--bgr"] = replace(own.feed, bgr=not own.feed.bgr)
    value, loss = quality(own.feed)
    found = {option: quality(feed) for option, feed in others.items()}
    # A scaling that makes all inputs alike has a low loss too, but not the higher AUC.
    better = {option: other for option, (auc_, other) in found.items() if auc_ >= value and other < loss - CLEARLY}
    return min(better, key=lambda option: round(better[option], 2), default=None)  # of equals, the first


def _save(model: Any, path: Path) -> None:
    model.compile()  # or Keras warns that it is not
    save_checkpoint(model, path, partial(save_model, optimizer=False))
