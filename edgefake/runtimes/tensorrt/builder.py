"""From an ONNX file to a TensorRT engine."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from edgefake.errors import BackendError, ModelFileError
from edgefake.runtimes.tensorrt.library import failure, start
from edgefake.runtimes.tensorrt.weights import float_weights

MAX_BATCH = 16
"""Of an engine with a dynamic batch; more faces run in chunks."""
WORKSPACE_MB = 512
OPTIMIZATION_LEVEL = 4
"""0…5, TensorRT's own default is 3: an engine is built once per device, so the builder may try more kernels."""

_PRODUCTS = {"CONVOLUTION", "DECONVOLUTION", "FULLY_CONNECTED", "MATRIX_MULTIPLY"}
_FLAGS = {"int8": ("INT8", "FP16"), "float16": ("FP16",), "float32": ()}


@dataclass(frozen=True, slots=True)
class Built:
    """A serialized engine."""

    engine: bytes
    products: tuple[str, ...]
    """The names, in the ONNX file, of its convolutions and matrix products."""
    timings: bytes
    """What was measured, for ``timings`` of the next build."""


def build(trt: Any, log: Any, model: bytes, *, precision: str, workspace_mb: int = WORKSPACE_MB, timings: bytes = b"") -> Built:
    """Build the ONNX ``model`` for the GPU of this machine.

    From TensorRT 10 on, networks are strongly typed, every layer has the type that the file gives it; before, ``precision``
    (the card's) becomes flags. The library itself shows which it is.

    Raises:
        ModelFileError: TensorRT cannot read the file.
        BackendError: it cannot build it, or for TensorRT 8 ``onnx`` is missing.
    """
    log.errors.clear()
    typed = hasattr(trt.NetworkDefinitionCreationFlag, "STRONGLY_TYPED")
    builder = start(trt.Builder, log)
    network = _read(trt, log, builder, model if typed else float_weights(model), typed=typed)
    config = builder.create_builder_config()
    config.profiling_verbosity = trt.ProfilingVerbosity.DETAILED
    config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, workspace_mb << 20)
    config.set_tactic_sources(_own_kernels(trt))
    if not typed:
        for flag in _FLAGS[precision]:
            config.set_flag(getattr(trt.BuilderFlag, flag))
    if hasattr(config, "builder_optimization_level"):
        config.builder_optimization_level = OPTIMIZATION_LEVEL
    _add_profile(builder, network, config)
    # TensorRT refuses the timings of another version or GPU by answering False; it then starts afresh.
    if cache := config.create_timing_cache(timings):
        config.set_timing_cache(cache, False)
    engine = builder.build_serialized_network(network, config)
    if engine is None:
        raise failure(
            log, BackendError, "the TensorRT engine could not be built", "give it more workspace, or convert the model again"
        )
    cache = config.get_timing_cache()
    return Built(bytes(engine), tuple(_products(network)), bytes(cache.serialize()) if cache else b"")


def _read(trt: Any, log: Any, builder: Any, model: bytes, *, typed: bool) -> Any:
    kinds = trt.NetworkDefinitionCreationFlag
    network = builder.create_network(1 << int(kinds.STRONGLY_TYPED if typed else kinds.EXPLICIT_BATCH))
    parser = trt.OnnxParser(network, log)
    if not parser.parse(model):
        faults = "; ".join(parser.get_error(index).desc().strip() for index in range(parser.num_errors))
        raise ModelFileError(f"TensorRT {trt.__version__} cannot read this ONNX file ({faults}): convert the model again")
    return network


def _own_kernels(trt: Any) -> int:
    """TensorRT's own kernels: cuDNN and cuBLAS cost a small device more memory than such networks gain by them."""
    own = ("EDGE_MASK_CONVOLUTIONS", "JIT_CONVOLUTIONS")
    return sum(1 << int(getattr(trt.TacticSource, name)) for name in own if hasattr(trt.TacticSource, name))


def _add_profile(builder: Any, network: Any, config: Any) -> None:
    """One range of batches, tuned for the usual single face, where the batch is dynamic."""
    face = network.get_input(0)
    batch, *rest = face.shape
    if batch == -1:
        profile = builder.create_optimization_profile()
        profile.set_shape(face.name, (1, *rest), (1, *rest), (MAX_BATCH, *rest))
        config.add_optimization_profile(profile)


def _products(network: Any) -> Iterator[str]:
    for index in range(network.num_layers):
        layer = network.get_layer(index)
        if layer.type.name in _PRODUCTS:
            yield layer.name
