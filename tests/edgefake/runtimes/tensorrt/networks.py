"""Small eight-bit networks in the ONNX form that convert writes: quantizers around every convolution and matrix product."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SIZE = 16
PRODUCTS = ("first", "depthwise", "pointwise", "head")


def network(*, without: Collection[str] = (), zero_point: int = 0) -> bytes:
    """A convolution, a depthwise and a pointwise one with a residual around them, a spatial mean and a matrix product.

    Args:
        without: activations (``pixels``, ``a``, ``b``, ``sum``, ``mean``) that get no quantizer.
        zero_point: of the activations; TensorRT takes none but 0.
    """
    made = _Network(without, zero_point)
    made.node("Cast", ["face"], "float", to=TensorProto.FLOAT)
    made.node("Sub", ["float", made.constant("offset", np.float32(128))], "shifted")
    made.node("Mul", ["shifted", made.constant("scale", np.float32(1 / 128))], "scaled")
    made.node("Transpose", ["scaled"], "pixels", perm=[0, 3, 1, 2])
    made.convolution("first", made.quantized("pixels", 1 / 128), 3, "a_")
    made.node("Relu", ["a_"], "a")
    kept = made.quantized("a", 0.05)
    made.convolution("depthwise", kept, 32, "b_", group=32)
    made.node("Relu", ["b_"], "b")
    made.convolution("pointwise", made.quantized("b", 0.05), 32, "c", kernel=1)
    made.node("Add", ["c", kept], "sum")
    made.node("ReduceMean", [made.quantized("sum", 0.1)], "mean", axes=[2, 3], keepdims=0)
    weights = made.weights("head", (1, 32))
    made.node("Gemm", [made.quantized("mean", 0.02), weights], "logit", name="head", transB=1)
    return made.to_bytes()


class _Network:
    def __init__(self, without: Collection[str], zero_point: int) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []
        self._without = without
        self._zero_point = zero_point
        self._rng = np.random.default_rng(0)

    def node(self, kind: str, inputs: list[str], output: str, name: str = "", **attributes: object) -> str:
        self._nodes.append(helper.make_node(kind, inputs, [output], name=name or f"{output}_by_{kind}", **attributes))
        return output

    def constant(self, name: str, value: object) -> str:
        self._constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def quantized(self, tensor: str, scale: float) -> str:
        if tensor in self._without:
            return tensor
        scales = self._scales(tensor, np.float32(scale), np.int8(self._zero_point))
        self.node("QuantizeLinear", [tensor, *scales], f"{tensor}_q")
        return self.node("DequantizeLinear", [f"{tensor}_q", *scales], f"{tensor}_dq")

    def weights(self, name: str, shape: tuple[int, ...]) -> str:
        kernel = self.constant(f"{name}_kernel", self._rng.integers(-127, 128, shape, dtype=np.int8))
        scale = self._rng.uniform(0.5, 1.0, shape[0]).astype(np.float32) / 127 / np.sqrt(np.prod(shape[1:]), dtype=np.float32)
        scales = self._scales(kernel, scale, np.zeros(shape[0], np.int8))
        return self.node("DequantizeLinear", [kernel, *scales], f"{kernel}_dq", axis=0)

    def convolution(self, name: str, given: str, channels: int, result: str, *, kernel: int = 3, group: int = 1) -> None:
        weights = self.weights(name, (32, channels // group, kernel, kernel))
        bias = self.constant(f"{name}_bias", self._rng.normal(0, 0.1, 32).astype(np.float32))
        pads = [kernel // 2] * 4
        self.node("Conv", [given, weights, bias], result, name=name, kernel_shape=[kernel, kernel], pads=pads, group=group)

    def to_bytes(self) -> bytes:
        face = helper.make_tensor_value_info("face", TensorProto.UINT8, ["N", SIZE, SIZE, 3])
        logit = helper.make_tensor_value_info("logit", TensorProto.FLOAT, ["N", 1])
        graph = helper.make_graph(self._nodes, "small", [face], [logit], self._constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        onnx.checker.check_model(model, full_check=True)
        return bytes(model.SerializeToString())

    def _scales(self, tensor: str, scale: object, zero_point: object) -> tuple[str, str]:
        return self.constant(f"{tensor}_scale", scale), self.constant(f"{tensor}_zero_point", zero_point)
