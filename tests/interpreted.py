"""What LiteRT makes of model files; for use through ``training.device.on_device``, so that nothing here loads TensorFlow."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from convert.graph import Graph, read_graph


def graphs_and_outputs(
    paths: list[Path], faces: npt.NDArray[np.int8]
) -> list[tuple[Graph, npt.NDArray[np.int8], npt.NDArray[np.float32]]]:
    """(graph, raw outputs (N, K), dequantized outputs (N, K)) of INT8 ``.tflite`` files for int8 faces (N, S, S, 3)."""
    from ai_edge_litert.interpreter import Interpreter

    found = []
    for path in paths:
        interpreter = Interpreter(str(path))
        interpreter.allocate_tensors()
        (taken,), (given,) = interpreter.get_input_details(), interpreter.get_output_details()
        raw = []
        for face in faces:
            interpreter.set_tensor(taken["index"], face[None])
            interpreter.invoke()
            raw.append(interpreter.get_tensor(given["index"])[0])
        scale, zero_point = given["quantization"]
        outputs = (np.array(raw, np.float32) - zero_point) * scale
        found.append((read_graph(path), np.array(raw), outputs.astype(np.float32)))
    return found
