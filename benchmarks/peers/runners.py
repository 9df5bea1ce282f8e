"""The peers: each opens a form of the network and returns what judges one input. Each runs in a process of its own."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from benchmarks.peers.forms import Forms
from edgefake.pixels import Pixels
from edgefake.preprocessing import to_float, to_int8

Run = Callable[[Pixels], object]
Open = Callable[[Forms, int], Run]


def edgefake_faces(forms: Forms, threads: int) -> Run:
    """A cut-out face to its verdict."""
    return _edgefake(forms, threads, "auto")


def edgefake_openvino(forms: Forms, threads: int) -> Run:
    """The same on the runtime ``openvino``."""
    return _edgefake(forms, threads, "openvino")


def litert_int8(forms: Forms, threads: int) -> Run:
    from ai_edge_litert.interpreter import Interpreter

    return _interpreter(Interpreter, forms.int8_tflite, threads)


def litert_fp32(forms: Forms, threads: int) -> Run:
    from ai_edge_litert.interpreter import Interpreter

    return _interpreter(Interpreter, forms.fp32_tflite, threads)


def tensorflow_lite_int8(forms: Forms, threads: int) -> Run:
    import tensorflow as tf

    return _interpreter(tf.lite.Interpreter, forms.int8_tflite, threads)


def keras_predict(forms: Forms, threads: int) -> Run:
    model = _keras(forms, threads)
    return lambda face: model.predict(to_float(face[None]), verbose=0)


def keras_call(forms: Forms, threads: int) -> Run:
    model = _keras(forms, threads)
    return lambda face: np.asarray(model(to_float(face[None]), training=False))


def onnxruntime_fp32(forms: Forms, threads: int) -> Run:
    session, name = _session(forms.fp32_onnx, threads)
    return lambda face: session.run(None, {name: to_float(face[None])})


def onnxruntime_int8(forms: Forms, threads: int) -> Run:
    session, name = _session(forms.int8_onnx, threads)
    return lambda face: session.run(None, {name: face[None]})


def openvino_fp32(forms: Forms, threads: int) -> Run:
    compiled = _openvino(forms.fp32_onnx, threads)
    return lambda face: compiled(to_float(face[None]))[0]


def openvino_int8(forms: Forms, threads: int) -> Run:
    compiled = _openvino(forms.int8_onnx, threads, batch_of_one=forms.size)
    return lambda face: compiled(face[None])[0]


def openvino_tflite(forms: Forms, threads: int) -> Run:
    compiled = _openvino(forms.int8_tflite, threads)
    return lambda face: compiled(to_int8(face[None]))[0]


def edgefake_frame(forms: Forms, threads: int) -> Run:
    """A whole frame: faces found, judged."""
    from edgefake import Detector

    detector = Detector(forms.int8_tflite, num_threads=threads)
    return detector.predict


def script_frame(forms: Forms, threads: int) -> Run:
    """What a first script does: OpenCV's cascade on the frame, the face resized, ``model.predict``."""
    model = _keras(forms, threads)
    cascade = cv2.CascadeClassifier(cv2.data.haarcascades + "haarcascade_frontalface_default.xml")

    def run(frame: Pixels) -> object:
        scores = []
        for x, y, width, height in cascade.detectMultiScale(cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY), 1.1, 5):
            face = cv2.cvtColor(cv2.resize(frame[y : y + height, x : x + width], (forms.size, forms.size)), cv2.COLOR_BGR2RGB)
            scores.append(model.predict(to_float(face[None]), verbose=0))
        return scores

    return run


MODELS: dict[str, Open] = {
    "edgefake": edgefake_faces,
    "edgefake, openvino": edgefake_openvino,
    "LiteRT INT8, bare": litert_int8,
    "LiteRT FP32, bare": litert_fp32,
    "tf.lite.Interpreter INT8": tensorflow_lite_int8,
    "Keras model(x)": keras_call,
    "Keras model.predict": keras_predict,
    "onnxruntime FP32": onnxruntime_fp32,
    "onnxruntime INT8": onnxruntime_int8,
    "OpenVINO FP32": openvino_fp32,
    "OpenVINO INT8, QDQ ONNX": openvino_int8,
    "OpenVINO INT8, the .tflite": openvino_tflite,
}
"""From a face of the input's size to a score."""

FRAMES: dict[str, Open] = {"edgefake": edgefake_frame, "OpenCV + Keras script": script_frame}
"""From a 1280×720 frame to verdicts."""


def _edgefake(forms: Forms, threads: int, runtime: str) -> Run:
    from edgefake import Detector

    detector = Detector(forms.int8_tflite, runtime=runtime, num_threads=threads)
    return lambda face: detector.predict_faces([face])


def _interpreter(make: Any, path: Path, threads: int) -> Run:
    interpreter = make(model_path=str(path), num_threads=threads)
    interpreter.allocate_tensors()
    taken, given = interpreter.get_input_details()[0], interpreter.get_output_details()[0]["index"]
    encode = to_int8 if taken["dtype"] == np.int8 else to_float

    def run(face: Pixels) -> object:
        interpreter.set_tensor(taken["index"], encode(face[None]))
        interpreter.invoke()
        return interpreter.get_tensor(given)

    return run


def _keras(forms: Forms, threads: int) -> Any:
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import tensorflow as tf
    import tf_keras as keras

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    return keras.models.load_model(forms.keras, compile=False)


def _session(path: Path, threads: int) -> tuple[Any, str]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return session, session.get_inputs()[0].name


def _openvino(path: Path, threads: int, *, batch_of_one: int | None = None) -> Any:
    import openvino

    core = openvino.Core()
    model = core.read_model(str(path))
    if batch_of_one:
        model.reshape([1, batch_of_one, batch_of_one, 3])
    return core.compile_model(model, "CPU", {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY"})
