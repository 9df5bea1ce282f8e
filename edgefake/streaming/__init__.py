"""Streams: camera, RTSP, file → faces → tracks → verdicts. ``edgefake.watch`` is the way in."""
