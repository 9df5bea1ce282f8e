"""Every page of the app, without a browser: Streamlit's own harness runs the script."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from edgefake.app import settings
from edgefake.app.limits import MAX_PIXELS
from edgefake.app.photo import PER_PAGE
from edgefake.app.server import SCRIPT
from edgefake.app.settings import Settings
from edgefake.app.words import plain
from edgefake.defaults import DEFAULT_MODEL
from edgefake.report.page import NARROW

PATIENCE_S = 300
GENUINE = "No sign of manipulation"
Open = Callable[..., AppTest]


@pytest.fixture
def opened() -> Iterator[Open]:
    """A function that opens a page: ``opened("video", camera="clip.mp4")``."""

    def open_page(page: str = "", **chosen: object) -> AppTest:
        settings.use(Settings(**{"model": "cnn_int8", **chosen}))  # type: ignore[arg-type]
        app = AppTest.from_file(str(SCRIPT), default_timeout=PATIENCE_S).run()
        if page:
            pages = app._registered_pages.items()  # switch_page() knows pages that are files alone
            app._page_hash = next(key for key, told in pages if told["url_pathname"] == page)
            app.run()
        assert not app.exception
        return app

    yield open_page
    settings.use(Settings())


def boxes(app: AppTest) -> str:
    """All that stands in coloured boxes."""
    return "\n".join(element.value for kind in ("success", "warning", "error", "info") for element in app.get(kind))


def upload(app: AppTest, *files: tuple[str, bytes]) -> AppTest:
    given = [(name, data, "application/octet-stream") for name, data in files]
    uploader = app.file_uploader[0]
    uploader.set_value(given if uploader.accept_multiple_files else given[0])
    app.run()
    assert not app.exception
    return app


def test_the_sample_is_judged(opened: Open) -> None:
    app = opened()
    assert "not stored" in app.caption[0].value
    app.button[0].click().run()
    assert GENUINE in boxes(app)


def test_what_cannot_be_read_takes_nothing_from_the_others(opened: Open, portrait: Path, broken: dict[str, bytes]) -> None:
    app = upload(opened(), ("portrait.jpg", portrait.read_bytes()), *broken.items())
    told = boxes(app)
    for facts in (["text.jpg"], ["empty.jpg", "0 bytes"], ["cut.jpg"], ["huge.png", "3600", f"{MAX_PIXELS / 1e6:g}"]):
        assert sum(all(plain(fact) in line for fact in facts) for line in told.splitlines()) == 1, (facts, told)
    assert [button.label for button in app.button] == ["Details"]
    app.button[0].click().run()
    assert GENUINE in boxes(app)


@pytest.mark.parametrize("name", ["text.jpg", "huge.png"])
def test_a_single_broken_file_is_one_sentence(name: str, opened: Open, broken: dict[str, bytes]) -> None:
    app = upload(opened(), (name, broken[name]))
    assert len(app.error) == 1 and plain(name) in app.error[0].value and len(app.error[0].value.splitlines()) == 1


def test_a_hundred_files_at_once(opened: Open, model: Path, portrait: Path) -> None:
    app = upload(opened(model=str(model), faces="frame"), *((f"{n}.jpg", portrait.read_bytes()) for n in range(100)))
    assert "100" in app.markdown[-1].value or any("100 files" in text.value for text in app.markdown)
    assert len([button for button in app.button if button.label == "Details"]) == PER_PAGE


def test_a_name_is_no_markdown(opened: Open, broken: dict[str, bytes]) -> None:
    app = upload(opened(), ("![x](http:⁄⁄there).jpg", broken["text.jpg"]))
    assert r"\!\[x\]\(http" in app.error[0].value


def test_figures_by_family_are_shown_as_people_write_them(opened: Open, portrait: Path) -> None:
    app = upload(opened(model=DEFAULT_MODEL, faces="edge"), ("portrait.jpg", portrait.read_bytes()))
    told = "\n".join(caption.value for caption in app.caption)
    assert f"0{NARROW}%" in told and "\\u" not in told


def test_a_threshold_of_ones_own_turns_the_verdict(opened: Open, model: Path, portrait: Path) -> None:
    app = upload(opened(model=str(model), faces="frame"), ("portrait.jpg", portrait.read_bytes()))
    before = boxes(app)
    app.sidebar.selectbox[1].set_value("own number").run()
    fake = {at: _at(app, at) for at in (1, 99)}
    assert "Signs of" in fake[1] and GENUINE in fake[99] and before


def _at(app: AppTest, percent: int) -> str:
    app.sidebar.slider[0].set_value(percent).run()
    assert not app.exception
    return boxes(app)


def test_two_visitors_have_thresholds_of_their_own(opened: Open, portrait: Path) -> None:
    first, second = opened(), opened()
    first.sidebar.selectbox[1].set_value("own number").run()
    first.sidebar.slider[0].set_value(1).run()
    second.button[0].click().run()
    first.button[0].click().run()
    assert "from 1\u202f%" in boxes(first) and "from 1\u202f%" not in boxes(second)


def test_a_video(opened: Open, clip: Path) -> None:
    app = upload(opened("video"), ("clip.mp4", clip.read_bytes()))
    assert GENUINE in boxes(app)
    assert any("45 frames judged" in caption.value for caption in app.caption)
    assert len(app.select_slider[0].options) > 3


@pytest.mark.parametrize(("name", "fact"), [("corrupt.mp4", "index"), ("list.mp4", "playlist"), ("portrait.mp4", "picture")])
def test_a_video_that_is_none(name: str, fact: str, opened: Open, corrupt_clip: Path, portrait: Path) -> None:
    data = {
        "corrupt.mp4": corrupt_clip.read_bytes(),
        "list.mp4": b"#EXTM3U\nfile:///etc/passwd\n",
        "portrait.mp4": portrait.read_bytes(),
    }
    app = upload(opened("video"), (name, data[name]))
    assert plain(name) in app.error[0].value and plain(fact) in app.error[0].value and "/proc" not in app.error[0].value


def test_a_still_of_the_visitors_camera(opened: Open, portrait: Path) -> None:
    app = opened("camera")
    app.camera_input[0].set_value(("shot.jpg", portrait.read_bytes(), "image/jpeg")).run()
    assert not app.exception and GENUINE in boxes(app)


def test_the_servers_camera_is_off_unless_it_is_offered(opened: Open) -> None:
    app = opened("camera")
    app.segmented_control[0].set_value("The server's camera").run()
    assert "edgefake app --camera" in boxes(app) and not app.toggle


def test_the_servers_camera(opened: Open, clip: Path) -> None:
    app = opened("camera", camera=str(clip))
    app.segmented_control[0].set_value("The server's camera").run()
    app.toggle[0].set_value(True).run()
    assert GENUINE in boxes(app) and "has ended" in boxes(app)


def test_a_server_without_that_camera_says_so(opened: Open, tmp_path: Path) -> None:
    app = opened("camera", camera=str(tmp_path / "video9.mp4"))
    app.segmented_control[0].set_value("The server's camera").run()
    app.toggle[0].set_value(True).run()
    assert not app.exception and "video9" in app.error[0].value


def test_about(opened: Open) -> None:
    app = opened("about")
    told = "\n".join(text.value for text in app.markdown)
    assert "openforensics" in told and "not measured" in told
    assert any("SHA-256" in block.value for block in app.code)
