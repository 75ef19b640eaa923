"""Float graphs: what a model is while it is imported.

A graph is a list of nodes in an order in which they can be computed. Nodes name what they read and
write; a name is written once. Operators are those of ONNX in their newest form (what older versions
had as attributes are inputs), and, after :mod:`mlvm.importers.simplify`, the few of
:mod:`mlvm.importers.plain`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlvm.model import ModelError

Array = NDArray[Any]
Values = Mapping[str, Array]

__all__ = [
    "MAX_NUMBERS",
    "UNFIT",
    "Array",
    "FloatGraph",
    "Input",
    "ModelError",
    "Node",
    "Values",
    "ordered",
    "pruned",
]

#: What numpy and Python raise where numbers, shapes or attributes do not go together.
UNFIT = (ArithmeticError, AttributeError, IndexError, KeyError, TypeError, ValueError)
#: Numbers that one tensor may have: those of the largest arena, and a guard against absurd shapes.
MAX_NUMBERS = 1 << 28


@dataclass(frozen=True, slots=True)
class Node:
    """One operation. An input that is left out has the name ""."""

    op: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def output(self) -> str:
        return self.outputs[0]

    def __str__(self) -> str:
        return f"{self.op} {self.name or self.outputs[0]}"


@dataclass(frozen=True, slots=True)
class Input:
    """What a model is given: ``shape`` has numbers only."""

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]


@dataclass(frozen=True, slots=True)
class FloatGraph:
    nodes: tuple[Node, ...]
    constants: Mapping[str, Array]
    inputs: tuple[Input, ...]
    outputs: tuple[str, ...]

    def with_nodes(
        self, nodes: Iterable[Node], constants: Mapping[str, Array] | None = None
    ) -> FloatGraph:
        """The same graph of other nodes, and, if given, other constants; what nothing needs is
        left out."""
        kept = self.constants if constants is None else constants
        return pruned(replace(self, nodes=tuple(nodes), constants=kept))

    def consumers(self) -> dict[str, list[Node]]:
        """Who reads each name."""
        found: dict[str, list[Node]] = {}
        for node in self.nodes:
            for name in dict.fromkeys(node.inputs):
                found.setdefault(name, []).append(node)
        return found

    def producers(self) -> dict[str, Node]:
        """Who writes each name."""
        return {name: node for node in self.nodes for name in node.outputs}


def pruned(graph: FloatGraph) -> FloatGraph:
    """The graph without what no output needs."""
    needed = set(graph.outputs)
    nodes = []
    for node in reversed(graph.nodes):
        if needed.intersection(node.outputs):
            nodes.append(node)
            needed.update(node.inputs)
    constants = {name: value for name, value in graph.constants.items() if name in needed}
    return replace(graph, nodes=tuple(reversed(nodes)), constants=constants)


def ordered(nodes: Iterable[Node], known: Iterable[str]) -> tuple[Node, ...]:
    """The nodes, each behind those that it needs; otherwise as they came.

    Raises :class:`ModelError` for a cycle, a name that nothing writes, or that two do.
    """
    nodes = tuple(nodes)
    writers: dict[str, int] = dict.fromkeys(known, -1)
    for index, node in enumerate(nodes):
        for name in filter(None, node.outputs):
            if name in writers:
                raise ModelError(f"{node}: {name!r} is written twice")
            writers[name] = index
    done: dict[int, bool] = {-1: True}  # False while what it needs is looked at
    order: list[Node] = []
    for start in range(len(nodes)):
        stack = [start]
        while stack:
            index = stack[-1]
            needs = [_writer(nodes[index], name, writers) for name in nodes[index].inputs if name]
            missing = [need for need in needs if need not in done]
            if done.get(index):
                stack.pop()
            elif any(done.get(need) is False for need in needs):
                raise ModelError(f"{nodes[index]}: needs its own result")
            elif missing:
                done[index] = False
                stack.append(missing[0])
            else:
                done[index] = True
                order.append(nodes[index])
                stack.pop()
    return tuple(order)


def _writer(node: Node, name: str, writers: Mapping[str, int]) -> int:
    if name not in writers:
        raise ModelError(f"{node}: nothing writes its input {name!r}")
    return writers[name]


def unfit(node: Node, error: Exception) -> ModelError:
    """One line about a node that cannot be; ``error`` is one of :data:`UNFIT`."""
    [text, *_] = str(error).splitlines() or [type(error).__name__]
    if isinstance(error, ModelError):
        return ModelError(f"{node}: {text}")
    return ModelError(f"{node}: does not fit its inputs: {text}")
