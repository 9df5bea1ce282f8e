"""Run ``explore.ipynb`` top to bottom with this Python.

To keep what it shows, after a change of the notebook:

    python -m training.notebooks.execute
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from tempfile import TemporaryDirectory

import nbformat
from jupyter_client import AsyncKernelManager
from jupyter_client.kernelspec import KernelSpecManager
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).with_name("explore.ipynb")
SECONDS = 600  # for one cell

NOISE = re.compile(
    r"(?m)^(?:WARNING: All log|[IWE]\d{4} |INFO: Created|Epoch \d|\d+/\d+ - |kept in |/\S+:\d+: \w*Warning: .*\n  ).*\n?"
)
"""Logs of both runtimes, Keras's lines with the time that an epoch took, the file of an audit, which is named after where it ran,
and Python's warnings about other people's code."""


def executed(notebook: Path) -> nbformat.NotebookNode:
    """A copy of ``notebook`` with the outputs of a fresh kernel, started in its folder as Jupyter does; leaves no files behind.

    Raises ``nbclient.exceptions.CellExecutionError`` when a cell fails.
    """
    copy = nbformat.read(notebook, as_version=4)
    # Without the kernels of this machine: a "python3" among them may be another environment's.
    kernels = AsyncKernelManager(kernel_name="python3", kernel_spec_manager=KernelSpecManager(kernel_dirs=[]))
    folder = {"metadata": {"path": str(notebook.parent)}}
    client = NotebookClient(copy, km=kernels, timeout=SECONDS, coalesce_streams=True, resources=folder)
    with TemporaryDirectory() as scratch:
        # cleanup_kc shuts the kernel down, which nbclient would leave running when it was given one.
        client.execute(cleanup_kc=True, env=os.environ | {"TMPDIR": scratch})
    return copy


def tidied(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """``notebook`` without what differs from machine to machine: times, logs, the kernel."""
    notebook.metadata = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        for output in cell.get("outputs", ()):
            if output.output_type == "stream":
                output.text = NOISE.sub("", output.text)
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if output.get("text") != ""]
    return notebook


if __name__ == "__main__":
    nbformat.write(tidied(executed(NOTEBOOK)), NOTEBOOK)
    print(f"{NOTEBOOK}: {NOTEBOOK.stat().st_size / 1000:.0f} kB")
