"""The first pass over a graph: what is the same for all inputs is computed, once and for all.

Shapes are static, so what a graph computes *of* shapes is constant. Shapes are found by running the
graph on one sample: there is no second opinion about them that could be wrong.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from mlvm.importers.graph import Array, FloatGraph, Input, ModelError, Values
from mlvm.importers.operators import compute

Shapes = Mapping[str, tuple[int, ...]]
_OF_SHAPES = ("Shape", "Size")


@dataclass(frozen=True, slots=True)
class Settled:
    """A graph whose nodes all depend on its inputs, and the shapes of its tensors."""

    graph: FloatGraph
    shapes: dict[str, tuple[int, ...]]


def settled(graph: FloatGraph, sample: Values) -> Settled:
    """The graph, settled by a run on ``sample``. Raises :class:`ModelError`."""
    check(graph.inputs, sample)
    values: dict[str, Array] = {**graph.constants, **sample}
    constants = dict(graph.constants)
    nodes = []
    for node in graph.nodes:
        outputs = dict(zip(node.outputs, compute(node, values), strict=False))
        values.update(outputs)
        if node.op in _OF_SHAPES or all(name in constants for name in node.inputs if name):
            constants.update(outputs)
        else:
            nodes.append(node)
    for name in graph.outputs:
        if name in constants:
            raise ModelError(f"the output {name!r} does not depend on the input")
    shapes = {name: value.shape for name, value in values.items()}
    return Settled(graph.with_nodes(nodes, constants), shapes)


def check(inputs: tuple[Input, ...], sample: Values) -> None:
    """Refuse a sample that is not what the model is given."""
    for entry in inputs:
        if entry.name not in sample:
            raise ModelError(f"no samples for the input {entry.name!r}")
        found = sample[entry.name].shape
        if found != entry.shape:
            raise ModelError(f"a sample of {entry.name!r} has shape {found}, not {entry.shape}")
        if not np.isfinite(sample[entry.name]).all():
            raise ModelError(f"a sample of {entry.name!r} has numbers that are not finite")
