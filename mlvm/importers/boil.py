"""ONNX's operators boiled down to the plain ones (:mod:`mlvm.importers.plain`).

Each rule says what one operator of ONNX is in plain ones. What it writes keeps its name, so floats
can be compared; what comes in between gets new ones. Pictures are turned to have their channels
last, and back again behind each operator: :mod:`mlvm.importers.tidy` sees to it that nothing is
turned in vain.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np

from mlvm.importers.graph import UNFIT, Array, FloatGraph, ModelError, Node, unfit
from mlvm.importers.operators import Windows, windows
from mlvm.importers.settle import Settled

Shape = tuple[int, ...]


class Boiler:
    """The plain graph while it is made."""

    def __init__(self, settled: Settled) -> None:
        self.constants: dict[str, Array] = dict(settled.graph.constants)
        self.shapes: dict[str, Shape] = dict(settled.shapes)
        self.nodes: list[Node] = []
        self._fresh = 0

    def shape(self, name: str) -> Shape:
        return self.shapes[name]

    def constant(self, value: Any) -> str:
        array = np.asarray(value, np.float32)
        name = self._new()
        self.constants[name], self.shapes[name] = array, array.shape
        return name

    def add(
        self,
        op: str,
        inputs: Sequence[str],
        shape: Shape,
        of: Node,
        out: str = "",
        /,
        **attributes: Any,
    ) -> str:
        """A plain node of what ``of`` is; the name of what it writes, which has ``shape``."""
        out = out or self._new()
        self.nodes.append(Node(op, of.name or of.output, tuple(inputs), (out,), attributes))
        self.shapes[out] = tuple(int(size) for size in shape)
        return out

    def reshape(self, x: str, shape: Shape, of: Node, out: str = "") -> str:
        return self.add("Reshape", [x], shape, of, out, shape=tuple(int(size) for size in shape))

    def transpose(self, x: str, perm: Sequence[int], of: Node, out: str = "") -> str:
        shape = tuple(self.shape(x)[axis] for axis in perm)
        return self.add("Transpose", [x], shape, of, out, perm=tuple(perm))

    def axis_last(self, x: str, axis: int, of: Node) -> str:
        """x with the dimension ``axis`` behind the others."""
        rank = len(self.shape(x))
        return self.transpose(x, [*(i for i in range(rank) if i != axis), axis], of)

    def axis_back(self, x: str, axis: int, of: Node, out: str) -> str:
        """The opposite."""
        rank = len(self.shape(x))
        order = list(range(rank - 1))
        order.insert(axis, rank - 1)
        return self.transpose(x, order, of, out)

    def _new(self) -> str:
        self._fresh += 1
        return f"#{self._fresh}"


def boiled(settled: Settled) -> tuple[FloatGraph, dict[str, Shape]]:
    """The graph in plain operators, and the shapes of its tensors.

    Raises :class:`ModelError`, naming all nodes that there is no plain form of.
    """
    boiler = Boiler(settled)
    faults: list[str] = []
    for node in settled.graph.nodes:
        rule = _RULES.get(node.op)
        if rule is None:
            faults.append(f"{node}: it depends on the input")
            continue
        try:
            rule(boiler, node)
        except UNFIT as error:
            faults.append(str(unfit(node, error)))
    if faults:
        raise ModelError("not supported: " + "; ".join(faults))
    return settled.graph.with_nodes(boiler.nodes, boiler.constants), boiler.shapes


# --- Pictures -------------------------------------------------------------------------------------


def _to_picture(boiler: Boiler, x: str, of: Node) -> str:
    """(1, channels, …) as (1, height, width, channels)."""
    shape = boiler.shape(x)
    if len(shape) not in (3, 4) or shape[0] != 1:
        raise ModelError(f"a picture of the shape {shape}; one of 1 or 2 dimensions is supported")
    last = boiler.axis_last(x, 1, of)
    if len(shape) == 3:
        last = boiler.reshape(last, (1, shape[2], 1, shape[1]), of)
    return last


def _from_picture(boiler: Boiler, x: str, rank: int, of: Node) -> None:
    """The opposite; writes what ``of`` writes."""
    if rank == 3:
        _, height, _, channels = boiler.shape(x)
        x = boiler.reshape(x, (1, height, channels), of)
    boiler.axis_back(x, 1, of, of.output)


def _geometry(window: Windows, sizes: Shape) -> dict[str, Any]:
    """Attributes of a Convolve or a pool, of two dimensions."""
    after = [
        max(0, (n - 1) * stride + dilation * (kernel - 1) + 1 - size - before)
        for n, stride, dilation, kernel, size, (before, _) in zip(
            *(window.out, window.strides, window.dilations, window.kernel, sizes, window.pads),
            strict=True,
        )
    ]
    before = [pair[0] for pair in window.pads]
    more = 2 - len(sizes)  # a row is a picture of width 1
    return {
        "strides": (*window.strides, *[1] * more),
        "dilations": (*window.dilations, *[1] * more),
        "kernel": (*window.kernel, *[1] * more),
        "pads": (*before, *[0] * more, *after, *[0] * more),
    }


def _conv(boiler: Boiler, node: Node) -> None:
    x, w, b = [*node.inputs, ""][:3]
    weights, shape = boiler.constants.get(w), boiler.shape(x)
    if weights is None or (b and b not in boiler.constants):
        raise ModelError("its weights depend on the input")
    window = windows(node, shape, weights.shape[2:])
    picture = _to_picture(boiler, x, node)
    weights = weights.reshape(*weights.shape, *[1] * (4 - weights.ndim)).transpose(0, 2, 3, 1)
    bias = boiler.constants[b] if b else np.zeros(len(weights), np.float32)
    inputs = [picture, boiler.constant(weights), boiler.constant(bias)]
    geometry = _geometry(window, shape[2:])
    out = (1, *[*window.out, 1][:2], len(weights))
    groups = node.attributes.get("group", 1)
    done = boiler.add("Convolve", inputs, out, node, groups=groups, **geometry)
    _from_picture(boiler, done, len(shape), node)


def _pool(boiler: Boiler, node: Node) -> None:
    [x] = node.inputs
    shape = boiler.shape(x)
    window = windows(node, shape)
    counts_padding = bool(node.attributes.get("count_include_pad", 0)) and any(
        sum(pair) for pair in window.pads
    )
    if node.op == "AveragePool" and counts_padding and node.attributes.get("ceil_mode", 0):
        raise ModelError("a mean that counts padding, of windows whose number is rounded up")
    if len(node.outputs) > 1 and node.outputs[1]:
        raise ModelError("the places of the maxima are not supported")
    if tuple(window.kernel) == shape[2:] and not any(map(sum, window.pads)):
        return _of_all(boiler, node)
    if node.op == "MaxPool" and max(window.dilations) > 1:
        raise ModelError("dilations of a pool")
    picture = _to_picture(boiler, x, node)
    _, channels, *_ = shape
    out = (1, *[*window.out, 1][:2], channels)
    geometry = _geometry(window, shape[2:])
    op = "MaxPool" if node.op == "MaxPool" else "MeanPool"
    done = boiler.add(op, [picture], out, node, counts_padding=counts_padding, **geometry)
    _from_picture(boiler, done, len(shape), node)
    return None


def _of_all(boiler: Boiler, node: Node) -> None:
    """A pool of one window, which is all of the picture."""
    shape = boiler.shape(node.inputs[0])
    last = boiler.axis_last(node.inputs[0], 1, node)
    rows = boiler.reshape(last, (shape[0], prod(shape[2:]), shape[1]), node)
    op = "ReduceMax" if "Max" in node.op else "ReduceMean"
    done = boiler.add(op, [rows], (shape[0], 1, shape[1]), node)
    boiler.reshape(done, boiler.shape(node.output), node, node.output)


# --- Products -------------------------------------------------------------------------------------


def _rows_times(
    boiler: Boiler, node: Node, x: str, weights: Array, bias: Array, out: str = ""
) -> str:
    """Rows of x, the last dimension, times constant ``weights`` (length, out), plus ``bias``."""
    *rows, length = boiler.shape(x)
    if weights.shape[0] != length:
        raise ModelError(f"rows of {length} do not fit weights {weights.shape}")
    picture = boiler.reshape(x, (1, prod(rows), 1, length), node)
    inputs = [picture, boiler.constant(weights.T[:, None, None]), boiler.constant(bias)]
    geometry = {"strides": (1, 1), "dilations": (1, 1), "kernel": (1, 1), "pads": (0, 0, 0, 0)}
    shape = (1, prod(rows), 1, weights.shape[1])
    done = boiler.add("Convolve", inputs, shape, node, groups=1, **geometry)
    return boiler.reshape(done, (*rows, weights.shape[1]), node, out)


def _matmul(boiler: Boiler, node: Node) -> None:
    a, b = node.inputs
    a_shape, b_shape = boiler.shape(a), boiler.shape(b)
    if len(a_shape) < 2 or len(b_shape) < 2:
        raise ModelError("a product with a vector")
    if b in boiler.constants and prod(b_shape[:-2]) == 1:
        weights = boiler.constants[b].reshape(b_shape[-2:])
        rank = max(len(a_shape), len(b_shape))
        zeros = np.zeros(weights.shape[1], np.float32)
        done = _rows_times(boiler, node, a, weights, zeros)
        shape = (*[1] * (rank - len(a_shape)), *a_shape[:-1], weights.shape[1])
        boiler.reshape(done, shape, node, node.output)
        return
    if a in boiler.constants and len(a_shape) == 2:
        turned = boiler.transpose(b, _last_two_swapped(len(b_shape)), node)
        weights = boiler.constants[a].T
        done = _rows_times(boiler, node, turned, weights, np.zeros(weights.shape[1], np.float32))
        boiler.transpose(done, _last_two_swapped(len(b_shape)), node, node.output)
        return
    if a in boiler.constants or b in boiler.constants:
        raise ModelError("a product of many constant matrices")
    if prod(a_shape[:-2]) != prod(b_shape[:-2]):
        raise ModelError(f"a product of {a_shape} and {b_shape}, with broadcasting")
    turned = boiler.transpose(b, _last_two_swapped(len(b_shape)), node)
    shape = (*max(a_shape[:-2], b_shape[:-2], key=len), a_shape[-2], b_shape[-1])
    boiler.add("Product", [a, turned], shape, node, node.output)


def _last_two_swapped(rank: int) -> list[int]:
    return [*range(rank - 2), rank - 1, rank - 2]


def _gemm(boiler: Boiler, node: Node) -> None:
    a, b, c = [*node.inputs, ""][:3]
    at = node.attributes
    if b not in boiler.constants or (c and c not in boiler.constants):
        raise ModelError("its weights depend on the input")
    if at.get("transA"):
        a = boiler.transpose(a, (1, 0), node)
    weights = boiler.constants[b].T if at.get("transB") else boiler.constants[b]
    weights = weights * np.float32(at.get("alpha", 1.0))
    bias = np.zeros(weights.shape[1], np.float32)
    if c:
        more = boiler.constants[c] * np.float32(at.get("beta", 1.0))
        if more.ndim > 1 and more.shape[0] != 1:
            raise ModelError("a bias for each row")
        bias = bias + more.reshape(-1)
    _rows_times(boiler, node, a, weights, bias, node.output)


# --- Normalisation --------------------------------------------------------------------------------


def _batch_normalization(boiler: Boiler, node: Node) -> None:
    x, *names = node.inputs
    if any(name not in boiler.constants for name in names):
        raise ModelError("its parameters depend on the input")
    scale, bias, mean, variance = (boiler.constants[name].astype(np.float64) for name in names)
    factor = scale / np.sqrt(variance + node.attributes.get("epsilon", 1e-5))
    _scaled(boiler, node, x, factor, bias - mean * factor)


def _scaled(boiler: Boiler, node: Node, x: str, factor: Array, shift: Array) -> None:
    """x · factor + shift, both by channel; channels are second."""
    shape = boiler.shape(x)
    by_channel = (1, -1, *[1] * (len(shape) - 2))
    product = boiler.add("Mul", [x, boiler.constant(factor.reshape(by_channel))], shape, node)
    boiler.add(
        "Add", [product, boiler.constant(shift.reshape(by_channel))], shape, node, node.output
    )


def _instance_normalization(boiler: Boiler, node: Node) -> None:
    x, scale, bias = node.inputs
    shape = boiler.shape(x)
    if shape[0] != 1:
        raise ModelError(f"a picture of the shape {shape}")
    rows = boiler.reshape(x, (shape[1], prod(shape[2:])), node)
    unit = _normed(boiler, node, rows, node.attributes.get("epsilon", 1e-5), True)
    back = boiler.reshape(unit, shape, node)
    _scaled(boiler, node, back, boiler.constants[scale], boiler.constants[bias])


def _normed(
    boiler: Boiler,
    node: Node,
    x: str,
    epsilon: float,
    centred: bool,
    gamma: str = "",
    beta: str = "",
) -> str:
    """Norm over the last dimension."""
    length = boiler.shape(x)[-1]
    gamma = gamma or boiler.constant(np.ones(length))
    beta = beta or boiler.constant(np.zeros(length))
    attributes = {"epsilon": epsilon, "centred": centred}
    return boiler.add("Norm", [x, gamma, beta], boiler.shape(x), node, **attributes)


def _layer_normalization(boiler: Boiler, node: Node) -> None:
    x, scale, bias = [*node.inputs, ""][:3]
    shape = boiler.shape(x)
    axis = node.attributes.get("axis", -1) % len(shape)
    if any(name and name not in boiler.constants for name in (scale, bias)):
        raise ModelError("its parameters depend on the input")
    rows = boiler.reshape(x, (*shape[:axis], prod(shape[axis:])), node)
    gamma, beta = (
        boiler.constant(np.broadcast_to(boiler.constants[name], shape[axis:]).ravel())
        if name
        else ""
        for name in (scale, bias)
    )
    centred = node.op == "LayerNormalization"
    epsilon = node.attributes.get("epsilon", 1e-5)
    done = _normed(boiler, node, rows, epsilon, centred, gamma, beta)
    boiler.reshape(done, shape, node, node.output)


def _norm(boiler: Boiler, node: Node) -> None:
    """One that was recognised, over any dimension."""
    x, gamma, beta = node.inputs
    axis, epsilon, centred = (node.attributes[key] for key in ("axis", "epsilon", "centred"))
    last = boiler.axis_last(x, axis, node)
    done = _normed(boiler, node, last, epsilon, centred, gamma, beta)
    boiler.axis_back(done, axis, node, node.output)


def _softmax(boiler: Boiler, node: Node) -> None:
    [x] = node.inputs
    shape = boiler.shape(x)
    axis = node.attributes["axis"] % len(shape)
    if node.attributes.get("flat"):
        rows = boiler.reshape(x, (prod(shape[:axis]), prod(shape[axis:])), node)
        done = boiler.add("Softmax", [rows], boiler.shape(rows), node)
        boiler.reshape(done, shape, node, node.output)
        return
    last = boiler.axis_last(x, axis, node)
    done = boiler.add("Softmax", [last], boiler.shape(last), node)
    boiler.axis_back(done, axis, node, node.output)


# --- Number by number -----------------------------------------------------------------------------


def _binary(boiler: Boiler, node: Node) -> None:
    boiler.add(node.op, node.inputs, boiler.shape(node.output), node, node.output)


def _extreme(boiler: Boiler, node: Node) -> None:
    """Max or Min of any number of tensors."""
    first, *others = node.inputs
    for place, other in enumerate(others):
        shape = np.broadcast_shapes(boiler.shape(first), boiler.shape(other))
        out = node.output if place == len(others) - 1 else ""
        first = boiler.add(node.op, [first, other], shape, node, out)
    if not others:
        _same(boiler, node)


def _div(boiler: Boiler, node: Node) -> None:
    a, b = node.inputs
    if b in boiler.constants:
        inverse = boiler.constant(1 / boiler.constants[b].astype(np.float64))
    else:
        attributes = {"apply": lambda x: 1 / x, "label": "Reciprocal"}
        inverse = boiler.add("Function", [b], boiler.shape(b), node, **attributes)
    boiler.add("Mul", [a, inverse], boiler.shape(node.output), node, node.output)


def _function(boiler: Boiler, node: Node) -> None:
    shape = boiler.shape(node.output)
    if prod(shape) != prod(boiler.shape(node.inputs[0])):
        raise ModelError("broadcasting of a function's result")
    done = boiler.add("Function", node.inputs, shape, node, node.output, **node.attributes)
    if boiler.shape(node.inputs[0]) != shape:
        boiler.nodes.pop()
        flat = boiler.reshape(node.inputs[0], shape, node)
        boiler.add("Function", [flat], shape, node, done, **node.attributes)


# --- Over dimensions ------------------------------------------------------------------------------


def _reduce(boiler: Boiler, node: Node) -> None:
    x, axes = [*node.inputs, ""][:2]
    shape, rank = boiler.shape(x), len(boiler.shape(x))
    given = boiler.constants[axes].ravel().tolist() if axes else []
    if not given and node.attributes.get("noop_with_empty_axes", 0):
        return _same(boiler, node)
    chosen = sorted({axis % rank for axis in given} or set(range(rank)))
    first, last = chosen[0], chosen[-1]
    if chosen != list(range(first, last + 1)):  # others lie between them: to the end with them
        x = boiler.transpose(x, [i for i in range(rank) if i not in chosen] + chosen, node)
        moved = boiler.shape(x)
        parts = prod(moved[: rank - len(chosen)]), prod(moved[rank - len(chosen) :]), 1
    else:
        parts = prod(shape[:first]), prod(shape[first : last + 1]), prod(shape[last + 1 :])
    rows = boiler.reshape(x, parts, node)
    if node.op == "ReduceMin":
        rows = _negated(boiler, node, rows)
    op = "ReduceMax" if node.op == "ReduceMin" else node.op
    done = boiler.add(op, [rows], (parts[0], 1, parts[2]), node)
    if node.op == "ReduceMin":
        done = _negated(boiler, node, done)
    boiler.reshape(done, boiler.shape(node.output), node, node.output)
    return None


def _negated(boiler: Boiler, node: Node, x: str) -> str:
    minus = boiler.constant(np.float32(-1))
    return boiler.add("Mul", [x, minus], boiler.shape(x), node)


def _arg_max(boiler: Boiler, node: Node) -> None:
    [x] = node.inputs
    axis = node.attributes.get("axis", 0) % len(boiler.shape(x))
    last = boiler.axis_last(x, axis, node)
    done = boiler.add("ArgMax", [last], boiler.shape(last)[:-1], node)
    boiler.reshape(done, boiler.shape(node.output), node, node.output)


# --- Shapes and places ----------------------------------------------------------------------------


def _same(boiler: Boiler, node: Node) -> None:
    boiler.reshape(node.inputs[0], boiler.shape(node.output), node, node.output)


def _cast(boiler: Boiler, node: Node) -> None:
    if node.attributes["to"] in (2, 3, 9):
        raise ModelError("a cast to a narrow type")
    _same(boiler, node)


def _transpose(boiler: Boiler, node: Node) -> None:
    rank = len(boiler.shape(node.inputs[0]))
    perm = node.attributes.get("perm", tuple(reversed(range(rank))))
    boiler.transpose(node.inputs[0], perm, node, node.output)


def _slice(boiler: Boiler, node: Node) -> None:
    x, starts, ends, axes, steps = [*node.inputs, "", ""][:5]
    shape = boiler.shape(x)
    begin, stop = (boiler.constants[name].ravel().tolist() for name in (starts, ends))
    along = boiler.constants[axes].ravel().tolist() if axes else list(range(len(begin)))
    by = boiler.constants[steps].ravel().tolist() if steps else [1] * len(begin)
    first, step = [0] * len(shape), [1] * len(shape)
    for axis, low, high, pace in zip(along, begin, stop, by, strict=True):
        size = shape[axis]
        end = None if pace < 0 and high < -size else high
        first[axis], _, step[axis] = slice(low, end, pace).indices(size)
    _cut(boiler, node, x, tuple(first), tuple(step), boiler.shape(node.output), node.output)


def _cut(
    boiler: Boiler, node: Node, x: str, starts: Shape, steps: Shape, shape: Shape, out: str = ""
) -> str:
    attributes = {"starts": starts, "steps": steps, "shape": shape}
    return boiler.add("Slice", [x], shape, node, out, **attributes)


def _split(boiler: Boiler, node: Node) -> None:
    [x, *_] = node.inputs
    shape = boiler.shape(x)
    axis = node.attributes.get("axis", 0) % len(shape)
    start = 0
    for out in node.outputs:
        part = boiler.shape(out)
        starts = tuple(start if i == axis else 0 for i in range(len(shape)))
        _cut(boiler, node, x, starts, (1,) * len(shape), part, out)
        start += part[axis]


def _pad(boiler: Boiler, node: Node) -> None:
    x, pads, value, axes = [*node.inputs, "", ""][:4]
    shape = boiler.shape(x)
    widths = boiler.constants[pads].ravel().tolist()
    along = boiler.constants[axes].ravel().tolist() if axes else list(range(len(shape)))
    pairs = [(0, 0)] * len(shape)
    for place, axis in enumerate(along):
        pairs[axis] = (int(widths[place]), int(widths[place + len(along)]))
    fill = float(boiler.constants[value].ravel()[0]) if value else 0.0
    attributes = {"pads": tuple(pairs), "value": fill}
    boiler.add("Pad", [x], boiler.shape(node.output), node, node.output, **attributes)


def _concat(boiler: Boiler, node: Node) -> None:
    rank = len(boiler.shape(node.output))
    axis = node.attributes["axis"] % rank
    if any(name in boiler.constants for name in node.inputs):
        raise ModelError("some of its parts are constant")
    shape = boiler.shape(node.output)
    boiler.add("Concat", node.inputs, shape, node, node.output, axis=axis)


def _expand(boiler: Boiler, node: Node) -> None:
    shape = boiler.shape(node.output)
    if prod(shape) == prod(boiler.shape(node.inputs[0])):
        return _same(boiler, node)
    more = len(shape) - len(boiler.shape(node.inputs[0]))
    x = boiler.reshape(node.inputs[0], (*[1] * more, *boiler.shape(node.inputs[0])), node)
    boiler.add("Expand", [x], shape, node, node.output, shape=shape)
    return None


def _tile(boiler: Boiler, node: Node) -> None:
    x = node.inputs[0]
    repeats = boiler.constants[node.inputs[1]].ravel().tolist()
    for axis, count in enumerate(repeats):
        if count > 1:
            shape = list(boiler.shape(x))
            shape[axis] *= count
            x = boiler.add("Concat", [x] * count, tuple(shape), node, axis=axis)
    boiler.reshape(x, boiler.shape(node.output), node, node.output)


def _gather(boiler: Boiler, node: Node) -> None:
    """Rows of a constant table, or a constant place in a tensor."""
    x, indices = node.inputs
    shape = boiler.shape(x)
    axis = node.attributes.get("axis", 0) % len(shape)
    if x in boiler.constants and axis == 0:
        table = boiler.constant(boiler.constants[x].reshape(shape[0], -1))
        found = (*boiler.shape(indices), prod(shape[1:]))
        done = boiler.add("Embed", [indices, table], found, node)
        boiler.reshape(done, boiler.shape(node.output), node, node.output)
        return
    if indices not in boiler.constants:
        raise ModelError("places in a tensor that is not constant")
    wanted = boiler.constants[indices].ravel()
    wanted = np.where(wanted < 0, wanted + shape[axis], wanted).tolist()
    part = tuple(1 if i == axis else size for i, size in enumerate(shape))
    steps = (1,) * len(shape)
    parts = [
        _cut(boiler, node, x, tuple(w if i == axis else 0 for i in range(len(shape))), steps, part)
        for w in wanted
    ]
    if len(parts) > 1:
        whole = tuple(len(parts) if i == axis else size for i, size in enumerate(shape))
        parts = [boiler.add("Concat", parts, whole, node, axis=axis)]
    boiler.reshape(parts[0], boiler.shape(node.output), node, node.output)


def _embed(boiler: Boiler, node: Node) -> None:
    indices, table = node.inputs
    rows = boiler.shape(node.output)[:-1]
    flat = boiler.reshape(indices, rows, node)
    shape = (*rows, boiler.shape(table)[1])
    boiler.add("Embed", [flat, table], shape, node, node.output)


_RULES: dict[str, Callable[[Boiler, Node], None]] = {
    "Conv": _conv,
    "MaxPool": _pool,
    "AveragePool": _pool,
    "GlobalMaxPool": _of_all,
    "GlobalAveragePool": _of_all,
    "MatMul": _matmul,
    "Gemm": _gemm,
    "BatchNormalization": _batch_normalization,
    "InstanceNormalization": _instance_normalization,
    "LayerNormalization": _layer_normalization,
    "RMSNormalization": _layer_normalization,
    "Norm": _norm,
    "Softmax": _softmax,
    "Add": _binary,
    "Sub": _binary,
    "Mul": _binary,
    "Div": _div,
    "Max": _extreme,
    "Min": _extreme,
    "Function": _function,
    **dict.fromkeys(("ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin"), _reduce),
    "ArgMax": _arg_max,
    **dict.fromkeys(("Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity"), _same),
    "Cast": _cast,
    "Transpose": _transpose,
    "Slice": _slice,
    "Split": _split,
    "Pad": _pad,
    "Concat": _concat,
    "Expand": _expand,
    "Tile": _tile,
    "Gather": _gather,
    "Embed": _embed,
}
