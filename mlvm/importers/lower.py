"""From a plain graph and a scheme to the graph of integers: here floats end.

Each plain operator becomes one or a few of :class:`mlvm.ir.Graph`. What is real in it becomes
integers here: factors between scales, biases, tables of functions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from mlvm.importers import plain
from mlvm.importers.formats import WORDS, Format
from mlvm.importers.graph import Array, Node
from mlvm.importers.quantise import Scheme
from mlvm.ir import Graph, Table, Tensor, fixed
from mlvm.ir.base import Result
from mlvm.ir.pictures import MEAN_SHIFT
from mlvm.tasks import DType

#: Bits of multipliers, where sums leave room for them.
BITS = 30
#: Steps of the tables of functions of 16 bits: 2^6 apart, so about 1000 of them.
STEP_16 = 6
#: Steps that tables of functions of 32 bits have at the least.
SEGMENTS = 1024
#: Such a table reaches so many times as far as what has been seen.
REACH = 1.5


class Lowering:
    """``tensors``: by the names of the plain graph."""

    def __init__(self, name: str, scheme: Scheme, reach: dict[str, tuple[float, float]]) -> None:
        """``reach``: lowest and highest number that has been seen of each class."""
        self.scheme = scheme
        self.reach = reach
        self.graph = Graph(name)
        self.tensors: dict[str, Tensor] = {}

    def constant(self, name: str) -> Array:
        return self.scheme.graph.constants[name]

    def format(self, name: str) -> Format:
        return self.scheme.format(name)

    def result(self, node: Node) -> Result:
        """Type, zero point, scale and limits of what a node writes."""
        format = self.format(node.output)
        low, high = plain.limits(node)
        dtype, scale, zero = format.dtype, format.scale, format.zero
        lowest = None if low == -np.inf else int(format.integers(np.array(low)))
        highest = None if high == np.inf else int(format.integers(np.array(high)))
        return Result(dtype, zero, scale, lowest, highest)


def lowered(name: str, scheme: Scheme, reach: dict[str, tuple[float, float]]) -> Graph:
    """The integer graph. Raises :class:`ModelError`, naming all nodes that cannot be made so."""
    work = Lowering(name, scheme, reach)
    for entry in scheme.graph.inputs:
        format = scheme.format(entry.name)
        work.tensors[entry.name] = work.graph.input(
            entry.name, entry.shape, format.dtype, zero=format.zero, scale=format.scale
        )
    for node in scheme.graph.nodes:
        work.tensors[node.output] = _RULES[node.op](work, node)
    for output in scheme.graph.outputs:
        work.graph.output(work.tensors[output].renamed(output))
    return work.graph


def _factors(real: Array, sums: int) -> tuple[Array, int]:
    """Multipliers for sums of up to ``sums``, which do not wrap when multiplied."""
    return fixed.factors(real, min(BITS, 62 - int(sums).bit_length()))


def _factor(real: float, sums: int) -> tuple[int, int]:
    multipliers, shift = _factors(np.array([real]), sums)
    return int(multipliers[0]), shift


def _range(format: Format) -> int:
    """The highest that a number less its zero point can be."""
    return max(format.dtype.highest - format.zero, format.zero - format.dtype.lowest)


# --- Products -------------------------------------------------------------------------------------


def _convolve(work: Lowering, node: Node) -> Tensor:
    x, format = work.tensors[node.inputs[0]], work.format(node.inputs[0])
    out, weights = work.format(node.output), work.scheme.weights[node.output]
    units = format.scale * weights.scales  # what the sums count, by channel
    bias = work.constant(node.inputs[2]).astype(np.float64)
    offsets = fixed.rounded(np.clip(bias / units, -(2.0**44), 2.0**44))
    totals = np.abs(weights.integers).reshape(len(bias), -1).sum(1) * 2 * _range(format)
    multipliers, shift = _factors(units / out.scale, int((totals + np.abs(offsets)).max()))
    attributes = node.attributes
    _, height, width, channels = x.shape
    picture = work.graph.reshape(node.name, x, (height, width, channels))
    made = work.graph.conv(
        node.name,
        picture,
        weights.integers,
        offsets if offsets.any() else None,
        multipliers,
        shift,
        work.result(node),
        strides=attributes["strides"],
        pads=attributes["pads"],
        dilations=attributes["dilations"],
        groups=attributes["groups"],
        weight_type=weights.dtype,
    )
    return work.graph.reshape(node.name, made, (1, *made.shape))


def _product(work: Lowering, node: Node) -> Tensor:
    a, b = (work.tensors[name] for name in node.inputs)
    scale = work.format(node.inputs[0]).scale * work.format(node.inputs[1]).scale
    sums = a.shape[-1] * -a.dtype.lowest * -b.dtype.lowest
    factor = _factor(scale / work.format(node.output).scale, sums)
    if a.shape[:-2] != b.shape[:-2]:  # the same but for dimensions of 1
        b = work.graph.reshape(node.name, b, (*a.shape[:-2], *b.shape[-2:]))
    return work.graph.product(node.name, a, b, *factor, work.result(node))


# --- Number by number -----------------------------------------------------------------------------


def _function(work: Lowering, node: Node) -> Tensor:
    name = node.inputs[0]
    format, out = work.format(name), work.format(node.output)

    def apply(x: Array) -> Array:
        return plain.compute(node, [x.astype(np.float32)]).astype(np.float64)

    if format.dtype.size == 1:
        table = fixed.byte_table(
            apply, format.dtype, format.scale, format.zero, out.scale, out.zero
        )
    else:
        table = _curve(apply, format, out, *work.reach[work.scheme.classes.of(name)])
    return work.graph.map(node.name, work.tensors[name], table, work.result(node))


def _curve(
    apply: Callable[[Array], Array], format: Format, out: Format, low: float, high: float
) -> Table:
    """A table for numbers of 16 or 32 bits. Where the function has no value, the nearest one."""
    if format.dtype is DType.I16:
        low, high, step = -(1 << 15) * format.scale, (1 << 15) * format.scale, STEP_16
    else:
        width = REACH * max(high - low, 1e-3)
        middle = (high + low) / 2
        low, high = middle - width / 2, middle + width / 2
        step = max(0, int(width / format.scale / SEGMENTS).bit_length())
    with np.errstate(all="ignore"):
        last, before = apply(np.array([high, high - (1 << step) * format.scale]))
    slope = (last - before) / ((1 << step) * format.scale)
    found = fixed.curve(
        apply,
        low,
        high,
        unit=format.scale,
        out_unit=out.scale,
        step=step,
        slope=float(np.nan_to_num(np.clip(slope, -1e3, 1e3))),
    )
    words = found.words.astype(np.int64) + out.zero
    return replace(found, words=np.clip(words, -(1 << 31), (1 << 31) - 1).astype(np.int32))


def _operand(work: Lowering, node: Node, name: str) -> tuple[Tensor, Format]:
    """A tensor of the arena, or a constant as one of 16 bits."""
    if name in work.tensors:
        return work.tensors[name], work.format(name)
    value = work.constant(name)
    if not np.isfinite(value).all():
        value = np.nan_to_num(value, nan=0.0, posinf=1e4, neginf=-1e4)
    highest = float(np.abs(value).max(initial=0.0)) or 1.0
    format = Format(DType.I16, highest / DType.I16.highest)
    integers = format.integers(value).reshape(value.shape or (1,))
    constant = work.graph.constant(f"{node.name}.{name}", integers, DType.I16, scale=format.scale)
    return constant, format


def _sum(work: Lowering, node: Node) -> Tensor:
    """Add, Sub, Max, Min."""
    (a, a_format), (b, b_format) = (_operand(work, node, name) for name in node.inputs)
    out = work.format(node.output)
    sign = -1.0 if node.op == "Sub" else 1.0
    real = np.array([a_format.scale / out.scale, sign * b_format.scale / out.scale])
    sums = 2 * max(_range(a_format), _range(b_format))
    (a_multiplier, b_multiplier), shift = _factors(real, sums)
    methods = {
        "Add": work.graph.add,
        "Sub": work.graph.add,
        "Max": work.graph.maximum,
        "Min": work.graph.minimum,
    }
    return methods[node.op](
        node.name,
        a,
        b,
        work.result(node),
        a_multiplier=int(a_multiplier),
        b_multiplier=int(b_multiplier),
        shift=shift,
    )


def _mul(work: Lowering, node: Node) -> Tensor:
    (a, a_format), (b, b_format) = (_operand(work, node, name) for name in node.inputs)
    out = work.format(node.output)
    bits = 63 - (8 * (a.dtype.size + b.dtype.size) - 2)
    real = a_format.scale * b_format.scale
    if bits >= 12:
        multiplier, shift = fixed.factor(real / out.scale, min(BITS, bits))
        return work.graph.mul(
            node.name, a, b, work.result(node), multiplier=multiplier, shift=shift
        )
    # Two of 32 bits leave no room for a multiplier: in units of 2^-16 first.
    shift = round(np.log2(WORDS.scale / real))
    words = work.graph.mul(node.name, a, b, Result(DType.I32, 0, WORDS.scale), shift=shift)
    return _rescaled(work, node, words, real * 2.0**shift)


def _convert(work: Lowering, node: Node) -> Tensor:
    name = node.inputs[0]
    return _rescaled(work, node, work.tensors[name], work.format(name).scale)


def _rescaled(work: Lowering, node: Node, x: Tensor, scale: float) -> Tensor:
    """x, of that scale, in the format of what the node writes."""
    sums = 1 << (8 * x.dtype.size + 1)
    factor = _factor(scale / work.format(node.output).scale, sums)
    return work.graph.rescale(node.name, x, *factor, work.result(node))


# --- Over dimensions ------------------------------------------------------------------------------


def _softmax(work: Lowering, node: Node) -> Tensor:
    name = node.inputs[0]
    factor = _factor(work.format(name).scale * fixed.ONE, 1 << 31)
    return work.graph.softmax(node.name, work.tensors[name], *factor)


def _norm(work: Lowering, node: Node) -> Tensor:
    x, gamma, beta = node.inputs
    offsets = work.constant(beta).astype(np.float64)
    return work.graph.norm(
        node.name,
        work.tensors[x],
        work.constant(gamma).astype(np.float64),
        offsets if offsets.any() else None,
        epsilon=float(node.attributes["epsilon"]),
        is_centred=bool(node.attributes["centred"]),
    )


def _pool(work: Lowering, node: Node) -> Tensor:
    name, attributes = node.inputs[0], node.attributes
    x = work.graph.reshape(node.name, work.tensors[name], work.tensors[name].shape[1:])
    window = attributes["kernel"], attributes["strides"], attributes["pads"]
    if node.op == "MaxPool":
        made = work.graph.max_pool(node.name, x, *window)
    else:
        multiplier, shift = _mean_factor(work, node)
        made = work.graph.average_pool(
            node.name,
            x,
            *window,
            counts_pads=attributes["counts_padding"],
            multiplier=multiplier,
            shift=shift,
            result=work.result(node),
        )
    return work.graph.reshape(node.name, made, (1, *made.shape))


def _mean_factor(work: Lowering, node: Node) -> tuple[int, int]:
    """For means, which have 12 bits behind the point."""
    format, out = work.format(node.inputs[0]), work.format(node.output)
    multiplier, shift = _factor(format.scale / out.scale, _range(format) << MEAN_SHIFT)
    return multiplier, shift + MEAN_SHIFT


def _reduce(work: Lowering, node: Node) -> Tensor:
    name = node.inputs[0]
    x, format = work.tensors[name], work.format(name)
    before, length, after = x.shape
    if node.op == "ReduceMax":
        made = work.graph.max(node.name, x, 1)
    elif node.op == "ReduceMean":
        multiplier, shift = _mean_factor(work, node)
        made = work.graph.mean(
            node.name, x, 1, work.result(node), multiplier=multiplier, shift=shift
        )
    else:
        real = format.scale / work.format(node.output).scale
        multiplier, shift = _factor(real, length * _range(format))
        made = work.graph.sum(
            node.name, x, 1, work.result(node), multiplier=multiplier, shift=shift
        )
    return work.graph.reshape(node.name, made, (before, 1, after))


def _arg_max(work: Lowering, node: Node) -> Tensor:
    return work.graph.argmax(node.name, work.tensors[node.inputs[0]], -1)


# --- Moves ----------------------------------------------------------------------------------------


def _reshape(work: Lowering, node: Node) -> Tensor:
    return work.graph.reshape(node.name, work.tensors[node.inputs[0]], node.attributes["shape"])


def _transpose(work: Lowering, node: Node) -> Tensor:
    return work.graph.transpose(node.name, work.tensors[node.inputs[0]], node.attributes["perm"])


def _slice(work: Lowering, node: Node) -> Tensor:
    """Backwards, the end of a slice may lie before the first number, which has no number."""
    x = work.tensors[node.inputs[0]]
    starts, steps, shape = (node.attributes[key] for key in ("starts", "steps", "shape"))
    strides = tuple(stride * step for stride, step in zip(x.strides, steps, strict=True))
    first = sum(start * stride for start, stride in zip(starts, x.strides, strict=True))
    return replace(x, name=node.name, shape=shape, strides=strides, offset=x.offset + first)


def _pad(work: Lowering, node: Node) -> Tensor:
    name, pads = node.inputs[0], node.attributes["pads"]
    value = int(work.format(name).integers(np.array(node.attributes["value"])))
    before, after = zip(*pads, strict=True)
    return work.graph.pad(node.name, work.tensors[name], before, after, value)


def _concat(work: Lowering, node: Node) -> Tensor:
    parts = [work.tensors[name] for name in node.inputs]
    return work.graph.concat(node.name, parts, node.attributes["axis"])


def _expand(work: Lowering, node: Node) -> Tensor:
    x, shape = work.tensors[node.inputs[0]], node.attributes["shape"]
    strides = tuple(
        stride if length == size else 0
        for stride, length, size in zip(x.strides, x.shape, shape, strict=True)
    )
    return replace(x, name=node.name, shape=shape, strides=strides)


def _embed(work: Lowering, node: Node) -> Tensor:
    """By a table in the format of the result; 32 bits as 16 and a factor for each row."""
    indices, table = work.tensors[node.inputs[0]], work.constant(node.inputs[1])
    out = work.format(node.output)
    if out.dtype is DType.I32:
        units = np.maximum(np.abs(table).max(1).astype(np.float64), 1e-9) / DType.I16.highest
        integers = fixed.rounded(table / units[:, None])
        multipliers, shift = _factors(units / out.scale, 1 << 16)
        dtype = DType.I16
    else:
        integers, dtype, shift = out.integers(table), out.dtype, 0
        multipliers = np.ones(len(table), np.int32)
    return work.graph.gather(
        node.name, indices, integers, dtype, multipliers, shift, work.result(node)
    )


_RULES: dict[str, Callable[[Lowering, Node], Tensor]] = {
    "Convolve": _convolve,
    "Product": _product,
    "Function": _function,
    **dict.fromkeys(("Add", "Sub", "Max", "Min"), _sum),
    "Mul": _mul,
    "Convert": _convert,
    "Softmax": _softmax,
    "Norm": _norm,
    "MaxPool": _pool,
    "MeanPool": _pool,
    **dict.fromkeys(("ReduceSum", "ReduceMean", "ReduceMax"), _reduce),
    "ArgMax": _arg_max,
    "Reshape": _reshape,
    "Transpose": _transpose,
    "Slice": _slice,
    "Pad": _pad,
    "Concat": _concat,
    "Expand": _expand,
    "Embed": _embed,
}
