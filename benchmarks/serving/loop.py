"""The bare loop: for each line on standard input, so many seconds of pictures; the answer is a line with how many that were."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from edgefake import Detector, read_image


def main() -> None:
    model, picture = sys.argv[1], Path(sys.argv[2]).read_bytes()
    with Detector(model, num_threads=1) as detector:
        detector.warm_up()
        detector.predict(read_image(picture))
        print("ready", flush=True)
        for line in sys.stdin:
            count, started = 0, time.perf_counter()
            while time.perf_counter() - started < float(line):
                detector.predict(read_image(picture))
                count += 1
            print(count, time.perf_counter() - started, flush=True)


if __name__ == "__main__":
    main()
