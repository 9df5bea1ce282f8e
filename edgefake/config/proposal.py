"""A configuration to begin with, from what this machine has."""

from __future__ import annotations

from importlib.util import find_spec

from edgefake.defaults import DEFAULT_FACES, DEFAULT_MODEL
from edgefake.runtimes import RUNTIMES
from edgefake.streaming.sources import cameras_here
from edgefake.system import available_cores, memory_mb
from edgefake.text import printable

MODULES = {"tflite": "ai_edge_litert", "onnx": "onnxruntime", "openvino": "openvino", "tensorrt": "tensorrt"}
"""What is there when a runtime is installed."""

_TEXT = """\
# For `edgefake watch --config`. `edgefake config check` says whether it is right and what it would do; after a change
# `edgefake reload`, or SIGHUP, takes it, without disturbing cameras that stay as they are. Paths are relative to this file.
# Secrets do not belong in here: ${{NAME}} is a variable of the environment, ${{file:PATH}} what stands in a file.
#
# This machine: {cores} cores, {memory} MB of memory; runtimes installed: {runtimes}.

[detector]                      # of all cameras; each of these keys may stand in a camera's table too
model = "{model}"        # `edgefake models` lists them
faces = "{faces}"
# threshold = 0.5               # or a name in the model's card, or FILE.json of `edgefake calibrate`
# runtime = "auto"
threads = {threads}

# [health]                      # /healthz, /readyz and /metrics; needs pip install 'edgefake[stream]'
# address = "127.0.0.1"         # this machine alone
# port = 9100

[sinks.log]                     # events as lines of JSON; {{camera}} is the camera's name
kind = "jsonl"
path = "events/{{camera}}.jsonl"
# every = "frame"               # the result of each frame in place of events

# [sinks.broker]                # needs pip install 'edgefake[stream]'
# kind = "mqtt"
# url = "mqtt://edgefake:${{MQTT_PASSWORD}}@192.168.1.2/edgefake/{{camera}}"
# picture = "crop"              # a JPEG of the face, or "snapshot": of the whole frame

# [sinks.hook]
# kind = "webhook"
# url = "https://example.org/hook"
# headers = {{ Authorization = "Bearer ${{file:hook-token}}" }}

{cameras}"""

_CAMERA = """\
[cameras.camera{number}]        # {name}
source = "{source}"
# sinks = ["log"]               # default: all
# detect_every = 1              # search faces in every n-th frame
"""

_NO_CAMERA = """\
# No camera was found on this machine. Of the network:
[cameras.door]
source = "rtsp://admin:${DOOR_PASSWORD}@192.168.1.10/Streaming/Channels/101"
# sinks = ["log"]               # default: all
"""


def proposal() -> str:
    """The text of a file that can be used as it is where a camera was found."""
    cores = available_cores()
    cameras = [
        _CAMERA.format(number=number, source=camera.source, name=printable(camera.name) or "a camera of this machine")
        for number, camera in enumerate(cameras_here(), 1)
    ]
    return _TEXT.format(
        cores=cores,
        memory=memory_mb(),
        runtimes=", ".join(installed_runtimes()) or "none",
        model=DEFAULT_MODEL,
        faces=DEFAULT_FACES,
        threads=max(1, min(4, cores)),
        cameras="\n".join(cameras) if cameras else _NO_CAMERA,
    )


def installed_runtimes() -> list[str]:
    """By their names, without loading them."""
    return [name for name in RUNTIMES if name in MODULES and find_spec(MODULES[name])]
