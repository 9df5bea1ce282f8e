"""Streams: camera, RTSP, file → faces → tracks → verdicts. ``edgefake.watch`` is the way in.

Sources are read by OpenCV. GStreamer pipelines need an OpenCV that was built with it, such as that of JetPack or Debian, and end
in an ``appsink`` that takes BGR::

    # the CSI camera of a Jetson
    nvarguscamerasrc ! video/x-raw(memory:NVMM),width=1280,height=720,framerate=30/1 ! nvvidconv ! video/x-raw,format=BGRx
        ! videoconvert ! video/x-raw,format=BGR ! appsink drop=true max-buffers=1
    # a USB camera that compresses, which most need for 30 frames of 1280×720
    v4l2src device=/dev/video0 ! image/jpeg,width=1280,height=720,framerate=30/1 ! jpegdec
        ! videoconvert ! video/x-raw,format=BGR ! appsink drop=true max-buffers=1
"""
