"""What LiteRT makes of model files; for use through ``training.device.on_device``, so that nothing here loads TensorFlow."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from convert.graph import Graph, read_graph
from edgefake.models.file import ModelFile
from edgefake.models.golden import golden_errors
from edgefake.pixels import Pixels
from edgefake.preprocessing import to_float, to_int8
from edgefake.runtimes import open_runtime


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


def named_outputs(path: Path, pixels: Pixels) -> tuple[dict[str, npt.NDArray[np.float32]], dict[str, float]]:
    """(dequantized outputs (N, …), and their steps, 0 of a float one) by name, in the order of the graph, of a ``.tflite``."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path))
    interpreter.allocate_tensors()
    (taken,), given = interpreter.get_input_details(), interpreter.get_output_details()
    found: dict[str, list[npt.NDArray[np.float32]]] = {output["name"]: [] for output in given}
    for picture in pixels:
        encoded = to_int8(picture) if taken["dtype"] == np.int8 else to_float(picture)
        interpreter.set_tensor(taken["index"], encoded[None])
        interpreter.invoke()
        for output in given:
            scale, zero_point = output["quantization"]
            raw = interpreter.get_tensor(output["index"]).astype(np.float32)
            found[output["name"]].append((raw - zero_point) * scale if scale else raw)
    return {name: np.concatenate(values) for name, values in found.items()}, {o["name"]: o["quantization"][0] for o in given}


def replayed(path: Path) -> dict[str, float]:
    """How far each output of a model file is off the golden vectors in its card."""
    file = ModelFile(path)
    assert file.card is not None
    return golden_errors(open_runtime(file, file.card.input_spec), file.card)
