"""Opening a model on a fake machine in a process of its own: ``python -m …build_in_process MODEL SECONDS_OF_A_BUILD``.

Prints a line when the build begins, and another with how many engines were built.
"""

from __future__ import annotations

import sys
from pathlib import Path

from edgefake.models.file import ModelFile
from edgefake.runtimes.tensorrt import engines
from tests.edgefake.runtimes.tensorrt.conftest import ORIN, open_engine_of
from tests.edgefake.runtimes.tensorrt.fake_cuda import FakeCuda
from tests.edgefake.runtimes.tensorrt.fake_tensorrt import FakeTensorRT


class _Talking(FakeTensorRT):
    def Builder(self, log: object) -> object:
        print("building", flush=True)
        return super().Builder(log)


_Talking._real = ""


def main(path: Path, seconds: float) -> None:
    trt = _Talking()
    trt._build_seconds = seconds
    engines.find_gpu, engines.load_tensorrt, engines.cuda_layer = lambda number: ORIN, lambda: trt, lambda: FakeCuda  # type: ignore
    card = ModelFile(path).card
    assert card is not None
    open_engine_of(path, card).close()
    print(len(trt._configs))


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]))
