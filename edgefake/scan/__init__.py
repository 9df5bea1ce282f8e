"""Archives: ``Judge`` judges batches of files anywhere, ``scan`` all files of an archive into a folder of Parquet files.

import edgefake.scan
table = edgefake.scan.Judge()(pyarrow.table({"path": ["a.jpg", "b.mp4"]}))
edgefake.scan.scan(["photos/"], pathlib.Path("results"))
"""

from __future__ import annotations

from edgefake.scan.judge import Judge
from edgefake.scan.limits import Limits
from edgefake.scan.rows import schema
from edgefake.scan.run import Progress, Scanned, scan
from edgefake.scan.settings import Fingerprint, Settings

__all__ = ["Fingerprint", "Judge", "Limits", "Progress", "Scanned", "Settings", "scan", "schema"]
