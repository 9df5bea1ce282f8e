"""Quantization-aware models: folding, symmetric fake quantization and its calibration, in one place.

Everything is 8 bit: weights per channel (Dense per tensor), activations symmetric with zero-point 0, so that TFLite and TensorRT
use the very same scales; the input fixed at scale 1/128, so that the INT8 input is the picture's bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf
import tensorflow_model_optimization as tfmot
import tf_keras as keras
from tensorflow_model_optimization.python.core.quantization.keras.quantize_layer import QuantizeLayer
from tensorflow_model_optimization.python.core.quantization.keras.quantize_wrapper import QuantizeWrapper

from training.functional import Graph, Node, build, read

Values = npt.NDArray[np.float32]
_quantizers = tfmot.quantization.keras.quantizers


class SymmetricQuantizer(_quantizers.MovingAverageQuantizer):  # type: ignore[misc]
    """Fake quantization to [-127, 127] with zero-point 0; while ``observing`` it only widens its range to what passes."""

    def __init__(self) -> None:
        super().__init__(num_bits=8, per_axis=False, symmetric=True, narrow_range=True)
        self.observing = False

    def __call__(self, inputs: Any, training: bool, weights: dict[str, Any], **kwargs: Any) -> Any:
        if not self.observing:
            return super().__call__(inputs, training, weights, **kwargs)
        limit = tf.maximum(weights["max_var"], tf.reduce_max(tf.abs(inputs)))
        weights["max_var"].assign(limit)
        weights["min_var"].assign(-limit)
        return inputs


class DepthwiseQuantizer(_quantizers.LastValueQuantizer):  # type: ignore[misc]
    """Fake quantization of a depthwise kernel (h, w, channels, 1), with a range for each channel.

    tfmot's own takes the last axis for the channels and gives all of them one range, which drowns those with small weights.
    """

    def __init__(self) -> None:
        super().__init__(num_bits=8, per_axis=True, symmetric=True, narrow_range=True)

    def build(self, tensor_shape: Any, name: str, layer: Any) -> dict[str, Any]:
        return {
            variable: layer.add_weight(f"{name}_{variable[:3]}", shape=(tensor_shape[2],), trainable=False)
            for variable in ("min_var", "max_var")
        }

    def __call__(self, inputs: Any, training: bool, weights: dict[str, Any], **kwargs: Any) -> Any:
        height, width, channels, _ = inputs.shape
        kernel = tf.reshape(inputs, (1, height, width, channels))  # as TFLite stores it
        return tf.reshape(super().__call__(kernel, training, weights, **kwargs), inputs.shape)


class QuantizedModel:
    """A Keras model with fake quantization, and the quantizers of its activations."""

    def __init__(self, float_model: Any) -> None:
        """Insert fake quantization into a Functional model without a BatchNorm behind Dense.

        The ranges are not set yet: ``calibrate``, or load weights.
        """
        self.model = tfmot.quantization.keras.quantize_apply(tfmot.quantization.keras.quantize_annotate_model(float_model))
        self._quantizers: list[SymmetricQuantizer] = []
        self._ranges: list[Any] = []
        for wrapper in self._wrappers():
            self._make_symmetric(wrapper)
        for layer in self.model.layers:
            if isinstance(layer, QuantizeLayer):
                _fix_input(layer)

    def calibrate(self, batches: Iterable[np.ndarray]) -> None:
        """Set every range: the weights' to their own, the activations' to the largest magnitude in ``batches`` (float inputs).

        Fresh ranges are ±6 with a slow moving average: training from there would first unlearn what the float model knows.
        """
        for variable in self._ranges:
            variable.assign(tf.zeros_like(variable))
        for wrapper in self._wrappers():
            for weight, quantizer, variables in wrapper._weight_vars:
                quantizer(weight, True, weights=variables)  # a training call sets the range to the weights' own
        for quantizer in self._quantizers:
            quantizer.observing = True
        for batch in batches:
            self.model(batch, training=False)
        for quantizer in self._quantizers:
            quantizer.observing = False

    def freeze_batch_norm(self) -> None:
        """Keep BatchNorm statistics as the float model has them: after conversion they are part of the weights."""
        for layer in self._batch_norms():
            layer.trainable = False

    def save(self, path: Any) -> None:
        """Write the weights and ranges as ``.h5``; HDF5 refuses frozen BatchNorms, so that they are thawed meanwhile."""
        frozen = [layer for layer in self._batch_norms() if not layer.trainable]
        for layer in frozen:
            layer.trainable = True
        self.model.save_weights(path)
        for layer in frozen:
            layer.trainable = False

    def _wrappers(self) -> list[Any]:
        return [layer for layer in self.model.layers if isinstance(layer, QuantizeWrapper)]

    def _batch_norms(self) -> Iterator[Any]:
        for layer in self.model.layers:
            inner = getattr(layer, "layer", layer)
            if inner.__class__.__name__ == "BatchNormalization":
                yield layer

    def _make_symmetric(self, wrapper: Any) -> None:
        """Replace the asymmetric activation quantizers of one layer, keeping their variables, and that of a depthwise kernel."""
        if isinstance(wrapper.layer, keras.layers.DepthwiseConv2D):
            ((kernel, _, _),) = wrapper._weight_vars
            quantizer = DepthwiseQuantizer()
            variables = quantizer.build(kernel.shape, f"{wrapper.layer.name}_per_channel", wrapper)
            wrapper._weight_vars = [(kernel, quantizer, variables)]
        if wrapper._output_quantizers:
            wrapper._output_quantizers = [self._new_quantizer()]
            self._ranges += [wrapper._output_quantizer_vars[name] for name in ("min_var", "max_var")]
        for activation in wrapper._quantize_activations:
            activation.quantizer = self._new_quantizer()
            for variables in ("_pre_activation_vars", "_post_activation_vars"):
                if hasattr(activation, variables):
                    self._ranges += [getattr(activation, variables)[name] for name in ("min_var", "max_var")]

    def _new_quantizer(self) -> SymmetricQuantizer:
        self._quantizers.append(SymmetricQuantizer())
        return self._quantizers[-1]


def fold(model: Any, *, drop_below: float = 0.0) -> Any:
    """``model`` with the same outputs, in the form that is quantized and converted.

    - A BatchNorm beside a Dense layer moves into it: it computes ``a·x + b``, and Dense ``W·x + c``; the dropout between them is
      the identity at inference. Hidden units whose variance is below ``drop_below`` times the mean are held at their mean: a unit
      that hardly ever fires has an ``a`` of up to 316, which would stretch the one scale of the INT8 kernel beyond use.
    - A BatchNorm of feature maps that no convolution precedes becomes a depthwise 1×1 convolution, which computes the same.
    - A separable convolution becomes the two that it is made of.
    """
    graph = read(model)
    for name, node in list(graph.nodes.items()):
        if node.kind == "SeparableConv2D":
            graph.replace(name, _separated(name, node))
    for name, node in list(graph.nodes.items()):
        if node.kind != "BatchNormalization" or _behind_convolution(graph, name):
            continue
        if len(node.shape) == 4:
            graph.replace(name, {name: _as_depthwise(node)})
        else:
            _fold_into_dense(graph, name, drop_below)
    return build(graph, name=model.name)


def _separated(name: str, node: Node) -> dict[str, Node]:
    """tfmot's own separation would name the two as Keras numbers layers, and never end where such a name is taken."""
    config = node.config
    depthwise, pointwise, *bias = node.weights
    shape = (*node.shape[:3], depthwise.shape[2] * depthwise.shape[3])
    first = {key: config[key] for key in ("kernel_size", "strides", "padding", "depth_multiplier", "dilation_rate")}
    second = {key: config[key] for key in ("filters", "activation", "use_bias")} | {"kernel_size": 1}
    return {
        f"{name}_depthwise": Node("DepthwiseConv2D", first | {"use_bias": False}, (depthwise,), node.inputs, shape),
        name: Node("Conv2D", second, (pointwise, *bias), (f"{name}_depthwise",), node.shape),
    }


def _behind_convolution(graph: Graph, name: str) -> bool:
    """Whether tfmot fuses this BatchNorm: it follows a convolution without an activation, whose output goes nowhere else."""
    (source,) = graph.nodes[name].inputs
    node = graph.nodes[source]
    linear = node.config.get("activation", "linear") == "linear"
    return node.kind in ("Conv2D", "DepthwiseConv2D") and linear and graph.consumers(source) == [name]


def _gain_and_offset(node: Node) -> tuple[Values, Values]:
    """(a, b) of a BatchNorm that computes ``a·x + b``."""
    *affine, mean, variance = node.weights
    gamma = affine.pop(0) if node.config["scale"] else 1.0
    beta = affine.pop(0) if node.config["center"] else 0.0
    a = gamma / np.sqrt(variance + node.config["epsilon"])
    return a, beta - a * mean


def _as_depthwise(node: Node) -> Node:
    a, b = _gain_and_offset(node)
    return Node("DepthwiseConv2D", {"kernel_size": 1}, (a[None, None, :, None], b), node.inputs, node.shape)


def _fold_into_dense(graph: Graph, name: str, drop_below: float) -> None:
    """Move a BatchNorm of vectors into the Dense layer before it or those behind it; one that has neither stays."""
    node = graph.nodes[name]
    a, b = _gain_and_offset(node)
    (source,) = node.inputs
    before = graph.nodes[source]
    if before.kind == "Dense" and before.config["activation"] == "linear" and graph.consumers(source) == [name]:
        kernel, *bias = before.weights
        graph.nodes[source] = _dense(before, kernel * a, (bias[0] if bias else 0.0) * a + b)
        graph.remove(name)
        return
    behind = list(_users(graph, name))
    if not behind or any(graph.nodes[user].kind != "Dense" for user in behind):
        return
    mean, variance = node.weights[-2:]
    silent = variance < drop_below * variance.mean()
    a, b = np.where(silent, 0.0, a), np.where(silent, b + a * mean, b)
    for user in behind:
        kernel, *bias = graph.nodes[user].weights
        graph.nodes[user] = _dense(graph.nodes[user], kernel * a[:, None], kernel.T @ b + (bias[0] if bias else 0.0))
    graph.remove(name)


def _users(graph: Graph, name: str) -> Iterator[str]:
    """The nodes that take the output of ``name``, through any dropout."""
    for user in graph.consumers(name):
        if graph.nodes[user].kind == "Dropout":
            yield from _users(graph, user)
        else:
            yield user


def _dense(node: Node, kernel: Values, bias: Values) -> Node:
    return replace(node, config={**node.config, "use_bias": True}, weights=(kernel, bias))


def _fix_input(layer: Any) -> None:
    """The input's range is known: (pixel - 128) / 128 lies in [-1, 127/128], which is scale 1/128 and zero-point 0."""
    layer.quantizer = _quantizers.FixedQuantizer(num_bits=8, init_min=-1.0, init_max=127 / 128, narrow_range=False)
    layer.quantizer_vars["min_var"].assign(-1.0)
    layer.quantizer_vars["max_var"].assign(127 / 128)
