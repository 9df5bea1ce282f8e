from edgefake.start import run

raise SystemExit(run("convert.cli"))
