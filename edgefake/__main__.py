"""``python -m edgefake``: the ``edgefake`` command where it is not on the PATH."""

import sys

from edgefake.cli import main

sys.exit(main())
