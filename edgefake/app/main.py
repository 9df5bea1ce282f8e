"""The script that Streamlit runs for every visitor, and again at each of their clicks."""

from __future__ import annotations

from functools import partial

import streamlit as st

from edgefake.app.about import show_about
from edgefake.app.camera import show_camera
from edgefake.app.detectors import ask_choice
from edgefake.app.photo import show_photo
from edgefake.app.shown import show_error
from edgefake.app.video import show_video
from edgefake.errors import EdgefakeError

PAGES = {
    "Photo": (show_photo, ":material/image:"),
    "Video": (show_video, ":material/movie:"),
    "Camera": (show_camera, ":material/photo_camera:"),
    "About this model": (show_about, ":material/info:"),
}

STYLE = "<style>.stMainBlockContainer { padding-top: 4rem; }</style>"


def main() -> None:
    st.set_page_config(page_title="edgefake", page_icon="🔎", layout="wide")  # other icons are fetched from Google
    st.html(STYLE)
    try:
        with st.sidebar:
            st.markdown("#### Settings")
            choice = ask_choice()
        pages = [
            st.Page(partial(show, choice), title=title, icon=icon, url_path=title.split()[0].lower())
            for title, (show, icon) in PAGES.items()
        ]
        page = st.navigation(pages, position="hidden")
        with st.container(horizontal=True, gap="small"):  # Streamlit's own menu is folded away on phones
            for linked in pages:
                st.page_link(linked)
        page.run()
    except EdgefakeError as error:
        show_error(error)


main()
