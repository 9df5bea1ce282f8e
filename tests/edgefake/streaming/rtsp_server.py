"""An RTSP server on loopback that shows a picture: ``/usr/bin/python3 rtsp_server.py PORT PICTURE``.

Runs under the distribution's Python, for which Debian has python3-gi, gir1.2-gst-rtsp-server-1.0 and gstreamer1.0-plugins-good.
"""

import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402

PIPELINE = (
    'filesrc location="{}" ! jpegdec ! videoconvert ! videoscale ! imagefreeze is-live=true '
    "! video/x-raw,format=I420,width=320,height=400,framerate=30/1 ! jpegenc ! rtpjpegpay name=pay0"
)

Gst.init(None)
server = GstRtspServer.RTSPServer()
server.set_address("127.0.0.1")
server.set_service(sys.argv[1])
factory = GstRtspServer.RTSPMediaFactory()
factory.set_launch(PIPELINE.format(sys.argv[2]))
server.get_mount_points().add_factory("/main", factory)
server.attach(None)
print("ready", flush=True)
GLib.MainLoop().run()
