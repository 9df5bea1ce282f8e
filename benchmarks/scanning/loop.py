"""A bare loop over ``Detector.predict`` in one process; the answer is one line of JSON. ``python -m benchmarks.scanning.loop``"""

from __future__ import annotations

import json
import sys
import time

import cv2

from edgefake import Detector, read_image


def main() -> None:
    """Arguments: the model, a file with a path on each line. Waits for a line on standard input before it starts."""
    model, listed = sys.argv[1:]
    with open(listed) as file:
        paths = file.read().splitlines()
    cv2.setNumThreads(1)
    with Detector(model, num_threads=1) as detector:
        detector.warm_up()
        detector.predict(read_image(paths[0]))
        print("ready", flush=True)
        sys.stdin.readline()
        stages = {"decode": 0.0, "find": 0.0, "score": 0.0}
        started, cpu = time.perf_counter(), time.process_time()
        for path in paths:
            began = time.perf_counter()
            frame = read_image(path)
            stages["decode"] += time.perf_counter() - began
            timings = detector.predict(frame).timings
            stages["find"] += timings.find_faces / 1e3
            stages["score"] += (timings.preprocess + timings.infer) / 1e3
        seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
    print(json.dumps({"count": len(paths), "seconds": seconds, "cpu": cpu, "stages": stages}), flush=True)


if __name__ == "__main__":
    main()
