"""What a service costs over the model in it: ``python -m benchmarks serve``."""
