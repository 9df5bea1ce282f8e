"""A face finder's network made by hand: what is red is a face."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from onnx import TensorProto, helper, numpy_helper

from edgefake import ModelCard, write_card
from edgefake.faces.decode import BOX, OUTPUTS, POINTS, SCORE
from edgefake.models.card import Scaling
from edgefake.pixels import Pixels

HEIGHT, WIDTH = 192, 320
RED = (0, 0, 255)
"""BGR."""
SIDE = 44
"""Of the face's box in the input, around the middle of the cell that sees it: neighbours' boxes are of one face."""
ONE_CELL = 31
"""Side of a red square in the input in which there is one whole cell of 16 pixels, wherever it lies."""


def network() -> bytes:
    """Pixels → the nine outputs. A cell of 16 pixels that is red all over says: a face of ``SIDE`` pixels with my middle."""
    nodes = [
        helper.make_node("Cast", ["pixels"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["float"], ["planes"], perm=[0, 3, 1, 2]),
    ]
    weights, outputs = [], []
    for name in OUTPUTS:
        what, stride = name.split("_")
        side, numbers = int(stride), {"score": SCORE, "box": BOX, "points": POINTS}[what]
        kernel, bias = np.zeros((numbers, 3, side, side), np.float32), np.zeros(numbers, np.float32)
        if what == "score":
            bias[:] = -92.0  # where 92 % are red, both probabilities are a half
            if side == 16:
                kernel[:] = np.float32([100, -100, -100])[None, :, None, None] / (255 * side * side)
        elif what == "box":
            bias[2:] = np.log(SIDE / side)
        weights += [numpy_helper.from_array(kernel, f"{name}_kernel"), numpy_helper.from_array(bias, f"{name}_bias")]
        shape = {"kernel_shape": [side, side], "strides": [side, side]}
        nodes.append(helper.make_node("Conv", ["planes", f"{name}_kernel", f"{name}_bias"], [f"{name}_planes"], **shape))
        nodes.append(helper.make_node("Transpose", [f"{name}_planes"], [name], perm=[0, 2, 3, 1]))
        size = ["N", HEIGHT // side, WIDTH // side, numbers]
        outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, size))
    pixels = helper.make_tensor_value_info("pixels", TensorProto.UINT8, ["N", HEIGHT, WIDTH, 3])
    graph = helper.make_graph(nodes, "finder", [pixels], outputs, weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(model.SerializeToString())


def finder_card(**changes: object) -> ModelCard:
    """Its card."""
    fields: dict[str, object] = {
        "name": "red",
        "architecture": "drawn",
        "precision": "float32",
        "input_size": (HEIGHT, WIDTH),
        "scaling": Scaling(0.0, 1.0),
        "kind": "face_finder",
        "outputs": OUTPUTS,
    }
    return ModelCard(**{**fields, **changes})  # type: ignore[arg-type]


def write_finder(path: Path, card: ModelCard | None = None) -> Path:
    """The network as an ``.onnx`` with its card."""
    path.write_bytes(network())
    write_card(path, card or finder_card())
    return path


def with_faces(size: tuple[int, int], *faces: tuple[int, int, int]) -> Pixels:
    """A grey frame (width, height) with red squares (x and y of the middle, side)."""
    frame = np.full((size[1], size[0], 3), 90, np.uint8)
    for x, y, side in faces:
        left, top = x - side // 2, y - side // 2
        cv2.rectangle(frame, (left, top), (left + side - 1, top + side - 1), RED, cv2.FILLED)
    return frame
