"""From trained Keras detectors to the files that devices run. Checkout only; needs ``edgefake[train]``."""

import training  # noqa: F401  how TensorFlow is to start is said there
