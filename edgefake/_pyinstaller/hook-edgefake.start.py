"""PyInstaller hook: the command, which is imported by name."""

hiddenimports = ["edgefake.cli"]
