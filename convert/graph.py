"""What a converted INT8 graph must look like, read from the file itself."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edgefake.runtimes.quiet import quiet


@dataclass(frozen=True, slots=True)
class Graph:
    """The facts about a TFLite graph that decide whether it runs in eight bits, in one piece."""

    ops: dict[str, int]
    """Number of operators by type."""
    float_tensors: tuple[str, ...]
    """Names of the floating-point tensors."""
    shifted_tensors: tuple[str, ...]
    """Names of the int8 tensors whose zero-point is not 0."""
    input_scale: float
    delegate_partitions: int
    """Pieces that the XNNPACK delegate runs; more than one means a hand-over of tensors in between."""
    undelegated: int
    """Operators left to the slow reference kernels."""
    macs: int
    """Multiplications with an addition, per face."""

    def faults(self, *, symmetric: bool = True) -> list[str]:
        """What keeps this from being a fully INT8 graph in one XNNPACK partition; empty when nothing does.

        ``symmetric`` also expects what QAT promises: zero-points of 0, and the input scale at which tensors are pixels.
        """
        found = []
        if self.float_tensors:
            found.append(f"{len(self.float_tensors)} float tensors are left, the first is {self.float_tensors[0]}")
        conversions = [op for op in ("QUANTIZE", "DEQUANTIZE") if op in self.ops]
        if conversions:
            found.append(f"{' and '.join(conversions)} operators are left")
        if symmetric and self.shifted_tensors:
            found.append(
                f"{len(self.shifted_tensors)} tensors have a zero-point other than 0, the first is {self.shifted_tensors[0]}"
            )
        if symmetric and self.input_scale != 1 / 128:
            found.append(f"the input scale is {self.input_scale}, expected 1/128")
        if self.delegate_partitions != 1 or self.undelegated:
            found.append(
                f"XNNPACK runs {self.delegate_partitions} partitions and leaves {self.undelegated} operators, expected 1 and 0"
            )
        return found


def read_graph(path: Path) -> Graph:
    """Inspect a ``.tflite`` file with LiteRT. Run it in a process without TensorFlow (``training.device.on_device``)."""
    from ai_edge_litert.interpreter import Interpreter

    with quiet():
        interpreter = Interpreter(model_path=str(path))
        interpreter.allocate_tensors()
    tensors = interpreter.get_tensor_details()
    operators = interpreter._get_ops_details()
    delegates = [op for op in operators if op["op_name"] == "DELEGATE"]
    plain = [op for op in operators if op["op_name"] != "DELEGATE"]
    return Graph(
        ops=dict(Counter(op["op_name"] for op in plain)),
        float_tensors=tuple(t["name"] for t in tensors if np.issubdtype(t["dtype"], np.floating)),
        shifted_tensors=tuple(
            t["name"] for t in tensors if t["dtype"] == np.int8 and np.any(t["quantization_parameters"]["zero_points"])
        ),
        input_scale=float(interpreter.get_input_details()[0]["quantization"][0]),
        delegate_partitions=len(delegates),
        undelegated=len(plain) - _covered(plain, delegates),
        macs=sum(_macs(op, tensors) for op in plain),
    )


def _macs(operator: dict[str, Any], tensors: list[dict[str, Any]]) -> int:
    shapes = {int(t["index"]): [int(side) for side in t["shape"]] for t in tensors}
    if operator["op_name"] == "FULLY_CONNECTED":
        return math.prod(shapes[int(operator["inputs"][1])])
    if operator["op_name"] not in ("CONV_2D", "DEPTHWISE_CONV_2D"):
        return 0
    # (outputs, height, width, inputs) of a convolution, (1, height, width, outputs) of a depthwise one
    weights, (_, height, width, _) = shapes[int(operator["inputs"][1])], shapes[int(operator["outputs"][0])]
    return math.prod(weights) * height * width


def _covered(operators: list[dict[str, np.ndarray]], delegates: list[dict[str, np.ndarray]]) -> int:
    """How many operators lie between the inputs and the outputs of the delegates, walking back from the outputs."""
    producer = {int(tensor): index for index, op in enumerate(operators) for tensor in op["outputs"]}
    covered: set[int] = set()
    for delegate in delegates:
        fed = set(map(int, delegate["inputs"]))
        pending = [int(t) for t in delegate["outputs"]]
        while pending:
            tensor = pending.pop()
            index = producer.get(tensor)
            if tensor in fed or index is None or index in covered:
                continue
            covered.add(index)
            pending += [int(t) for t in operators[index]["inputs"]]
    return len(covered)
