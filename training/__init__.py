"""Training detectors: float, quantization-aware, and their evaluation. Checkout only; needs ``edgefake[train]``."""
