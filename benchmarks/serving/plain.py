"""The same model behind a FastAPI handler as one writes it first."""

from __future__ import annotations

import sys
from typing import Any

import uvicorn
from fastapi import FastAPI, UploadFile

from edgefake import Detector, read_image


def main() -> None:
    detector = Detector(sys.argv[1], num_threads=1)
    app = FastAPI()

    @app.post("/predict")
    def predict(file: UploadFile) -> dict[str, Any]:
        return detector.predict(read_image(file.file.read())).to_dict()

    detector.warm_up()
    uvicorn.run(app, port=int(sys.argv[2]), log_level="error")


if __name__ == "__main__":
    main()
