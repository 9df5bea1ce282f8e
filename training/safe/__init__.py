"""What comes from outside – model files, checkpoints, run folders – is parsed and held against allow-lists before it is used.

Nothing in here loads TensorFlow, so that a wrong file is told at once; ``operations`` alone needs it, for its protocol buffers.
"""
