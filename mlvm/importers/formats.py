"""Formats: what the integers of a tensor mean, and which tensors must have the same.

A number is (integer − zero) · scale. Operators that only move numbers leave their format as it is,
so the tensors that they connect are one *class*. Some formats are given: indices count 1, a softmax
counts 2^-15, a norm reads and writes units of 2^-16 in 32 bits. All others are free: 8 bits, or 16.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlvm.importers.graph import Array, FloatGraph, Node
from mlvm.importers.plain import BINARY, MOVING
from mlvm.ir.fixed import ONE, rounded
from mlvm.tasks import DType

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Format:
    dtype: DType
    scale: float
    zero: int = 0

    def integers(self, x: Array) -> NDArray[np.int64]:
        """The nearest that there are."""
        scaled = rounded(np.clip(np.asarray(x, np.float64) / self.scale, -(2.0**40), 2.0**40))
        return np.clip(scaled + self.zero, self.dtype.lowest, self.dtype.highest)

    def real(self, integers: Array) -> NDArray[np.float64]:
        """What integers stand for."""
        return (np.asarray(integers, np.float64) - self.zero) * self.scale

    def nearest(self, x: Array) -> NDArray[np.float32]:
        """Real numbers as near as the format has them, but for the last bits of a float32."""
        if self.dtype is DType.I32:
            return self.real(self.integers(x)).astype(np.float32)
        found = np.multiply(x, np.float32(1 / self.scale), dtype=np.float32)
        np.rint(found, out=found)
        low, high = self.dtype.lowest - self.zero, self.dtype.highest - self.zero
        np.clip(found, low, high, out=found)
        found *= np.float32(self.scale)
        return found

    @property
    def description(self) -> dict[str, object]:
        return {"type": self.dtype.name, "scale": self.scale, "zero": self.zero}


#: 32 bits in units of 2^-16.
WORDS = Format(DType.I32, 1 / ONE)
INDICES = Format(DType.I32, 1.0)
PIXELS = Format(DType.U8, 1.0)
PROBABILITIES = Format(DType.I16, 2.0**-15)

#: Operators that write 32 bits as well as fewer: only before these needs no Convert stand.
_WRITES_WORDS = frozenset(("Convolve", "Product", "Function", "Embed", "MeanPool", "ReduceMean"))
#: Operators that read 32 bits, and write what they are told.
_READS_WORDS = frozenset(("Function", "Norm", "Softmax", "ArgMax", "Embed", "Convert", *BINARY))
#: Of several inputs of one class.
_JOINING = frozenset(("Concat",))


def with_conversions(
    graph: FloatGraph, shapes: dict[str, Shape]
) -> tuple[FloatGraph, dict[str, Shape]]:
    """The graph with a Convert wherever a given format meets operators that cannot have it."""
    shapes = dict(shapes)
    writers, readers = graph.producers(), graph.consumers()
    given = _given(graph, {})
    before: dict[str, str] = {}  # for Norms
    after: dict[str, str] = {}  # for all others
    for node in graph.nodes:
        if node.op == "Norm" and not _can_be_words(node.inputs[0], graph, writers, readers):
            before[node.inputs[0]] = f"{node.inputs[0]}/words"
    for name, format in given.items():
        users = readers.get(name, ())
        if name in before or name in graph.constants:
            continue
        if any(not _takes(user, format) for user in users):
            after[name] = f"{name}/narrow"
    nodes: list[Node] = []
    for entry in graph.inputs:
        nodes += _conversions(entry.name, before, after, shapes)
    for node in graph.nodes:
        inputs = tuple(_renamed(node, name, before, after, given) for name in node.inputs)
        nodes.append(Node(node.op, node.name, inputs, node.outputs, node.attributes))
        nodes += _conversions(node.output, before, after, shapes)
    return graph.with_nodes(nodes), shapes


def _takes(node: Node, format: Format) -> bool:
    """Whether an operator reads a given format."""
    if format.dtype is DType.I32:
        return node.op in _READS_WORDS or (node.op in MOVING and format == INDICES)
    return node.op not in _JOINING


def _can_be_words(
    name: str,
    graph: FloatGraph,
    writers: Mapping[str, Node],
    readers: Mapping[str, list[Node]],
) -> bool:
    writer = writers.get(name)
    if writer is None or name in graph.outputs:
        return False
    if writer.op == "Norm":
        return True
    writes = writer.op in _WRITES_WORDS or writer.op in BINARY
    return writes and all(node.op in _READS_WORDS for node in readers[name])


def _renamed(
    node: Node,
    name: str,
    before: Mapping[str, str],
    after: Mapping[str, str],
    given: Mapping[str, Format],
) -> str:
    if node.op == "Norm" and name in before:
        return before[name]
    if name in after and not _takes(node, given[name]):
        return after[name]
    return name


def _conversions(
    name: str, before: Mapping[str, str], after: Mapping[str, str], shapes: dict[str, Shape]
) -> list[Node]:
    found = []
    for names in (before, after):
        if name in names:
            shapes[names[name]] = shapes[name]
            found.append(Node("Convert", name, (name,), (names[name],)))
    return found


def _given(graph: FloatGraph, inputs: Mapping[str, Format]) -> dict[str, Format]:
    """Tensors whose format does not depend on any choice."""
    found = dict(inputs)
    for entry in graph.inputs:
        if entry.dtype == np.uint8:
            found.setdefault(entry.name, PIXELS)
        elif entry.dtype.kind in "iu":
            found.setdefault(entry.name, INDICES)
    for node in graph.nodes:
        if node.op == "Norm":
            found[node.inputs[0]] = found[node.output] = WORDS
        elif node.op == "Softmax":
            found[node.output] = PROBABILITIES
        elif node.op == "ArgMax" or (node.op == "Reshape" and found.get(node.inputs[0]) == INDICES):
            found[node.output] = INDICES
    return found


class Classes:
    """Which tensors have one format; which formats are given; which have no zero point."""

    def __init__(self, graph: FloatGraph) -> None:
        self._parent: dict[str, str] = {}
        for node in graph.nodes:
            for name in (*node.inputs, *node.outputs):
                self._parent.setdefault(name, name)
            if node.op in MOVING:
                for name in node.inputs:
                    self._parent[self.of(name)] = self.of(node.output)
        self.members: dict[str, list[str]] = {}
        for name in self._parent:
            if name not in graph.constants:
                self.members.setdefault(self.of(name), []).append(name)
        self.given = {self.of(name): format for name, format in _given(graph, {}).items()}
        self.symmetric = set()
        for node in graph.nodes:
            if node.op == "Embed":
                self.symmetric.add(self.of(node.output))
            if node.op == "Product":
                self.symmetric.update(map(self.of, node.inputs))

    def of(self, name: str) -> str:
        """The class of a tensor: the name of one of its members."""
        while self._parent.setdefault(name, name) != name:
            name = self._parent[name]
        return name

    @property
    def free(self) -> list[str]:
        """Those whose format is to be chosen."""
        return [name for name in self.members if name not in self.given]
