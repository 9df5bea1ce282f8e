"""The settings of a small training run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from training.runs import Run


def small_run(data: Path, **changes: object) -> Run:
    """A float run of the cnn at 32 px on ``data``, with ``changes``."""
    run = Run(
        stage="float",
        recipe="cnn",
        data=str(data),
        faces=None,
        classes=(),
        self_blend=False,
        augmentation="standard",
        size=32,
        margin=0.0,
        batch=8,
        learning_rate=1e-3,
        hold_out=0.0,
        seed=1,
        bfloat16=False,
        weights="none",
        command="test",
    )
    return replace(run, **changes)  # type: ignore[arg-type]
