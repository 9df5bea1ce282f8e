"""Reading the engine inspector's JSON, in the forms that TensorRT 8, 10 and 11 give it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from edgefake.runtimes.tensorrt.inspection import not_int8

INT8 = "Thirty-two wide channel vectorized row major Int8 format"
FLOAT = "Row major linear FP32"


def convolution(name: str, input_: str = INT8, **more: Any) -> dict[str, Any]:
    """A layer as TensorRT 8 tells it."""
    return {"Name": name, "LayerType": "CaskConvolution", "Inputs": [{"Format/Datatype": input_}], **more}


def region(name: str, type_: str, input_: str, constants: list[str], origins: str) -> dict[str, Any]:
    """A layer as TensorRT 10 and 11 tell it."""
    metadata = "\x1f".join(f"[ONNX Layer: {origin}]" for origin in origins.split())
    tensors = {"Inputs": [{"Datatype": input_}], "Constants": [{"Datatype": constant} for constant in constants]}
    return {"Name": name, "LayerType": type_, **tensors, "Metadata": metadata}


INT8_LAYERS = {
    "fused": convolution("conv_kernel + conv_quantize + conv + add + relu", Weights={"Type": "Int8"}),
    "float out": convolution("conv", Weights={"Type": "Int8"}, Outputs=[{"Format/Datatype": FLOAT}]),
    "residual": convolution("conv + PWN(add, relu)") | {"Inputs": [{"Format/Datatype": INT8}, {"Format/Datatype": FLOAT}]},
    "joined": convolution("other || conv"),
    "in brackets": convolution("PWN(conv)"),
    "metadata": region("__myl_7", "correlation", "Int8", ["Int8", "Float"], "conv conv_dequantize"),
    "suffix": region("conv_myl0_2", "gemm", "Int8", ["Int8"], ""),
    "kgen with weights": region("__myl_9", "kgen", "Int8", ["Float", "Int8"], "conv"),
    "weights as input": convolution("conv") | {"Inputs": [{"Datatype": "Int8"}, {"Datatype": "Int8"}]},
}

OTHER_LAYERS = {
    "float": convolution("conv", FLOAT, Weights={"Type": "Float"}),
    "half": convolution("conv", "Channel major FP16 format"),
    "pixels": convolution("conv", "Row major linear UInt8 format"),
    "float weights": convolution("conv", Weights={"Type": "Half"}),
    "another": convolution("conv_2 + conv/kernel + conv.bias + my_conv"),
    "quantizer": convolution("conv_quantize"),
    "copy": convolution("Reformatting CopyNode for Input Tensor 0 to conv") | {"LayerType": "Reformat"},
    "scaling": region("__myl_1", "kgen", "Int8", [], "conv conv_dequantize"),
    "dequantized": region("__myl_2", "kgen", "Int8", ["Float"], "conv"),
    "undetailed": "conv",
    "no inputs": {"Name": "conv", "LayerType": "Constant"},
}


@pytest.mark.parametrize("layer", INT8_LAYERS.values(), ids=INT8_LAYERS)
def test_a_layer_in_int8(layer: dict[str, Any]) -> None:
    others = [layer for layer in OTHER_LAYERS.values()]
    assert not_int8(json.dumps({"Layers": [*others, layer]}), ["conv"]) == []


@pytest.mark.parametrize("layer", OTHER_LAYERS.values(), ids=OTHER_LAYERS)
def test_a_layer_that_is_not(layer: Any) -> None:
    assert not_int8(json.dumps({"Layers": [layer]}), ["conv"]) == ["conv"]


def test_names_may_have_any_characters() -> None:
    name = "model/block (1)/conv+[x]"
    assert not_int8(json.dumps({"Layers": [convolution(f"w + {name} + relu")]}), [name, "conv", "block"]) == ["conv", "block"]
