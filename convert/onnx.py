"""The QDQ ``.onnx`` of an INT8 ``.tflite``: the same weights and scales in the form that TensorRT and onnxruntime read."""

from __future__ import annotations

import logging
import warnings
from collections import Counter
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import onnx

from convert.onnx_graph import Graph
from convert.qdq import to_qdq
from edgefake.errors import InputError
from edgefake.files import write_atomically
from edgefake.models.card import Scaling
from edgefake.models.file import ModelFile, require_card, write_card
from edgefake.runtimes.quiet import quiet

OPSET = 17
"""The newest that TensorRT 8.5 (JetPack 5) reads."""

PRODUCTS = ("Conv", "ConvTranspose", "Gemm", "MatMul")
BEFORE_QUANTIZERS = ("Relu", "LeakyRelu", "Clip", "Add", "Flatten", "DepthToSpace")


@dataclass(frozen=True, slots=True)
class QdqGraph:
    """The facts about an ONNX graph that decide whether TensorRT runs it in eight bits."""

    ops: dict[str, int]
    """Number of nodes by type."""
    float_layers: tuple[str, ...]
    """Convolutions and matrix products without a quantizer on their input, their weights or their result."""
    shifted: tuple[str, ...]
    """Quantizers with a zero-point other than 0."""
    separated: tuple[str, ...]
    """Additions that no convolution feeds directly although one could."""

    def faults(self) -> list[str]:
        """What keeps it from that; empty when nothing does."""
        found = []
        if self.float_layers:
            found.append(f"{len(self.float_layers)} layers are not in eight bits: {', '.join(self.float_layers[:10])}")
        if self.shifted:
            found.append(f"{len(self.shifted)} quantizers have a zero-point other than 0, the first is {self.shifted[0]}")
        if self.separated:
            found.append(f"a quantizer stands between convolution and addition at {', '.join(self.separated)}")
        return found


def export_onnx(tflite: Path, out: Path, *, batch: int | None = None) -> Path:
    """Write the ONNX form of the INT8 model at ``tflite``, with the same card, to ``out``; for any batch, or just ``batch``.

    Raises ``InputError`` where there is no card, or the model is not symmetric INT8.
    """
    if not tflite.is_file():
        raise InputError(f"there is no file {tflite}: expected an INT8 .tflite model")
    if tflite.suffix != ".tflite":
        raise InputError(f"{tflite} is no .tflite: the ONNX form is made of an INT8 .tflite model")
    card = require_card(ModelFile(tflite), None)
    if card.precision != "int8":
        raise InputError(f"{tflite} is a {card.precision} model: the ONNX form is made of the INT8 one")
    if card.scaling != Scaling():
        raise InputError(f"{tflite} takes {card.scaling}: the ONNX form scales inside, to (pixel - 128) / 128 and no other")
    converted = _tf2onnx(tflite)
    taken = [d.dim_value for d in converted.graph.input[0].type.tensor_type.shape.dim][1:]
    if taken != [card.height, card.width, 3]:
        raise InputError(f"{tflite} takes pictures as {taken}: the ONNX form is made of models of colours, channels last")
    if (given := len(converted.graph.output)) != len(card.outputs):
        raise InputError(f"{tflite} gives {given} outputs, its card says {', '.join(card.outputs)}: convert it again")
    model = to_qdq(converted, outputs=card.outputs, batch=batch)
    if faults := read_qdq(model).faults():
        raise InputError(f"{tflite} cannot run in eight bits under TensorRT: {'; '.join(faults)}")
    versions = {name: metadata.version(name) for name in ("onnx", "tf2onnx")}
    try:
        with TemporaryDirectory() as folder:
            whole = Path(folder) / "model.onnx"
            whole.write_bytes(model.SerializeToString(deterministic=True))
            write_card(whole, replace(card, toolchain=card.toolchain | versions))
            out.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(out, whole.read_bytes())
    except OSError as error:
        raise InputError(f"{out} cannot be written ({error.strerror}): make room, or give another --out") from error
    return out


def read_qdq(model: onnx.ModelProto) -> QdqGraph:
    """Inspect a graph that ``to_qdq`` made."""
    graph = Graph(model)
    quantizers = graph.nodes("QuantizeLinear", "DequantizeLinear")
    return QdqGraph(
        ops=dict(Counter(node.op_type for node in graph.nodes())),
        float_layers=tuple(node.name for node in graph.nodes(*PRODUCTS) if not _is_eight_bit(graph, node)),
        shifted=tuple(node.name for node in quantizers if np.any(graph.constant(node.input[2]))),
        separated=tuple(add.name for add in graph.nodes("Add") if _is_separated(graph, add)),
    )


def _is_eight_bit(graph: Graph, node: Any) -> bool:
    inputs = [graph.producer(tensor) for tensor in node.input[:2]]
    return all(i is not None and i.op_type == "DequantizeLinear" for i in inputs) and _is_quantized(graph, node.output[0])


def _is_quantized(graph: Graph, tensor: str) -> bool:
    """Whether every way from ``tensor`` on meets a quantizer, with nothing but ``BEFORE_QUANTIZERS`` before it."""
    users = graph.consumers(tensor)
    return bool(users) and all(
        user.op_type == "QuantizeLinear" or (user.op_type in BEFORE_QUANTIZERS and _is_quantized(graph, user.output[0]))
        for user in users
    )


def _is_separated(graph: Graph, add: Any) -> bool:
    """Whether both sides of an addition come out of quantizers though one is a convolution's alone."""
    sides = [graph.producer(tensor) for tensor in add.input]
    if any(side is None or side.op_type != "DequantizeLinear" for side in sides):
        return False
    for side in sides:
        quantizer = graph.producer(side.input[0])  # type: ignore[union-attr]
        source = graph.producer(quantizer.input[0]) if quantizer is not None else None
        if source is not None and source.op_type == "Conv" and len(graph.consumers(side.input[0])) == 1:  # type: ignore[union-attr]
            return True
    return False


def _tf2onnx(tflite: Path) -> onnx.ModelProto:
    import tf2onnx  # it loads TensorFlow

    logging.getLogger("tf2onnx").setLevel(logging.CRITICAL)
    with quiet(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"\s*Warning: tf.lite.Interpreter is deprecated")
        model, _ = tf2onnx.convert.from_tflite(str(tflite), opset=OPSET)
    if unknown := sorted({node.op_type.removeprefix("TFL_") for node in model.graph.node if node.op_type.startswith("TFL_")}):
        raise InputError(
            f"{tflite} has operators without an ONNX form ({', '.join(unknown)}): replace those layers and train again"
        )
    if len(model.graph.input) != 1:
        raise InputError(f"{tflite} has {len(model.graph.input)} inputs, expected one for the pixels")
    return model
