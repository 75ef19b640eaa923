"""What the operators of ONNX compute, in float: the reference that an import is measured by, and
with which constants are folded and shapes found.

Each operator is a function of a node's inputs, arrays or None where one is left out; it gives the
list of the outputs. Floats are float32, as in onnxruntime. A shape that no memory holds is refused
before memory is asked for.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from itertools import product
from math import prod
from typing import Any

import numpy as np

from mlvm.importers.graph import (
    MAX_NUMBERS,
    UNFIT,
    Array,
    FloatGraph,
    ModelError,
    Node,
    Values,
    unfit,
)

Operands = list[Any]
Operator = Callable[[Node, Operands], list[Array]]
OPERATORS: dict[str, Operator] = {}
#: Functions of one number, by operator; parameters are attributes.
UNARY: dict[str, Callable[[Array, Mapping[str, Any]], Array]] = {}


def run(graph: FloatGraph, inputs: Values) -> dict[str, Array]:
    """Every tensor of a graph. Raises :class:`ModelError` where a node cannot be computed."""
    values: dict[str, Array] = dict(graph.constants)
    values.update(inputs)
    for node in graph.nodes:
        values.update(zip(node.outputs, compute(node, values), strict=False))
    return values


def compute(node: Node, values: Values) -> list[Array]:
    """The outputs of a node. Raises :class:`ModelError`."""
    operands: Operands = [values[name] if name else None for name in node.inputs]
    try:
        with np.errstate(all="ignore"):
            return OPERATORS[node.op](node, operands)
    except UNFIT as error:
        raise unfit(node, error) from None


def bounded(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape, if that many numbers are possible."""
    if any(size < 0 for size in shape) or prod(int(size) for size in shape) > MAX_NUMBERS:
        raise ModelError(f"a tensor of the shape {tuple(int(size) for size in shape)}")
    return shape


def _operator(*names: str) -> Callable[[Operator], Operator]:
    def register(function: Operator) -> Operator:
        OPERATORS.update(dict.fromkeys(names, function))
        return function

    return register


# --- One number at a time -------------------------------------------------------------------------

_erf = np.vectorize(math.erf, otypes=[np.float32])


def erf(x: Array) -> Array:
    found: Array = _erf(x)
    return found


def _sigmoid(x: Array) -> Array:
    found: Array = np.float32(1) / (np.float32(1) + np.exp(-x))
    return found


def _gelu(x: Array, attributes: Mapping[str, Any]) -> Array:
    if attributes.get("approximate") == "tanh":
        inner = np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))
    else:
        inner = erf(x / math.sqrt(2))
    found: Array = 0.5 * x * (1 + inner)
    return found


UNARY |= {
    "Identity": lambda x, _: x,
    "Relu": lambda x, _: np.maximum(x, 0),
    "Sigmoid": lambda x, _: _sigmoid(x),
    "Tanh": lambda x, _: np.tanh(x),
    "Erf": lambda x, _: erf(x),
    "Exp": lambda x, _: np.exp(x),
    "Log": lambda x, _: np.log(x),
    "Sqrt": lambda x, _: np.sqrt(x),
    "Reciprocal": lambda x, _: 1 / x,
    "Neg": lambda x, _: -x,
    "Abs": lambda x, _: np.abs(x),
    "Sign": lambda x, _: np.sign(x),
    "Floor": lambda x, _: np.floor(x),
    "Ceil": lambda x, _: np.ceil(x),
    "Round": lambda x, _: np.round(x),
    "Not": lambda x, _: ~x,
    "Softplus": lambda x, _: np.logaddexp(0, x),
    "Softsign": lambda x, _: x / (1 + np.abs(x)),
    "HardSwish": lambda x, _: x * np.clip(x / 6 + 0.5, 0, 1),
    "Mish": lambda x, _: x * np.tanh(np.logaddexp(0, x)),
    "Swish": lambda x, a: x * _sigmoid(a.get("alpha", 1.0) * x),
    "LeakyRelu": lambda x, a: np.where(x < 0, a.get("alpha", 0.01) * x, x),
    "ThresholdedRelu": lambda x, a: np.where(x > a.get("alpha", 1.0), x, 0),
    "Elu": lambda x, a: np.where(x < 0, a.get("alpha", 1.0) * np.expm1(np.minimum(x, 0)), x),
    "Celu": lambda x, a: (
        np.maximum(x, 0) + np.minimum(0, a.get("alpha", 1.0) * np.expm1(x / a.get("alpha", 1.0)))
    ),
    "Selu": lambda x, a: (
        a.get("gamma", 1.0507009873554805)
        * np.where(x < 0, a.get("alpha", 1.6732632423543772) * np.expm1(np.minimum(x, 0)), x)
    ),
    "HardSigmoid": lambda x, a: np.clip(a.get("alpha", 0.2) * x + a.get("beta", 0.5), 0, 1),
    "Gelu": _gelu,
}


@_operator(*UNARY)
def _unary(node: Node, operands: Operands) -> list[Array]:
    [x] = operands
    found = np.asarray(UNARY[node.op](x, node.attributes))
    return [found.astype(x.dtype, copy=False)]


@_operator("Clip")
def _clip(node: Node, operands: Operands) -> list[Array]:
    x, low, high = [*operands, None, None][:3]
    x = x if low is None else np.maximum(x, low)
    return [x if high is None else np.minimum(x, high)]


@_operator("Cast")
def _cast(node: Node, operands: Operands) -> list[Array]:
    kinds = {1: np.float32, 2: np.uint8, 3: np.int8, 6: np.int32, 7: np.int64, 9: np.bool_}
    kinds |= {10: np.float32, 11: np.float32}
    to = node.attributes["to"]
    if to not in kinds:
        raise ModelError(f"a cast to type {to} is not supported")
    return [operands[0].astype(kinds[to])]


# --- Two and more tensors, number by number -------------------------------------------------------

BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "Add": np.add,
    "Sub": np.subtract,
    "Mul": np.multiply,
    "Pow": lambda a, b: np.power(a, b).astype(a.dtype),
    "Div": lambda a, b: a / b if a.dtype.kind == "f" else (np.trunc(a / b)).astype(a.dtype),
    "Equal": np.equal,
    "Less": np.less,
    "LessOrEqual": np.less_equal,
    "Greater": np.greater,
    "GreaterOrEqual": np.greater_equal,
    "And": np.logical_and,
    "Or": np.logical_or,
}


@_operator(*BINARY)
def _binary(node: Node, operands: Operands) -> list[Array]:
    a, b = operands
    bounded(np.broadcast_shapes(a.shape, b.shape))
    return [np.asarray(BINARY[node.op](a, b))]


@_operator("Max", "Min")
def _extreme(node: Node, operands: Operands) -> list[Array]:
    found = operands[0]
    for other in operands[1:]:
        bounded(np.broadcast_shapes(found.shape, other.shape))
        found = np.maximum(found, other) if node.op == "Max" else np.minimum(found, other)
    return [np.asarray(found)]


@_operator("Where")
def _where(node: Node, operands: Operands) -> list[Array]:
    bounded(np.broadcast_shapes(*(operand.shape for operand in operands)))
    return [np.asarray(np.where(operands[0], operands[1], operands[2]))]


# --- Products -------------------------------------------------------------------------------------


@_operator("MatMul")
def _matmul(node: Node, operands: Operands) -> list[Array]:
    a, b = operands
    left = a.shape[:-1] if a.ndim > 1 else ()
    right = b.shape[-1:] if b.ndim > 1 else ()
    bounded((*np.broadcast_shapes(left[:-1], b.shape[:-2]), *left[-1:], *right))
    return [np.matmul(a, b)]


@_operator("Gemm")
def _gemm(node: Node, operands: Operands) -> list[Array]:
    a, b, c = [*operands, None][:3]
    a = a.T if node.attributes.get("transA") else a
    b = b.T if node.attributes.get("transB") else b
    bounded((a.shape[0], b.shape[1]))
    found = np.float32(node.attributes.get("alpha", 1.0)) * (a @ b)
    if c is not None:
        found = found + np.float32(node.attributes.get("beta", 1.0)) * c
    return [found]


@_operator("Conv")
def _conv(node: Node, operands: Operands) -> list[Array]:
    """By one matrix product for each place in the kernel."""
    x, w, b = [*operands, None][:3]
    window = windows(node, x.shape, w.shape[2:])
    groups = node.attributes.get("group", 1)
    if x.shape[1] != w.shape[1] * groups or w.shape[0] % groups:
        raise ModelError(f"{x.shape[1]} channels do not fit weights {w.shape}, {groups} groups")
    out = np.zeros(bounded((x.shape[0], w.shape[0], *window.out)), np.float32)
    flat = out.reshape(x.shape[0], groups, w.shape[0] // groups, -1)
    padded = np.pad(x, ((0, 0), (0, 0), *window.pads))
    for place in product(*(range(size) for size in w.shape[2:])):
        seen = padded[(slice(None), slice(None), *window.slices(place))]
        seen = np.ascontiguousarray(seen).reshape(x.shape[0], groups, w.shape[1], -1)
        part = np.ascontiguousarray(w[(slice(None), slice(None), *place)])
        part = part.reshape(groups, -1, w.shape[1])
        flat += np.matmul(part, seen)
    return [out if b is None else out + b.reshape(1, -1, *[1] * len(window.out))]


class Windows:
    """Where the windows of a convolution or of a pool are, in each dimension of the picture."""

    def __init__(self, node: Node, sizes: tuple[int, ...], kernel: tuple[int, ...]) -> None:
        rank = len(sizes)
        at = node.attributes
        self.kernel = kernel
        self.strides = tuple(at.get("strides", (1,) * rank))
        self.dilations = tuple(at.get("dilations", (1,) * rank))
        if not rank == len(kernel) == len(self.strides) == len(self.dilations):
            raise ModelError("kernel, strides or dilations are of another rank than the picture")
        if min((1, *kernel, *self.strides, *self.dilations)) < 1:
            raise ModelError("kernel, strides and dilations are at least 1")
        reach = [d * (k - 1) + 1 for k, d in zip(kernel, self.dilations, strict=True)]
        self.pads = self._pads(node, sizes, reach)
        bounded(tuple(s + sum(p) for s, p in zip(sizes, self.pads, strict=True)))
        self.out = self._out(bool(at.get("ceil_mode", 0)), sizes, reach)
        if min(self.out) < 1:
            raise ModelError("the kernel is larger than the picture")

    def _pads(
        self, node: Node, sizes: tuple[int, ...], reach: list[int]
    ) -> tuple[tuple[int, int], ...]:
        automatic = node.attributes.get("auto_pad", "NOTSET")
        rank = len(sizes)
        if automatic in ("NOTSET", "VALID", ""):
            given = node.attributes.get("pads", (0,) * 2 * rank) if automatic != "VALID" else None
            pads = tuple(given or (0,) * 2 * rank)
            if len(pads) != 2 * rank or min(pads) < 0:
                raise ModelError(f"pads {pads} do not fit the picture")
            return tuple(zip(pads[:rank], pads[rank:], strict=True))
        if automatic not in ("SAME_UPPER", "SAME_LOWER"):
            raise ModelError(f"auto_pad {automatic!r}")
        found = []
        for size, stride, length in zip(sizes, self.strides, reach, strict=True):
            total = max(0, (-(-size // stride) - 1) * stride + length - size)
            less = total // 2
            found.append(
                (less, total - less) if automatic == "SAME_UPPER" else (total - less, less)
            )
        return tuple(found)

    def _out(self, ceil: bool, sizes: tuple[int, ...], reach: list[int]) -> tuple[int, ...]:
        out = []
        for size, stride, length, (before, after) in zip(
            sizes, self.strides, reach, self.pads, strict=True
        ):
            room = size + before + after - length
            count = -(-room // stride) if ceil else room // stride
            if ceil and count * stride >= size + before:
                count -= 1  # a window that would see nothing but padding
            out.append(count + 1)
        return tuple(out)

    def slices(self, place: tuple[int, ...]) -> tuple[slice, ...]:
        """What one place of the kernel sees of the padded picture."""
        return tuple(
            slice(k * d, k * d + s * (n - 1) + 1, s)
            for k, d, s, n in zip(place, self.dilations, self.strides, self.out, strict=True)
        )


def windows(node: Node, shape: tuple[int, ...], kernel: tuple[int, ...] | None = None) -> Windows:
    """Those of a node on a picture of ``shape``, channels second."""
    if kernel is None:
        kernel = tuple(node.attributes["kernel_shape"])
    return Windows(node, shape[2:], kernel)


@_operator("MaxPool")
def _max_pool(node: Node, operands: Operands) -> list[Array]:
    [x] = operands
    return [_pooled(windows(node, x.shape), x, -np.inf, np.maximum)]


@_operator("AveragePool")
def _average_pool(node: Node, operands: Operands) -> list[Array]:
    [x] = operands
    window = windows(node, x.shape)
    # Padding counts only where it is asked for; what lies beyond it never does.
    counted = 1.0 if node.attributes.get("count_include_pad", 0) else 0.0
    total = _pooled(window, x, 0, np.add)
    count = _pooled(window, np.ones_like(x[:1, :1]), counted, np.add)
    return [(total / count).astype(np.float32)]


def _pooled(window: Windows, x: Array, padding: float, join: Callable[..., Array]) -> Array:
    """All windows of x, joined place by place."""
    pads = ((0, 0), (0, 0), *window.pads)
    beyond = ((0, 0), (0, 0), *((0, stride) for stride in window.strides))
    outside = padding if join is np.maximum else 0
    padded = np.pad(np.pad(x, pads, constant_values=padding), beyond, constant_values=outside)
    found: Array | None = None
    for place in product(*(range(size) for size in window.kernel)):
        seen = padded[(slice(None), slice(None), *window.slices(place))]
        found = seen if found is None else join(found, seen)
    assert found is not None
    return found


@_operator("GlobalMaxPool", "GlobalAveragePool")
def _global_pool(node: Node, operands: Operands) -> list[Array]:
    [x] = operands
    axes = tuple(range(2, x.ndim))
    of = np.max if node.op == "GlobalMaxPool" else np.mean
    return [np.asarray(of(x, axis=axes, keepdims=True))]


# --- Normalisation --------------------------------------------------------------------------------


@_operator("BatchNormalization")
def _batch_normalization(node: Node, operands: Operands) -> list[Array]:
    x, *parameters = operands
    shape = (1, -1, *[1] * (x.ndim - 2))
    scale, bias, mean, variance = (entry.reshape(shape) for entry in parameters)
    epsilon = np.float32(node.attributes.get("epsilon", 1e-5))
    return [(x - mean) / np.sqrt(variance + epsilon) * scale + bias]


@_operator("InstanceNormalization")
def _instance_normalization(node: Node, operands: Operands) -> list[Array]:
    x, scale, bias = operands
    axes = tuple(range(2, x.ndim))
    shape = (1, -1, *[1] * (x.ndim - 2))
    epsilon = np.float32(node.attributes.get("epsilon", 1e-5))
    centred = x - x.mean(axes, keepdims=True)
    unit = centred / np.sqrt((centred**2).mean(axes, keepdims=True) + epsilon)
    return [unit * scale.reshape(shape) + bias.reshape(shape)]


@_operator("LayerNormalization", "RMSNormalization")
def _layer_normalization(node: Node, operands: Operands) -> list[Array]:
    x, scale, bias = [*operands, None][:3]
    axes = tuple(range(node.attributes.get("axis", -1) % x.ndim, x.ndim))
    epsilon = np.float32(node.attributes.get("epsilon", 1e-5))
    centred = x - x.mean(axes, keepdims=True) if node.op == "LayerNormalization" else x
    unit = centred / np.sqrt((centred**2).mean(axes, keepdims=True) + epsilon)
    return [unit * scale if bias is None else unit * scale + bias]


@_operator("Softmax")
def _softmax(node: Node, operands: Operands) -> list[Array]:
    [x] = operands
    axis = node.attributes["axis"] % x.ndim
    axes = tuple(range(axis, x.ndim)) if node.attributes.get("flat") else (axis,)
    powers = np.exp(x - x.max(axes, keepdims=True))
    return [powers / powers.sum(axes, keepdims=True)]


# --- Over dimensions ------------------------------------------------------------------------------

REDUCTIONS: dict[str, Callable[..., Any]] = {
    "ReduceMean": np.mean,
    "ReduceSum": np.sum,
    "ReduceMax": np.max,
    "ReduceMin": np.min,
}


@_operator(*REDUCTIONS)
def _reduce(node: Node, operands: Operands) -> list[Array]:
    x, axes = [*operands, None][:2]
    if axes is None or not axes.size:
        if node.attributes.get("noop_with_empty_axes", 0):
            return [x]
        chosen = tuple(range(x.ndim))
    else:
        chosen = tuple(int(axis) % x.ndim for axis in axes.ravel())
    keep = bool(node.attributes.get("keepdims", 1))
    found = np.asarray(REDUCTIONS[node.op](x, axis=chosen, keepdims=keep))
    return [found.astype(x.dtype)]


@_operator("ArgMax")
def _arg_max(node: Node, operands: Operands) -> list[Array]:
    [x] = operands
    if node.attributes.get("select_last_index", 0):
        raise ModelError("select_last_index is not supported")
    axis, keep = node.attributes.get("axis", 0), bool(node.attributes.get("keepdims", 1))
    return [np.asarray(np.argmax(x, axis=axis, keepdims=keep))]


# --- Shapes and places ----------------------------------------------------------------------------


def _ints(array: Any) -> list[int]:
    return [int(number) for number in np.asarray(array).ravel()]


@_operator("Reshape")
def _reshape(node: Node, operands: Operands) -> list[Array]:
    x, shape = operands
    sizes = _ints(shape)
    if not node.attributes.get("allowzero", 0):
        sizes = [x.shape[i] if size == 0 else size for i, size in enumerate(sizes)]
    return [x.reshape(sizes)]


@_operator("Flatten")
def _flatten(node: Node, operands: Operands) -> list[Array]:
    [x] = operands
    axis = node.attributes.get("axis", 1)
    axis = axis + x.ndim if axis < 0 else axis
    return [x.reshape(prod(x.shape[:axis]), -1)]


@_operator("Squeeze")
def _squeeze(node: Node, operands: Operands) -> list[Array]:
    x, axes = [*operands, None][:2]
    return [np.squeeze(x, None if axes is None else tuple(_ints(axes)))]


@_operator("Unsqueeze")
def _unsqueeze(node: Node, operands: Operands) -> list[Array]:
    x, axes = operands
    return [np.expand_dims(x, tuple(_ints(axes)))]


@_operator("Transpose")
def _transpose(node: Node, operands: Operands) -> list[Array]:
    [x] = operands
    return [np.transpose(x, node.attributes.get("perm"))]


@_operator("Concat")
def _concat(node: Node, operands: Operands) -> list[Array]:
    bounded((sum(operand.size for operand in operands),))
    return [np.concatenate(operands, node.attributes["axis"])]


@_operator("Split")
def _split(node: Node, operands: Operands) -> list[Array]:
    x, sizes = [*operands, None][:2]
    axis = node.attributes.get("axis", 0)
    if sizes is None:
        parts = node.attributes.get("num_outputs", len(node.outputs))
        size = -(-x.shape[axis] // parts)
        places = [size * i for i in range(1, parts)]
    else:
        places = np.cumsum(_ints(sizes))[:-1].tolist()
        if sum(_ints(sizes)) != x.shape[axis]:
            raise ModelError("its parts do not add up")
    return list(np.split(x, places, axis))


@_operator("Slice")
def _slice(node: Node, operands: Operands) -> list[Array]:
    x, starts, ends, axes, steps = [*operands, None, None][:5]
    axes = range(len(starts)) if axes is None else _ints(axes)
    steps = [1] * len(starts) if steps is None else _ints(steps)
    chosen = [slice(None)] * x.ndim
    for axis, start, end, step in zip(axes, _ints(starts), _ints(ends), steps, strict=True):
        stop = None if step < 0 and end < -x.shape[axis] else end
        chosen[axis] = slice(start, stop, step)
    return [x[tuple(chosen)]]


@_operator("Pad")
def _pad(node: Node, operands: Operands) -> list[Array]:
    x, pads, value, axes = [*operands, None, None][:4]
    if node.attributes.get("mode", "constant") != "constant":
        raise ModelError("only padding with a constant is supported")
    axes = list(range(x.ndim)) if axes is None else [axis % x.ndim for axis in _ints(axes)]
    before, after = _ints(pads)[: len(axes)], _ints(pads)[len(axes) :]
    widths = [(0, 0)] * x.ndim
    for axis, low, high in zip(axes, before, after, strict=True):
        widths[axis] = (low, high)
    if min(low for pair in widths for low in pair) < 0:
        raise ModelError("negative padding is not supported")
    bounded(tuple(size + sum(pair) for size, pair in zip(x.shape, widths, strict=True)))
    fill = 0 if value is None else value.ravel()[0]
    return [np.pad(x, widths, constant_values=fill)]


@_operator("Gather")
def _gather(node: Node, operands: Operands) -> list[Array]:
    x, indices = operands
    axis = node.attributes.get("axis", 0) % x.ndim
    bounded((*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :]))
    return [np.asarray(np.take(x, indices, axis))]


@_operator("Expand")
def _expand(node: Node, operands: Operands) -> list[Array]:
    x, shape = operands
    return [np.broadcast_to(x, bounded(np.broadcast_shapes(x.shape, tuple(_ints(shape)))))]


@_operator("Tile")
def _tile(node: Node, operands: Operands) -> list[Array]:
    x, repeats = operands
    bounded(tuple(size * n for size, n in zip(x.shape, _ints(repeats), strict=True)))
    return [np.tile(x, _ints(repeats))]


@_operator("Shape")
def _shape(node: Node, operands: Operands) -> list[Array]:
    start, end = node.attributes.get("start", 0), node.attributes.get("end")
    return [np.array(operands[0].shape[start:end], np.int64)]


@_operator("Size")
def _size(node: Node, operands: Operands) -> list[Array]:
    return [np.array(operands[0].size, np.int64)]


@_operator("ConstantOfShape")
def _constant_of_shape(node: Node, operands: Operands) -> list[Array]:
    value = np.asarray(node.attributes.get("value", np.zeros(1, np.float32))).ravel()
    return [np.full(bounded(tuple(_ints(operands[0]))), value[0])]


@_operator("Range")
def _range(node: Node, operands: Operands) -> list[Array]:
    start, limit, step = (operand.ravel()[0] for operand in operands)
    bounded((max(0, math.ceil((limit - start) / step)),))
    return [np.arange(start, limit, step, dtype=operands[0].dtype)]


@_operator("OneHot")
def _one_hot(node: Node, operands: Operands) -> list[Array]:
    indices, depth, (off, on) = operands
    count, axis = int(depth.ravel()[0]), node.attributes.get("axis", -1)
    bounded((*indices.shape, count))
    hot = np.where(indices[..., None] % count == np.arange(count), on, off)
    return [np.moveaxis(hot, -1, axis)]


#: Known, but said otherwise by :mod:`mlvm.importers.modern`.
_REWRITTEN = ("Constant", "Dropout", "PRelu", "ReduceL2", "ReduceSumSquare", "LpNormalization")


@_operator(*_REWRITTEN)
def _rewritten(node: Node, operands: Operands) -> list[Array]:
    raise ModelError("not in its newest form")
