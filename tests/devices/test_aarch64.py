"""The processor of a Raspberry Pi, emulated, gives the answers of this machine."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from tests.answers import answers, here, lossless_clip
from tests.devices.aarch64 import PROCESSORS, run, why_not

REASON = why_not()


@pytest.mark.skipif(REASON is not None, reason=REASON or "")
@pytest.mark.parametrize("processor", PROCESSORS)
def test_an_arm_processor_gives_the_same_answers(processor: str, portrait: Path, tmp_path: Path) -> None:
    clip = lossless_clip(portrait, tmp_path / "clip.avi")
    assert answers(partial(run, processor, tmp_path), portrait, clip) == answers(here, portrait, clip)
