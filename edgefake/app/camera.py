"""The page of the three cameras."""

from __future__ import annotations

import time
from collections.abc import Callable

import streamlit as st

from edgefake.app import settings
from edgefake.app.detectors import Choice, open_detector
from edgefake.app.live import show_live, show_result, tell_where_cameras_work
from edgefake.app.pictures import judge_file
from edgefake.app.shown import show_judged, show_privacy
from edgefake.app.words import plain
from edgefake.report.cutouts import data_uri, jpeg_of
from edgefake.secrets import without_secrets
from edgefake.streaming.overlay import draw
from edgefake.streaming.pipeline import watch

SHOWN = 960
"""The longer side of the server's camera in the page, in pixels."""
SHOW_EVERY_S = 0.1


def show_camera(choice: Choice) -> None:
    """Ask whose camera, and use it."""
    st.header("Judge what a camera sees")
    cameras: dict[str, tuple[Callable[[Choice], None], str]] = {
        "Your camera, one picture": (
            show_still,
            "The camera of the device you are looking at. One picture is taken when you say so.",
        ),
        "Your camera, live": (
            show_live,
            "The camera of the device you are looking at. Its pictures go to the server while it runs.",
        ),
        "The server's camera": (show_server, "The camera of the computer that serves this page, which may stand elsewhere."),
    }
    name = st.segmented_control("Which camera?", cameras, default=next(iter(cameras)), required=True, key="camera")
    show, told = cameras[name or next(iter(cameras))]
    st.caption(told)
    show_privacy()
    show(choice)


def show_still(choice: Choice) -> None:
    tell_where_cameras_work()
    picture = st.camera_input("Take a picture", key="still", label_visibility="collapsed", width=640)
    if picture is None:
        return
    detector = open_detector(choice)
    show_judged(judge_file(detector, picture.getvalue(), "picture of your camera.jpg"), detector)


def show_server(choice: Choice) -> None:
    source = settings.chosen().camera
    if source is None:
        st.info(
            "The server's camera is off. Who runs the server can offer it: `edgefake app --camera 0`, or the address of a camera "
            "in the place of 0."
        )
        return
    name = without_secrets(str(source))
    if not st.toggle(f"Watch {plain(name)}", key="watch server"):
        return
    picture, told = st.empty(), st.empty()
    shown = 0.0
    with watch(source, open_detector(choice)) as stream:  # an error is told by the page
        for frame, result in stream:
            if time.monotonic() - shown >= SHOW_EVERY_S:
                shown = time.monotonic()
                shown_frame = data_uri(
                    jpeg_of(draw(frame, result), SHOWN)
                )  # bytes would be kept by Streamlit for as long as it runs
                picture.image(shown_frame, alt="what the server's camera sees")
                with told.container():
                    show_result(result)
    st.info(f"{plain(name)} has ended.")
