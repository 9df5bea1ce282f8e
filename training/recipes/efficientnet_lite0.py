"""EfficientNet-Lite0: EfficientNet-B0 (Tan & Le 2019, arXiv:1905.11946) without squeeze-and-excitation, and ReLU6 for swish.

Both changes are for eight bits: a squeeze-and-excitation multiplies tensors of unlike ranges, swish has no integer form.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import tf_keras as keras

from edgefake.errors import InputError
from training.recipes.layers import conv_bn, depthwise_bn

# (kernel, stride, expansion, filters, repeats) of each stage
STAGES = (
    (3, 1, 1, 16, 1),
    (3, 2, 6, 24, 2),
    (5, 2, 6, 40, 2),
    (3, 2, 6, 80, 3),
    (5, 1, 6, 112, 3),
    (5, 2, 6, 192, 4),
    (3, 1, 6, 320, 1),
)
EPSILON = 1e-3  # of the published BatchNorms


@dataclass(frozen=True, slots=True)
class Block:
    """Inverted residual: expand, filter each channel, project; the shortcut joins the narrow ends."""

    name: str
    kernel: int
    stride: int
    expansion: int
    filters: int


BLOCKS = tuple(
    Block(f"s{stage}b{block}", kernel, stride if block == 1 else 1, expansion, filters)
    for stage, (kernel, stride, expansion, filters, repeats) in enumerate(STAGES, start=1)
    for block in range(1, repeats + 1)
)


def efficientnet_lite0(x: Any) -> Any:
    """Feature maps of 1/32 of the side of ``x``."""
    return conv_bn(_after(x, BLOCKS), 1280, 1, limit=6.0, name="top")


def until_expanded(x: Any, last: int) -> Any:
    """Feature maps behind the expansion in the block ``last``, counted from 0."""
    return _expanded(_after(x, BLOCKS[:last]), BLOCKS[last])


def published(features: Any, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
    """Load published arrays: ``stem``, ``blockN_expand``, ``_dw`` and ``_project`` and ``head``, each a ``/kernel``, and their
    BatchNorms ``…_bn/gamma`` and so on. Raises ``InputError`` for those of another network."""
    for layer in features.layers:
        if not layer.weights:
            continue
        name = _published_name(layer.name)
        norm = isinstance(layer, keras.layers.BatchNormalization)
        keys = [f"{name}/{weight.name.split('/')[-1].split(':')[0]}" for weight in layer.weights]
        keys = [key.replace("depthwise_kernel", "kernel") for key in keys]
        found = [np.asarray(arrays[key], np.float32) if key in arrays else np.zeros(0) for key in keys]
        for key, values, weight in zip(keys, found, layer.weights, strict=True):
            if values.shape != tuple(weight.shape):
                got = f"one of {values.shape}" if key in arrays else "none"
                raise InputError(f"expected {key} of {tuple(weight.shape)} for {features.name}, got {got}: give its own arrays")
        if norm:
            found[3] = found[3] + (EPSILON - layer.epsilon)  # the same function with an epsilon of our own
        layer.set_weights(found)


def _published_name(layer: str) -> str:
    """What a layer of this module is called in published arrays."""
    block, _, rest = layer.partition("_")
    suffix = "_bn" if layer.endswith("_bn") else ""
    if block in ("stem", "top"):
        return {"stem": "stem", "top": "head"}[block] + suffix
    number = next(i for i, known in enumerate(BLOCKS) if known.name == block)
    return f"block{number}_{rest.split('_')[0].replace('depthwise', 'dw')}{suffix}"


def _after(x: Any, blocks: tuple[Block, ...]) -> Any:
    x = conv_bn(x, 32, 3, stride=2, limit=6.0, name="stem")
    for block in blocks:
        shortcut = x
        x = depthwise_bn(_expanded(x, block), block.kernel, stride=block.stride, limit=6.0, name=f"{block.name}_depthwise")
        x = conv_bn(x, block.filters, 1, relu=False, name=f"{block.name}_project")
        if block.stride == 1 and shortcut.shape[-1] == block.filters:
            x = keras.layers.Add(name=f"{block.name}_add")([x, shortcut])
    return x


def _expanded(x: Any, block: Block) -> Any:
    if block.expansion == 1:
        return x
    return conv_bn(x, x.shape[-1] * block.expansion, 1, limit=6.0, name=f"{block.name}_expand")
