"""Older forms of ONNX's operators, and rare ones, said in the newest and the common ones.

So nothing behind this knows versions: axes, limits and the like are inputs, as they are in the
newest version of their operators.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from mlvm.importers.graph import UNFIT, Array, ModelError, Node, unfit

#: Attributes that became inputs: operator to attributes, by the place of the input.
_MOVED: dict[str, tuple[tuple[int, str], ...]] = {
    "Squeeze": ((1, "axes"),),
    "Unsqueeze": ((1, "axes"),),
    "ReduceMean": ((1, "axes"),),
    "ReduceSum": ((1, "axes"),),
    "ReduceMax": ((1, "axes"),),
    "ReduceMin": ((1, "axes"),),
    "ReduceL2": ((1, "axes"),),
    "ReduceSumSquare": ((1, "axes"),),
    "Split": ((1, "split"),),
    "Slice": ((1, "starts"), (2, "ends"), (3, "axes")),
    "Pad": ((1, "pads"), (2, "value")),
    "Clip": ((1, "min"), (2, "max")),
}
#: Since when the default axis of Softmax is the last one, and only that one counts.
_SOFTMAX_OF_ONE_AXIS = 13


class _Modern:
    """The nodes and constants that come out."""

    def __init__(self, version: int) -> None:
        self.version = version
        self.nodes: list[Node] = []
        self.constants: dict[str, Array] = {}

    def constant(self, node: Node, what: str, value: Any) -> str:
        name = f"{node.outputs[0]}/{what}"
        self.constants[name] = np.asarray(value)
        return name

    def add(self, node: Node) -> None:
        rule = _RULES.get(node.op)
        if rule:
            rule(self, node)
        else:
            self.nodes.append(self._moved(node))

    def _moved(self, node: Node) -> Node:
        """With attributes that have become inputs as inputs."""
        attributes, inputs = dict(node.attributes), list(node.inputs)
        for place, name in _MOVED.get(node.op, ()):
            if name in attributes:
                value = np.asarray(attributes.pop(name))
                value = value.astype(np.float32 if value.dtype.kind == "f" else np.int64)
                inputs += [""] * (place + 1 - len(inputs))
                inputs[place] = self.constant(node, name, value)
        return Node(node.op, node.name, tuple(inputs), node.outputs, attributes)


def modernised(nodes: Iterable[Node], version: int) -> tuple[list[Node], dict[str, Array]]:
    """The nodes in their newest form, and the constants that they need for it.

    ``version``: that of the operators in the file. Raises :class:`ModelError`.
    """
    modern = _Modern(version)
    for node in nodes:
        try:
            modern.add(node)
        except UNFIT as error:
            raise unfit(node, error) from None
    return modern.nodes, modern.constants


# --- Rules ----------------------------------------------------------------------------------------


def _constant(modern: _Modern, node: Node) -> None:
    for name in ("value", "value_float", "value_int", "value_floats", "value_ints"):
        if name in node.attributes:
            value = np.asarray(node.attributes[name])
            value = value.astype(np.float32) if value.dtype == np.float64 else value
            modern.constants[node.output] = value
            return
    raise ModelError("its value is of no known type")


def _softmax(modern: _Modern, node: Node) -> None:
    old = modern.version < _SOFTMAX_OF_ONE_AXIS
    axis = node.attributes.get("axis", 1 if old else -1)
    attributes = {"axis": axis, "flat": old}
    modern.nodes.append(Node(node.op, node.name, node.inputs, node.outputs, attributes))


def _dropout(modern: _Modern, node: Node) -> None:
    modern.nodes.append(Node("Identity", node.name, node.inputs[:1], node.outputs[:1]))


def _prelu(modern: _Modern, node: Node) -> None:
    """max(x, 0) + slope · min(x, 0)."""
    x, slope = node.inputs
    zero = modern.constant(node, "zero", np.float32(0))
    above, below, sloped = (f"{node.output}/{part}" for part in ("above", "below", "sloped"))
    modern.nodes += [
        Node("Max", node.name, (x, zero), (above,)),
        Node("Min", node.name, (x, zero), (below,)),
        Node("Mul", node.name, (below, slope), (sloped,)),
        Node("Add", node.name, (above, sloped), node.outputs),
    ]


def _l2(modern: _Modern, node: Node) -> None:
    """√ of the sum of squares."""
    moved = modern._moved(node)
    squares, total = f"{node.output}/squares", f"{node.output}/sum"
    inputs = (squares, *moved.inputs[1:])
    modern.nodes.append(Node("Mul", node.name, (node.inputs[0],) * 2, (squares,)))
    if node.op == "ReduceSumSquare":
        modern.nodes.append(Node("ReduceSum", node.name, inputs, node.outputs, moved.attributes))
        return
    modern.nodes += [
        Node("ReduceSum", node.name, inputs, (total,), moved.attributes),
        Node("Sqrt", node.name, (total,), node.outputs),
    ]


def _lp_normalization(modern: _Modern, node: Node) -> None:
    if node.attributes.get("p", 2) != 2:
        raise ModelError("only the norm of p = 2 is supported")
    axis = modern.constant(node, "axis", np.array([node.attributes.get("axis", -1)]))
    norm = f"{node.output}/norm"
    _l2(modern, Node("ReduceL2", node.name, (node.inputs[0], axis), (norm,)))
    modern.nodes.append(Node("Div", node.name, (node.inputs[0], norm), node.outputs))


_RULES: dict[str, Callable[[_Modern, Node], None]] = {
    "Constant": _constant,
    "Softmax": _softmax,
    "Dropout": _dropout,
    "PRelu": _prelu,
    "ReduceL2": _l2,
    "ReduceSumSquare": _l2,
    "LpNormalization": _lp_normalization,
}
