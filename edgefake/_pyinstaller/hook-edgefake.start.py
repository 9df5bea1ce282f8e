"""PyInstaller hook: the command, whose modules are imported by name."""

hiddenimports = ["edgefake.cli", "edgefake.cli.commands"]
