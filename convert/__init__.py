"""From trained Keras detectors to the files that devices run. Checkout only; needs ``edgefake[train]``."""
