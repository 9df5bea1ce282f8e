"""Kernels on the grid of their eight bits, rounded so that what they compute stays, not each weight by itself.

A kernel that looks for fine detail meets inputs whose mean is much larger than what varies in them. Rounded weight by weight, it
no longer takes that mean as it did, and the mean leaks into the output: in either of two trained networks one such layer (a
depthwise one; a 1×1 projection of 16 channels) moved the logit more than twice as much as any other. Here the weights are rounded
for the smallest error of the output on real activations (the aim of AdaRound, Nagel et al. 2020, arXiv:2004.10568; so few weights
a channel need no gradient for it), and the output's mean is given back to the BatchNorm behind (bias correction, Nagel et al.
2019, arXiv:1906.04721).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf
import tf_keras as keras

from training.functional import Graph, Node, build, read

LEVELS = 127
"""Of the narrow range of eight bits, on either side of zero."""
MOST_MOVES = 200
"""Of single weights or pairs of them in one kernel, each a step up or down."""
AT_ONCE = 8
"""Faces whose patches are held at once, to bound memory."""
MOST_WEIGHTS = 64
"""Of one output in a kernel that is rounded so: in longer sums the errors of single weights cancel."""
PAIRS_AT_ONCE = 1 << 21
"""Of weights whose steps are compared at once, to bound memory."""

Values = npt.NDArray[np.float32]
Moments = npt.NDArray[np.float64]


def rounded(folded: Any, batches: Iterable[Values]) -> Any:
    """A model that ``training.quantize.fold`` made, with the kernels of its convolutions on the grid that fake quantization
    rounds them to, so that training starts from the best rounding on ``batches`` (float (N, S, S, 3))."""
    graph = read(folded)
    norms = {name: norm for name in graph.nodes if (norm := _norm_behind(graph, name))}
    if not norms:
        return folded
    probe = keras.Model(folded.inputs, [folded.get_layer(graph.nodes[name].inputs[0]).output for name in norms])
    sums: dict[str, list[Any]] = {name: [0.0, 0.0, 0] for name in norms}
    for batch in batches:
        for start in range(0, len(batch), AT_ONCE):
            outputs = probe(batch[start : start + AT_ONCE], training=False)
            for name, activations in zip(norms, outputs if len(norms) > 1 else [outputs], strict=True):
                _add(sums[name], activations, graph.nodes[name])
    for name, norm in norms.items():
        first, second, count = sums[name]
        mean = np.asarray(first, np.float64) / count
        covariance = np.asarray(second, np.float64) / count - mean[:, :, None] * mean[:, None, :]
        kernel, *bias = graph.nodes[name].weights
        outputs = kernel.shape[2 if _depthwise(graph.nodes[name]) else 3]
        weights = kernel.reshape(-1, outputs).T.astype(np.float64)  # (channels of the output, weights of one)
        on_grid = best_rounding(weights, covariance)
        graph.nodes[name] = replace(graph.nodes[name], weights=(on_grid.T.reshape(kernel.shape).astype(np.float32), *bias))
        *affine, moving_mean, variance = graph.nodes[norm].weights
        shifted = moving_mean + ((on_grid - weights) * mean).sum(axis=1).astype(np.float32)
        graph.nodes[norm] = replace(graph.nodes[norm], weights=(*affine, shifted, variance))
    return build(graph, name=folded.name)


def best_rounding(weights: Moments, covariance: Moments) -> Moments:
    """``weights`` (C, K) as whole multiples of a 127th of each row's largest, with a small ``eᵀ·covariance·e`` of their errors e.

    ``covariance`` (C, K, K), or (1, K, K) for all alike, is that of the inputs which the K weights of a channel meet. Starts
    from the nearest multiples and takes, as long as one helps, the best step of one weight up or down or of two in opposite
    directions. The largest weight of a row, which sets the scale, stays.
    """
    covariance = np.broadcast_to(covariance, (len(weights), *covariance.shape[1:]))
    rows = max(1, PAIRS_AT_ONCE // weights.shape[1] ** 2)
    parts = range(0, len(weights), rows)
    return np.concatenate([_best_rounding(weights[start : start + rows], covariance[start : start + rows]) for start in parts])


def _best_rounding(weights: Moments, covariance: Moments) -> Moments:
    largest = np.abs(weights).max(axis=1, keepdims=True)
    step = np.where(largest > 0, largest, 1.0) / LEVELS
    whole = np.rint(weights / step)
    fixed = np.abs(whole) >= LEVELS
    squares = np.einsum("cii->ci", covariance)
    rows = np.arange(len(weights))
    for _ in range(MOST_MOVES):
        slope = np.einsum("cij,cj->ci", covariance, whole - weights / step)  # half of it, in steps
        allowed = {sign: ~fixed & (np.abs(whole + sign) < LEVELS) for sign in (1, -1)}
        single = np.stack([np.where(allowed[sign], squares + 2 * sign * slope, np.inf) for sign in (1, -1)], axis=1)
        pairs = squares[:, :, None] + squares[:, None, :] - 2 * covariance + 2 * (slope[:, :, None] - slope[:, None, :])
        pairs = np.where(allowed[1][:, :, None] & allowed[-1][:, None, :], pairs, np.inf)
        places = np.arange(weights.shape[1])
        pairs[:, places, places] = np.inf
        gains = np.concatenate([single.reshape(len(weights), -1), pairs.reshape(len(weights), -1)], axis=1)
        best = gains.argmin(axis=1)
        helped = gains[rows, best] < -1e-9 * (1.0 + squares.max(axis=1))
        if not helped.any():
            break
        for row in rows[helped]:
            _move(whole[row], int(best[row]))
    return np.asarray(whole * step, np.float64)


def _move(whole: Moments, move: int) -> None:
    """Take the step of this number, in place: K single ones up, K down, then pairs of one up and one down."""
    places = len(whole)
    if move < 2 * places:
        whole[move % places] += 1 if move < places else -1
    else:
        up, down = divmod(move - 2 * places, places)
        whole[up] += 1
        whole[down] -= 1


def _add(sums: list[Any], activations: Any, node: Node) -> None:
    """Add what each weight of a convolution meets in ``activations`` (N, H, W, C): sums (outputs, K), (outputs, K, K), how many.

    K are the weights of one output. All outputs of a convolution that is not depthwise meet the same: one stands for them.
    """
    (height, width), strides = node.config["kernel_size"], node.config["strides"]
    patches = tf.image.extract_patches(
        activations, (1, height, width, 1), (1, *strides, 1), (1, 1, 1, 1), node.config["padding"].upper()
    )
    channels = activations.shape[-1] if _depthwise(node) else 1
    across = tf.transpose(tf.reshape(patches, (-1, patches.shape[-1] // channels, channels)), (2, 1, 0))
    sums[0] += tf.reduce_sum(across, axis=2).numpy()
    sums[1] += tf.matmul(across, across, transpose_b=True).numpy().astype(np.float64)
    sums[2] += int(across.shape[2])


def _depthwise(node: Node) -> bool:
    return node.kind == "DepthwiseConv2D"


def _norm_behind(graph: Graph, name: str) -> str | None:
    """The BatchNorm behind a convolution whose kernel is rounded here; None where it is no such, or goes elsewhere."""
    node, norm = graph.nodes[name], graph.goes_to(name)
    if node.kind not in ("DepthwiseConv2D", "Conv2D") or norm is None or graph.nodes[norm].kind != "BatchNormalization":
        return None
    once = node.config.get("depth_multiplier", 1) == node.config.get("groups", 1) == 1
    plain = once and tuple(node.config.get("dilation_rate", (1, 1))) == (1, 1)
    weights = np.prod(node.weights[0].shape[: 2 if _depthwise(node) else 3])
    return norm if plain and weights <= MOST_WEIGHTS and len(graph.nodes[norm].weights) == 4 else None
