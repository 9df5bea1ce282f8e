"""An ONNX graph as rewriting needs it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

INPUT = "face"


class Graph:
    """An ONNX graph with the look-ups that rewriting needs."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self.proto = model.graph

    def nodes(self, *kinds: str) -> list[onnx.NodeProto]:
        """A copy of the list, so that nodes may be removed meanwhile."""
        return [node for node in self.proto.node if not kinds or node.op_type in kinds]

    def producer(self, tensor: str) -> onnx.NodeProto | None:
        return next((node for node in self.proto.node if tensor in node.output), None)

    def consumers(self, tensor: str) -> list[onnx.NodeProto]:
        return [node for node in self.proto.node if tensor in node.input]

    def is_output(self, tensor: str) -> bool:
        return any(tensor == output.name for output in self.proto.output)

    def constant(self, tensor: str) -> np.ndarray | None:
        found = next((i for i in self.proto.initializer if i.name == tensor), None)
        return None if found is None else numpy_helper.to_array(found)

    def add_constant(self, name: str, value: Any) -> str:
        self.proto.initializer.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def insert_before(self, node: onnx.NodeProto, *new: onnx.NodeProto) -> None:
        at = list(self.proto.node).index(node)
        for offset, one in enumerate(new):
            self.proto.node.insert(at + offset, one)

    def remove(self, *nodes: onnx.NodeProto) -> None:
        for node in nodes:
            self.proto.node.remove(node)

    def rename(self, old: str, new: str) -> None:
        """Call the tensor ``old``, of which a node is the source, ``new``."""
        self.reconnect(old, new)
        for node in self.proto.node:
            node.output[:] = [new if name == old else name for name in node.output]

    def reconnect(self, old: str, new: str) -> None:
        """Whatever read the tensor ``old`` reads ``new``."""
        for node in self.proto.node:
            for index, name in enumerate(node.input):
                if name == old:
                    node.input[index] = new


def replace_node(graph: Graph, old: onnx.NodeProto, new: onnx.NodeProto) -> None:
    """Put ``new`` in the place of ``old``."""
    graph.insert_before(old, new)
    graph.remove(old)


def through_quantizers(graph: Graph, tensor: str) -> Iterator[onnx.NodeProto]:
    for node in graph.consumers(tensor):
        if node.op_type in ("QuantizeLinear", "DequantizeLinear"):
            yield from through_quantizers(graph, node.output[0])
        else:
            yield node
