"""Training detectors: float, quantization-aware, and their evaluation. Checkout only; needs ``edgefake[train]``."""

import os

# Before TensorFlow is loaded, which loads Keras 3: users' models are called in TensorFlow, whatever they were trained with.
os.environ["KERAS_BACKEND"] = "tensorflow"
