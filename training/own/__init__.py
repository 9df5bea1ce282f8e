"""A user's own trained Keras detector, brought to this project's form: RGB scaled to (pixel - 128) / 128 in, logits out."""
