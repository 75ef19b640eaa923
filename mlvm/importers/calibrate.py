"""What numbers occur: a model is run in float over samples, and formats are chosen to fit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlvm.importers import plain
from mlvm.importers.formats import Classes, Format
from mlvm.importers.graph import Array, FloatGraph, Values
from mlvm.tasks import DType

#: Numbers that are kept of each tensor of each sample.
KEPT = 4096
#: 16-bit formats reach so many times as far as what has been seen.
HEADROOM = 2.0
#: Parts of the range that an 8-bit format may be made for; what is beyond is the nearest end.
_PARTS = (1.0, 0.95, 0.9, 0.85, 0.8, 0.7, 0.6, 0.5)


@dataclass(frozen=True, slots=True)
class Seen:
    """What has been seen of a class of tensors: lowest, highest and some of the numbers."""

    low: float
    high: float
    some: NDArray[np.float32]

    def format(self, dtype: DType, symmetric: bool) -> Format:
        """The format of a type that is best for these numbers."""
        low, high = min(self.low, 0.0), max(self.high, 0.0)
        if low == high:
            return Format(dtype, 1.0)
        if dtype is not DType.I8:
            return Format(dtype, HEADROOM * max(-low, high) / dtype.highest)
        candidates = [_byte(low * part, high * part, symmetric) for part in _PARTS]
        return min(candidates, key=self.noise)

    def noise(self, format: Format) -> float:
        """The mean square of what a format changes, beside that of the numbers."""
        some = self.some.astype(np.float64)
        power = float((some**2).mean()) or 1.0
        return float(((format.nearest(self.some) - some) ** 2).mean()) / power


def _byte(low: float, high: float, symmetric: bool) -> Format:
    if symmetric:
        return Format(DType.I8, max(-low, high) / 127)
    scale = (high - low) / 255
    zero = int(np.clip(np.floor(-128 - low / scale + 0.5), -128, 127))
    return Format(DType.I8, scale, zero)


def calibrated(graph: FloatGraph, classes: Classes, samples: Iterable[Values]) -> dict[str, Seen]:
    """What is seen of each class when the graph runs over the samples."""
    lows: dict[str, float] = {}
    highs: dict[str, float] = {}
    some: dict[str, list[Array]] = {}
    for sample in samples:
        values = plain.run(graph, sample)
        for name, members in classes.members.items():
            for member in members:
                x = values[member].ravel()
                lows[name] = min(lows.get(name, np.inf), float(x.min()))
                highs[name] = max(highs.get(name, -np.inf), float(x.max()))
                some.setdefault(name, []).append(x[:: max(1, x.size // KEPT)][:KEPT])
    return {
        name: Seen(lows[name], highs[name], np.concatenate(some[name]).astype(np.float32))
        for name in classes.members
    }


def batches(arrays: dict[str, Array]) -> Iterator[Values]:
    """The samples of a file, one by one: their first dimension counts them."""
    for index in range(min(map(len, arrays.values()))):
        yield {name: array[index : index + 1] for name, array in arrays.items()}
