from edgefake.start import run

raise SystemExit(run("benchmarks.cli"))
