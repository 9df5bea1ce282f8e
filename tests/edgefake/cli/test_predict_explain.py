"""``edgefake predict --explain`` and ``--footer``: pictures for people."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgefake.heatmap import SIDE
from edgefake.images import read_image
from tests.edgefake.cli.pictures import draw, draw_flat, predict
from tests.edgefake.images.files import tiff_of


def test_a_map_for_every_picture_with_a_scored_face(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    draw(tmp_path / "in" / "a.png")
    draw(tmp_path / "in" / "x" / "a.png", seed=1)
    draw_flat(tmp_path / "in" / "flat.png")
    (tmp_path / "in" / "cut.png").write_bytes((tmp_path / "in" / "a.png").read_bytes()[:100])
    assert predict("--threshold", "1", "--explain", tmp_path / "out", "--annotate", tmp_path / "out", tmp_path / "in") == 2
    names = sorted(path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.png"))
    assert names == ["a.png.explained.png", "x/a.png.explained.png"]
    assert (tmp_path / "out" / "flat.png.annotated.jpg").exists()
    picture = read_image(tmp_path / "out" / names[0])
    assert min(picture.shape[:2]) > SIDE >= 512
    assert (tmp_path / "out" / names[0]).stat().st_mode & 0o777 == 0o600
    assert "cut.png" in capsys.readouterr().out


def test_every_picture_of_a_file(tmp_path: Path) -> None:
    pages = [read_image(draw(tmp_path / f"{n}.png", seed=n)) for n in (1, 2)]
    (tmp_path / "pages.tif").write_bytes(tiff_of(pages))
    assert predict("--threshold", "1", "--explain", tmp_path / "out", tmp_path / "pages.tif") == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [f"pages.tif.{n}.explained.png" for n in (1, 2)]


def test_a_footer_is_written_into_the_copies(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    image = draw(tmp_path / "a.png")
    copies = []
    for options in ([], ["--footer"]):
        assert predict("--threshold", "1", "--annotate", tmp_path / "out", *options, image) == 0
        copies.append(read_image(tmp_path / "out" / "a.png.annotated.jpg").astype(int))
    changed = np.abs(copies[0] - copies[1]).max(axis=2) > 60
    assert changed[-8:].any() and not changed[: changed.shape[0] * 2 // 3].any()
    assert predict("--footer", image) == 2
    assert "--annotate" in capsys.readouterr().err


def test_a_folder_that_cannot_be_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    image = draw(tmp_path / "a.png")
    assert predict("--explain", image / "out", image) == 2
    assert "--explain" in capsys.readouterr().err
