"""``python -m benchmarks figures``: the figures in the documentation, from the models' cards and the files of results alone."""
