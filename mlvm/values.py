"""The ends of a model for people: from real numbers to the bytes that it is given, and from the
bytes that it gives to real numbers, as its description says.

No bit that is disputed depends on this: what is agreed on are the bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlvm.model import Model, ModelError
from mlvm.tasks import DType

Array = NDArray[Any]
_STORED = {DType.I8: ">i1", DType.I16: ">i2", DType.I32: ">i4", DType.U8: ">u1"}


class InputError(ValueError):
    """Numbers that a model cannot be given: one line."""


@dataclass(frozen=True, slots=True)
class End:
    """One input or output: a number is (integer − zero) · scale."""

    name: str
    shape: tuple[int, ...]
    dtype: DType
    zero: int
    scale: float

    @property
    def size(self) -> int:
        """Bytes."""
        return prod(self.shape) * self.dtype.size

    def pack(self, values: Array) -> bytes:
        """Real numbers as bytes. Raises :class:`InputError` for others than the end has."""
        if values.size != prod(self.shape):
            raise InputError(
                f"the input {self.name!r} has the shape {self.shape}, not {values.shape}"
            )
        if values.dtype.kind not in "fiub" or not np.isfinite(values).all():
            raise InputError(f"the input {self.name!r} has numbers that are none")
        scaled = values.astype(np.float64) / self.scale
        integers = np.floor(np.clip(scaled, -(2.0**40), 2.0**40) + 0.5) + self.zero
        limited = np.clip(integers, self.dtype.lowest, self.dtype.highest)
        packed: bytes = limited.astype(np.int64).astype(_STORED[self.dtype]).tobytes()
        return packed

    def unpack(self, data: bytes) -> Array:
        """Bytes as real numbers; integers, if one of them is worth 1."""
        integers = np.frombuffer(data, _STORED[self.dtype]).astype(np.int64) - self.zero
        return (integers if self.scale == 1 else integers * self.scale).reshape(self.shape)


def inputs(model: Model) -> list[End]:
    """What the input is made of. Raises :class:`ModelError` if the description does not say so."""
    return _ends(model, "inputs", model.header.input_size)


def outputs(model: Model) -> list[End]:
    """The same of the output."""
    return _ends(model, "outputs", model.header.output_size)


def _ends(model: Model, key: str, size: int) -> list[End]:
    try:
        found = [_end(entry) for entry in model.about[key]]
    except (KeyError, TypeError, ValueError, OverflowError):
        raise ModelError(f"the description does not say what the {key} are") from None
    if sum(end.size for end in found) != size:
        raise ModelError(f"the description's {key} are not of {size} bytes")
    return found


def _end(entry: Mapping[str, Any]) -> End:
    shape = tuple(int(length) for length in entry["shape"])
    if min(shape, default=1) < 1 or prod(shape) > 1 << 30:
        raise ValueError
    scale = 1.0 if entry["scale"] is None else float(entry["scale"])
    if not 0 < scale < float("inf"):
        raise ValueError
    return End(str(entry["name"]), shape, DType[entry["type"]], int(entry["zero"]), scale)


def pack(model: Model, values: Mapping[str, Array]) -> bytes:
    """The input's bytes. Raises :class:`InputError` and :class:`ModelError`."""
    parts = []
    for end in inputs(model):
        if end.name not in values:
            raise InputError(f"nothing is given for the input {end.name!r}")
        parts.append(end.pack(values[end.name]))
    return b"".join(parts)


def unpack(model: Model, data: bytes) -> dict[str, Array]:
    """The outputs, by name. Raises :class:`ModelError`."""
    found, at = {}, 0
    for end in outputs(model):
        found[end.name] = end.unpack(data[at : at + end.size])
        at += end.size
    return found
