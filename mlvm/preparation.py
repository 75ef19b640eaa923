"""What becomes of a file before a model is given it, and what an answer means to people.

A model's description says it, under ``preparation``, in one of these ways:

    {"kind": "image", "mode": "L", "RGB" or "BGR", "size": [width, height],
     "order": "CHW" or "HWC", "resize": [width, height]}
        the bytes of an image; resized to ``resize``, if that is given, of which the middle counts
    {"kind": "file", "begin": n, "end": n, "block": n, "padding": number}
        the first and the last bytes of any file, as magika looks at them
    {"kind": "text", …}
        for language models, which have commands of their own

With none, a model is given numbers: a file of numpy. ``labels`` names the places of an output.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from mlvm.model import Model, ModelError
from mlvm.values import End, InputError, inputs

Array = NDArray[Any]
#: The files of numpy, images and others that are read whole have at most so many bytes.
MAX_FILE = 1 << 28
#: Pixels of the side of a resized image.
MAX_SIDE = 1 << 14
_MODES = ("L", "RGB", "BGR")


def prepared(model: Model, path: Path) -> dict[str, Array]:
    """The model's input, of a file: real numbers by name.

    Raises :class:`InputError` if the file is not what it should be, :class:`ModelError` if the
    description is not; OSError.
    """
    about = model.about.get("preparation") or {"kind": "numbers"}
    ends = inputs(model)
    try:
        kind = about["kind"]
        if kind == "numbers" or (kind == "image" and path.suffix in (".npy", ".npz")):
            return _of_numpy(path, ends)
        [end] = ends
        if kind == "image":
            return {end.name: image(path, about, prod(end.shape)).reshape(end.shape)}
        if kind == "file":
            return {end.name: beginning_and_end(path, about, prod(end.shape)).reshape(end.shape)}
    except InputError:
        raise
    except (ArithmeticError, KeyError, TypeError, ValueError):
        raise ModelError("the description does not say how an input is prepared") from None
    raise ModelError(f"an input of the kind {str(kind)[:40]!r} is not prepared here")


# --- Numbers --------------------------------------------------------------------------------------


def arrays(path: Path) -> dict[str, Array]:
    """What is in a file of numpy, by name; "" is the one of a .npy. Raises :class:`InputError`."""
    _check_size(path)
    try:
        found = np.load(io.BytesIO(path.read_bytes()), allow_pickle=False)
        if isinstance(found, np.ndarray):
            return {"": found}
        return {name: found[name] for name in found.files}
    except OSError:
        raise InputError(f"{path}: not a file of numpy, .npy or .npz") from None
    except Exception:  # numpy and zipfile raise whatever comes to them
        raise InputError(f"{path}: not a file of numpy, .npy or .npz, or damaged") from None


def _of_numpy(path: Path, ends: list[End]) -> dict[str, Array]:
    found = named(arrays(path), [end.name for end in ends])
    for end in ends:
        if end.name not in found:
            raise InputError(f"{path}: has nothing for the input {end.name!r}")
    return found


def named(found: Mapping[str, Array], names: list[str]) -> dict[str, Array]:
    """The one array of a .npy is the one input."""
    return {names[0]: found[""]} if "" in found and len(names) == 1 else dict(found)


def _check_size(path: Path) -> None:
    if path.stat().st_size > MAX_FILE:
        raise InputError(f"{path}: larger than {MAX_FILE:,} bytes")


# --- Images ---------------------------------------------------------------------------------------


def image(path: Path, about: Mapping[str, Any], size: int | None = None) -> NDArray[np.uint8]:
    """The bytes of an image, as ``about`` has them, of which there are ``size``.

    Raises :class:`InputError`, and ValueError, TypeError or KeyError for an ``about`` that makes
    no sense.
    """
    mode, order = about["mode"], about.get("order", "HWC")
    width, height = (int(length) for length in about["size"])
    if mode not in _MODES or order not in ("CHW", "HWC") or min(width, height) < 1:
        raise ValueError
    across, down = (int(length) for length in about.get("resize", (width, height)))
    if not (width <= across <= MAX_SIDE and height <= down <= MAX_SIDE):
        raise ValueError
    if size not in (None, width * height * (1 if mode == "L" else 3)):
        raise ValueError
    picture = _opened(path).convert("L" if mode == "L" else "RGB")
    if picture.size != (across, down):
        picture = picture.resize((across, down), Image.Resampling.BILINEAR)
    left, top = (across - width) // 2, (down - height) // 2
    pixels = np.asarray(picture.crop((left, top, left + width, top + height)), np.uint8)
    pixels = pixels.reshape(height, width, -1)
    if mode == "BGR":
        pixels = pixels[:, :, ::-1]
    return pixels.transpose(2, 0, 1) if order == "CHW" else pixels


def _opened(path: Path) -> Image.Image:
    _check_size(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            picture = Image.open(io.BytesIO(path.read_bytes()))
            picture.load()
    except UnidentifiedImageError:
        raise InputError(f"{path}: no image") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise InputError(f"{path}: an image of too many pixels") from None
    except Exception as error:  # whatever the decoders of damaged images raise
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise InputError(f"{path}: a damaged image") from None
    return picture


# --- Files ----------------------------------------------------------------------------------------


def beginning_and_end(
    path: Path, about: Mapping[str, Any], size: int | None = None
) -> NDArray[np.int32]:
    """The first and the last bytes of a file that are no white space at its ends; ``size``: how
    many there are to be. Raises OSError, and what :func:`image` does."""
    block, padding, begin, end = (int(about[key]) for key in ("block", "padding", "begin", "end"))
    if (
        size not in (None, begin + end)
        or not 0 < max(begin, end) <= block <= MAX_FILE
        or min(begin, end) < 1
    ):
        raise ValueError
    with path.open("rb") as file:
        length = file.seek(0, io.SEEK_END)
        file.seek(0)
        first = file.read(block).lstrip()[:begin]
        file.seek(max(0, length - block))
        last = file.read(block).rstrip()[-end:]
    tokens = np.full(begin + end, padding, np.int32)
    tokens[: len(first)] = list(first)
    tokens[len(tokens) - len(last) :] = list(last)
    return tokens


# --- Answers --------------------------------------------------------------------------------------


def answers(model: Model, found: Mapping[str, Array], count: int = 5) -> list[tuple[str, float]]:
    """The likeliest labels, with their probabilities or scores, best first; none if the model
    names no places of its first output."""
    labels = model.about.get("labels")
    scores = next(iter(found.values())).ravel()
    if not isinstance(labels, list) or len(labels) != len(scores):
        return []
    order = np.argsort(-scores, kind="stable")[:count]
    return [(str(labels[place]), float(scores[place])) for place in order]
