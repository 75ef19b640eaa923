"""Imports an ONNX model: from its file and samples of its input to a model of integers.

    file → float graph → plain graph → formats → integer graph → tasks

:func:`import_onnx` goes all the way; the steps are the modules beside this one.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from mlvm.importers.boil import boiled
from mlvm.importers.calibrate import batches
from mlvm.importers.formats import with_conversions
from mlvm.importers.graph import Array, FloatGraph, Input, ModelError, Values
from mlvm.importers.lower import lowered
from mlvm.importers.onnx_file import read
from mlvm.importers.quantise import Chosen, choose, macs
from mlvm.importers.regions import recognised
from mlvm.importers.settle import Settled, settled
from mlvm.importers.tidy import tidied
from mlvm.ir import GraphError
from mlvm.model import Model
from mlvm.plan import plan

#: The relative error of the outputs that an import aims to stay below.
DEFAULT_BUDGET = 0.05


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table that an import prints. ``precision``: bits of what is read, of weights,
    of what is written; ``decibels``: signal to noise against float."""

    operator: str
    name: str
    precision: str
    decibels: float
    macs: int


@dataclass(frozen=True, slots=True)
class Imported:
    """``error``: relative, of the outputs before a final softmax."""

    model: Model
    rows: list[Row]
    error: float
    seconds: float


def import_onnx(
    path: Path,
    samples: Mapping[str, Array],
    *,
    budget: float = DEFAULT_BUDGET,
    dimensions: Mapping[str, int] | None = None,
    about: Mapping[str, Any] | None = None,
) -> Imported:
    """Import a file. ``samples``: by input, arrays whose first dimension counts samples; an input
    whose samples are bytes is one of bytes. ``about``: what the description says besides.

    Raises :class:`ModelError`, in one line, for what cannot be imported; OSError.
    """
    begun = time.perf_counter()
    graph = read(path, dimensions)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    source = {"source": {"file": path.name, "sha256": digest}, **(about or {})}
    found = import_graph(path.stem, graph, samples, budget, source)
    return replace(found, seconds=time.perf_counter() - begun)


def import_graph(
    name: str,
    graph: FloatGraph,
    samples: Mapping[str, Array],
    budget: float = DEFAULT_BUDGET,
    about: Mapping[str, Any] | None = None,
) -> Imported:
    """The same of a graph that has been read."""
    begun = time.perf_counter()
    cases = list(batches(_fitting(graph, samples)))
    plain_graph, shapes = boiled_down(graph, cases[0])
    chosen = choose(plain_graph, shapes, cases, budget)
    try:
        model = plan(lowered(name, chosen.scheme, chosen.reach), dict(about or {}))
    except GraphError as error:
        raise ModelError(str(error)) from None
    return Imported(model, _rows(chosen, shapes), chosen.error, time.perf_counter() - begun)


def boiled_down(graph: FloatGraph, sample: Values) -> tuple[FloatGraph, dict[str, tuple[int, ...]]]:
    """The plain graph of a float graph, tidied, with conversions; and its shapes."""
    first = {entry.name: sample[entry.name].astype(entry.dtype) for entry in graph.inputs}
    found = settled(graph, first)
    found = Settled(recognised(found.graph, found.shapes), found.shapes)
    plain_graph, shapes = tidied(*boiled(found))
    inputs = tuple(_as_sampled(entry, sample) for entry in plain_graph.inputs)
    return with_conversions(replace(plain_graph, inputs=inputs), shapes)


def _as_sampled(entry: Input, sample: Values) -> Input:
    is_bytes = sample[entry.name].dtype == np.uint8
    return replace(entry, dtype=np.dtype(np.uint8)) if is_bytes else entry


def _fitting(graph: FloatGraph, samples: Mapping[str, Array]) -> dict[str, Array]:
    """The samples of the graph's inputs: floats as float32, integers as they are."""
    found = {}
    for entry in graph.inputs:
        if entry.name not in samples:
            raise ModelError(f"no samples of the input {entry.name!r}")
        array = samples[entry.name]
        if array.ndim == 0 or not len(array):
            raise ModelError(f"no samples of the input {entry.name!r}")
        if array.shape[1:] != entry.shape[1:] or entry.shape[0] != 1:
            raise ModelError(
                f"samples of {entry.name!r} have the shape {array.shape}; one has {entry.shape}"
            )
        if array.dtype.kind not in "fiu" or not np.isfinite(array).all():
            raise ModelError(f"samples of {entry.name!r} are no finite numbers")
        if entry.dtype.kind == "f" and array.dtype != np.uint8:
            array = array.astype(np.float32)
        found[entry.name] = array
    if not found:
        raise ModelError("the model has no input")
    return found


def _rows(chosen: Chosen, shapes: Mapping[str, tuple[int, ...]]) -> list[Row]:
    """The operators that compute something."""
    rows = []
    scheme = chosen.scheme
    for node in scheme.graph.nodes:
        if node.op in ("Reshape", "Transpose", "Slice", "Convert"):
            continue
        reads = [
            str(8 * scheme.format(name).dtype.size)
            for name in node.inputs
            if name not in scheme.graph.constants
        ]
        if node.output in scheme.weights:
            reads.append(str(8 * scheme.weights[node.output].dtype.size))
        writes = 8 * scheme.format(node.output).dtype.size
        noise = max(chosen.noise[node.output], 1e-20)
        rows.append(
            Row(
                node.attributes.get("label", node.op),
                node.name,
                f"{' × '.join(reads)} → {writes}",
                float(-10 * np.log10(noise)),
                macs(scheme.graph, node, dict(shapes)),
            )
        )
    return rows
