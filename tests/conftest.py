"""Fixtures that all tests share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import hypothesis
import pytest

hypothesis.settings.register_profile("edgefake", deadline=None)  # how long an example takes is the machine's affair
hypothesis.settings.load_profile("edgefake")

TENSORFLOW = ("tests/training/", "tests/convert/")
NETWORK = ("tests/versions/", "tests/devices/")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks come with the place: what loads TensorFlow, and what fetches packages."""
    for item in items:
        place = item.path.relative_to(item.config.rootpath).as_posix()
        if place.startswith(TENSORFLOW):
            item.add_marker("tensorflow")
        if place.startswith(NETWORK):
            item.add_marker("network")


@pytest.fixture(autouse=True, scope="session")
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Tests leave the user's cache alone."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EDGEFAKE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def portrait() -> Path:
    """A 480×600 JPEG of one frontal face (rendered by ``tests/images/draw_portrait.py``)."""
    return Path(__file__).parent / "images" / "portrait.jpg"


@dataclass(frozen=True)
class Converted:
    """A small detector: its drawn data, its two runs and its converted files."""

    data: Path
    float_run: Path
    qat_run: Path
    out: Path

    @property
    def int8(self) -> Path:
        return self.out / "tiny_int8.tflite"


@pytest.fixture(scope="session")
def converted(tmp_path_factory: pytest.TempPathFactory) -> Converted:
    """Trained, fine-tuned and converted once, by the commands of ``docs/training.md``. Loads TensorFlow."""
    from convert.cli import main as convert
    from tests.docs.blocks import PAGES, blocks, replaced
    from tests.drawn import drawn_dataset
    from training.cli import main as training

    root = tmp_path_factory.mktemp("convert")
    tiny = Converted(root / "data", root / "float", root / "qat", root / "out")
    drawn_dataset(tiny.data, splits={"train": 40, "val": 24, "test": 24})
    way = next(block for block in blocks(PAGES["docs/training.md"]) if "--name tiny" in block.code)
    here = {
        "training/notebooks/sample": tiny.data,
        "runs/float": tiny.float_run,
        "runs/qat": tiny.qat_run,
        "--out models": f"--out {tiny.out}",
    }
    fit, qat, tflite, _ = (
        line.split()[3:] for line in replaced(way.code, {old: str(new) for old, new in here.items()}).splitlines()
    )
    assert training(fit) == 0
    assert training(qat) == 0
    # So few faces are no test of the gate, which one flipped verdict fails: 1 is fine, the files are there all the same.
    assert convert(tflite) in (0, 1)
    return tiny
