"""What TensorRT-RTX tells about an engine's layers while it builds it, without a GPU."""

from __future__ import annotations

import json
import re
from collections import deque
from typing import Any

_LAYER = re.compile(r"Name: (?P<Name>.*?), LayerType: (?P<LayerType>\w*), (?P<tensors>.*?)(?:, Metadata: (?P<Metadata>.*))?$")


def listener(trt: Any) -> Any:
    """A logger for ``builder.build`` that keeps all it is told in ``lines``."""

    class Listener(trt.ILogger):  # type: ignore[misc]
        def __init__(self) -> None:
            trt.ILogger.__init__(self)
            self.errors: deque[str] = deque()
            self.warning = ""
            self.lines: list[str] = []

        def log(self, severity: Any, message: str) -> None:
            self.lines.append(message)

    return Listener()


def layer_table(lines: list[str]) -> str:
    """The ``Layers:`` table among ``lines`` in the form that the engine inspector of a machine with a GPU gives."""
    table = next(line for line in lines if line.startswith("Layers:"))
    layers = []
    for found in map(_LAYER.match, table.splitlines()):
        if found:
            layer: dict[str, Any] = {key: found[key] or "" for key in ("Name", "LayerType", "Metadata")}
            for key in ("Inputs", "Constants", "Outputs"):
                listed = re.search(rf"{key}: \[(.*?)\](?:, (?:Constants|Outputs|TacticName)|$)", found["tensors"])
                layer[key] = [{"Datatype": type_} for type_ in re.findall(r"Datatype: (\w+)", listed[1])] if listed else []
            layers.append(layer)
    return json.dumps({"Layers": layers})
