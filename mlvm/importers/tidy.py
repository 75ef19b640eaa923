"""Makes a plain graph small: nothing is turned in vain, and what can be folded into weights is.

Every rule looks at one node, and says what to put in its place, which computes the same. Rules are
applied until none applies.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod
from typing import Any

import numpy as np

from mlvm.importers.graph import UNFIT, Array, FloatGraph, ModelError, Node, unfit
from mlvm.importers.plain import BINARY, compute

Shape = tuple[int, ...]
#: So many times are all rules applied; each time there is less to do.
MAX_ROUNDS = 200


class Sheet:
    """A graph in the middle of a round: who writes and who reads what."""

    def __init__(self, graph: FloatGraph, shapes: dict[str, Shape]) -> None:
        self.graph = graph
        self.constants: dict[str, Array] = dict(graph.constants)
        self.shapes = shapes
        self.writers = graph.producers()
        self.readers = graph.consumers()
        self.kept = set(graph.outputs)

    def writer(self, name: str, *ops: str) -> Node | None:
        """The node that writes a name, if it is one of these operators."""
        node = self.writers.get(name)
        return node if node is not None and node.op in ops else None

    def only(self, name: str, *ops: str) -> Node | None:
        """The same, if what it writes is read in one place."""
        if name in self.kept or len(self.readers.get(name, ())) != 1:
            return None
        return self.writer(name, *ops)

    def constant(self, like: str, value: Array) -> str:
        name = f"{like}'"
        while name in self.constants or name in self.shapes:
            name += "'"
        self.constants[name] = np.ascontiguousarray(value, np.float32)
        self.shapes[name] = value.shape
        return name

    def fresh(self, like: str, shape: Shape) -> str:
        name = f"{like}'"
        while name in self.constants or name in self.shapes:
            name += "'"
        self.shapes[name] = shape
        return name


Rule = Callable[[Sheet, Node], list[Node] | None]


def tidied(graph: FloatGraph, shapes: Mapping[str, Shape]) -> tuple[FloatGraph, dict[str, Shape]]:
    """The graph with all rules applied, and the shapes of its tensors."""
    known = dict(shapes)
    for _ in range(MAX_ROUNDS):
        sheet = Sheet(graph, known)
        nodes: list[Node] = []
        touched: set[str] = set()
        for node in graph.nodes:
            found = None
            if not touched.intersection((*node.inputs, node.output)):
                found = _applied(sheet, node)
            if found is None:
                nodes.append(node)
                continue
            touched.update(*(part.outputs for part in found), *(part.inputs for part in found))
            touched.update(node.inputs)
            nodes += found
        if not touched:
            return graph, known
        graph = graph.with_nodes(_without_same(nodes, graph), sheet.constants)
    raise ModelError("no end to what there is to tidy")


def _applied(sheet: Sheet, node: Node) -> list[Node] | None:
    for rule in _RULES:
        try:
            found = rule(sheet, node)
        except UNFIT as error:
            raise unfit(node, error) from None
        if found is not None:
            return found
    return None


def _without_same(nodes: list[Node], graph: FloatGraph) -> list[Node]:
    """Without nodes that do nothing: their readers read what they read."""
    same: dict[str, str] = {}
    kept = []
    for node in nodes:
        inputs = tuple(same.get(name, name) for name in node.inputs)
        node = Node(node.op, node.name, inputs, node.outputs, node.attributes)
        if node.op == "Same" and node.output not in graph.outputs:
            same[node.output] = inputs[0]
        else:
            kept.append(node)
    return kept


def _changed(node: Node, inputs: tuple[str, ...], output: str, **attributes: Any) -> Node:
    return Node(node.op, node.name, inputs, (output,), {**node.attributes, **attributes})


def _same(sheet: Sheet, node: Node, name: str) -> list[Node] | None:
    """``node`` writes what ``name`` is."""
    if node.output in sheet.kept:
        if node.op == "Reshape" and node.inputs == (name,):
            return None
        return [_reshape(node, name, sheet.shapes[node.output], node.output)]
    return [Node("Same", node.name, (name,), node.outputs)]


def _reshape(node: Node, x: str, shape: Shape, output: str) -> Node:
    return Node("Reshape", node.name, (x,), (output,), {"shape": shape})


# --- Reshape and Transpose ------------------------------------------------------------------------


def _useless_reshape(sheet: Sheet, node: Node) -> list[Node] | None:
    if node.op != "Reshape":
        return None
    x = node.inputs[0]
    if sheet.shapes[x] == sheet.shapes[node.output]:
        return _same(sheet, node, x)
    first = sheet.writer(x, "Reshape")
    if first:
        return [_reshape(node, first.inputs[0], sheet.shapes[node.output], node.output)]
    return None


def _useless_transpose(sheet: Sheet, node: Node) -> list[Node] | None:
    """None at all, two in a row, or one that moves only dimensions of length 1."""
    if node.op != "Transpose":
        return None
    x, perm = node.inputs[0], node.attributes["perm"]
    shape = sheet.shapes[x]
    if perm == tuple(range(len(perm))):
        return _same(sheet, node, x)
    first = sheet.writer(x, "Transpose")
    if first:
        both = tuple(first.attributes["perm"][axis] for axis in perm)
        return [_changed(node, first.inputs, node.output, perm=both)]
    long = [axis for axis in perm if shape[axis] != 1]
    if long == sorted(long):
        return [_reshape(node, x, sheet.shapes[node.output], node.output)]
    return None


def _reshape_first(sheet: Sheet, node: Node) -> list[Node] | None:
    """A Reshape that only adds or removes dimensions of length 1, behind a Transpose: before it."""
    if node.op != "Reshape":
        return None
    turn = sheet.writer(node.inputs[0], "Transpose")
    if not turn:
        return None
    perm, target = turn.attributes["perm"], sheet.shapes[node.output]
    source = sheet.shapes[turn.inputs[0]]
    long = [axis for axis in perm if source[axis] != 1]
    if [source[axis] for axis in long] != [size for size in target if size != 1]:
        return None
    # Dimensions of the target, in the order in which the source has them.
    places = [axis for axis, size in enumerate(target) if size != 1]
    order = [place for _, place in sorted(zip(long, places, strict=True))]
    ones = [axis for axis, size in enumerate(target) if size == 1]
    before = tuple(target[axis] for axis in (*ones, *order))
    new_perm = tuple([*ones, *order].index(axis) for axis in range(len(target)))
    middle = sheet.fresh(node.output, before)
    return [
        _reshape(node, turn.inputs[0], before, middle),
        Node("Transpose", node.name, (middle,), node.outputs, {"perm": new_perm}),
    ]


def _move_behind(sheet: Sheet, node: Node) -> list[Node] | None:
    """Function or Convert of what a Reshape or a Transpose makes: the other way round."""
    if node.op not in ("Function", "Convert"):
        return None
    move = sheet.writer(node.inputs[0], "Reshape", "Transpose")
    if not move:
        return None
    middle = sheet.fresh(node.output, sheet.shapes[move.inputs[0]])
    return [_changed(node, move.inputs, middle), _changed(move, (middle,), node.output)]


def _move_behind_two(sheet: Sheet, node: Node) -> list[Node] | None:
    """The same for two operands that are moved alike, or one and a constant."""
    if node.op not in BINARY:
        return None
    a, b = node.inputs
    move = sheet.writer(b if a in sheet.constants else a, "Reshape", "Transpose")
    if move is None or sheet.shapes[move.output] != sheet.shapes[node.output]:
        return None
    inputs = []
    for name in (a, b):
        before = _before(sheet, move, name)
        if before is None:
            return None
        inputs.append(before)
    middle = sheet.fresh(node.output, sheet.shapes[move.inputs[0]])
    return [_changed(node, tuple(inputs), middle), _changed(move, (middle,), node.output)]


def _before(sheet: Sheet, move: Node, name: str) -> str | None:
    """What ``move`` would make ``name`` of, if that is there already or constant."""
    other = sheet.writer(name, move.op)
    if name in sheet.constants:
        found = _unmoved(sheet, move, sheet.constants[name])
        return None if found is None else sheet.constant(name, found)
    if other is None or sheet.shapes[name] != sheet.shapes[move.output]:
        return None
    if move.op == "Transpose":
        same = other.attributes["perm"] == move.attributes["perm"]
    else:
        same = sheet.shapes[other.inputs[0]] == sheet.shapes[move.inputs[0]]
    return other.inputs[0] if same else None


def _unmoved(sheet: Sheet, move: Node, constant: Array) -> Array | None:
    """A constant before a move, in as few numbers as it had, broadcasting."""
    source, target = sheet.shapes[move.inputs[0]], sheet.shapes[move.output]
    if constant.size == 1:
        return constant.reshape(())
    if constant.ndim > len(target):
        return None
    if move.op == "Transpose":
        whole = constant.reshape((1,) * (len(target) - constant.ndim) + constant.shape)
        return whole.transpose(np.argsort(move.attributes["perm"]))
    if prod(target) > 1 << 24:
        return None
    found = np.broadcast_to(constant, target).reshape(source)
    for axis in range(found.ndim):
        first = found.take([0], axis)
        if found.shape[axis] > 1 and (found == first).all():
            found = first
    return found


def _pool_axes(sheet: Sheet, node: Node) -> list[Node] | None:
    """Softmax, Norm and the like of what a Reshape makes that leaves the last dimension alone: the
    Reshape last, so that it meets others."""
    if node.op not in ("Softmax", "Norm"):
        return None
    move = sheet.writer(node.inputs[0], "Reshape")
    if not move:
        return None
    source, target = sheet.shapes[move.inputs[0]], sheet.shapes[move.output]
    if not source or not target or source[-1] != target[-1]:
        return None
    middle = sheet.fresh(node.output, source)
    inputs = (move.inputs[0], *node.inputs[1:])
    return [_changed(node, inputs, middle), _changed(move, (middle,), node.output)]


# --- Folding --------------------------------------------------------------------------------------


def _operand(sheet: Sheet, node: Node) -> tuple[str, Array, bool] | None:
    """The tensor and the constant of an operation of one of each; whether the tensor is first."""
    a, b = node.inputs
    if b in sheet.constants:
        return a, sheet.constants[b], True
    if a in sheet.constants:
        return b, sheet.constants[a], False
    return None


def _by_channel(constant: Array, shape: Shape) -> Array | None:
    """A constant that is one number for each place of the last dimension, as a vector."""
    if constant.size == 1:
        return np.full(shape[-1], constant.ravel()[0], np.float32)
    if constant.shape and constant.shape[-1] == constant.size == shape[-1]:
        return constant.ravel()
    return None


def _affine(sheet: Sheet, node: Node) -> tuple[str, Array, Array] | None:
    """An Add, Sub or Mul as x · factor + shift, both by channel."""
    if node.op not in ("Add", "Sub", "Mul") or "low" in node.attributes:
        return None
    found = _operand(sheet, node)
    if not found or sheet.shapes[found[0]] != sheet.shapes[node.output]:
        return None
    x, constant, first = found
    vector = _by_channel(constant, sheet.shapes[x] or (1,))
    if vector is None:
        return None
    ones, zeros = np.ones_like(vector), np.zeros_like(vector)
    if node.op == "Mul":
        return x, vector, zeros
    if node.op == "Add":
        return x, ones, vector
    return (x, ones, -vector) if first else (x, -ones, vector)


def _into_convolve(sheet: Sheet, node: Node) -> list[Node] | None:
    """x · factor + shift behind a Convolve: other weights, another bias."""
    affine = _affine(sheet, node)
    if not affine:
        return None
    x, factor, shift = affine
    conv = sheet.only(x, "Convolve")
    if not conv or "low" in conv.attributes:
        return None
    w, b = (sheet.constants[name] for name in conv.inputs[1:])
    weights = sheet.constant(conv.inputs[1], w * factor[:, None, None, None])
    bias = sheet.constant(conv.inputs[2], b * factor + shift)
    return [_changed(conv, (conv.inputs[0], weights, bias), node.output)]


def _before_convolve(sheet: Sheet, node: Node) -> list[Node] | None:
    """The same before a Convolve that pads nothing; if a number is the same for all of x, moves
    may lie in between."""
    if node.op != "Convolve":
        return None
    path: list[Node] = []
    move = sheet.only(node.inputs[0], "Reshape", "Transpose")
    while move:
        path.insert(0, move)
        move = sheet.only(move.inputs[0], "Reshape", "Transpose")
    change = sheet.only(path[0].inputs[0] if path else node.inputs[0], "Add", "Sub", "Mul")
    affine = _affine(sheet, change) if change else None
    if not affine:
        return None
    x, factor, shift = affine
    if (shift.any() and any(node.attributes["pads"])) or (path and not _is_same(factor, shift)):
        return None
    w, b = (sheet.constants[name] for name in node.inputs[1:])
    groups, group = node.attributes["groups"], w.shape[-1]
    if path:
        factor, shift = (np.full(groups * group, vector[0]) for vector in (factor, shift))
    per_out = np.repeat(np.arange(groups), len(w) // groups)
    parts = (vector.reshape(groups, group)[per_out] for vector in (factor, shift))
    by_weight, shifts = (part[:, None, None, :] for part in parts)
    weights = sheet.constant(node.inputs[1], w * by_weight)
    bias = sheet.constant(node.inputs[2], b + (w * shifts).sum((1, 2, 3)))
    nodes = []
    for move in path:
        out = sheet.fresh(move.output, sheet.shapes[move.output])
        nodes.append(_changed(move, (x,), out))
        x = out
    return [*nodes, _changed(node, (x, weights, bias), node.output)]


def _is_same(*vectors: Array) -> bool:
    """Whether each has one number only, however often."""
    return all((vector == vector[0]).all() for vector in vectors)


def _affine_function(sheet: Sheet, node: Node) -> list[Node] | None:
    """A Function that is x · factor + shift, said so; and clipping, as limits of what it clips."""
    if node.op != "Function" or "clip" in node.attributes:
        return None
    trial = np.concatenate([-np.logspace(6, -3, 200), np.logspace(-3, 6, 200)]).astype(np.float32)
    found = np.asarray(compute(node, [trial]), np.float64)
    shift = float(compute(node, [np.zeros(1, np.float32)])[0])
    factor = float(compute(node, [np.ones(1, np.float32)])[0]) - shift
    x, shape = node.inputs[0], sheet.shapes[node.output]
    if np.allclose(found, factor * trial + shift, rtol=1e-5, atol=1e-6):
        middle = sheet.fresh(node.output, shape)
        factors, shifts = (
            sheet.constant(node.output, np.asarray(value)) for value in (factor, shift)
        )
        return [
            Node("Mul", node.name, (x, factors), (middle,)),
            Node("Add", node.name, (middle, shifts), node.outputs),
        ]
    low, high = float(found.min()), float(found.max())
    low, high = (-np.inf if low <= -9e5 else low), (np.inf if high >= 9e5 else high)
    is_clip = low <= high and np.array_equal(found, np.clip(trial.astype(np.float64), low, high))
    return [_changed(node, node.inputs, node.output, clip=(low, high) if is_clip else None)]


def _into_limits(sheet: Sheet, node: Node) -> list[Node] | None:
    """Clipping, by the operation that makes what is clipped."""
    clip = node.attributes.get("clip") if node.op == "Function" else None
    if not clip:
        return None
    maker = sheet.only(node.inputs[0], "Convolve", "MeanPool", *BINARY)
    if not maker:
        return None
    low = max(clip[0], maker.attributes.get("low", -np.inf))
    high = min(clip[1], maker.attributes.get("high", np.inf))
    return [_changed(maker, maker.inputs, node.output, low=low, high=max(low, high))]


def _one_factor(sheet: Sheet, node: Node) -> list[Node] | None:
    """· 1 and + 0."""
    affine = _affine(sheet, node)
    if affine and (affine[1] == 1).all() and not affine[2].any():
        return _same(sheet, node, affine[0])
    return None


def _into_table(sheet: Sheet, node: Node) -> list[Node] | None:
    """What becomes of the rows of a table, one by one: another table."""
    if node.op not in ("Function", "Convolve", *BINARY):
        return None
    x = node.inputs[0]
    if node.op in BINARY:
        found = _operand(sheet, node)
        if not found or _by_channel(found[1], sheet.shapes[node.output]) is None:
            return None
        x = found[0]
    if node.op == "Convolve" and (
        node.attributes["kernel"] != (1, 1)
        or node.attributes["strides"] != (1, 1)
        or any(node.attributes["pads"])
    ):
        return None
    path = []
    writer = sheet.only(x, "Embed", "Reshape")
    if writer and writer.op == "Reshape" and node.op == "Convolve":
        path.append(writer)
        writer = sheet.only(writer.inputs[0], "Embed")
        if writer and sheet.shapes[writer.output][-1] != sheet.shapes[x][-1]:
            return None
    if not writer or writer.op != "Embed":
        return None
    table = sheet.constants[writer.inputs[1]]
    rows = table.reshape(1, len(table), 1, -1) if node.op == "Convolve" else table
    operands: list[Any] = [rows if name == x else sheet.constants[name] for name in node.inputs]
    if node.op in BINARY:  # of any rank, but of one number or one for each column
        operands = [o if o is rows else _by_channel(o, table.shape) for o in operands]
    made = compute(node, operands).reshape(len(table), -1)
    shape = (*sheet.shapes[writer.output][:-1], made.shape[1])
    out = sheet.fresh(node.output, shape) if path else node.output
    nodes = [_changed(writer, (writer.inputs[0], sheet.constant(writer.inputs[1], made)), out)]
    if path:
        nodes.append(_reshape(node, out, sheet.shapes[node.output], node.output))
    return nodes


def _into_norm(sheet: Sheet, node: Node) -> list[Node] | None:
    """x · factor + shift behind a Norm."""
    affine = _affine(sheet, node)
    norm = sheet.only(affine[0], "Norm") if affine else None
    if not affine or not norm:
        return None
    x, gamma, beta = norm.inputs
    new_gamma = sheet.constant(gamma, sheet.constants[gamma] * affine[1])
    new_beta = sheet.constant(beta, sheet.constants[beta] * affine[1] + affine[2])
    return [_changed(norm, (x, new_gamma, new_beta), node.output)]


def _into_padding(sheet: Sheet, node: Node) -> list[Node] | None:
    """Zeros around a picture that is then convolved: by the Convolve."""
    pad = sheet.only(node.inputs[0], "Pad") if node.op == "Convolve" else None
    if not pad or pad.attributes["value"]:
        return None
    (_, _), (top, bottom), (left, right), (_, _) = pad.attributes["pads"]
    if any(pad.attributes["pads"][0]) or any(pad.attributes["pads"][3]):
        return None
    given = node.attributes["pads"]
    pads = (given[0] + top, given[1] + left, given[2] + bottom, given[3] + right)
    return [_changed(node, (pad.inputs[0], *node.inputs[1:]), node.output, pads=pads)]


def _pad_behind(sheet: Sheet, node: Node) -> list[Node] | None:
    """Pad and Slice of what a Transpose makes: the other way round."""
    if node.op not in ("Pad", "Slice", "Concat"):
        return None
    turns = [sheet.writer(name, "Transpose") for name in node.inputs]
    if not all(turns) or len({turn.attributes["perm"] for turn in turns if turn}) != 1:
        return None
    perm = turns[0].attributes["perm"] if turns[0] else ()
    back = np.argsort(perm)
    changes: dict[str, Any] = {
        key: tuple(node.attributes[key][axis] for axis in back)
        for key in ("pads", "starts", "steps", "shape")
        if key in node.attributes
    }
    if "axis" in node.attributes:
        changes["axis"] = perm[node.attributes["axis"]]
    target = sheet.shapes[node.output]
    middle = sheet.fresh(node.output, tuple(target[axis] for axis in back))
    inputs = tuple(turn.inputs[0] for turn in turns if turn)
    return [
        _changed(node, inputs, middle, **changes),
        Node("Transpose", node.name, (middle,), node.outputs, {"perm": perm}),
    ]


def _whole_slice(sheet: Sheet, node: Node) -> list[Node] | None:
    if node.op not in ("Slice", "Expand"):
        return None
    if sheet.shapes[node.inputs[0]] != sheet.shapes[node.output]:
        return None
    if any(step < 0 for step in node.attributes.get("steps", ())):
        return None
    return _same(sheet, node, node.inputs[0])


_RULES: tuple[Rule, ...] = (
    *(_useless_reshape, _useless_transpose, _whole_slice, _reshape_first),
    *(_affine_function, _one_factor, _move_behind, _move_behind_two, _pool_axes, _pad_behind),
    *(_into_convolve, _before_convolve, _into_norm, _into_table, _into_limits, _into_padding),
)
