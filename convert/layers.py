"""Which layers of a converted model are furthest from the float model: the first place to look when the gate fails."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgefake.pixels import Pixels
from edgefake.preprocessing import to_float, to_int8

MOST = 200.0
"""Decibels: beyond what floats can tell."""
Activations = dict[str, npt.NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class LayerNoise:
    """One layer's INT8 output against its float output."""

    layer: str
    snr_db: float
    """Signal-to-noise ratio in decibels, 10 log10(Σ float² / Σ (float − INT8)²), see ``snr_db``; lower is worse."""


def layer_noise(int8: Activations, float_model: Any, pixels: Pixels) -> list[LayerNoise]:
    """Compare ``int8_activations`` with the layers of the folded Keras ``float_model`` on the same faces, worst first."""
    import tf_keras as keras

    outputs = {layer.name: layer.output for layer in float_model.layers if layer.name in int8}
    reference = keras.Model(float_model.input, outputs).predict_on_batch(to_float(pixels))
    noise = [LayerNoise(name, snr_db(np.asarray(reference[name]), int8[name])) for name in outputs]
    return sorted(noise, key=lambda layer: layer.snr_db)


def int8_activations(path: Path, pixels: Pixels) -> Activations:
    """Dequantized output of every layer of an INT8 ``.tflite`` for faces (uint8, (N, S, S, 3)). For use through ``on_device``."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    # A delegate keeps what lies inside it to itself, so that the reference kernels run here.
    interpreter = Interpreter(
        model_path=str(path),
        experimental_preserve_all_tensors=True,
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )
    interpreter.allocate_tensors()
    tensors = {int(t["index"]): t for t in interpreter.get_tensor_details()}
    # A layer of several operators ends with the last of them.
    last = {_layer_name(tensors[int(i)]["name"]): int(i) for op in interpreter._get_ops_details() for i in op["outputs"]}
    collected: dict[str, list[npt.NDArray[np.float32]]] = {}
    for face in pixels:
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], to_int8(face[None]))
        interpreter.invoke()
        for layer, index in last.items():
            scale, zero_point = tensors[index]["quantization"]
            values = (interpreter.get_tensor(index).astype(np.float32) - zero_point) * scale
            collected.setdefault(layer, []).append(values)
    return {layer: np.concatenate(values) for layer, values in collected.items()}


def _layer_name(tensor: str) -> str:
    """``resnet18/quant_stem_relu/Relu;resnet18/quant_stem_bn/…`` → ``stem_relu``: the last layer fused into the operator.

    Without QAT, there is no ``quant_``.
    """
    match = re.match(r"\w+/(?:quant_)?(\w+)/", tensor)
    return match.group(1) if match else tensor


def snr_db(reference: npt.NDArray[np.float32], noisy: npt.NDArray[np.float32]) -> float:
    """Of ``noisy`` (…, C) against ``reference`` (…, C), each channel at the scale that fits best: ``training.equalize`` makes
    some larger, and what takes them smaller by as much."""
    axes = tuple(range(reference.ndim - 1))
    power = np.sum(noisy**2, axis=axes)
    scales = np.divide(np.sum(reference * noisy, axis=axes), power, out=np.ones_like(power), where=power > 0)
    return decibels(float(np.sum(reference**2)), float(np.sum((reference - scales * noisy) ** 2)))


def decibels(signal: float, noise: float) -> float:
    """10 log10(signal / noise) within ± ``MOST``, which is what no noise at all comes to, whatever the signal."""
    return float(np.clip(10 * np.log10(max(signal, 1e-30) / noise), -MOST, MOST)) if noise else MOST
