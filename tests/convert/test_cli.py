import pytest

from convert.cli import main


def test_an_option_cut_short_is_told_with_the_whole_one(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["all", "run", "--ou", "there"])
    assert "there is no option --ou: did you mean --out?" in capsys.readouterr().err
