"""Channels of unlike ranges brought to one before quantization, where that costs nothing (Nagel et al. 2019, arXiv:1906.04721).

An activation has one scale for all of its channels, so that those that stay small keep few of the 255 steps. Before a depthwise
convolution each channel can be made larger by any factor and its kernel smaller by the same: the kernels have a scale for each
channel, and the outputs stay what they were.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import tf_keras as keras

from training.functional import Graph, build, read

LARGEST = 16.0
"""No channel is made larger than this: one that hardly ever fires would rule the range by a single picture."""
Values = npt.NDArray[np.float32]


def equalized(folded: Any, batches: Iterable[Values]) -> Any:
    """A model that ``training.quantize.fold`` made, with the channels before every depthwise convolution brought to one range.

    Its outputs are the same, but where a channel is larger than anywhere in ``batches`` (float (N, S, S, 3)) and a ReLU6 cuts it
    off. Its layers and weights are called and shaped as before, so that checkpoints of either fit both.
    """
    graph = read(folded)
    pairs = {relu: found for relu in graph.nodes if (found := _between(graph, relu))}
    if not pairs:
        return folded
    probe = keras.Model(folded.inputs, [folded.get_layer(relu).output for relu in pairs])
    largest = [np.zeros(graph.nodes[relu].shape[-1], np.float32) for relu in pairs]
    for batch in batches:
        outputs = probe.predict_on_batch(batch)
        for known, output in zip(largest, outputs if len(pairs) > 1 else [outputs], strict=True):
            np.maximum(known, np.asarray(output).max(axis=(0, 1, 2)), out=known)
    for (relu, (norm, depthwise)), channels in zip(pairs.items(), largest, strict=True):
        factors = _factors(channels, graph.nodes[relu].config.get("max_value"))
        gamma, beta, *statistics = graph.nodes[norm].weights
        kernel, *bias = graph.nodes[depthwise].weights
        graph.nodes[norm] = replace(graph.nodes[norm], weights=(gamma * factors, beta * factors, *statistics))
        graph.nodes[depthwise] = replace(graph.nodes[depthwise], weights=(kernel / factors[:, None], *bias))
    return build(graph, name=folded.name)


def _factors(largest: Values, limit: float | None) -> Values:
    """By what each channel is multiplied, from 1 to ``LARGEST``: up to ``limit``; without one, to the largest."""
    goal = largest.max() if limit is None else limit
    return np.clip(np.divide(goal, largest, out=np.ones_like(largest), where=largest > 0), 1.0, LARGEST)


def _between(graph: Graph, name: str) -> tuple[str, str] | None:
    """The BatchNorm before and the depthwise convolution behind a ReLU whose channels can be scaled; None where they can't."""
    node, depthwise = graph.nodes[name], graph.goes_to(name)
    if node.kind != "ReLU" or node.config.get("threshold") or depthwise is None:
        return None
    (norm,) = node.inputs
    scaled = graph.nodes[norm].kind == "BatchNormalization" and len(graph.nodes[norm].weights) == 4
    if not scaled or graph.goes_to(norm) != name or graph.nodes[depthwise].kind != "DepthwiseConv2D":
        return None
    return norm, depthwise
