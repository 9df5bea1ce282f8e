"""What PyInstaller has to know to freeze a program that uses edgefake; found by it through the entry point ``pyinstaller40``."""

from __future__ import annotations

from pathlib import Path


def hook_dirs() -> list[str]:
    """The folders of PyInstaller hooks."""
    return [str(Path(__file__).parent)]
