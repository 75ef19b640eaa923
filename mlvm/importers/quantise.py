"""Chooses what every tensor and every weight is rounded to: 8 bits, or 16 where 8 do too much harm.

A *scheme* is such a choice. What harm it does is measured by running the graph in float with every
result rounded as the scheme says, which is what the integers will do but for the last bit. The
choice begins with 8 bits everywhere; while the error is above the budget, those tensors and weights
get 16 that are changed the most by their own rounding, beside what it costs: a product of 16 bits
takes longer than one of 8.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import prod

import numpy as np
from numpy.typing import NDArray

from mlvm.importers import plain
from mlvm.importers.calibrate import Seen, calibrated
from mlvm.importers.formats import Classes, Format, Shape
from mlvm.importers.graph import Array, FloatGraph, Node, Values
from mlvm.tasks import DType

#: This part of what is left gets 16 bits at a time.
STEP = 0.15
#: So many samples measure a scheme: as many as make so many products, but some.
MEASURED_MACS = 4_000_000_000
MIN_MEASURED, MAX_MEASURED = 3, 12
#: What 16 bits cost that no product reads, beside those that all products read.
IDLE = 0.05


@dataclass(frozen=True, slots=True)
class Weights:
    """Weights as integers: one scale for each output channel."""

    integers: NDArray[np.int64]
    scales: NDArray[np.float64]
    dtype: DType

    def real(self) -> NDArray[np.float32]:
        shape = (-1, *[1] * (self.integers.ndim - 1))
        return (self.integers * self.scales.reshape(shape)).astype(np.float32)


def weights(w: Array, dtype: DType) -> Weights:
    """The nearest there are, channel by channel."""
    flat = np.abs(w.reshape(len(w), -1).astype(np.float64)).max(1)
    scales = np.maximum(flat, flat.max(initial=0) * 2.0**-20) / dtype.highest
    scales[scales == 0] = 1.0
    integers = np.floor(w / scales.reshape(-1, *[1] * (w.ndim - 1)) + 0.5).astype(np.int64)
    return Weights(np.clip(integers, -dtype.highest, dtype.highest), scales, dtype)


@dataclass(frozen=True)
class Scheme:
    """``formats`` by class; ``weights`` by the name of what a Convolve writes."""

    graph: FloatGraph
    classes: Classes
    formats: dict[str, Format]
    weights: dict[str, Weights]

    def format(self, name: str) -> Format:
        return self.formats[self.classes.of(name)]

    def run(self, sample: Values) -> dict[str, Array]:
        """Every tensor, in float, rounded as the scheme says."""
        values: dict[str, Array] = dict(self.graph.constants)
        for name, x in plain.as_numbers(sample).items():
            values[name] = self.format(name).nearest(x) if x.dtype.kind == "f" else x
        for node in self.graph.nodes:
            operands = [values[name] for name in node.inputs]
            if node.op == "Convolve":
                operands[1] = self.weights[node.output].real()
            found = plain.compute(node, operands)
            values[node.output] = self.format(node.output).nearest(found)
        return values


@dataclass
class Search:
    """A scheme on its way: what may still get 16 bits, and how much its rounding changes it."""

    graph: FloatGraph
    classes: Classes
    seen: dict[str, Seen]
    shapes: dict[str, Shape]
    scheme: Scheme = field(init=False)
    _noise: dict[tuple[str, str], float] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        costs = self._costs()
        formats = dict(self.classes.given)
        for name in self.classes.free:
            formats[name] = self._format(name, DType.I8)
            self._noise["format", name] = self.seen[name].noise(formats[name]) / costs[name]
        chosen = {}
        for node in self.graph.nodes:
            if node.op == "Convolve":
                w = self.graph.constants[node.inputs[1]].astype(np.float64)
                chosen[node.output] = weights(w, DType.I8)
                change = ((chosen[node.output].real() - w) ** 2).sum()
                noise = float(change / max((w**2).sum(), 1e-30))
                self._noise["weights", node.output] = noise / costs[self.classes.of(node.inputs[0])]
        self.scheme = Scheme(self.graph, self.classes, formats, chosen)

    def _costs(self) -> dict[str, float]:
        """Of each class, the part of all products that read it, and a little."""
        reads = dict.fromkeys(self.classes.members, 0)
        for node in self.graph.nodes:
            for name in node.inputs[: 2 if node.op == "Product" else 1]:
                if name not in self.graph.constants:
                    reads[self.classes.of(name)] += macs(self.graph, node, self.shapes)
        total = max(1, sum(reads.values()))
        return {name: IDLE + count / total for name, count in reads.items()}

    def _format(self, name: str, dtype: DType) -> Format:
        return self.seen[name].format(dtype, name in self.classes.symmetric)

    def widen(self) -> bool:
        """Give 16 bits to what is changed most; False if all have them."""
        if not self._noise:
            return False
        worst = sorted(self._noise, key=lambda key: -self._noise[key])
        formats, chosen = dict(self.scheme.formats), dict(self.scheme.weights)
        for kind, name in worst[: max(1, int(STEP * len(worst)))]:
            del self._noise[kind, name]
            if kind == "format":
                formats[name] = self._format(name, DType.I16)
            else:
                node = self.graph.producers()[name]
                chosen[name] = weights(self.graph.constants[node.inputs[1]], DType.I16)
        self.scheme = replace(self.scheme, formats=formats, weights=chosen)
        return True


@dataclass(frozen=True)
class Chosen:
    """A scheme, its error, and the noise of each tensor: its mean square over the signal's.
    ``reach``: lowest and highest number that has been seen of each class."""

    scheme: Scheme
    error: float
    noise: dict[str, float]
    reach: dict[str, tuple[float, float]]


def macs(graph: FloatGraph, node: Node, shapes: dict[str, Shape]) -> int:
    """Products of two numbers that a node adds up."""
    if node.op == "Convolve":
        w = graph.constants[node.inputs[1]]
        return prod(shapes[node.output]) * prod(w.shape[1:])
    if node.op == "Product":
        return prod(shapes[node.output]) * shapes[node.inputs[0]][-1]
    return 0


def choose(
    graph: FloatGraph, shapes: dict[str, Shape], samples: Sequence[Values], budget: float
) -> Chosen:
    """The first scheme whose error is within the budget, or the one of 16 bits throughout.

    The error is that of the outputs, before a final softmax: root mean square, relative.
    """
    classes = Classes(graph)
    search = Search(graph, classes, calibrated(graph, classes, samples), shapes)
    cost = max(1, sum(macs(graph, node, shapes) for node in graph.nodes))
    count = max(MIN_MEASURED, min(MEASURED_MACS // cost, MAX_MEASURED))
    measured = samples[:: max(1, len(samples) // count)][:count]
    expected = [plain.run(graph, sample) for sample in measured]
    reach = {name: (seen.low, seen.high) for name, seen in search.seen.items()}
    judged = [_judged(graph, name) for name in graph.outputs]
    while True:
        noise = _noise(search.scheme, measured, expected)
        error = float(np.sqrt(max(noise[name] for name in judged)))
        if error <= budget or not search.widen():
            return Chosen(search.scheme, error, noise, reach)


def _noise(
    scheme: Scheme, samples: Sequence[Values], expected: Sequence[dict[str, Array]]
) -> dict[str, float]:
    """Of every tensor: mean square of the difference, over that of the numbers less their mean."""
    change: dict[str, float] = {}
    power: dict[str, float] = {}
    for sample, floats in zip(samples, expected, strict=True):
        values = scheme.run(sample)
        for name, x in floats.items():
            if name in scheme.graph.constants:
                continue
            right, found = x.astype(np.float64), values[name].astype(np.float64)
            change[name] = change.get(name, 0.0) + float(((found - right) ** 2).mean())
            power[name] = power.get(name, 0.0) + float((right**2).mean())
    return {name: change[name] / (power[name] or 1.0) for name in change}


def _judged(graph: FloatGraph, output: str) -> str:
    """The tensor that an output is judged by: what is before a final softmax or argmax."""
    writers = graph.producers()
    node: Node | None = writers.get(output)
    while node and node.op in ("Reshape", "Transpose", "Softmax", "ArgMax", "Convert"):
        output = node.inputs[0]
        node = writers.get(output)
    return output
