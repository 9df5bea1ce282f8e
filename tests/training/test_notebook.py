"""The notebook, run as a reader would run it, and the sample data that it works on."""

from __future__ import annotations

import re
import sys
from collections import Counter
from pathlib import Path

import cv2
import nbformat
import numpy as np
import pytest
from nbclient.exceptions import CellExecutionError

from training.notebooks.draw_sample import FINE, HEIGHT, SAMPLE, SPLITS, WIDTH, Pose, _swapped, draw
from training.notebooks.execute import NOTEBOOK, executed, tidied
from training.samples import load_samples

Notebook = nbformat.NotebookNode


@pytest.fixture(scope="module")
def fresh() -> Notebook:
    return executed(NOTEBOOK)


@pytest.fixture(scope="module")
def committed() -> Notebook:
    return nbformat.read(NOTEBOOK, as_version=4)


def _shown(notebook: Notebook, cell_id: str) -> str:
    """What a cell printed, and the Markdown that it shows."""
    (cell,) = (cell for cell in notebook.cells if cell.id == cell_id)
    return "".join(output.get("text") or output.data.get("text/markdown", "") for output in cell.outputs)


def _pictures(notebook: Notebook) -> list[str]:
    """The cells that show a picture."""
    kinds = {"image/png", "image/jpeg"}
    return [cell.id for cell in notebook.cells if any(kinds & set(o.get("data", ())) for o in cell.get("outputs", ()))]


def test_the_detector_learns_the_sample_and_stays_itself_in_eight_bits(fresh: Notebook) -> None:
    rows = [line.split("|")[1:-1] for line in _shown(fresh, "evaluate-run").splitlines()]
    column = [title.strip() for title in rows[0]].index("AUC")
    auc = {row[1].strip(): float(row[column].split()[0]) for row in rows[2:]}
    assert set(auc) == {"float", "QAT", "int8"}
    assert min(auc.values()) > 0.8
    assert abs(auc["int8"] - auc["QAT"]) < 0.05


def test_the_audit_finds_what_the_notebook_speaks_of(fresh: Notebook) -> None:
    assert re.findall(r"warning: ([\w ]+?) alone", _shown(fresh, "audit-sample")) == ["bytes per pixel"]
    assert "JPEG tables alone" in _shown(fresh, "audit-leak")


def test_the_face_decides_as_the_notebook_claims(fresh: Notebook) -> None:
    plain, face, surroundings = map(float, re.findall(r"mean logit (\S+)", _shown(fresh, "explain-blur")))
    assert face - plain > 2 * abs(surroundings - plain)


def test_the_device_answers_with_a_verdict(fresh: Notebook) -> None:
    assert re.search(r"00\.jpg: (real|fake), p_fake [01]\.\d+", _shown(fresh, "device-run"))


def test_what_is_committed_has_run_and_shows_the_same_pictures(fresh: Notebook, committed: Notebook) -> None:
    code = [cell for cell in committed.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert len(_pictures(fresh)) >= 7
    assert _pictures(committed) == _pictures(fresh)


def test_what_is_committed_is_small_and_of_no_machine(committed: Notebook) -> None:
    assert NOTEBOOK.stat().st_size < 500_000
    texts = [output.get("text", "") for cell in committed.cells for output in cell.get("outputs", ())]
    assert not [text for text in texts if re.search(r"(?<![\w.])/\w+/|\d+m?s/(step|epoch)|cuda", text)]


def test_tidying_keeps_results_and_drops_logs_and_times() -> None:
    kept = "epoch 1: validation AUC 0.9\nwarning: bytes per pixel\n"
    keras = "Epoch 2/2\n9/9 - 3s - loss: 0.9 - 3s/epoch - 301ms/step\n"
    text = f"/lib/a.py:846: UserWarning: who cares\n  warnings.warn(\n{keras}{kept}INFO: Created a delegate\n"
    cell = nbformat.v4.new_code_cell("", outputs=[nbformat.v4.new_output("stream", name="stdout", text=text)])
    cell.metadata.execution = {"iopub.execute_input": "2026-01-01"}
    (tidy,) = tidied(nbformat.v4.new_notebook(cells=[cell])).cells
    assert tidy.outputs[0].text == kept
    assert not tidy.metadata


def test_a_cell_that_fails_is_not_passed_over(tmp_path: Path) -> None:
    with pytest.raises(CellExecutionError, match="exhausted"):
        executed(_written(tmp_path, 'raise ValueError("exhausted")'))


def test_the_kernel_is_this_python_whatever_kernels_are_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = tmp_path / "kernels" / "python3" / "kernel.json"
    spec.parent.mkdir(parents=True)
    spec.write_text('{"argv": ["/no/such/python", "{connection_file}"], "display_name": "another", "language": "python"}')
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    ran = executed(_written(tmp_path, "import sys; print(sys.executable)", cell_id="which"))
    assert _shown(ran, "which").strip() == sys.executable


def test_temporary_files_go_with_the_kernel(tmp_path: Path) -> None:
    source = "import tempfile; print(tempfile.mkdtemp())"
    folder = Path(_shown(executed(_written(tmp_path, source, cell_id="where")), "where").strip())
    assert folder.is_absolute()
    assert not folder.exists()


def _written(folder: Path, source: str, cell_id: str = "only") -> Path:
    path = folder / "test.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source, id=cell_id)]), path)
    return path


def test_the_sample_is_what_training_takes() -> None:
    samples = load_samples(SAMPLE)
    counts = Counter((sample.split, sample.label) for sample in samples)
    assert counts == {(split, label): count for split, count in SPLITS.items() for label in (0, 1)}
    assert all(sample.upright is not None and sample.box.size >= 80 for sample in samples)


def test_pose_and_framing_do_not_tell_the_classes_apart() -> None:
    boxes = [[(s.split, s.path.name, s.box, s.upright) for s in load_samples(SAMPLE) if s.fake == fake] for fake in (False, True)]
    assert boxes[0] == boxes[1]


def test_the_sample_is_small_enough_to_ship() -> None:
    assert sum(path.stat().st_size for path in SAMPLE.rglob("*") if path.is_file()) < 1_000_000


@pytest.mark.parametrize(("split", "label", "index"), [("train", 0, 0), ("train", 1, 35), ("test", 1, 15)])
def test_the_script_draws_the_committed_sample(split: str, label: int, index: int) -> None:
    drawn, face = draw(split, label, index)
    committed = cv2.imread(str(SAMPLE / split / ("real", "fake")[label] / f"{index:02}.jpg"))
    assert drawn.shape == committed.shape == (192, 160, 3)
    difference = cv2.absdiff(cv2.GaussianBlur(drawn, (0, 0), 1.5), cv2.GaussianBlur(committed, (0, 0), 1.5))
    # JPEG moves colours by a step or two; another person or pose moves whole regions by tens.
    assert difference.mean() < 1.5
    assert np.percentile(difference, 99.5) < 12
    listed = [line.split(",") for line in (SAMPLE / "faces.csv").read_text().splitlines()]
    (row,) = (line for line in listed if line[0] == f"{split}/{('real', 'fake')[label]}/{index:02}.jpg")
    assert [float(value) for value in row[1:]] == pytest.approx(face, abs=0.06)


def test_drawing_is_deterministic() -> None:
    assert np.array_equal(draw("val", 1, 3)[0], draw("val", 1, 3)[0])


def test_only_the_inner_face_is_swapped() -> None:
    """Hair, ears, clothes and background of a fake stay those of its own person."""
    x, y = Pose(unit=46.0, shift=(0.0, 0.0), tilt=0.0, turn=0.0, wide=1.0).grid()
    black = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    swapped = _swapped(black, black + 255, x, y, 2.0)
    inner = (np.abs(x) < 0.8) & (y > -0.6) & (y < 1.15)
    inner = inner[::FINE, ::FINE]
    assert not swapped[~inner].any()
    assert (swapped[HEIGHT // 2, WIDTH // 2] == 255).all()
    assert 0.5 < (swapped[inner] == 255).mean() < 0.9
