"""Measurements of edgefake on the machine they run on: ``python -m benchmarks``."""
