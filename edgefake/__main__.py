"""The ``edgefake`` command, also as ``python -m edgefake`` where that is not on the PATH."""

from edgefake.start import run


def main() -> int:
    """The command line of this process; its exit code."""
    return run("edgefake.cli", "edgefake.cli.commands")


if __name__ == "__main__":
    raise SystemExit(main())
