"""One exhibit: what edgefake says of a file, and what that is worth, as one self-contained HTML page and as JSON.

    from edgefake.report import picture_report
    report = picture_report(data, detector, name="photo.jpg")
    report.html, report.to_dict()

Needs the extra ``report``. A page holds all its pictures and asks nothing of any other place, nor does what makes it.
"""

from __future__ import annotations

from edgefake.report.making import is_video_file, picture_report, unreadable_report, video_report
from edgefake.report.record import Report
from edgefake.report.video import VideoRecord

__all__ = ["Report", "VideoRecord", "is_video_file", "picture_report", "unreadable_report", "video_report"]
