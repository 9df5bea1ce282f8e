"""Moving a model's own scaling of the pixels into its first convolutions, so that it takes (pixel - 128) / 128 in RGB."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from edgefake.errors import InputError
from edgefake.pixels import Pixels
from training.functional import Graph, Node, read
from training.own.feed import FEEDS, Feed
from training.own.files import UserModel

Values = npt.NDArray[np.float64]

NEIGHBOURS = {
    *("Conv2D", "SeparableConv2D", "DepthwiseConv2D", "ZeroPadding2D", "Cropping2D", "MaxPooling2D", "AveragePooling2D"),
}
"""Layers that look at more than one pixel, so that scaling ends before them."""
SCALING = ("Rescaling", "Normalization", "Lambda", "function")
"""How the kinds of layers begin that make small numbers of pixels; a BatchNormalization may also expect small numbers."""


def check_stated(model: UserModel, feed: Feed) -> None:
    """Raise ``InputError`` where ``feed`` leaves scaling to the model's own first layers, and those are not seen to scale."""
    if not feed.by_itself:
        return
    why = f"the layers of {model.path} cannot be seen"
    if model.keras is not None:
        try:
            graph = read(model.keras)
        except InputError as error:
            why = f"{why} ({error})"
        else:
            if any(graph.nodes[name].kind.startswith(SCALING) for name in leading(graph)):
                return
            why = f"the first layers of {model.path} do not scale pixels"
    named = ", ".join(name for name in FEEDS if name != "own")
    raise InputError(f"{why}: say with --scaling what its training fed it: {named} or OFFSET,SCALE for (pixel - OFFSET) / SCALE")


def leading(graph: Graph) -> list[str]:
    """The nodes before all that look at more than one pixel: Rescaling, Normalization, arithmetic; the input is the first."""
    names: list[str] = [graph.input]
    for name, node in graph.nodes.items():
        if node.inputs and node.kind not in NEIGHBOURS and all(source in names for source in node.inputs):
            names.append(name)
    return names


def take_up_scaling(graph: Graph, feed: Feed, size: int) -> None:
    """Change ``graph`` to take (pixel - 128) / 128 in RGB: leading nodes and ``feed`` go into the first convolutions, exactly.

    With x' = A·x + b for what the convolutions took so far, their kernel becomes K·A, and K·b is added to their bias. Zeros that
    pad x' are another grey in x, which is then the value of a ``Border``.
    Raises ``InputError`` where the scaling is not affine or no convolution follows it.
    """
    names = leading(graph)
    ends = {source for name, node in graph.nodes.items() if name not in names for source in node.inputs if source in names}
    if len(ends) != 1:
        raise InputError("it does not begin with a convolution of the scaled picture")
    end = ends.pop()
    matrix, offset = _affine(graph, names, end, feed, size)
    graph.rewire(end, graph.input)
    for name in names[1:]:
        del graph.nodes[name]
    graph.nodes[graph.input] = replace(graph.nodes[graph.input], shape=(None, size, size, 3))
    grey = np.linalg.lstsq(matrix, -offset, rcond=None)[0]
    for name in graph.consumers(graph.input):
        convolutions, side = [name], size
        if graph.nodes[name].kind == "ZeroPadding2D":
            convolutions, side = graph.consumers(name), size + sum(graph.nodes[name].config["padding"][0])
            _fill(graph, name, size, grey)
        for convolution in convolutions:
            node = graph.nodes[convolution]
            if node.kind != "Conv2D" or node.config.get("groups", 1) != 1:
                raise InputError(f"{convolution} ({node.kind}) follows the scaling of the pixels, expected an ungrouped Conv2D")
            graph.nodes[convolution] = _absorbed(node, matrix, offset)
            _fill(graph, convolution, side, grey)


def _affine(graph: Graph, names: list[str], end: str, feed: Feed, size: int) -> tuple[Values, Values]:
    """(A (3, 3), b (3,)) with feed and leading nodes up to ``end`` computing A·x + b, measured on flat pictures."""

    def run(pixels: Pixels) -> Values:
        values: dict[str, Any] = {graph.input: feed(pixels)}
        for name in names[1:]:
            node = graph.nodes[name]
            values[name] = node.call(*(values[source] for source in node.inputs))  # type: ignore[misc]
        return np.asarray(values[end], np.float64)

    colours = np.concatenate([np.zeros((1, 3)), 255 * np.eye(3)])  # black, red, green, blue
    flat = np.broadcast_to(colours[:, None, None], (4, size, size, 3)).astype(np.uint8)
    noise = np.random.default_rng(0).integers(0, 256, (2, size, size, 3), dtype=np.uint8)
    values = run(np.concatenate([flat, noise]))
    if values.shape[1:3] == (size, size):
        black, *primaries = values[:4, size // 2, size // 2]
        matrix = np.stack([(primary - black) * 128 / 255 for primary in primaries], axis=1)
        offset = black + matrix.sum(axis=1)
        expected = (noise / 128.0 - 1.0) @ matrix.T + offset
        if np.abs(values[4:] - expected).max() <= 1e-3 * np.abs(expected).max():
            return matrix, offset
    listed = ", ".join(f"{name} ({graph.nodes[name].kind})" for name in names[1:])
    raise InputError(f"what comes before its first convolution does more than scale pixels: {listed}")


def _absorbed(node: Node, matrix: Values, offset: Values) -> Node:
    kernel, *bias = node.weights
    new_kernel = np.einsum("hwjo,ji->hwio", kernel, matrix).astype(np.float32)
    new_bias = (sum(bias) + np.einsum("hwjo,j->o", kernel, offset)).astype(np.float32)
    return replace(node, config={**node.config, "use_bias": True}, weights=(new_kernel, new_bias))


def _fill(graph: Graph, name: str, side: int, grey: Values) -> None:
    """Let the padding of a node that takes pictures of this side be ``grey``."""
    node = graph.nodes[name]
    padding = node.config["padding"] if node.kind == "ZeroPadding2D" else _same_padding(node, side)
    if not np.any(grey) or not np.any(padding):
        return
    border = Node("Border", {"padding": padding, "values": grey.tolist()}, (), node.inputs, (None, None, None, 3))
    if node.kind == "ZeroPadding2D":
        graph.replace(name, {name: border})
        return
    before = graph.unused(f"{name}_border")
    graph.replace(name, {before: border, name: replace(node, config={**node.config, "padding": "valid"}, inputs=(before,))})


def _same_padding(node: Node, side: int) -> tuple[tuple[int, int], ...]:
    """((top, bottom), (left, right)) of a convolution, as TensorFlow pads ``same``: the odd pixel goes to the end."""
    if node.config["padding"] != "same":
        return (0, 0), (0, 0)
    sizes = zip(node.config["kernel_size"], node.config["strides"], node.config["dilation_rate"], strict=True)
    totals = [
        max((-(-side // stride) - 1) * stride + (kernel - 1) * dilation + 1 - side, 0) for kernel, stride, dilation in sizes
    ]
    return tuple((total // 2, total - total // 2) for total in totals)
