"""The plain operators: the few that ONNX's many boil down to, each of them one of the IR's.

Pictures are (1, height, width, channels). What an operator needs to know that is not a tensor is
among its node's attributes:

    Convolve     picture, weights (out, height, width, in / groups), bias (out): kernel, strides,
                 dilations, pads (top, left, bottom, right), groups; limits
    Product      a (…, m, k), b (…, n, k): a · bᵀ
    Function     x: apply, what it does with an array; label; clip, if it only clips
    Add, Sub, Mul, Max, Min
                 two tensors, with broadcasting; limits
    Softmax, ArgMax
                 x: over the last dimension
    Norm         x, gamma, beta: over the last dimension; centred, epsilon
    MaxPool, MeanPool
                 picture: kernel, strides, dilations, pads, counts_padding
    ReduceSum, ReduceMean, ReduceMax
                 x (before, n, after): over n
    Transpose, Reshape, Slice, Pad, Concat, Expand
                 perm; shape; starts, steps, shape; pads, value; axis; shape
    Embed        indices, table (rows, length)
    Convert      x: the same in another format

*Limits*: the result is clipped to ``low`` … ``high``.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from mlvm.importers.graph import Array, FloatGraph, Node, Values
from mlvm.importers.operators import compute as compute_onnx

BINARY = {
    "Add": np.add,
    "Sub": np.subtract,
    "Mul": np.multiply,
    "Max": np.maximum,
    "Min": np.minimum,
}
#: Whose result has the format of what they read.
MOVING = frozenset(
    (
        *("Transpose", "Reshape", "Slice", "Pad", "Concat", "Expand"),
        *("MaxPool", "ReduceMax"),
    )
)


def run(graph: FloatGraph, inputs: Values) -> dict[str, Array]:
    """Every tensor of a graph of plain operators, in float."""
    values: dict[str, Array] = {**graph.constants, **as_numbers(inputs)}
    for node in graph.nodes:
        values[node.output] = compute(node, [values[name] for name in node.inputs])
    return values


def as_numbers(inputs: Values) -> dict[str, Array]:
    """Inputs of bytes as the numbers that they are; indices stay integers."""
    return {
        name: x.astype(np.float32) if x.dtype in (np.uint8, np.int8) else x
        for name, x in inputs.items()
    }


def compute(node: Node, operands: list[Any]) -> Array:
    """What a plain operator makes of its inputs, in float."""
    with np.errstate(all="ignore"):
        found: Array = np.asarray(_COMPUTE[node.op](node, *operands))
    low, high = limits(node)
    if low > -np.inf or high < np.inf:
        found = np.clip(found, low, high)
    return found.astype(np.float32) if found.dtype == np.float64 else found


def limits(node: Node) -> tuple[float, float]:
    """Between which numbers the result is clipped."""
    return node.attributes.get("low", -np.inf), node.attributes.get("high", np.inf)


# --- One by one -----------------------------------------------------------------------------------


def _picture(node: Node, op: str, x: Array, *more: Array, **attributes: Any) -> Array:
    """By an operator of ONNX, whose pictures have their channels second."""
    top, left, bottom, right = node.attributes["pads"]
    attributes |= {"strides": node.attributes["strides"], "pads": (top, left, bottom, right)}
    first = Node(op, node.name, ("x", *map(str, range(len(more)))), ("y",), attributes)
    values = {"x": x.transpose(0, 3, 1, 2), **{str(i): array for i, array in enumerate(more)}}
    [found] = compute_onnx(first, values)
    return found.transpose(0, 2, 3, 1)


def _convolve(node: Node, x: Array, w: Array, b: Array) -> Array:
    """By one matrix product, of all windows; in groups as ONNX's."""
    at = node.attributes
    if at["groups"] != 1:
        attributes = {"group": at["groups"], "dilations": at["dilations"]}
        return _picture(node, "Conv", x, w.transpose(0, 3, 1, 2), b, **attributes)
    (down, right), (top, left, bottom, after) = at["strides"], at["pads"]
    reach = [d * (k - 1) + 1 for d, k in zip(at["dilations"], w.shape[1:3], strict=True)]
    padded = np.pad(x[0], ((top, bottom), (left, after), (0, 0))) if any(at["pads"]) else x[0]
    seen = sliding_window_view(padded, reach, (0, 1))[
        ::down, ::right, :, :: at["dilations"][0], :: at["dilations"][1]
    ]
    rows = seen.transpose(0, 1, 3, 4, 2).reshape(-1, prod(w.shape[1:]))
    found: Array = rows @ w.reshape(len(w), -1).T + b
    return found.reshape(1, *seen.shape[:2], len(w))


def _pool(node: Node, x: Array) -> Array:
    op = "MaxPool" if node.op == "MaxPool" else "AveragePool"
    counted = int(node.attributes.get("counts_padding", False))
    return _picture(node, op, x, kernel_shape=node.attributes["kernel"], count_include_pad=counted)


def _norm(node: Node, x: Array, gamma: Array, beta: Array) -> Array:
    if node.attributes["centred"]:
        x = x - x.mean(-1, keepdims=True)
    square = (x**2).mean(-1, keepdims=True)
    found: Array = x / np.sqrt(square + np.float32(node.attributes["epsilon"])) * gamma + beta
    return found


def _softmax(_node: Node, x: Array) -> Array:
    powers = np.exp(x - x.max(-1, keepdims=True))
    found: Array = powers / powers.sum(-1, keepdims=True)
    return found


def _slice(node: Node, x: Array) -> Array:
    found = x
    for axis, (start, step, size) in enumerate(
        zip(*(node.attributes[key] for key in ("starts", "steps", "shape")), strict=True)
    ):
        found = np.take(found, start + step * np.arange(size), axis)
    return found


def _embed(_node: Node, indices: Array, table: Array) -> Array:
    rows = indices.astype(np.int64)
    rows = np.where((rows >= 0) & (rows < len(table)), rows, 0)
    found: Array = table[rows]
    return found


_COMPUTE: dict[str, Any] = {
    "Convolve": _convolve,
    "Product": lambda _, a, b: a @ np.swapaxes(b, -1, -2),
    "Function": lambda node, x: np.asarray(node.attributes["apply"](x)).reshape(x.shape),
    **{op: (lambda node, a, b: BINARY[node.op](a, b)) for op in BINARY},
    "Softmax": _softmax,
    "ArgMax": lambda _, x: np.argmax(x, -1).astype(np.int32),
    "Norm": _norm,
    "MaxPool": _pool,
    "MeanPool": _pool,
    "ReduceSum": lambda _, x: x.sum(1, keepdims=True),
    "ReduceMean": lambda _, x: x.mean(1, keepdims=True),
    "ReduceMax": lambda _, x: x.max(1, keepdims=True),
    "Transpose": lambda node, x: x.transpose(node.attributes["perm"]),
    "Reshape": lambda node, x: x.reshape(node.attributes["shape"]),
    "Slice": _slice,
    "Pad": lambda node, x: np.pad(
        x, node.attributes["pads"], constant_values=node.attributes["value"]
    ),
    "Concat": lambda node, *xs: np.concatenate(xs, node.attributes["axis"]),
    "Expand": lambda node, x: np.broadcast_to(x, node.attributes["shape"]),
    "Embed": _embed,
    "Convert": lambda _, x: x,
}
