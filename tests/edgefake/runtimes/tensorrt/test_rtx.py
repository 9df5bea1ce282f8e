"""TensorRT-RTX parses and builds without a GPU: its own table of layers shows what runs in INT8."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from edgefake.errors import ModelFileError
from edgefake.models.store import find_model
from edgefake.runtimes.tensorrt.builder import build
from edgefake.runtimes.tensorrt.inspection import not_int8
from edgefake.runtimes.tensorrt.weights import float_weights

trt = pytest.importorskip("tensorrt_rtx", reason="needs tensorrt_rtx: pip install tensorrt-rtx")
pytest.importorskip("onnx")
pytestmark = pytest.mark.filterwarnings("ignore:Use Deprecated in TensorRT-RTX")  # it keeps no timings

from tests.edgefake.runtimes.tensorrt.layer_table import layer_table, listener  # noqa: E402
from tests.edgefake.runtimes.tensorrt.networks import PRODUCTS, network  # noqa: E402


def float_layers(model: bytes) -> list[str]:
    """The convolutions and matrix products of ``model`` that do not run in INT8."""
    log = listener(trt)
    built = build(trt, log, model, precision="int8")
    assert set(built.products) == set(PRODUCTS)
    assert len(built.engine) > 1000
    return not_int8(layer_table(log.lines), built.products)


def test_every_convolution_and_matrix_product_runs_in_int8() -> None:
    assert float_layers(network()) == []


def test_the_form_of_weights_for_tensorrt_8_runs_in_int8_too() -> None:
    assert float_layers(float_weights(network())) == []


@pytest.mark.parametrize("form", [bytes, float_weights], ids=["int8 weights", "float weights"])
@pytest.mark.parametrize(
    ("name", "products"), [("resnet18_int8", 22), ("mobilenet_v2_035_int8", 54), ("cnn_int8", 7)], ids=lambda value: str(value)
)
def test_all_layers_of_the_bundled_models_run_in_int8(name: str, products: int, form: Callable[[bytes], bytes]) -> None:
    log = listener(trt)
    built = build(trt, log, form(find_model(name, suffix=".onnx").read_bytes()), precision="int8")
    assert len(built.products) == products
    assert not_int8(layer_table(log.lines), built.products) == []


@pytest.mark.parametrize(
    ("activation", "expected"), [("pixels", ["first"]), ("a", ["depthwise"]), ("b", ["pointwise"]), ("mean", ["head"])]
)
def test_without_a_quantizer_in_front_a_layer_is_found_to_be_float(activation: str, expected: list[str]) -> None:
    assert float_layers(network(without=[activation])) == expected


def test_zero_points_other_than_0_are_refused() -> None:
    with pytest.raises(ModelFileError, match=r"ONNX .*zero point.*: convert"):
        float_layers(network(zero_point=3))


@pytest.mark.parametrize("model", [b"no protobuf", network()[:-200]], ids=["other file", "cut short"])
def test_what_is_no_onnx_file_is_told(model: bytes) -> None:
    with pytest.raises(ModelFileError, match="ONNX"):
        float_layers(model)
