"""A page on paper: printed by a Chromium that is there already, without a window and without the network."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from edgefake.errors import InputError
from edgefake.files import PARTIAL, writing
from edgefake.text import printable

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "microsoft-edge")
TIMEOUT_S = 180
_OPTIONS = (
    "--headless",
    "--disable-gpu",
    "--disable-extensions",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--no-pdf-header-footer",
)


def find_browser() -> str:
    """The path of a Chromium. Raises ``InputError`` where none is on the ``PATH``."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        raise InputError(
            f"a PDF is printed by Chromium, and none of {', '.join(BROWSERS)} is there: install one (apt install chromium), or "
            "print the page in any browser"
        )
    return found


def write_pdf(html: str, path: Path) -> None:
    """Print ``html`` to ``path``, whole or not at all, for its owner's eyes only. Raises ``InputError`` where that fails."""
    browser = find_browser()
    try:
        with writing(path, mode=0o600) as partial, tempfile.TemporaryDirectory(prefix=PARTIAL, dir=path.parent) as folder:
            page, printed = Path(folder, "page.html"), Path(folder, "page.pdf")
            page.write_text(html, "utf-8")
            # As root Chromium starts without its sandbox alone; the page has no script, and its policy allows none.
            sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
            command = [browser, *_OPTIONS, *sandbox, f"--user-data-dir={Path(folder, 'profile')}", f"--print-to-pdf={printed}"]
            done = subprocess.run([*command, page.absolute().as_uri()], capture_output=True, text=True, timeout=TIMEOUT_S)
            if done.returncode or not printed.is_file():
                told = done.stderr.strip().splitlines() or ["it said nothing"]
                raise InputError(f"{browser} printed no PDF ({printable(told[-1])}): print the page in any browser")
            shutil.copyfile(printed, partial)
    except subprocess.TimeoutExpired:
        raise InputError(f"{browser} printed no PDF in {TIMEOUT_S} s: print the page in any browser") from None
    except OSError as error:
        raise InputError(f"{printable(path)} cannot be written ({error.strerror or error}): give a folder that can") from error
