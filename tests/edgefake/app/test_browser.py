"""The page in Chromium, which has a file in the place of a camera; skipped where Chromium or Playwright is missing."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from edgefake import Detector
from edgefake.app.videos import judge_video
from edgefake.streaming.timeline import clock
from tests.edgefake.streaming.videos import moving_face
from tests.processes import started

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium: apt install chromium")

ROOT = Path(__file__).parents[3]
PATIENCE_MS = 180_000
GENUINE = "No sign of manipulation of the kinds this detector knows"
Visit = Callable[..., Any]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """The address of the app, and the log of what it wrote and called."""
    log = tmp_path_factory.mktemp("app") / "log"
    command = [sys.executable, "-m", "tests.edgefake.app.audited", log, "--port", "0", "--model", "cnn_int8"]
    with started(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        url = re.search(r"http://127\.0\.0\.1:\d+", process.stdout.readline())
        assert url
        yield url[0], log


@pytest.fixture(scope="module")
def camera(tmp_path_factory: pytest.TempPathFactory, portrait: Path) -> Path:
    """What the browser takes for a camera: a Y4M film of the drawn face."""
    import cv2

    path = tmp_path_factory.mktemp("camera") / "face.y4m"
    with path.open("wb") as file:
        file.write(b"YUV4MPEG2 W320 H240 F15:1 Ip A1:1 C420jpeg\n")
        for frame in moving_face(portrait, 15):
            file.write(b"FRAME\n" + cv2.cvtColor(frame, cv2.COLOR_BGR2YUV_I420).tobytes())
    return path


@pytest.fixture(scope="module")
def browser(camera: Path) -> Iterator[Any]:
    arguments = ["--use-fake-device-for-media-stream", f"--use-file-for-fake-video-capture={camera}"]
    with sync_api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--use-fake-ui-for-media-stream", *arguments]
        )
        yield opened
        opened.close()


@pytest.fixture
def visit(browser: Any, server: tuple[str, Path]) -> Iterator[Visit]:
    """A function that opens a page in a session of its own; in the end nobody else must have been asked for anything."""
    contexts, hosts = [], set()

    def open_page(path: str = "", **options: Any) -> Any:
        script = options.pop("script", None)
        contexts.append(browser.new_context(permissions=["camera"], **options))
        page = contexts[-1].new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.on("request", lambda request: hosts.add(re.sub(r"^(https?://[^/]+).*", r"\1", request.url)))
        if script:
            page.add_init_script(script)
        page.goto(f"{server[0]}/{path}")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert {host for host in hosts if host.startswith("http")} == {server[0]}


def upload(page: Any, *files: Path | dict[str, Any]) -> None:
    page.locator("input[type=file]").set_input_files(list(files))


def test_pictures_on_a_phone_in_the_dark(
    visit: Visit, server: tuple[str, Path], portrait: Path, broken: dict[str, bytes], tmp_path: Path
) -> None:
    page = visit(viewport={"width": 390, "height": 844}, color_scheme="dark")
    # Larger than what a server of multipart forms keeps in memory unless told to.
    large = {"name": "large.jpg", "mimeType": "image/jpeg", "buffer": portrait.read_bytes() + bytes(3 << 20)}
    upload(page, large, *({"name": name, "mimeType": "image/jpeg", "buffer": data} for name, data in broken.items() if data))
    for name in ("text.jpg", "cut.jpg", "huge.png"):
        page.get_by_test_id("stAlert").get_by_text(name).wait_for()
    page.get_by_role("button", name="Details").click()
    page.get_by_role("dialog").get_by_text(GENUINE).wait_for()
    page.keyboard.press("Escape")
    page.locator("[data-test-script-state=notRunning]").wait_for()
    with page.expect_download() as download:
        page.get_by_role("button", name="JSON").click()
    assert len(Path(download.value.path()).read_text().splitlines()) == 4
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.evaluate("getComputedStyle(document.querySelector('.stApp')).backgroundColor") != "rgb(255, 255, 255)"
    lines = server[1].read_text().splitlines()
    assert not [line for line in lines if line.startswith("wrote") and not re.search("golden|replayed|EDGEFAKE_HOME|cache", line)]
    assert not [line for line in lines if line.startswith("called") and "127.0.0.1" not in line]


def test_a_report_and_what_spoke_for_it(visit: Visit) -> None:
    page = visit()
    page.get_by_role("button", name="drawn portrait").click()
    page.get_by_text(GENUINE).wait_for()
    before = page.get_by_alt_text("face 1").get_attribute("src")
    page.get_by_text("what speaks for fake").click()
    page.wait_for_function("src => document.querySelector('img[alt=\"face 1\"]').getAttribute('src') != src", arg=before)
    page.locator("[data-test-script-state=notRunning]").wait_for()
    with page.expect_download() as download:
        page.get_by_role("button", name="Report").click()
    assert GENUINE in Path(download.value.path()).read_text()


def test_a_video_after_a_corrupt_one(visit: Visit, clip: Path, corrupt_clip: Path) -> None:
    page = visit("video")
    upload(page, corrupt_clip)
    page.get_by_test_id("stAlert").get_by_text("corrupt.mp4").wait_for()
    upload(page, clip)
    page.get_by_text(GENUINE).wait_for()
    page.get_by_test_id("stVegaLiteChart").locator("canvas, svg").first.wait_for()
    page.get_by_alt_text(re.compile("^the video at")).first.wait_for()


def test_a_click_into_the_timeline_shows_that_moment(visit: Visit, clip: Path) -> None:
    moments = judge_video(Detector("cnn_int8"), clip.read_bytes(), clip.name, lambda *_: None).moments
    page = visit("video")
    upload(page, clip)
    chart = page.get_by_test_id("stVegaLiteChart").locator("canvas, svg").first
    shown = page.get_by_alt_text(re.compile("^the video at")).first
    slider = page.get_by_role("slider")

    def expect(number: int) -> None:
        for place, name in ((shown, "alt"), (slider, "aria-valuetext")):
            sync_api.expect(place).to_have_attribute(name, re.compile(f"{clock(moments[number].seconds)}$"), timeout=PATIENCE_MS)
        page.locator("[data-test-script-state=notRunning]").wait_for()

    def click(part: float) -> None:
        box = chart.bounding_box()
        chart.click(position={"x": box["width"] * part, "y": box["height"] * 0.4})

    for part, number in ((0.97, -1), (0.15, 0), (0.97, -1)):
        click(part)
        expect(number)
    slider.press("ArrowLeft")
    expect(-2)
    click(0.97)
    expect(-1)


def test_a_still(visit: Visit) -> None:
    page = visit("camera")
    page.get_by_role("button", name="Take Photo").click()
    page.get_by_text(GENUINE).wait_for()


def test_live(visit: Visit) -> None:
    page = visit("camera")
    page.get_by_text("Your camera, live").click()
    frame = page.frame_locator("iframe").first
    frame.get_by_role("button", name="Start the camera").click()
    page.get_by_text(GENUINE).wait_for()
    frame.get_by_role("button", name="Stop the camera").click()
    frame.get_by_role("button", name="Start the camera").wait_for()


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("Object.defineProperty(navigator, 'mediaDevices', {value: undefined})", "This browser gives no camera"),
        ("delete window.RTCPeerConnection", "This browser gives no camera"),
        ("navigator.mediaDevices.enumerateDevices = () => Promise.resolve([])", "No camera was found"),
    ],
)
def test_a_browser_without_a_camera_says_so(script: str, told: str, visit: Visit) -> None:
    page = visit("camera", script=script)
    page.get_by_text(told).wait_for()
    page.get_by_text("Your camera, live").click()
    page.get_by_text("While it runs").wait_for()
    page.get_by_text(told).wait_for()
