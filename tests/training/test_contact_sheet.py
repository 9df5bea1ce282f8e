from pathlib import Path

import numpy as np
import pytest

from edgefake import Box, read_image
from tests.drawn import drawn_dataset
from training.batches import sample_pixels
from training.cli import main
from training.contact_sheet import GAP, LABEL, chosen
from training.samples import Sample, load_samples


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return drawn_dataset(tmp_path_factory.mktemp("data"), splits={"train": 5})


def test_each_row_starts_with_the_face_as_it_is(data: Path, tmp_path: Path) -> None:
    command = f"contact-sheet --data {data} --out {tmp_path}/sheet.png --rows 4 --columns 3 --size 40 --margin 0.2 --seed 7"
    assert main(command.split()) == 0
    sheet = read_image(tmp_path / "sheet.png")
    assert sheet.shape == (4 * (LABEL + 40 + GAP), GAP + 4 * (40 + GAP), 3)
    samples = chosen(load_samples(data), 4, seed=7)
    assert [sample.label for sample in samples] == [0, 0, 1, 1]
    for row, sample in enumerate(samples):
        top = row * (LABEL + 40 + GAP) + LABEL
        face = sheet[top : top + 40, GAP : GAP + 40, ::-1]
        np.testing.assert_array_equal(face, sample_pixels(sample, size=40, margin=0.2))
        assert np.any(sheet[top : top + 40, 2 * GAP + 40 : 2 * GAP + 80, ::-1] != face)
    assert main([*command.split(), "--augmentation", "xception"]) == 0
    assert np.any(read_image(tmp_path / "sheet.png") != sheet)


def test_self_blends_of_a_bare_folder_are_shown(data: Path, tmp_path: Path) -> None:
    bare = tmp_path / "photos"
    bare.mkdir()
    lines = ["file,x,y,w,h"]
    for path in sorted((data / "train" / "real").iterdir()):
        (bare / path.name).write_bytes(path.read_bytes())
        lines.append(f"{path.name},22,14,52,68")
    (bare / "faces.csv").write_text("\n".join(lines))
    command = f"contact-sheet --data {bare} --out {tmp_path}/sheet.png --rows 2 --columns 2 --size 32"
    assert main(command.split()) == 2
    assert main([*command.split(), "--self-blend"]) == 0
    assert read_image(tmp_path / "sheet.png").shape[0] == 2 * (LABEL + 32 + GAP)


def test_pictures_that_cannot_be_read_are_left_out_and_listed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = drawn_dataset(tmp_path / "data", splits={"train": 3})
    cut = root / "train" / "real" / "001.png"
    cut.write_bytes(cut.read_bytes()[:200])
    assert main(f"contact-sheet --data {root} --out {tmp_path}/sheet.png --rows 6 --columns 1 --size 32".split()) == 0
    assert read_image(tmp_path / "sheet.png").shape[0] == 5 * (LABEL + 32 + GAP)
    assert f"{cut} is damaged or cut short" in capsys.readouterr().err


def test_classes_share_the_rows() -> None:
    samples = [Sample(Path(str(i)), label, "train", Box(0, 0, 1, 1)) for label, count in ((0, 50), (1, 1)) for i in range(count)]
    assert [sample.label for sample in chosen(samples, 5, seed=0)] == [0, 0, 0, 1]
    assert chosen(samples, 5, seed=0) != chosen(samples, 5, seed=1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [("--split test", "no test split"), ("--augmentation strong", "no augmentation 'strong'")],
)
def test_wrong_arguments_are_explained(data: Path, tmp_path: Path, arguments: str, message: str, capsys) -> None:  # type: ignore[no-untyped-def]
    assert main(f"contact-sheet --data {data} --out {tmp_path}/sheet.png {arguments}".split()) == 2
    assert message in capsys.readouterr().err


def test_a_sheet_without_rows(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(f"contact-sheet --data {data} --out {tmp_path}/sheet.png --rows 0".split())
    assert "argument --rows: expected a whole number of at least 1, got '0'" in capsys.readouterr().err
