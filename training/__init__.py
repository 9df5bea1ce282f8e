"""Training detectors: float, quantization-aware, and their evaluation. Checkout only; needs ``edgefake[train]``."""

import importlib.util
import os
import sys
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

# Before TensorFlow is loaded, which loads Keras 3: users' models are called in TensorFlow, whatever they were trained with.
os.environ["KERAS_BACKEND"] = "tensorflow"
# TensorFlow leaves oneDNN off on processors without eight-bit dot products; steps took 2.4 to 3 times as long there.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
# It would tell what the processor can do, at every start; errors are told as exceptions.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


class _WithoutGreeting(MetaPathFinder):
    """Loads TensorFlow, whoever imports it first, without the lines that it says before its log level counts."""

    def find_spec(self, name: str, path: Any, target: ModuleType | None = None) -> ModuleSpec | None:
        if name != "tensorflow":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def quietly(module: ModuleType) -> None:
                from edgefake.runtimes.quiet import quiet  # here, since it loads NumPy, and Ctrl-C is not yet caught above

                with quiet():
                    execute(module)

            spec.loader.exec_module = quietly  # type: ignore[method-assign]
        return spec


sys.meta_path.insert(0, _WithoutGreeting())
