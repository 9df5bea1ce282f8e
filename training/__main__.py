from edgefake.start import run

raise SystemExit(run("training.cli"))
