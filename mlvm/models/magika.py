"""Types of files: the network of Google's magika 1.0.3, from its package."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlvm.packages import MAGIKA, SCIKIT_IMAGE, TOOLS, members
from mlvm.preparation import beginning_and_end

_FOLDER = "magika/models/standard_v3_3"
#: Files of known packages, to calibrate with.
_SAMPLES = (
    *("skimage/__init__.py", "skimage/__init__.pyi", "skimage/data/README.txt", "skimage/py.typed"),
    *("skimage/data/astronaut.png", "skimage/data/camera.png", "skimage/data/chelsea.png"),
    *("skimage/data/rocket.jpg", "skimage/data/retina.jpg", "skimage/data/multipage.tif"),
    *("skimage/data/no_time_for_that_tiny.gif", "skimage/data/lbpcascade_frontalface_opencv.xml"),
    *("skimage/draw/draw.py", "skimage/measure/_regionprops.py", "skimage/filters/__init__.py"),
    *("skimage/transform/_geometric.py", "skimage/feature/orb_descriptor_positions.txt"),
    *(
        "skimage/data/multipage_rgb.tif",
        "skimage/data/coins.png",
        "skimage/io/_plugins/pil_plugin.py",
    ),
)
_OWN_SAMPLES = (
    "magika/magika.py",
    "magika/config/content_types_kb.min.json",
    f"{_FOLDER}/README.md",
    f"{_FOLDER}/metadata.json",
    f"{_FOLDER}/config.min.json",
)


def file(tools: Path = TOOLS) -> Path:
    """The ONNX file. Raises :class:`mlvm.packages.PackageError`."""
    [path] = members(MAGIKA, f"{_FOLDER}/model.onnx", tools=tools)
    return path


def about(tools: Path = TOOLS) -> dict[str, Any]:
    """Labels and preparation, as the package says."""
    [path] = members(MAGIKA, f"{_FOLDER}/config.min.json", tools=tools)
    config = json.loads(path.read_text())
    return {
        "labels": config["target_labels_space"],
        "preparation": {
            "kind": "file",
            "begin": config["beg_size"],
            "end": config["end_size"],
            "block": config["block_size"],
            "padding": config["padding_token"],
        },
    }


def samples(tools: Path = TOOLS) -> dict[str, NDArray[np.int32]]:
    """What the network is given of some files."""
    files = [
        *members(SCIKIT_IMAGE, *_SAMPLES, tools=tools),
        *members(MAGIKA, *_OWN_SAMPLES, tools=tools),
    ]
    preparation = about(tools)["preparation"]
    return {"bytes": np.stack([beginning_and_end(path, preparation) for path in files])}
