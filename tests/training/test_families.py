"""Families: drawn alike, judged apart, left out one by one."""

from __future__ import annotations

import csv
import json
import tracemalloc
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edgefake import Box
from edgefake.errors import InputError
from edgefake.statistics import auc
from tests.drawn import drawn_dataset
from tests.training.runs import small_run
from training.batches import training_batches
from training.cli import main
from training.combine import combine
from training.digests import digests, read_seen
from training.families import FEW, at_most, auc_gain, balanced, family_figures, known_auc, leave_out, turns
from training.lofo import planned
from training.notes import new_command
from training.runs import open_run
from training.samples import Sample, hold_out, load_samples

BOX = Box(22, 14, 52, 68)


def faces(family: str, *, real: int = 0, fake: int = 0) -> list[Sample]:
    return [
        Sample(Path(f"{family}{label}{i}.png"), label, "train", BOX, family=family)
        for label, count in ((0, real), (1, fake))
        for i in range(count)
    ]


def manifest(root: Path, families: dict[str, str], splits: dict[str, int], seed: int = 0) -> Path:
    """A drawn data set whose pictures are of ``families`` (name: ``real`` or ``fake``), in turn, as a manifest."""
    drawn_dataset(root, splits=splits, seed=seed)
    path = root / "list.csv"
    with (root / "faces.csv").open() as source, path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(("file", "label", "split", "family", "x", "y", "w", "h"))
        for i, row in enumerate(csv.DictReader(source)):
            split, label, _ = row["file"].split("/")
            names = [name for name, side in families.items() if side == label]
            writer.writerow((row["file"], label, split, names[i % len(names)], *(row[c] for c in "xywh")))
    return path


def test_labels_are_drawn_alike_families_by_the_root_of_their_size_and_pictures_take_turns() -> None:
    samples = [*faces("camera", real=64), *faces("studio", real=16), *faces("gan", fake=36), *faces("swap", fake=4)]
    order = balanced(samples, np.random.default_rng(0))
    assert len(order) == len(samples)
    drawn = Counter((samples[i].label, samples[i].family) for i in order)
    assert drawn == {(0, "camera"): 40, (0, "studio"): 20, (1, "gan"): 45, (1, "swap"): 15}
    for family in ("studio", "gan", "swap"):
        counts = Counter(i for i in order if samples[i].family == family)
        assert max(counts.values()) - min(counts.values()) <= 1
    assert max(Counter(i for i in order if samples[i].family == "camera").values()) == 1
    assert turns(order).max() == 3  # four fakes for 15 places


def test_a_checkpoint_is_chosen_by_the_mean_over_families_and_sources() -> None:
    samples = [*faces("camera", real=6), *faces("studio", real=2), *faces("gan", fake=4), *faces("swap", fake=2)]
    p = np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.9, 0.65, 0.8, 0.95, 0.99, 0.05, 0.75])
    per = {
        (family, source): auc(np.repeat((0, 1), (len(real), len(fake))), np.concatenate([real, fake]))
        for family, fake in (("gan", p[8:12]), ("swap", p[12:]))
        for source, real in (("camera", p[:6]), ("studio", p[6:8]))
    }
    assert known_auc(samples, p) == pytest.approx(np.mean(list(per.values())))
    unnamed = [replace(sample, family="") for sample in samples]
    assert known_auc(unnamed, p) == pytest.approx(auc(np.array([int(s.fake) for s in samples]), p))


def test_turns_count_what_came_before() -> None:
    assert turns(np.array([4, 2, 4, 4, 0, 2])).tolist() == [0, 0, 1, 2, 0, 1]


def test_a_picture_that_comes_again_is_varied_anew(tmp_path: Path) -> None:
    samples = load_samples(manifest(tmp_path, {"a": "real", "b": "fake", "c": "fake"}, {"train": 9, "val": 3}))
    few = [s for s in samples if s.split == "train" and s.family in ("a", "b")]
    few = [s for s in few if not s.fake] + [s for s in few if s.fake][:1]
    batch = next(iter(training_batches(few, size=32, margin=0.0, batch=len(few), seed=0, epoch=0)))
    fakes = batch[0].numpy()[batch[1].numpy()[:, 0] == 1]
    assert len(fakes) >= 4
    assert len(np.unique(fakes.reshape(len(fakes), -1), axis=0)) == len(fakes)


def test_fakes_are_held_against_every_source_alike_and_against_the_worst() -> None:
    rng = np.random.default_rng(1)
    samples = [*faces("gan", fake=40), *faces("camera", real=400), *faces("studio", real=FEW), *faces("attic", real=5)]
    p = np.concatenate([rng.normal(0.6, 0.1, 40), rng.normal(0.3, 0.1, 400), rng.normal(0.55, 0.1, FEW), np.full(5, 0.99)])
    by_name = {f.family: f for f in family_figures(samples, p, threshold=0.5)}
    gan = by_name["gan"]
    labels = np.array([s.label for s in samples])
    parts = [
        auc(labels[keep], p[keep])
        for keep in (np.array([s.family in ("gan", name) for s in samples]) for name in by_name if name != "gan")
    ]
    assert gan.auc is not None and gan.worst_auc is not None
    assert gan.auc.value == pytest.approx(np.mean(parts), abs=1e-6)
    assert gan.worst_source == "studio"  # the five of the attic are too few to be called the worst
    assert gan.worst_auc.low < gan.worst_auc.value < gan.worst_auc.high
    assert (gan.real, gan.fake, gan.fpr) == (0, 40, None)
    assert by_name["studio"].fpr is not None
    assert by_name["studio"].fpr.value == pytest.approx(np.mean(p[440 : 440 + FEW] >= 0.5))
    assert by_name["studio"].auc is None
    assert not family_figures([Sample(s.path, s.label, s.split, s.box) for s in samples], p, threshold=0.5)


def test_combine_names_families_and_keeps_splits_and_pairs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plain = drawn_dataset(tmp_path / "plain", splits={"train": 3, "val": 2})
    named = manifest(tmp_path / "named", {"cam": "real", "gan": "fake"}, {"train": 2, "val": 2}, seed=1)
    out = tmp_path / "both" / "all.csv"
    out.parent.mkdir()
    assert main(["combine", str(plain), str(named), "--out", str(out)]) == 0
    assert "18 faces" in capsys.readouterr().out
    together = load_samples(out)
    assert Counter((s.family, s.split) for s in together) == {
        ("plain", "train"): 6,
        ("plain", "val"): 4,
        **{(name, split): 2 for name in ("cam", "gan") for split in ("train", "val")},
    }
    assert {s.path.resolve() for s in together} == {s.path.resolve() for root in (plain, named) for s in load_samples(root)}
    with pytest.raises(InputError, match="plain"):
        combine([plain, plain], out)


def test_twins_of_two_families_stay_together(tmp_path: Path) -> None:
    """Every fake is made from a real picture, which another data set lists under the same name of its pair."""
    roots = []
    for name, label in (("cam", "real"), ("gan", "fake")):
        drawn_dataset(tmp_path / name, splits={"train": 40}, seed=len(roots))
        roots.append(tmp_path / name / "list.csv")
        lines = [f"train/{label}/{i:03}.png,{label},{name},person{i},22,14,52,68" for i in range(40)]
        roots[-1].write_text("\n".join(["file,label,family,pair,x,y,w,h", *lines, ""]))
    combined = combine(roots, tmp_path / "all.csv")
    split_of = {(s.pair, s.family): s.split for s in combined}
    assert len(split_of) == 80 and {s.split for s in combined} == {"train", "val", "test"}
    assert all(split_of[f"person{i}", "cam"] == split_of[f"person{i}", "gan"] for i in range(40))
    train = [s for s in load_samples(tmp_path / "all.csv") if s.split == "train"]
    rest, held = hold_out(train, 0.2, seed=3)
    assert held and not {s.pair for s in rest} & {s.pair for s in held}


def test_combine_does_not_write_over_what_it_reads(tmp_path: Path) -> None:
    data = manifest(tmp_path / "data", {"cam": "real", "gan": "fake"}, {"train": 2})
    before = data.read_bytes()
    for roots, out in (([data], data), ([tmp_path / "data"], tmp_path / "data" / "faces.csv")):
        with pytest.raises(InputError, match=out.name):
            combine(roots, out)
    assert data.read_bytes() == before


def test_intervals_of_large_families_take_little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """All pairs of 4000 fakes and 4000 real faces would be 64 MB."""
    monkeypatch.setattr("training.families.AT_ONCE", 100_000)
    samples = [*faces("gan", fake=4000), *faces("camera", real=4000)]
    rng = np.random.default_rng(0)
    p = np.concatenate([rng.normal(0.6, 0.1, 4000), rng.normal(0.5, 0.1, 4000)]).round(2)  # with many ties
    tracemalloc.start()
    try:
        gan = {f.family: f for f in family_figures(samples, p, threshold=0.5)}["gan"]
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 16e6
    assert gan.auc is not None
    # Hanley & McNeil 1982: the standard error of this area from so many faces.
    area = gan.auc.value
    q1, q2 = area / (2 - area), 2 * area**2 / (1 + area)
    error = ((area * (1 - area) + 3999 * (q1 + q2 - 2 * area**2)) / 4000**2) ** 0.5
    assert (gan.auc.high - gan.auc.low) / (2 * 1.96) == pytest.approx(error, rel=0.15)


def test_a_pair_with_one_picture_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    new_command()
    drawn_dataset(tmp_path, splits={"train": 2})
    lines = [
        f"train/{label}/00{i}.png,{label},{pair}" for label, i, pair in (("real", 0, "p"), ("fake", 0, "p"), ("real", 1, "q"))
    ]
    (tmp_path / "list.csv").write_text("\n".join(["file,label,pair", *lines, ""]))
    load_samples(tmp_path / "list.csv", faces=tmp_path / "faces.csv", one_sided=True)
    told = capsys.readouterr().err
    assert "1 pair(s)" in told
    assert "q" in told


def test_lines_without_a_family_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    new_command()
    path = manifest(tmp_path, {"cam": "real", "gan": "fake"}, {"train": 2})
    path.write_text(path.read_text().replace(",cam,", ",,", 1))
    load_samples(path)
    assert "1 line(s)" in capsys.readouterr().err


def test_an_unknown_family_names_those_that_are_there() -> None:
    with pytest.raises(InputError, match=r"gam.*camera, gan"):
        leave_out([*faces("gan", fake=1), *faces("camera", real=1)], ["gam"])


def test_lofo_trains_without_each_family_and_judges_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = manifest(tmp_path / "data", {"cam": "real", "web": "real", "gan": "fake", "swap": "fake"}, {"train": 24, "val": 12})
    command = [
        "lofo",
        "cnn",
        "--data",
        str(data),
        "--runs",
        str(tmp_path / "runs"),
        "--size",
        "32",
        "--margin",
        "0",
        "--batch",
        "8",
    ]
    command += ["--epochs", "2", "--leave", "gan,cam", "--json"]
    assert main(command) == 0
    captured = capsys.readouterr()
    gan, cam = (json.loads(line) for line in captured.out.splitlines() if line.startswith("{"))
    assert (gan["families"], gan["figures"]["fake"], gan["figures"]["fpr"]) == (["gan"], 12, None)
    assert gan["schema"] == 1 and gan["figures"]["worst_source"] in ("cam", "web")
    assert gan["fake_tpr"]["value"] <= gan["figures"]["tpr"]["value"]
    assert (cam["figures"]["real"], cam["figures"]["auc"], cam["fake_tpr"]) == (12, None, None)
    assert cam["fake_fpr"]["value"] <= cam["figures"]["fpr"]["value"]
    left = [s.path for s in load_samples(data) if s.family == "gan"]
    seen = read_seen(tmp_path / "runs" / "gan")
    assert seen and not seen & set(digests(left).values())
    assert main(command) == 0  # nothing is trained again
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")] == [gan, cam]
    assert main([*command, "--against", str(tmp_path / "runs")]) == 0  # the same runs: no gain
    again = [json.loads(line)["gain"] for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    assert again == [{"value": 0.0, "low": 0.0, "high": 0.0}, None]
    assert main([*command, "--seed", "7", "--runs", str(tmp_path / "more"), "--against", str(tmp_path / "runs")]) == 2
    assert "seed" in capsys.readouterr().err and not (tmp_path / "more").exists()
    (tmp_path / "other").mkdir()
    (tmp_path / "runs" / "cam").rename(tmp_path / "other" / "gan")
    assert main([*command, "--against", str(tmp_path / "other")]) == 2
    assert "cam" in capsys.readouterr().err


def test_the_gain_in_auc_is_paired() -> None:
    """Scores that differ by a hair from run to run: far apart families, yet an interval of the difference alone."""
    rng = np.random.default_rng(3)
    samples = [*faces("camera", real=40), *faces("studio", real=40), *faces("gan", fake=60)]
    one = rng.normal([*[0.0] * 40, *[1.0] * 40, *[1.0] * 60])
    two = one + 0.05 * np.array([s.fake for s in samples])
    better = auc_gain(samples, two, one)
    assert better is not None and 0 < better.low <= better.value <= better.high < 0.05
    both = [known_auc(samples, scores) for scores in (two, one)]
    assert better.value == pytest.approx(both[0] - both[1])
    assert auc_gain(samples[:80], two[:80], one[:80]) is None


def test_at_most_so_many_of_a_family_and_twins_together(tmp_path: Path) -> None:
    twins = [replace(s, pair=f"p{int(s.path.stem[4:]) % 30}") for s in faces("swap", real=30, fake=30)]
    few = at_most([*twins, *faces("cam", real=4)], 7, seed=1)
    assert Counter((s.family, s.fake) for s in few) == {("swap", False): 7, ("swap", True): 7, ("cam", False): 4}
    assert {s.pair for s in few if s.fake} == {s.pair for s in few if not s.fake and s.family == "swap"}
    halves = [replace(s, split=("train", "val")[i % 2]) for i, s in enumerate(faces("cam", real=40))]
    assert len(at_most(halves, 7, seed=1)) == 7  # of both splits together
    data = manifest(tmp_path, {"cam": "real", "gan": "fake"}, {"train": 6, "val": 3})
    found = combine([data], tmp_path / "few.csv", per_family=2)
    assert Counter((s.split, s.family) for s in found) == {(p, f): 2 for p in ("train", "val") for f in ("cam", "gan")}
    assert [s.path.name for s in load_samples(tmp_path / "few.csv")] == [s.path.name for s in found]


@pytest.mark.parametrize(("leave", "fact"), [("gam", "cam, gan"), ("gan", "without gan")])
def test_what_cannot_be_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str], leave: str, fact: str) -> None:
    data = manifest(tmp_path / "data", {"cam": "real", "gan": "fake"}, {"train": 4, "val": 2})
    assert main(["lofo", "cnn", "--data", str(data), "--runs", str(tmp_path / "runs"), "--leave", leave]) == 2
    assert fact in capsys.readouterr().err


KNOWN = {"cam": "real", "web": "real", "a/b": "fake", "a+c": "fake", "a": "fake", "c": "fake"}


def test_families_with_any_name_have_a_folder_of_their_own(tmp_path: Path) -> None:
    run = small_run(manifest(tmp_path / "data", KNOWN, {"train": 12, "val": 8}))
    parts = planned(run, tmp_path / "runs", ["a/b", "a+c", "c+a", "a+c"])
    assert {place.relative_to(tmp_path / "runs").as_posix(): part.left_out for place, part in parts.items()} == {
        "a_b": ("a/b",),
        "a+c": ("a+c",),
        "c_a": ("c", "a"),
    }
    assert len(planned(run, tmp_path / "runs", [])) == len(KNOWN)
    assert not (tmp_path / "runs").exists()


def test_two_families_of_one_folder_are_refused(tmp_path: Path) -> None:
    named = {"cam": "real", "web": "real", "a/b": "fake", "A?b": "fake"}
    run = small_run(manifest(tmp_path / "data", named, {"train": 12, "val": 8}))
    with pytest.raises(InputError, match=r"A\?b .*a/b"):
        planned(run, tmp_path / "runs", [])


def test_what_would_stop_the_last_family_is_told_before_the_first_is_trained(tmp_path: Path) -> None:
    data = manifest(tmp_path / "data", {"cam": "real", "web": "real", "gan": "fake", "swap": "fake"}, {"train": 8, "val": 8})
    run, runs, lines = small_run(data), tmp_path / "runs", data.read_text().splitlines()

    def without(row: str) -> None:
        data.write_text("\n".join([*(line for line in lines if row not in line), ""]))

    without(",val,gan")  # so that without swap there is no fake to validate on
    with pytest.raises(InputError, match="validate"):
        planned(run, runs, ["gan", "swap"])
    without(",train,swap")
    with pytest.raises(InputError, match=r"swap .*train"):
        planned(run, runs, ["cam", "swap"])
    without("nothing")
    place = next(iter(planned(run, runs, ["swap"])))
    open_run(small_run(data, left_out=("gan",)), place)
    (place / "best.h5").touch()
    with pytest.raises(InputError, match="another run"):
        planned(run, runs, ["gan", "swap"])
    assert not (runs / "gan").exists()
