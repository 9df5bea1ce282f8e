"""Live pictures of the visitor's own camera."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from edgefake.app.detectors import Choice, open_detector
from edgefake.app.inverted import LiveJudge
from edgefake.app.shown import show_error, show_finding
from edgefake.app.words import score
from edgefake.report.wording import finding
from edgefake.streaming.result import FrameResult

if TYPE_CHECKING:
    from av import VideoFrame

CHECK = """
<p id="edgefake-no-webrtc" hidden style="padding: 1rem; border-left: 4px solid #d33">This browser gives no camera to this page:
it has no WebRTC, or the page came by neither https nor localhost. Use another browser, or judge a picture under “Photo”.</p>
<p id="edgefake-no-camera" hidden style="padding: 1rem; border-left: 4px solid #d33">No camera was found: plug one in, or judge
a picture under “Photo”.</p>
<script>
{
const show = name => { const line = document.getElementById(name); if (line) line.hidden = false; };
if (!window.RTCPeerConnection || !navigator.mediaDevices) show("edgefake-no-webrtc");
else navigator.mediaDevices.enumerateDevices().then(found => {
  if (!found.some(device => device.kind === "videoinput")) show("edgefake-no-camera");
});
}
</script>
"""


def show_live(choice: Choice) -> None:
    if find_spec("streamlit_webrtc") is None:
        show_error("streamlit-webrtc is not installed: pip install 'edgefake[app]'")
        return
    from streamlit_webrtc import webrtc_streamer  # loads aiortc and FFmpeg

    tell_where_cameras_work()
    judge = _live_judge(choice)
    stream = webrtc_streamer(
        "live",
        # No server of others is asked who we are: the browser reaches this machine directly or not at all.
        rtc_configuration={"iceServers": []},
        media_stream_constraints={"video": True, "audio": False},
        video_frame_callback=judge.video_frame,
        on_video_ended=judge.close,
        video_html_attrs={"autoPlay": True, "playsInline": True, "muted": True, "style": {"width": "100%", "maxWidth": "960px"}},
        media_toggle_controls=False,
        translations={
            "start": "Start the camera",
            "stop": "Stop the camera",
            "device_access_denied": "This page may not use the camera: allow it in the browser's settings.",
        },
    )
    if stream.state.playing:
        _tell_latest(judge)


class _Live:
    """A visitor's ``LiveJudge``, made when the first frame is there and again after the camera was stopped."""

    def __init__(self, choice: Choice) -> None:
        self._detector = open_detector(choice)
        self._judge: LiveJudge | None = None

    def video_frame(self, frame: VideoFrame) -> VideoFrame:
        """What streamlit-webrtc calls in a thread of its own."""
        if self._judge is None:
            self._judge = LiveJudge(self._detector)
        pixels = np.asarray(frame.to_ndarray(format="bgr24"), np.uint8)
        return type(frame).from_ndarray(self._judge.judge(pixels), format="bgr24")

    def close(self) -> None:
        judge, self._judge = self._judge, None
        if judge is not None:
            judge.close()

    @property
    def result(self) -> FrameResult | None:
        return self._judge.result if self._judge else None


def _live_judge(choice: Choice) -> _Live:
    """The one of this session, for ``choice``."""
    kept: tuple[Choice, _Live] | None = st.session_state.get("live judge")
    if kept is None or kept[0] != choice:
        if kept is not None:
            kept[1].close()
        kept = st.session_state["live judge"] = choice, _Live(choice)
    return kept[1]


@st.fragment(run_every=0.5)
def _tell_latest(judge: _Live) -> None:
    if judge.result is not None:
        show_result(judge.result)


def show_result(result: FrameResult) -> None:
    """A verdict on what is seen now, in words."""
    if not result.tracks:
        st.info("No face in sight.")
    elif result.verdict is None or result.p_fake is None:
        st.info("Looking … A face needs about a second before there is a verdict.")
    else:
        show_finding(finding("picture", "ok", result.verdict), score(result.p_fake, result.whole))


def tell_where_cameras_work() -> None:
    """What the browser lacks, which only it knows; many say nothing themselves."""
    st.html(CHECK, unsafe_allow_javascript=True)
