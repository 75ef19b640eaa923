"""The native engine of inferences: kernels against float32, and what all states cost.

float32 is numpy's product of the same shape, in the same process: what a float runtime cannot be
faster than by much. Ratios above 1 are slower than that.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from bench.measure import Row, median_seconds
from mlvm.engine import Engine
from mlvm.histories import Inference
from mlvm.ir import Graph, Result, Tensor
from mlvm.plan import plan
from mlvm.tasks import DType

#: A graph of one operator, from its input to its output.
Build = Callable[[Graph, Tensor], Tensor]

WORDS, BYTES = Result(DType.I32), Result(DType.I8)
RNG = np.random.default_rng(0)
RUNS = 9


def measure() -> list[Row]:
    return [
        _row("matrix, 8 bits", (256, 768), DType.I8, _matmul(768, 3072), (256, 768, 3072)),
        _row("matrix, rows of 16 bits", (256, 768), DType.I32, _rows(768, 3072), (256, 768, 3072)),
        _row("one row of 16 bits", (1, 2048), DType.I32, _rows(2048, 2048), (1, 2048, 2048)),
        _row("convolution 3 × 3", (56, 56, 64), DType.I8, _conv(3, 64, 64, 1), (3136, 576, 64)),
        _row("convolution 1 × 1", (56, 56, 64), DType.I8, _conv(1, 64, 256, 1), (3136, 64, 256)),
        _row("depthwise 3 × 3", (56, 56, 64), DType.I8, _conv(3, 64, 64, 64), None),
        _row("attention, 12 heads", (128, 768), DType.I32, _attention, (12 * 128, 128, 2 * 64)),
    ]


def _row(
    name: str,
    shape: tuple[int, ...],
    dtype: DType,
    build: Build,
    product: tuple[int, int, int] | None,
) -> Row:
    """``product``: rows, length and columns of the product of the same size."""
    graph = Graph(name)
    graph.output(build(graph, graph.input("x", shape, dtype)))
    engine = Engine(plan(graph))
    data = RNG.bytes(engine.model.header.input_size)
    engine.run(data)
    native = median_seconds(engine.run, lambda: data, RUNS)
    states = median_seconds(lambda inference: inference.states, lambda: Inference(engine, data))
    floats = median_seconds(_product, lambda: _matrices(*product), RUNS) if product else 0.0
    return {
        "kernel": name,
        "MACs": graph.macs,
        "tasks": len(engine.model.tasks),
        "ms": native * 1e3,
        "float32 ms": floats * 1e3 if product else "",
        "ratio": native / floats if product else "",
        "all states, ms": states * 1e3,
    }


Matrices = tuple[NDArray[np.float32], NDArray[np.float32]]


def _matrices(rows: int, length: int, columns: int) -> Matrices:
    return np.ones((rows, length), np.float32), np.ones((columns, length), np.float32)


def _product(matrices: Matrices) -> NDArray[np.float32]:
    a, b = matrices
    return a @ b.T


def _weights(*shape: int) -> NDArray[np.int64]:
    return RNG.integers(-127, 128, shape)


def _matmul(length: int, columns: int) -> Build:
    weights = _weights(columns, length)
    return lambda graph, x: graph.matmul("product", x, weights, None, 1, 9, BYTES)


def _rows(length: int, columns: int) -> Build:
    weights = _weights(columns, length)

    def build(graph: Graph, x: Tensor) -> Tensor:
        rows = graph.quantise("rows", x)
        return graph.matmul("product", rows, weights, None, 1, 9, WORDS)

    return build


def _conv(kernel: int, channels: int, outputs: int, groups: int) -> Build:
    weights, pad = _weights(outputs, kernel, kernel, channels // groups), kernel // 2
    return lambda graph, x: graph.conv(
        "conv", x, weights, None, 1, 9, BYTES, pads=(pad,) * 4, groups=groups
    )


def _attention(graph: Graph, x: Tensor) -> Tensor:
    heads = graph.transpose("heads", graph.reshape("split", x, (128, 12, 64)), (1, 0, 2))
    keys = graph.quantise("keys", heads)
    scores = graph.product("scores", keys, keys, 1, 30, WORDS)
    weights = graph.softmax("weights", scores, 1, 0)
    values = graph.quantise("values", graph.transpose("turned", heads, (0, 2, 1)))
    return graph.product("mix", weights, values, 1, 15, WORDS)
