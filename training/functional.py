"""A functional model as a plain graph of layer calls, for changing it and building it anew in tf_keras.

Models of tf_keras and of Keras 3 read alike, and nested models come out flat, so that every change has one form to deal with.
"""

from __future__ import annotations

import inspect
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt
import tf_keras as keras

from edgefake.errors import InputError
from training.border import Border

Weights = tuple[npt.NDArray[np.float32], ...]

# What functions outside layers are called, and the layer that does the same
_FUNCTIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "add": ("Add", {}),
    "tf.__operators__.add": ("Add", {}),
    "tf.math.add": ("Add", {}),
    "relu": ("ReLU", {}),
    "tf.nn.relu": ("ReLU", {}),
    "relu6": ("ReLU", {"max_value": 6.0}),
    "tf.nn.relu6": ("ReLU", {"max_value": 6.0}),
    "sigmoid": ("Activation", {"activation": "sigmoid"}),
    "tf.math.sigmoid": ("Activation", {"activation": "sigmoid"}),
    "softmax": ("Activation", {"activation": "softmax"}),
    "tf.nn.softmax": ("Activation", {"activation": "softmax"}),
}
_NOT_COPIED = re.compile(r"name|dtype|trainable|seed|.*(initializer|regularizer|constraint)")  # training alone needs these


@dataclass(frozen=True, slots=True)
class Node:
    """One call of one layer."""

    kind: str
    """The layer's class, as in ``tf_keras.layers``; anything else is a function or a class that tf_keras does not have."""
    config: dict[str, Any]
    weights: Weights
    inputs: tuple[str, ...]
    shape: tuple[int | None, ...]
    """Of the output."""
    call: Callable[..., Any] | None = None
    """The source's own layer, as a function of its inputs."""


@dataclass(slots=True)
class Graph:
    """Nodes by name, inputs before outputs; the first is the input."""

    nodes: dict[str, Node]
    outputs: tuple[str, ...]
    """Names of the nodes that give the model's outputs, in their order."""

    @property
    def input(self) -> str:
        """The name of the input."""
        return next(iter(self.nodes))

    def consumers(self, name: str) -> list[str]:
        """The nodes that take the output of ``name``."""
        return [other for other, node in self.nodes.items() if name in node.inputs]

    def goes_to(self, name: str) -> str | None:
        """The one node that takes the output of ``name``; None where there are several, or it is an output of the model too."""
        users = self.consumers(name)
        return users[0] if len(users) == 1 and name not in self.outputs else None

    def unused(self, name: str) -> str:
        """``name`` in letters, digits and underscores, with a number behind it when it is taken."""
        return _unused(name, self.nodes)

    def remove(self, name: str) -> None:
        """Take out a node of one input: who took its output takes its input now."""
        (source,) = self.nodes.pop(name).inputs
        self.rewire(name, source)

    def rewire(self, name: str, source: str) -> None:
        """Let who took the output of ``name`` take that of ``source``."""
        for other, node in self.nodes.items():
            inputs = tuple(source if taken == name else taken for taken in node.inputs)
            self.nodes[other] = replace(node, inputs=inputs)
        self.outputs = tuple(source if output == name else output for output in self.outputs)

    def replace(self, name: str, nodes: dict[str, Node]) -> None:
        """Put ``nodes``, of which the last takes over the output, in the place of the node ``name``."""
        if list(nodes)[-1] != name:
            self.rewire(name, list(nodes)[-1])
        self.nodes = dict(
            chain.from_iterable(nodes.items() if other == name else [(other, node)] for other, node in self.nodes.items())
        )


def read(model: Any) -> Graph:
    """The graph of a built Functional or Sequential model of tf_keras or Keras 3, nested models flattened.

    Raises ``InputError`` for a model that is no such graph, or has several inputs.
    """
    model = _functional(model)
    if len(model.inputs) != 1:
        raise InputError(f"expected a model with one input, got {len(model.inputs)}")
    nodes: dict[str, Node] = {}
    produced: dict[Any, str] = {}
    _read_into(nodes, produced, model)
    return Graph(nodes, tuple(produced[_key(output)] for output in model.outputs))


def build(graph: Graph, *, name: str) -> Any:
    """``graph`` as a tf_keras Functional model. Raises ``InputError`` naming what tf_keras has no layer for."""
    foreign = Counter(node.kind for node in graph.nodes.values() if _layer_class(node.kind) is None)
    if foreign:
        raise InputError(f"tf_keras has no layer like {', '.join(f'{kind} (× {count})' for kind, count in foreign.items())}")
    tensors: dict[str, Any] = {}
    for key, node in graph.nodes.items():
        if node.kind == "InputLayer":
            tensors[key] = keras.Input(node.shape[1:], name=key)
            continue
        inputs = [tensors[source] for source in node.inputs]
        try:
            layer = _layer_class(node.kind).from_config({**_accepted(node), "name": key})
            tensors[key] = layer(inputs[0] if len(inputs) == 1 else inputs)
            layer.set_weights(node.weights)
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"tf_keras cannot make the layer {key} ({node.kind}): {str(error).splitlines()[0]}") from error
    outputs = [tensors[output] for output in graph.outputs]
    return keras.Model(tensors[graph.input], outputs if len(outputs) > 1 else outputs[0], name=name)


def _functional(model: Any) -> Any:
    """The functional form of a model; a Keras 3 Sequential keeps it inside."""
    inner = getattr(model, "_functional", None) or model
    if not hasattr(inner, "_nodes_by_depth"):
        raise InputError(f"{model.name} is a {type(model).__name__}, no Functional or built Sequential model")
    return inner


def _read_into(nodes: dict[str, Node], produced: dict[Any, str], model: Any) -> None:
    """Add the calls of ``model`` to ``nodes``; ``produced`` says which node a tensor comes from."""
    for call in _calls(model):
        operation, inputs, outputs = _operation(call), list(_tensors(_arguments(call))), _list(call, "outputs", "output_tensors")
        if isinstance(operation, keras.layers.InputLayer) or type(operation).__name__ == "InputLayer":
            if _key(outputs[0]) in produced:  # of a nested model: stands for what is fed into it
                continue
        elif hasattr(operation, "_nodes_by_depth") or getattr(operation, "_functional", None):
            inner = _functional(operation)
            produced |= {_key(own): produced[_key(fed)] for own, fed in zip(inner.inputs, inputs, strict=True)}
            _read_into(nodes, produced, inner)
            produced |= {_key(tensor): produced[_key(own)] for tensor, own in zip(outputs, inner.outputs, strict=True)}
            continue
        if len(outputs) > 1:
            raise InputError(
                f"{operation.name} ({type(operation).__name__}) has {len(outputs)} outputs, expected layers with one"
            )
        name = _unused(operation.name, nodes)
        node = _node(call, operation, tuple(produced[_key(tensor)] for tensor in inputs), tuple(outputs[0].shape))
        activation = getattr(operation, "activation", None)
        if hasattr(activation, "get_config"):  # a layer inside the layer, as in Dense(8, activation=LeakyReLU(0.2))
            linear = _unused(f"{name}_linear", nodes)
            nodes[linear] = replace(node, config={**node.config, "activation": "linear"})
            node = Node(type(activation).__name__, _config(activation), (), (linear,), node.shape, activation)
        nodes[name] = node
        produced[_key(outputs[0])] = name


def _node(call: Any, operation: Any, inputs: tuple[str, ...], shape: tuple[int | None, ...]) -> Node:
    args, kwargs = _arguments(call)

    def on(*values: Any) -> Any:
        fed = iter(values)
        return operation(*_fed(args, fed), **{key: _fed(value, fed) for key, value in kwargs.items() if key != "training"})

    if not hasattr(operation, "get_weights") or type(operation).__name__.endswith("OpLambda"):
        settings = [*args, *(value for key, value in kwargs.items() if key not in ("name", "axis") and value is not None)]
        constants = [value for value in settings if not _is_tensor(value)]
        function = re.sub(r"_\d+$", "", operation.name)  # calls are numbered
        known = _FUNCTIONS.get(function)
        kind, config = known if known and not constants else (f"function {function}", {})
        return Node(kind, dict(config), (), inputs, shape, on)
    ours = type(operation).__module__.split(".")[0] in ("keras", "tf_keras", "training")
    kind = type(operation).__name__ if ours else f"custom {type(operation).__name__}"
    return Node(kind, _config(operation) if ours else {}, tuple(operation.get_weights()), inputs, shape, on)


def _config(layer: Any) -> dict[str, Any]:
    config: dict[str, Any] = layer.get_config()
    if "negative_slope" in config and type(layer).__name__ == "LeakyReLU":
        config["alpha"] = config["negative_slope"]  # its name in tf_keras
    return config


def _calls(model: Any) -> Iterator[Any]:
    for depth in sorted(model._nodes_by_depth, reverse=True):
        yield from model._nodes_by_depth[depth]


def _operation(call: Any) -> Any:
    return call.operation if hasattr(call, "operation") else call.layer


def _arguments(call: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    if hasattr(call, "arguments"):
        return call.arguments.args, call.arguments.kwargs
    return tuple(call.call_args), call.call_kwargs


def _list(call: Any, *names: str) -> list[Any]:
    value = next(getattr(call, name) for name in names if hasattr(call, name))
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _tensors(value: Any) -> Iterator[Any]:
    """The tensors in the arguments of a call, first to last."""
    if _is_tensor(value):
        yield value
    elif isinstance(value, dict):
        yield from _tensors(list(value.values()))
    elif type(value) in (list, tuple):
        for item in value:
            yield from _tensors(item)


def _fed(value: Any, values: Iterator[Any]) -> Any:
    """``value`` with its tensors replaced, in the order of ``_tensors``."""
    if _is_tensor(value):
        return next(values)
    return type(value)(_fed(item, values) for item in value) if type(value) in (list, tuple) else value


def _is_tensor(value: Any) -> bool:
    return hasattr(value, "_keras_history")


def _key(tensor: Any) -> tuple[int, int, int]:
    operation, call, index = tensor._keras_history
    return id(operation), call, index


def _unused(name: str, nodes: dict[str, Node]) -> str:
    plain = re.sub(r"\W", "_", name, flags=re.ASCII).strip("_") or "layer"  # as TensorFlow wants names
    return next(n for n in (plain, *(f"{plain}_{i}" for i in range(2, len(nodes) + 3))) if n not in nodes)


def _layer_class(kind: str) -> Any:
    if kind in ("Border", "Lambda"):  # the code of a Lambda is of the Keras that wrote it
        return Border if kind == "Border" else None
    return getattr(keras.layers, kind, None)


def _accepted(node: Node) -> dict[str, Any]:
    """The part of a node's configuration that the layer's class in tf_keras takes."""
    taken = {
        parameter
        for parent in _layer_class(node.kind).__mro__
        if "__init__" in vars(parent)
        for parameter in inspect.signature(parent.__init__).parameters
    }
    return {key: value for key, value in node.config.items() if key in taken and not _NOT_COPIED.fullmatch(key)}
