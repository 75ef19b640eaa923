"""Models of integers against their files in float: how long an answer takes, with onnxruntime in
the same run, and how long an import."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from bench.measure import Row, median_seconds
from mlvm import values
from mlvm.engine import Engine
from mlvm.models import magika, mnist, opennsfw
from mlvm.models.catalogue import MODELS

RUNS = 15
Array = NDArray[Any]


def measure() -> list[Row]:
    """All models that are imported from ONNX."""
    digit = mnist.images("t10k")[0][:1]
    picture = opennsfw.samples()["pixels"][:1]
    centred = picture.astype(np.float32) - np.array(opennsfw.MEANS, np.float32)
    tokens = magika.samples()["bytes"][:1]
    pixels = {"image": digit.astype(np.float32)}
    return [
        _row("mnist-mlp", mnist.FILES["mlp"], {"image": digit}, pixels),
        _row("mnist-cnn", mnist.FILES["cnn"], {"image": digit}, pixels),
        _row("magika", magika.file(), {"bytes": tokens}, {"bytes": tokens}),
        _row("opennsfw", opennsfw.file(), {"pixels": picture}, {"input:0": centred}),
    ]


def _row(name: str, path: Path, given: Mapping[str, Array], floats: Mapping[str, Array]) -> Row:
    begun = time.perf_counter()
    model = MODELS[name](None).model
    seconds = time.perf_counter() - begun
    engine, data = Engine(model), values.pack(model, given)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    session.run(None, floats), engine.run(data)  # both compile what they need
    ours = median_seconds(engine.run, lambda: data, RUNS)
    theirs = median_seconds(lambda given: session.run(None, given), lambda: dict(floats), RUNS)
    return {
        "model": name,
        "MACs": model.header.macs,
        "tasks": model.header.task_count,
        "import s": seconds,
        "integers ms": ours * 1e3,
        "onnxruntime float ms": theirs * 1e3,
        "ratio": ours / theirs,
    }
