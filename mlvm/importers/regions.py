"""Recognises operations that a file spells out: a region of a graph is what it computes.

Exporters write LayerNorm as ten nodes or as fifteen, Gelu as six or eight, softmax as seven.
Instead of a pattern for each way, there is one rule: a *region* has one tensor as its source and
one as its target, and everything between depends on the source and constants only. It is run on
random numbers; if what comes out is what LayerNorm makes of them, it is one. Regions of operations
on single numbers are functions of one number, whatever they compute.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from mlvm.importers.graph import Array, FloatGraph, ModelError, Node
from mlvm.importers.operators import BINARY, REDUCTIONS, UNARY, compute

#: A region that is looked at has at most so many nodes.
MAX_REGION = 48
#: Numbers in the random tensors that a region is run on.
MAX_TRIAL = 1 << 21
_BY_NUMBER = frozenset({*UNARY, *BINARY, "Clip", "Cast", "Max", "Min", "Where", "Identity"})
_TOLERANCE = 2e-3


@dataclass(frozen=True, slots=True)
class Region:
    """The nodes between two tensors, in order, and the constants that they read."""

    source: str
    target: str
    nodes: tuple[Node, ...]
    constants: Mapping[str, Array]

    def __call__(self, x: Array) -> Array:
        """What the region makes of the source. Raises :class:`ModelError`."""
        values = {**self.constants, self.source: x}
        for node in self.nodes:
            values.update(zip(node.outputs, compute(node, values), strict=False))
        return values[self.target]

    def __str__(self) -> str:
        ops = [node.op for node in self.nodes if node.op not in ("Identity", "Cast")]
        return ops[0] if len(ops) == 1 else f"Function of {len(ops)}"


class Dominators:
    """For each tensor, the nearest one before it that all it depends on goes through."""

    def __init__(self, graph: FloatGraph) -> None:
        self.graph = graph
        self._producers = graph.producers()
        self._above: dict[str, str | None] = {entry.name: None for entry in graph.inputs}
        self._depth: dict[str, int] = {entry.name: 0 for entry in graph.inputs}
        for node in graph.nodes:
            reads = [name for name in node.inputs if name in self._above]
            above = self._common(reads)
            for name in node.outputs:
                self._above[name] = above
                self._depth[name] = 1 + (self._depth[above] if above is not None else 0)

    def _common(self, names: list[str]) -> str | None:
        if not names:
            return None
        found: str | None = names[0]
        for other in names[1:]:
            a, b = found, other
            while a != b:
                if a is None or b is None:
                    return None
                if self._depth[a] >= self._depth[b]:
                    a = self._above[a]
                else:
                    up = self._above[b]
                    if up is None:
                        return None
                    b = up
            found = a
        return found

    def regions(self, target: str) -> Iterator[Region]:
        """The regions that end in a tensor, from the smallest on."""
        source = self._above.get(target)
        while source is not None:
            region = self._between(source, target)
            if region is None:
                return
            yield region
            source = self._above[source]

    def _between(self, source: str, target: str) -> Region | None:
        needed, names = {target}, {source}
        nodes: list[Node] = []
        stack = [target]
        while stack:
            name = stack.pop()
            node = self._producers.get(name)
            if name in names or node is None:
                continue
            names.update(node.outputs)
            nodes.append(node)
            if len(nodes) > MAX_REGION:
                return None
            stack += [entry for entry in node.inputs if entry in self._above]
            needed.update(node.inputs)
        place = {id(node): index for index, node in enumerate(self.graph.nodes)}
        constants = {n: self.graph.constants[n] for n in needed if n in self.graph.constants}
        nodes.sort(key=lambda node: place[id(node)])
        return Region(source, target, tuple(nodes), constants)


Shapes = Mapping[str, tuple[int, ...]]
#: What stands for a region, and the region.
Found = tuple[Node, Region] | None
#: Looks at a node that may be the end of a region; adds constants that what it finds needs.
Rule = Callable[[Dominators, Node, Shapes, dict[str, Array]], Found]


# --- Recognition ----------------------------------------------------------------------------------


def recognised(graph: FloatGraph, shapes: Shapes) -> FloatGraph:
    """The graph with Softmax, Norm and Embed for regions that compute them, then with Function for
    functions of one number. ``shapes``: of all tensors."""
    graph = _replaced(graph, shapes, (_embedding, _softmax, _norm))
    return _functions(graph)


def _replaced(graph: FloatGraph, shapes: Shapes, rules: tuple[Rule, ...]) -> FloatGraph:
    dominators = Dominators(graph)
    constants = dict(graph.constants)
    nodes: list[Node] = []
    covered: set[str] = set()
    for node in reversed(graph.nodes):
        new = None
        if node.output not in covered:
            for rule in rules:
                new = rule(dominators, node, shapes, constants)
                if new:
                    break
        if new:
            found, region = new
            covered.update(name for part in region.nodes for name in part.outputs)
            nodes.append(found)
        else:
            nodes.append(node)
    return graph.with_nodes(reversed(nodes), constants)


def _trials(shape: tuple[int, ...], count: int) -> list[Array]:
    rng = np.random.default_rng(0)
    scales = (1.0, 0.02, 0.7)  # the small one tells one epsilon from another
    return [(rng.normal(0.3, scale, shape)).astype(np.float32) for scale in scales[:count]]


def _results(region: Region, trials: list[Array]) -> list[Array] | None:
    try:
        return [np.asarray(region(trial), np.float64) for trial in trials]
    except ModelError:
        return None


def _reducing(
    dominators: Dominators,
    target: str,
    shapes: Shapes,
) -> Iterator[tuple[Region, list[Array], list[Array]]]:
    """The regions of as many numbers at their ends that reduce, with trials of them."""
    shape = shapes[target]
    size = int(np.prod(shape))
    if size > MAX_TRIAL:
        return
    for region in dominators.regions(target):
        if len(region.nodes) < 3 or shapes[region.source] != shape:
            continue
        if not any(node.op in REDUCTIONS for node in region.nodes):
            continue
        trials = _trials(shape, 3)
        results = _results(region, trials)
        if results is not None:
            yield region, trials, results


def _axes(region: Region, rank: int) -> list[int]:
    """The single dimensions that are reduced over in a region."""
    found = []
    for node in region.nodes:
        if node.op in REDUCTIONS and len(node.inputs) > 1:
            axes = region.constants.get(node.inputs[1])
            if axes is not None and axes.size == 1:
                found.append(int(axes.ravel()[0]) % rank)
    return list(dict.fromkeys(found))


def _close(a: Array, b: Array) -> bool:
    return bool(np.allclose(a, b, rtol=_TOLERANCE, atol=_TOLERANCE * max(1e-3, np.abs(b).max())))


def _softmax(
    dominators: Dominators,
    node: Node,
    shapes: Shapes,
    constants: dict[str, Array],
) -> Found:
    if node.op not in ("Div", "Mul"):
        return None
    best: Found = None  # the largest: x less its maximum has the same softmax
    for region, trials, results in _reducing(dominators, node.output, shapes):
        for axis in _axes(region, trials[0].ndim):
            powers = [np.exp(x - x.max(axis, keepdims=True)) for x in trials]
            expected = [power / power.sum(axis, keepdims=True) for power in powers]
            if all(map(_close, results, expected)):
                inputs = (region.source,)
                best = Node("Softmax", node.name, inputs, node.outputs, {"axis": axis}), region
    return best


def _norm(
    dominators: Dominators,
    node: Node,
    shapes: Shapes,
    constants: dict[str, Array],
) -> Found:
    """x → (x − mean) / √(variance + epsilon) · gamma + beta, or without the mean."""
    if node.op not in ("Div", "Mul", "Add"):
        return None
    for region, trials, results in _reducing(dominators, node.output, shapes):
        fits = [
            fit
            for axis in _axes(region, trials[0].ndim)
            for centred in (True, False)
            for epsilon in _epsilons(region)
            if (fit := _fit(trials, results, axis, centred, epsilon))
        ]
        if fits:
            best = min(fits, key=lambda fit: fit.error)
            names = (f"{node.output}/gamma", f"{node.output}/beta")
            constants.update(zip(names, (best.gamma, best.beta), strict=True))
            attributes = {"axis": best.axis, "centred": best.centred, "epsilon": best.epsilon}
            inputs = (region.source, *names)
            return Node("Norm", node.name, inputs, node.outputs, attributes), region
    return None


@dataclass(frozen=True, slots=True)
class _Fit:
    """A Norm that computes what a region does, but for ``error``."""

    axis: int
    centred: bool
    epsilon: float
    gamma: Array
    beta: Array
    error: float


def _epsilons(region: Region) -> list[float]:
    """Constants that may be the epsilon of a norm, and none."""
    scalars = [float(c.ravel()[0]) for c in region.constants.values() if c.size == 1]
    return [*dict.fromkeys(value for value in scalars if 0 < value < 0.1), 0.0]


def _unit(x: Array, axis: int, centred: bool, epsilon: float) -> Array:
    x = x.astype(np.float64)
    x = x - x.mean(axis, keepdims=True) if centred else x
    found: Array = x / np.sqrt((x**2).mean(axis, keepdims=True) + epsilon)
    return found


def _fit(
    trials: list[Array], results: list[Array], axis: int, centred: bool, epsilon: float
) -> _Fit | None:
    """The Norm with these parameters that fits best, if it fits."""
    units = [_unit(x, axis, centred, epsilon) for x in trials]
    xs, ys = np.stack(units), np.stack(results)
    # Least squares for each place along the dimension: over all others, and all trials.
    over = (0, *(i + 1 for i in range(trials[0].ndim) if i != axis))
    mean_x, mean_y = xs.mean(over, keepdims=True), ys.mean(over, keepdims=True)
    spread = ((xs - mean_x) ** 2).mean(over, keepdims=True)
    if (spread < 1e-9).any():
        return None
    gamma = ((xs - mean_x) * (ys - mean_y)).mean(over, keepdims=True) / spread
    beta = mean_y - gamma * mean_x
    expected = xs * gamma + beta
    if not _close(ys, expected):
        return None
    error = float(np.abs(ys - expected).max())
    vectors = gamma.ravel().astype(np.float32), beta.ravel().astype(np.float32)
    return _Fit(axis, centred, epsilon, *vectors, error)


def _embedding(
    dominators: Dominators,
    node: Node,
    shapes: Shapes,
    constants: dict[str, Array],
) -> Found:
    """A product of rows that are all 0 but for one 1, and a constant: rows of it, by index."""
    table = constants.get(node.inputs[1]) if node.op == "MatMul" else None
    if table is None or table.ndim != 2:
        return None
    hot = node.inputs[0]
    rows = shapes[hot][:-1]
    for region in dominators.regions(hot):
        if int(np.prod(shapes[region.source])) != int(np.prod(rows)):
            continue
        trial = np.random.default_rng(0).integers(0, len(table), shapes[region.source])
        try:
            found = region(trial.astype(np.int32))
        except ModelError:
            continue
        expected = trial.reshape(rows)[..., None] == np.arange(len(table))
        if found.dtype == np.float32 and np.array_equal(found, expected.astype(np.float32)):
            inputs = (region.source, node.inputs[1])
            whole = replace(region, nodes=(*region.nodes, node), target=node.output)
            return Node("Embed", node.name, inputs, node.outputs), whole
    return None


# --- Functions of one number ----------------------------------------------------------------------


def _functions(graph: FloatGraph) -> FloatGraph:
    """Function for the largest regions of operations on single numbers."""
    dominators, consumers = Dominators(graph), graph.consumers()
    kept = set(graph.outputs)
    nodes: list[Node] = []
    covered: set[str] = set()
    for node in reversed(graph.nodes):
        region = None
        if node.output not in covered and node.op in _BY_NUMBER:
            region = _largest(dominators, node, consumers, kept)
        if region is None:
            nodes.append(node)
            continue
        covered.update(name for part in region.nodes for name in part.outputs)
        attributes = {"apply": region, "label": str(region)}
        nodes.append(Node("Function", node.name, (region.source,), node.outputs, attributes))
    return graph.with_nodes(reversed(nodes))


def _largest(
    dominators: Dominators,
    node: Node,
    consumers: Mapping[str, list[Node]],
    kept: set[str],
) -> Region | None:
    best = None
    for region in dominators.regions(node.output):
        if not all(part.op in _BY_NUMBER for part in region.nodes):
            break
        if any(constant.size != 1 for constant in region.constants.values()):
            break
        inside = {id(part) for part in region.nodes}
        between = [name for part in region.nodes for name in part.outputs if name != node.output]
        escapes = any(
            name in kept or any(id(reader) not in inside for reader in consumers.get(name, ()))
            for name in between
        )
        if not escapes:
            best = region
    return best
