"""The Open Inference Protocol (KServe v2) with its binary extension: requests and answers as bytes.

A body is JSON, or JSON (so long as the header ``Inference-Header-Content-Length`` says) and behind it the tensors that it calls
binary, one after the other: numbers little-endian, texts each with four bytes of length before it.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from itertools import islice
from typing import Any

import numpy as np

from edgefake.pixels import Pixels
from edgefake.serve.limits import Limits
from edgefake.serve.refusals import Refusal
from edgefake.text import printable

Lines = Sequence[Mapping[str, Any]]

HEADER = "Inference-Header-Content-Length"
IMAGE, FRAME = "image", "frame"
INPUTS = ({"name": IMAGE, "datatype": "BYTES", "shape": [-1]}, {"name": FRAME, "datatype": "UINT8", "shape": [-1, -1, -1, 3]})
"""Either: whole files of pictures, or frames, BGR."""
OUTPUTS = (
    {"name": "p_fake", "datatype": "FP32", "shape": [-1]},
    {"name": "status", "datatype": "BYTES", "shape": [-1]},
    {"name": "prediction", "datatype": "BYTES", "shape": [-1]},
)
"""Of each picture: p_fake (where there is none NaN in binary, null in JSON), why, and the line that `edgefake predict` prints."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """One output that is asked for."""

    name: str
    is_binary: bool


@dataclass(frozen=True, slots=True)
class InferRequest:
    """What a client wants to know of which pictures."""

    id: str | None
    pictures: list[bytes] | list[Pixels]
    outputs: tuple[Wanted, ...]
    parameters: Mapping[str, Any]


def read_request(body: bytes, header_length: str | None, limits: Limits) -> InferRequest:
    """``header_length`` is the header's text, None without it. Raises ``Refusal``."""
    length = len(body) if header_length is None else _length(header_length, len(body))
    try:
        asked = json.loads(body[:length])
    except (ValueError, RecursionError) as error:
        raise _bad(f"the request is no JSON ({printable(error)}): see /docs") from error
    asked = _object(asked, "the request")
    parameters = _object(asked.get("parameters", {}), "parameters")
    inputs = _objects(asked.get("inputs"), "inputs")
    if len(inputs) != 1:
        raise _bad(f"expected one input, {IMAGE} or {FRAME}, got {len(inputs)}")
    given = asked.get("id")
    if given is not None and not isinstance(given, str):
        raise _bad(f"expected an id that is a text, got {_shown(given)}")
    pictures = _pictures(inputs[0], body[length:], limits)
    return InferRequest(given, pictures, _outputs(asked.get("outputs"), parameters), parameters)


def write_answer(
    request: InferRequest, lines: Sequence[Mapping[str, Any]], *, model: str, version: str
) -> tuple[bytes, int | None]:
    """The body, and how much of it is JSON, where there is more; ``lines`` are of the pictures in their order."""
    outputs, blobs = [], []
    for wanted in request.outputs:
        values = [json.dumps(line) if wanted.name == "prediction" else line[wanted.name] for line in lines]
        datatype = next(output["datatype"] for output in OUTPUTS if output["name"] == wanted.name)
        tensor: dict[str, Any] = {"name": wanted.name, "datatype": datatype, "shape": [len(values)]}
        if wanted.is_binary:
            blobs.append(_floats(values) if datatype == "FP32" else _texts(values))
            tensor["parameters"] = {"binary_data_size": len(blobs[-1])}
        else:
            tensor["data"] = values
        outputs.append(tensor)
    echoed = {} if request.id is None else {"id": request.id}
    head = json.dumps({"model_name": model, "model_version": version, **echoed, "outputs": outputs}).encode()
    return b"".join([head, *blobs]), len(head) if blobs else None


def _floats(values: Sequence[Any]) -> bytes:
    return np.array([math.nan if value is None else value for value in values], "<f4").tobytes()


def _texts(values: Sequence[Any]) -> bytes:
    return b"".join(struct.pack("<I", len(text)) + text for text in map(str.encode, values))


def _pictures(tensor: dict[str, Any], binary: bytes, limits: Limits) -> list[bytes] | list[Pixels]:
    name, shape = tensor.get("name"), tensor.get("shape", [])
    described = next((known for known in INPUTS if known["name"] == name), None)
    if described is None:
        raise _bad(f"expected the input {IMAGE} or {FRAME}, got {_shown(name)}")
    if tensor.get("datatype") != described["datatype"]:
        raise _bad(f"expected {name} as {described['datatype']}, got {_shown(tensor.get('datatype'))}")
    fits = isinstance(shape, list) and len(shape) == len(described["shape"]) and all(type(n) is int and n > 0 for n in shape)
    if not fits or (name == FRAME and shape[-1] != 3):
        raise _bad(f"expected {name} of shape {described['shape']}, each at least 1, got {_shown(shape)}")
    if shape[0] > limits.pictures:
        raise Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, f"expected {limits.pictures} pictures at most, got {shape[0]}: send fewer")
    parameters = _object(tensor.get("parameters", {}), f"the parameters of {name}")
    size = parameters.get("binary_data_size")
    if (size is None) == bool(binary) or size not in (None, len(binary)):
        raise _bad(f"expected binary_data_size to be the {len(binary)} bytes behind the JSON, got {_shown(size)}")
    if unknown := [key for key in parameters if key.startswith("shared_memory")]:
        raise _bad(f"{printable(unknown[0], limit=60)} is not supported: send the data with the request")
    if name == FRAME:
        return _frames(tensor.get("data"), binary if size is not None else None, shape, limits)
    return _files(tensor.get("data"), binary if size is not None else None, shape[0])


def _files(data: Any, binary: bytes | None, count: int) -> list[bytes]:
    files = _of_base64(data, count + 1) if binary is None else _split(binary, count + 1)
    if len(files) != count:
        got = "more" if len(files) > count else len(files)
        raise _bad(f"expected {count} pictures in {IMAGE}, as its shape says, got {got}")
    return files


def _of_base64(data: Any, most: int) -> list[bytes]:
    try:
        return [base64.b64decode(text, validate=True) for text in islice(data, most)]
    except (TypeError, ValueError, binascii.Error) as error:
        raise _bad(
            f"expected the data of {IMAGE} as a list of texts in base64, got {_shown(data)}: or send it as binary"
        ) from error


def _split(binary: bytes, most: int) -> list[bytes]:
    files: list[bytes] = []
    at = 0
    while at < len(binary) and len(files) < most:
        if at + 4 > len(binary):
            raise _bad(f"the binary data of {IMAGE} ends within a length: send four bytes of it before each picture")
        (length,) = struct.unpack_from("<I", binary, at)
        at += 4 + length
        if at > len(binary):
            raise _bad(f"the binary data of {IMAGE} ends within a picture of {length} bytes: send all of it")
        files.append(binary[at - length : at])
    return files


def _frames(data: Any, binary: bytes | None, shape: Sequence[int], limits: Limits) -> list[Pixels]:
    _, height, width, _ = shape
    if height * width > limits.pixels:
        raise Refusal(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            f"expected frames of {limits.pixels / 1e6:g} megapixels at most, got {width}×{height}: scale them down",
        )
    if binary is None:
        try:
            values = np.asarray(data, dtype=object)  # of texts NumPy would make an array as wide as the longest of them
        except ValueError:
            values = np.zeros(0)
        if values.size != math.prod(shape) or not all(type(value) is int and 0 <= value <= 255 for value in values.flat):
            raise _bad(f"expected {math.prod(shape)} whole numbers of 0…255 as the data of {FRAME}, got {_shown(data)}")
        return list(values.astype(np.uint8).reshape(shape))
    if len(binary) != math.prod(shape):
        raise _bad(f"expected {math.prod(shape)} bytes for {FRAME}, as its shape says, got {len(binary)}")
    return list(np.frombuffer(binary, np.uint8).reshape(shape))


def _outputs(given: Any, parameters: Mapping[str, Any]) -> tuple[Wanted, ...]:
    every = _flag(parameters, "binary_data_output", False)
    if not given and (given is None or given == []):
        return tuple(Wanted(str(output["name"]), every) for output in OUTPUTS)
    wanted: list[Wanted] = []
    for output in _objects(given, "outputs"):
        known = [known["name"] for known in OUTPUTS]
        if output.get("name") not in known:
            raise _bad(f"expected outputs among {', '.join(map(str, known))}, got {_shown(output.get('name'))}")
        if output["name"] in [one.name for one in wanted]:
            raise _bad(f"expected each output once, got {output['name']} twice")
        of_output = _object(output.get("parameters", {}), "the parameters of an output")
        if unknown := [key for key in of_output if key == "classification" or key.startswith("shared_memory")]:
            raise _bad(f"{printable(unknown[0], limit=60)} is not supported: leave it out")
        wanted.append(Wanted(output["name"], _flag(of_output, "binary_data", every)))
    return tuple(wanted)


def _flag(parameters: Mapping[str, Any], name: str, default: bool) -> bool:
    value = parameters.get(name, default)
    if not isinstance(value, bool):
        raise _bad(f"expected {name} to be true or false, got {_shown(value)}")
    return value


def _length(text: str, most: int) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 20 and int(text) <= most):
        raise _bad(f"expected {HEADER} to be at most the {most} bytes of the body, got {printable(text, limit=60)}")
    return int(text)


def _object(value: Any, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _bad(f"expected {what} as a JSON object, got {_shown(value)}")
    return value


def _objects(value: Any, what: str) -> list[dict[str, Any]]:
    if not isinstance(value, list):
        raise _bad(f"expected {what} as a list, got {_shown(value)}")
    return [_object(one, f"each of {what}") for one in value]


def _shown(value: Any) -> str:
    return printable(repr(value)[:200], limit=60)


def _bad(sentence: str) -> Refusal:
    return Refusal(HTTPStatus.BAD_REQUEST, sentence)
