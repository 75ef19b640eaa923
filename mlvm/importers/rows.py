"""What all transformers are made of: matrices as integers, vectors between operators.

Numbers between operators are words, 32 bits in units of 2^-16; the residual stream of a decoder may
have another unit. A matrix has 8 bits and a scale for each output channel, or 16 where 8 are too
few.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mlvm.ir import Graph, Table, Tensor, fixed
from mlvm.ir.base import Result
from mlvm.ir.products import Weights
from mlvm.tasks import DType

Floats = NDArray[np.float32]
Floats64 = NDArray[np.float64]
#: What a word counts.
WORD = 1.0 / fixed.ONE
#: What a share that a softmax makes counts.
SHARE = 2.0**-15
#: Bits of a sum and of its product with a multiplier, together.
_BITS = 62


@dataclass(frozen=True, eq=False)
class Matrix:
    """Numbers ≈ ``codes`` · ``scales``, a row and a scale for each output; ``error``: how large
    what is lost is, in relation to the matrix."""

    codes: NDArray[np.integer]
    scales: NDArray[np.float64]
    dtype: DType
    error: float

    @classmethod
    def of(cls, numbers: Floats, dtype: DType = DType.I8) -> Matrix:
        """The nearest integers, the largest of each row being the type's largest."""
        largest = np.abs(numbers).max(axis=1).astype(np.float64)
        scales = np.where(largest > 0, largest / dtype.highest, 1.0)
        kind = {DType.I8: np.int8, DType.I16: np.int16}[dtype]
        codes = np.rint(numbers / scales[:, None].astype(np.float32)).astype(kind)
        lost = numbers - codes * scales[:, None].astype(np.float32)
        error = float(np.linalg.norm(lost) / max(float(np.linalg.norm(numbers)), 1e-30))
        return cls(codes, scales, dtype, error)


class Product:
    """A matrix in a graph, to multiply rows with as often as one likes. ``macs``: what that comes
    to."""

    def __init__(self, graph: Graph, name: str, matrix: Matrix) -> None:
        self.graph = graph
        self.name = name
        self.matrix = matrix
        self.macs = 0
        self.weights: Weights = graph.weights(name, matrix.codes, matrix.dtype)
        self._sum_bits = (self.weights.largest << 15).bit_length()

    def __call__(
        self,
        name: str,
        x: Tensor,
        result: Result,
        units: NDArray[np.float64] | None = None,
        bias: Floats | None = None,
    ) -> Tensor:
        """x times the matrix, plus ``bias``, in units of the result's scale; or of ``units``, one
        for each output. x has a scale, and with exponents it has no bias."""
        out = result.scale if units is None else units
        if x.scale is None or out is None:
            raise ValueError(f"{name}: a number without a scale")
        sums = self.matrix.scales * x.scale
        offsets = None if bias is None else fixed.rounded(bias / sums)
        self.macs += x.size * len(self.matrix.codes)
        bits = min(30, _BITS - self._sum_bits)
        multipliers, shift = fixed.factors(sums / out, bits)
        return self.graph.matmul(name, x, self.weights, offsets, multipliers, shift, result)


def factor(real: float, length: int) -> tuple[int, int]:
    """A multiplier and its shift, for sums of ``length`` products of 16-bit numbers."""
    return fixed.factor(real, min(30, _BITS - 30 - length.bit_length()))


def words(scale: float = WORD) -> Result:
    """32-bit numbers that count ``scale``."""
    return Result(DType.I32, 0, scale)


def shorts(bound: float) -> Result:
    """16-bit numbers up to ``bound``."""
    return Result(DType.I16, 0, bound / DType.I16.highest)


def scale_of(result: Result) -> float:
    """What it counts. Raises ValueError if it says nothing."""
    if result.scale is None:
        raise ValueError("a result without a scale")
    return result.scale


def without(x: Tensor, axis: int) -> Tensor:
    """x without a dimension, of length 1."""
    keep = [place for place in range(len(x.shape)) if place != axis]
    shape, strides = ([of[place] for place in keep] for of in (x.shape, x.strides))
    return replace(x, shape=tuple(shape), strides=tuple(strides))


def highest_of(matrix: Floats, gamma: Floats, beta: Floats | None, bias: Floats | None) -> float:
    """How large a product with what a norm makes can be: a normalised row of n numbers has the
    length √n, so this holds for every input whatever."""
    lengths = np.linalg.norm(matrix * gamma, axis=1) * np.sqrt(matrix.shape[1])
    rest = np.zeros(len(matrix), np.float32) if bias is None else bias
    if beta is not None:
        rest = rest + matrix @ beta
    return float((lengths + np.abs(rest)).max())


def silu(unit: float = WORD) -> Table:
    """x / (1 + e^-x), from words to words."""
    return fixed.curve(lambda x: x / (1 + np.exp(-x)), -20.0, 20.0, unit=unit, slope=1.0)
