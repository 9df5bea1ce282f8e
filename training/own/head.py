"""Outputs: which of them means what, and logits instead of probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from edgefake.errors import InputError
from edgefake.odds import SMALLEST, class_log_odds, log_odds_of
from training.functional import Graph, Node

Outputs = npt.NDArray[np.float32]


def check_classes(classes: Sequence[str], outputs: int) -> None:
    """Raise ``InputError`` unless ``classes`` name what so many outputs tell apart: two for one output, else one each."""
    if "real" not in classes or len(classes) != max(outputs, 2) or len(set(classes)) != len(classes):
        expected = "the two names real and fake" if outputs < 3 else f"{outputs} names, one of them real"
        raise InputError(
            f"the detector has {outputs} output{'s' * (outputs > 1)}: expected --classes with {expected}, in the order of its "
            f"training, got {','.join(classes)}"
        )
    if outputs == 1 and set(classes) != {"real", "fake"}:
        raise InputError(
            f"a detector with one output tells real from fake: expected --classes real,fake or fake,real, got {','.join(classes)}"
        )


def real_first(classes: Sequence[str]) -> tuple[str, ...]:
    """``classes`` with real before the kinds of fake."""
    return ("real", *(name for name in classes if name != "real"))


def ordering(classes: Sequence[str], outputs: int) -> npt.NDArray[np.float32]:
    """(K, K) by which so many logits are multiplied: one rises with fake then, several come as in ``real_first``."""
    if outputs == 1:
        return np.array([[1.0 if classes[1] == "fake" else -1.0]], np.float32)
    return np.eye(outputs, dtype=np.float32)[:, [list(classes).index(name) for name in real_first(classes)]]


def are_probabilities(outputs: Outputs) -> bool:
    """Whether outputs (N, K) lie in 0…1 and, of several classes, add up to 1; ``InputError`` where several do only the first."""
    if not np.all((outputs >= 0) & (outputs <= 1)):
        return False
    if outputs.shape[1] > 1 and not np.allclose(outputs.sum(axis=1), 1, atol=0.02):
        raise InputError(
            f"its {outputs.shape[1]} outputs are probabilities that do not add up to 1, of which no p_fake follows: train it "
            "with a softmax over the classes, or with one sigmoid output"
        )
    return True


def fake_logits(outputs: Outputs, classes: Sequence[str], *, probabilities: bool) -> Outputs:
    """Log-odds (N,) of fake against real, of a user's outputs (N, K) in the order of ``classes``; one rises with the second."""
    one = outputs.shape[1] == 1
    logits = outputs
    if probabilities:
        logits = log_odds_of(outputs).astype(np.float32) if one else np.log(np.clip(outputs, SMALLEST, 1))
    logits = logits @ ordering(classes, outputs.shape[1])
    return logits[:, 0] if one else class_log_odds(logits)


def to_logits(graph: Graph, classes: Sequence[str]) -> None:
    """Take the last activation off, and let one output mean fake, several come in the order of ``real_first``.

    Raises ``InputError`` where there are several outputs, or they are neither logits nor of a sigmoid or softmax.
    """
    if len(graph.outputs) != 1:
        raise InputError(
            f"expected a detector with one output, got {len(graph.outputs)} ({', '.join(graph.outputs)}): save it with the one "
            "that tells fake from real"
        )
    (name,) = graph.outputs
    shape = graph.nodes[name].shape
    outputs = shape[-1] or 0
    while graph.nodes[name].kind in ("Flatten", "Reshape"):
        (name,) = graph.nodes[name].inputs
    last = graph.nodes[name]
    activation = "softmax" if last.kind == "Softmax" else last.config.get("activation", "linear")
    if len(shape) != 2 or activation not in ("linear", "sigmoid" if outputs == 1 else "softmax"):
        raise InputError(
            f"expected one sigmoid or several softmax outputs (N, K), or their logits, got {shape} with {activation} from {name}"
        )
    if last.kind in ("Softmax", "Activation"):
        graph.remove(name)
    elif activation != "linear":
        graph.nodes[name] = replace(last, config={**last.config, "activation": "linear"})
    order = ordering(classes, outputs)
    if not np.array_equal(order, np.eye(outputs)):
        _reorder(graph, order)


def _reorder(graph: Graph, order: npt.NDArray[np.float32]) -> None:
    """Multiply the one output by ``order`` (K, K), inside the last layer where it is Dense."""
    (name,) = graph.outputs
    last = graph.nodes[name]
    if last.kind == "Dense":
        graph.nodes[name] = replace(last, weights=tuple(value @ order for value in last.weights))
        return
    ordered = graph.unused("in_order")
    config = {"units": len(order), "use_bias": False}
    graph.nodes[ordered] = Node("Dense", config, (order,), (name,), last.shape)
    graph.outputs = (ordered,)
