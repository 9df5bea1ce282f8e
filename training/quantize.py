"""Quantization-aware models: the form they need, symmetric fake quantization and its calibration, in one place.

Everything is 8 bit: weights per channel (Dense per tensor), activations symmetric with zero-point 0, so that TFLite and TensorRT
use the very same scales; the input fixed at scale 1/128, so that the INT8 input is the picture's bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf
import tensorflow_model_optimization as tfmot
import tf_keras as keras
from tensorflow_model_optimization.python.core.quantization.keras.default_8bit.default_8bit_quantize_configs import (
    NoOpQuantizeConfig,
)
from tensorflow_model_optimization.python.core.quantization.keras.quantize_layer import QuantizeLayer
from tensorflow_model_optimization.python.core.quantization.keras.quantize_wrapper import QuantizeWrapper
from tensorflow_model_optimization.python.core.quantization.keras.quantizers import NoQuantizer
from tf_keras.src.saving.legacy.hdf5_format import save_weights_to_hdf5_group

from edgefake.errors import InputError
from training.border import Border
from training.functional import Graph, Node, build, read
from training.safe.hdf5 import written_at_once

Values = npt.NDArray[np.float32]
_quantizers = tfmot.quantization.keras.quantizers

_CONVOLUTIONS = ("Conv2D", "DepthwiseConv2D")
_NEUTRAL = {"epsilon": 1e-3, "scale": True, "center": True}  # a BatchNorm that does nothing
_QUANTIZABLE = {
    *("InputLayer", "Border", "Conv2D", "DepthwiseConv2D", "Conv2DTranspose", "Dense", "BatchNormalization", "ReLU", "LeakyReLU"),
    *("Activation", "Add", "Concatenate", "MaxPooling2D", "GlobalMaxPooling2D", "GlobalAveragePooling2D", "ZeroPadding2D"),
    *("Cropping2D", "Flatten", "Reshape", "Dropout", "SpatialDropout2D"),
}
_SCALE_KEEPING = (
    *(keras.layers.MaxPooling2D, keras.layers.ZeroPadding2D, keras.layers.Cropping2D, keras.layers.Flatten, keras.layers.Reshape),
    *(keras.layers.Dropout, keras.layers.SpatialDropout2D),
)
_REMEDIES = {
    "AveragePooling2D": "give it padding='valid', or use MaxPooling2D",
    "BatchNormalization": "put it behind a convolution or beside a Dense layer",
    "Multiply": "leave squeeze-and-excitation out, as EfficientNet-Lite does",
    "PReLU": "use LeakyReLU",
    "UpSampling2D": "use Conv2DTranspose",
}


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
    """Fake quantization of a depthwise kernel (h, w, channels, multiplier), with a range for each output channel.

    tfmot's own takes the last axis for the channels and gives all of them one range, which drowns those with small weights.
    """

    def __init__(self) -> None:
        super().__init__(num_bits=8, per_axis=True, symmetric=True, narrow_range=True)

    def build(self, tensor_shape: Any, name: str, layer: Any) -> dict[str, Any]:
        channels = tensor_shape[2] * tensor_shape[3]
        return {
            variable: layer.add_weight(f"{name}_{variable[:3]}", shape=(channels,), trainable=False)
            for variable in ("min_var", "max_var")
        }

    def __call__(self, inputs: Any, training: bool, weights: dict[str, Any], **kwargs: Any) -> Any:
        height, width, channels, multiplier = inputs.shape
        kernel = tf.reshape(inputs, (1, height, width, channels * multiplier))  # as TFLite stores it
        return tf.reshape(super().__call__(kernel, training, weights, **kwargs), inputs.shape)


class QuantizedModel:
    """A Keras model with fake quantization, and the quantizers of its activations."""

    def __init__(self, folded: Any, *, limits: Mapping[str, float] | None = None) -> None:
        """Insert fake quantization into a model that ``fold`` made.

        The ranges are not set yet: ``calibrate``, or load weights. ``limits`` are those that are known, by layer: larger values
        of its output say nothing more, and would take steps from the others.
        Raises ``InputError`` naming the layers that have no form in eight bits.
        """
        _check_quantizable(folded)
        self._limits = limits or {}
        with tfmot.quantization.keras.quantize_scope():
            self.model = tfmot.quantization.keras.quantize_apply(keras.models.clone_model(folded, clone_function=_annotated))
        self._quantizers: list[SymmetricQuantizer] = []
        self._ranges: list[Any] = []
        for wrapper in self._wrappers():
            self._make_symmetric(wrapper)
        for layer in self.model.layers:
            if isinstance(layer, QuantizeLayer):
                _fix_input(layer)
            elif isinstance(layer.layer if isinstance(layer, QuantizeWrapper) else layer, keras.layers.Concatenate):
                _join_scales(layer)

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

    def save(self, path: Path) -> None:
        """Write the weights and ranges as ``.h5``; HDF5 refuses frozen BatchNorms, so that they are thawed meanwhile."""
        frozen = [layer for layer in self._batch_norms() if not layer.trainable]
        for layer in frozen:
            layer.trainable = True
        with written_at_once(path) as file:
            save_weights_to_hdf5_group(file, self.model)
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
        limit = self._limits.get(wrapper.layer.name)
        if wrapper._output_quantizers:
            wrapper._output_quantizers = [self._new_quantizer([wrapper._output_quantizer_vars], limit)]
        for activation in wrapper._quantize_activations:
            held = (getattr(activation, name, None) for name in ("_pre_activation_vars", "_post_activation_vars"))
            activation.quantizer = self._new_quantizer([variables for variables in held if variables], limit)

    def _new_quantizer(self, ranges: Sequence[dict[str, Any]], limit: float | None) -> Any:
        """For outputs whose ranges these variables hold."""
        if limit is not None:
            for variables in ranges:
                variables["min_var"].assign(-limit)
                variables["max_var"].assign(limit)
            return _quantizers.FixedQuantizer(num_bits=8, init_min=-limit, init_max=limit, narrow_range=True)
        self._ranges += [variables[name] for variables in ranges for name in ("min_var", "max_var")]
        self._quantizers.append(SymmetricQuantizer())
        return self._quantizers[-1]


def fold(model: Any, *, drop_below: float = 0.0) -> Any:
    """``model`` in the form that is quantized and converted; its outputs stay the same.

    A BatchNorm beside a Dense layer moves into it: it computes ``a·x + b``, Dense ``W·x + c``; the dropout between them is the
    identity at inference. Hidden units whose variance is below ``drop_below`` times the mean are held at their mean: a unit that
    hardly ever fires has an ``a`` of up to 316, which would stretch the one scale of the INT8 kernel beyond use.

    Of feature maps, tfmot quantizes convolution → BatchNorm → ReLU as one; whatever is like it is brought to this form.
    """
    graph = read(model)
    for rewrite in (_parts, _outer_relu, _after_convolution):
        for name in list(graph.nodes):
            graph.replace(name, rewrite(graph, name))
    for name, node in list(graph.nodes.items()):
        if node.kind == "BatchNormalization" and len(node.shape) == 2:
            _fold_into_dense(graph, name, drop_below)
    for name in [name for name, node in graph.nodes.items() if node.kind == "Dense"]:
        _take_relu(graph, name)
    return build(graph, name=model.name)


def _parts(graph: Graph, name: str) -> dict[str, Node]:
    """The layers that tfmot or XNNPACK lack, as those that they have."""
    node = graph.nodes[name]
    config = node.config
    if node.kind == "SeparableConv2D":  # tfmot's own parts are numbered as by Keras, and it never ends where a name is taken
        depthwise, pointwise, *bias = node.weights
        first = {key: config[key] for key in ("kernel_size", "strides", "padding", "depth_multiplier", "dilation_rate")}
        second = {key: config[key] for key in ("filters", "activation", "use_bias")} | {"kernel_size": 1}
        shape, inner = (*node.shape[:3], depthwise.shape[2] * depthwise.shape[3]), graph.unused(f"{name}_depthwise")
        return {
            inner: Node("DepthwiseConv2D", first | {"use_bias": False}, (depthwise,), node.inputs, shape),
            name: Node("Conv2D", second, (pointwise, *bias), (inner,), node.shape),
        }
    if node.kind in ("AveragePooling2D", "MaxPooling2D") and _is_mean(node):
        height, width = config["pool_size"]
        window = {"kernel_size": (height, width), "strides": config["strides"], "use_bias": False}
        mean = np.full((height, width, node.shape[-1], 1), 1 / (height * width), np.float32)
        return {name: Node("DepthwiseConv2D", window, (mean,), node.inputs, node.shape)}
    if node.kind == "Add" and len(node.inputs) > 2:
        first, *others = node.inputs
        names = [*(graph.unused(f"{name}_{i}") for i in range(1, len(others))), name]
        return {key: replace(node, inputs=(a, b)) for key, a, b in zip(names, [first, *names[:-1]], others, strict=True)}
    if node.kind == "Activation" and config["activation"] == "relu6":
        return {name: Node("ReLU", {"max_value": 6.0}, (), node.inputs, node.shape)}
    return {name: node}


def _is_mean(node: Node) -> bool:
    """Whether a pooling layer averages whole windows; a maximum of single pixels does too."""
    return tuple(node.config["pool_size"]) == (1, 1) or (node.kind == "AveragePooling2D" and node.config["padding"] == "valid")


def _outer_relu(graph: Graph, name: str) -> dict[str, Node]:
    """A convolution with a ReLU inside or right behind it gets a BatchNorm that does nothing, and has its ReLU behind that.

    tfmot would leave its kernel unquantized, or its output where a Concatenate follows.
    """
    node, user = graph.nodes[name], graph.goes_to(name)
    inside = node.config.get("activation", "linear")
    behind = inside == "linear" and user is not None and _is_relu(graph.nodes[user])
    if node.kind not in _CONVOLUTIONS or not (behind or inside in ("relu", "relu6")):
        return {name: node}
    ones, zeros = np.ones(node.shape[-1], np.float32), np.zeros(node.shape[-1], np.float32)
    linear = name if behind else graph.unused(f"{name}_linear")
    norm = graph.unused(f"{name}_bn")
    parts = {
        linear: replace(node, config={**node.config, "activation": "linear"}),
        norm: Node("BatchNormalization", dict(_NEUTRAL), (ones, zeros, zeros, ones - _NEUTRAL["epsilon"]), (linear,), node.shape),
    }
    if not behind:
        parts[name] = Node("ReLU", {"max_value": 6.0 if inside == "relu6" else None}, (), (norm,), node.shape)
    return parts


def _after_convolution(graph: Graph, name: str) -> dict[str, Node]:
    """A BatchNorm of feature maps that follows no convolution gets a depthwise 1×1 of ones before it."""
    node = graph.nodes[name]
    if node.kind != "BatchNormalization" or len(node.shape) != 4 or _follows_convolution(graph, name):
        return {name: node}
    ones, before = np.ones((1, 1, node.shape[-1], 1), np.float32), graph.unused(f"{name}_ones")
    return {
        before: Node("DepthwiseConv2D", {"kernel_size": 1, "use_bias": False}, (ones,), node.inputs, node.shape),
        name: replace(node, inputs=(before,)),
    }


def _fold_into_dense(graph: Graph, name: str, drop_below: float) -> None:
    """Move a BatchNorm of vectors into the Dense layer before it or those behind it; one that has neither stays."""
    node = graph.nodes[name]
    *affine, mean, variance = node.weights
    gamma = affine.pop(0) if node.config["scale"] else 1.0
    a = gamma / np.sqrt(variance + node.config["epsilon"])
    b = (affine.pop(0) if node.config["center"] else 0.0) - a * mean
    (source,) = node.inputs
    before, behind = graph.nodes[source], list(_users(graph, name))
    if before.kind == "Dense" and before.config["activation"] == "linear" and graph.goes_to(source) == name:
        kernel, *bias = before.weights
        graph.nodes[source] = _dense(before, kernel * a, sum(bias) * a + b)
    elif behind and name not in graph.outputs and all(graph.nodes[user].kind == "Dense" for user in behind):
        silent = variance < drop_below * variance.mean()
        a, b = np.where(silent, 0.0, a), np.where(silent, b + a * mean, b)
        for user in behind:
            kernel, *bias = graph.nodes[user].weights
            graph.nodes[user] = _dense(graph.nodes[user], kernel * a[:, None], kernel.T @ b + sum(bias))
    else:
        return
    graph.remove(name)


def _take_relu(graph: Graph, name: str) -> None:
    """Move the ReLU behind a Dense layer into it: tfmot would leave the kernel unquantized."""
    node, behind = graph.nodes[name], graph.goes_to(name)
    if node.config["activation"] == "linear" and behind is not None:
        user = graph.nodes[behind]
        if _is_relu(user) and not any(user.config.get(key) for key in ("max_value", "negative_slope", "threshold")):
            graph.nodes[name] = replace(node, config={**node.config, "activation": "relu"})
            graph.remove(behind)


def _users(graph: Graph, name: str) -> Iterator[str]:
    """The nodes that take the output of ``name``, through any dropout."""
    for user in graph.consumers(name):
        if graph.nodes[user].kind == "Dropout":
            yield from _users(graph, user)
        else:
            yield user


def _dense(node: Node, kernel: Values, bias: Values) -> Node:
    return replace(node, config={**node.config, "use_bias": True}, weights=(kernel, bias))


def _is_relu(node: Node) -> bool:
    return node.kind == "ReLU" or (node.kind == "Activation" and node.config["activation"] == "relu")


def _follows_convolution(graph: Graph, name: str) -> bool:
    """Whether a BatchNorm follows a convolution without an activation, whose output goes nowhere else: tfmot fuses the two."""
    (source,) = graph.nodes[name].inputs
    node = graph.nodes[source]
    linear = node.config.get("activation", "linear") == "linear"
    return node.kind in _CONVOLUTIONS and linear and graph.goes_to(source) == name


def _check_quantizable(folded: Any) -> None:
    """Raise ``InputError`` with the layers that have no form in eight bits, and what to do about each kind."""
    graph = read(folded)
    found: dict[str, list[str]] = {}
    for name in graph.nodes:
        if fault := _fault(graph, name):
            found.setdefault(fault, []).append(name)
    if found:
        listed = "; ".join(
            f"{names[0]}{f' and {len(names) - 1} more' if names[1:] else ''}, {fault}" for fault, names in found.items()
        )
        raise InputError(
            f"quantization-aware training is impossible with these layers: {listed}. Train without them, or convert the float "
            "model with python -m convert tflite --post-training, which can cost accuracy"
        )


def without_onnx(folded: Any) -> list[str]:
    """What of a folded model the ``.onnx`` form has no place for, a sentence each: told before it is trained in eight bits."""
    graph = read(folded)
    found = []
    for name, node in graph.nodes.items():
        maps = node.kind in ("Flatten", "Reshape") and len(graph.nodes[node.inputs[0]].shape) == 4
        others = sorted({graph.nodes[user].kind for user in _users(graph, name)} - {"Dense"})
        if maps and np.prod(graph.nodes[node.inputs[0]].shape[1:3]) > 1 and (others or len(node.shape) != 2):
            found.append(f"{name} ({node.kind}) makes vectors of feature maps for {' and '.join(others)}, expected a Dense alone")
    return found


def _fault(graph: Graph, name: str) -> str | None:
    """What keeps a layer of a folded model from being quantized, with the remedy."""
    node = graph.nodes[name]
    activation = node.config.get("activation", "linear")
    if node.kind not in _QUANTIZABLE or (node.kind == "BatchNormalization" and not _follows_convolution(graph, name)):
        return f"{node.kind} ({_REMEDIES.get(node.kind, 'no eight-bit form is known')})"
    if activation not in ("linear", "relu", "tanh"):
        return f"the activation {activation} (use ReLU or ReLU6)"
    if node.kind == "ReLU" and (node.config.get("negative_slope") or node.config.get("threshold")):
        return "ReLU with a slope or threshold (use LeakyReLU)"
    return None


def _annotated(layer: Any) -> Any:
    """What to quantize: everything but a border of the picture, whose values become those that the INT8 input can hold."""
    annotate = tfmot.quantization.keras.quantize_annotate_layer
    if not isinstance(layer, Border):
        return annotate(layer)
    values = np.clip(np.round(np.multiply(layer.values, 128)), -128, 127) / 128
    return annotate(Border(layer.padding, values.tolist(), name=layer.name), NoOpQuantizeConfig())


def _join_scales(concatenate: Any) -> None:
    """Leave what a Concatenate joins to its one scale: tfmot forgets inputs that go elsewhere too, and QUANTIZE would remain."""
    (call,) = concatenate.inbound_nodes
    for source in tf.nest.flatten(call.inbound_layers):
        if isinstance(getattr(source, "layer", None), _SCALE_KEEPING):
            _join_scales(source)
        elif isinstance(source, QuantizeWrapper):
            source._output_quantizers = []
            for activation in source._quantize_activations:
                activation.quantizer = NoQuantizer()


def _fix_input(layer: Any) -> None:
    """The input's range is known: (pixel - 128) / 128 lies in [-1, 127/128], which is scale 1/128 and zero-point 0."""
    layer.quantizer = _quantizers.FixedQuantizer(num_bits=8, init_min=-1.0, init_max=127 / 128, narrow_range=False)
    layer.quantizer_vars["min_var"].assign(-1.0)
    layer.quantizer_vars["max_var"].assign(127 / 128)
