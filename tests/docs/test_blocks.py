"""Every block of code in the documentation is executed, on the portrait, on pictures and clips made of it and on tiny models."""

from __future__ import annotations

import argparse
import inspect
import re
import shlex
import shutil
from collections import Counter
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import cv2
import numpy as np
import pytest

import edgefake
from tests.docs.blocks import PAGES, ROOT, Block, blocks, run_python, run_shell
from tests.edgefake.serve.serving import small
from tests.edgefake.streaming.videos import moving_face, write_video

MODELS = ROOT / "tests" / "edgefake" / "models"


@pytest.fixture(scope="session")
def samples(tmp_path_factory: pytest.TempPathFactory, portrait: Path) -> Path:
    """The files that the pages speak of."""
    folder = tmp_path_factory.mktemp("docs")
    shutil.copyfile(portrait, folder / "photo.jpg")
    for name in ("holiday", "frames", "photos"):
        (folder / name).mkdir()
        cv2.imwrite(str(folder / name / "one.png"), np.asarray(cv2.imread(str(portrait)))[::2, ::2])
    picture = cv2.imread(str(portrait))
    cv2.imwritemulti(str(folder / "pages.tif"), [picture, picture[::2, ::2]])
    shutil.copyfile(MODELS / "float32.tflite", folder / "mine.tflite")
    write_video(folder / "clip.mp4", moving_face(portrait, 20))
    return folder


@pytest.fixture
def here(request: pytest.FixtureRequest) -> Iterator[dict[str, str]]:
    """What stands in this place for a device or server that a page names; the service runs where a page asks it."""
    found = {"rtsp://door/main": "clip.mp4", "input_size=224": "input_size=16"}
    if ":8000" in request.getfixturevalue("page").read_text():
        from tests.edgefake.serve.serving import serving

        with serving(small) as running:
            yield {**found, "127.0.0.1:8000": f"127.0.0.1:{running.port}", '"resnet18_int8"': '"cnn_int8"'}
    else:
        yield found


@pytest.fixture(params=PAGES)
def page(request: pytest.FixtureRequest) -> Path:
    return PAGES[request.param]


@pytest.mark.filterwarnings("default")
def test_what_a_page_shows_is_executed(
    page: Path, here: dict[str, str], samples: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From top to bottom in one session, as a reader has it."""
    shutil.copytree(samples, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    session: dict[str, object] = {}
    for block in blocks(page):
        if block.mark is None and block.language == "python":
            run_python(page, block, session, here)
        elif block.mark is None:
            done = run_shell(block, tmp_path, here)
            assert done.returncode == 0, f"{page.name}:{block.line}: {done.stdout}{done.stderr}"


def shells() -> list[tuple[str, Block]]:
    return [(name, block) for name, path in PAGES.items() for block in blocks(path) if block.language == "sh"]


def test_command_lines_are_read_by_the_parsers() -> None:
    """Also those that are not run: no option that is not there, none that was forgotten."""
    commands = [
        (f"{name}:{block.line}", command) for name, block in shells() if block.mark != "not run" for command in block.commands()
    ]
    assert len(commands) > 30
    for where, command in commands:
        words = shlex.split(command)
        if words[0] != "edgefake":
            words = words[2:]
        home = {"edgefake": "edgefake.cli.commands"}.get(words[0], f"{words[0]}.cli")
        parser: argparse.ArgumentParser = import_module(home).parser()
        try:
            parser.parse_args(words[1:])
        except SystemExit as ended:
            assert ended.code == 0, f"{where}: {command}"


def test_every_block_that_is_not_run_says_why() -> None:
    counted = Counter(block.mark or "run" for path in PAGES.values() for block in blocks(path))
    print(dict(counted))  # the site's page Contributing has them by page
    assert counted["run"] > counted["not run"] > 0
    assert all(block.why for path in PAGES.values() for block in blocks(path) if block.mark)


def test_public_functions_have_an_executed_example() -> None:
    """Also the methods of what the library makes."""
    code = "\n".join(
        block.code for path in PAGES.values() for block in blocks(path) if block.language == "python" and block.mark is None
    )
    modules = (edgefake, edgefake.faces, edgefake.sinks, edgefake.report, edgefake.testing)
    functions = {name for module in modules for name in module.__all__ if inspect.isfunction(getattr(module, name))}
    methods = {name for kind in (edgefake.Detector, edgefake.Prediction, edgefake.Watch) for name in vars(kind)}
    missing = {name for name in functions | methods if not name.startswith("_") and not re.search(rf"\b{name}\b", code)}
    assert missing <= ALONE


ALONE = {"finder", "find", "find_every", "prior", "to_supervision", "sources"}
"""Attributes that are told beside their options; what needs a package that no extra brings."""


def test_a_block_that_fails_is_seen(samples: Path) -> None:
    def ran(code: str) -> int:
        return run_shell(Block(1, "sh", code, None, None), samples, {}).returncode

    assert ran("false\ntrue") == 1
    assert ran("edgefake predict photo.jpg --threshold 0") == 0  # called fake, which is no failure
    assert ran("edgefake predict missing.jpg") == 2
