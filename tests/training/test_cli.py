import pytest

from training.cli import main


def test_what_nobody_foresaw_is_an_error_and_no_outcome(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("training.recipes.RECIPES", {"cnn": None})
    assert main(["zoo"]) == 2  # 1 says that the outcome is not good enough
    assert "AttributeError" in capsys.readouterr().err


def test_an_option_cut_short_is_told_with_the_whole_one(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["fit", "--epoch", "3"])
    assert "there is no option --epoch: did you mean --epochs?" in capsys.readouterr().err
