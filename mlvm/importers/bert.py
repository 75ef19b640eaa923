"""BERT encoders as integers: the graph that makes a vector of a text.

The input is a text's tokens, words of 32 bits, and 0 behind them up to the length of the graph;
where it is 0, nobody looks. The output is a vector of length 1.

The norms bound everything between them, whatever the text: a normalised row of n numbers has the
length √n. So what products are made of has 16 bits and one scale each, without calibration, and
products have their biases.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mlvm.importers.rows import (
    SHARE,
    WORD,
    Floats,
    Matrix,
    Product,
    factor,
    highest_of,
    scale_of,
    shorts,
    without,
    words,
)
from mlvm.importers.safetensors_bert import Encoder, Layer, Linear, Norm, gelu
from mlvm.ir import Graph, Tensor, fixed
from mlvm.ir.base import Result
from mlvm.tasks import DType

#: What the output counts.
VECTOR = 2.0**-24
#: gelu(x) is 0 below, and x above.
GELU_RANGE = 8.0


class EncoderGraph:
    """The graph that makes a vector of a text of at most ``length`` tokens."""

    def __init__(self, encoder: Encoder, length: int) -> None:
        self.encoder, self.shape, self.length = encoder, encoder.shape, length
        self.graph = graph = Graph("encoder")
        self.products: list[Product] = []
        self.mask = graph.input("tokens", (length,), DType.I32)
        norm = encoder.norm
        x = self._normed("embedding", self._embedded(), norm)
        for index, layer in enumerate(encoder.layers):
            x = self._through(f"layer {index}", layer, x, norm)
            norm = layer.product_norm
        mean = graph.mean("mean", x, 0, words(), mask=self.mask)
        gamma = WORD / VECTOR / np.sqrt(self.shape.width)
        vector = graph.norm("vector", mean, gamma, is_centred=False)
        graph.output(replace(vector, scale=VECTOR))

    def _embedded(self) -> Tensor:
        """The vectors of tokens and places."""
        graph, encoder = self.graph, self.encoder
        table = Matrix.of(encoder.words)
        multipliers, shift = fixed.factors(table.scales / WORD)
        name, places = "tokens", fixed.words(encoder.places[: self.length] / WORD)
        x = graph.gather(name, self.mask, table.codes, table.dtype, multipliers, shift, words())
        return graph.add("places", x, graph.constant("places", places, DType.I32), words())

    def _normed(self, name: str, x: Tensor, norm: Norm) -> Tensor:
        epsilon = self.shape.epsilon
        return self.graph.norm(name, x, norm.gamma, norm.beta, epsilon=epsilon, is_centred=True)

    def _through(self, name: str, layer: Layer, x: Tensor, norm: Norm) -> Tensor:
        """A layer. ``norm``: the one that has made x."""
        graph = self.graph
        seen = self._attention(f"{name} attention", layer, self._short(name, x, norm), norm)
        seen = self._product(f"{name} output", seen, layer.output, words())
        x = self._normed(
            f"{name} norm", graph.add(f"{name} seen", x, seen, words()), layer.attention_norm
        )
        norm = layer.attention_norm
        up = self._product(f"{name} up", self._short(f"{name} product", x, norm), layer.up, words())
        bound = highest_of(layer.up.matrix, norm.gamma, norm.beta, layer.up.bias)
        result = shorts(max(bound, 1.0))
        table = fixed.curve(gelu, -GELU_RANGE, GELU_RANGE, out_unit=scale_of(result), slope=1.0)
        hidden = graph.map(f"{name} gelu", up, table, result)
        down = self._product(f"{name} down", hidden, layer.down, words())
        return self._normed(
            f"{name} end", graph.add(f"{name} end", x, down, words()), layer.product_norm
        )

    def _short(self, name: str, x: Tensor, norm: Norm) -> Tensor:
        """What a norm has made, in 16 bits."""
        root = np.sqrt(self.shape.width)
        result = shorts(float((np.abs(norm.gamma) * root + np.abs(norm.beta)).max()))
        multiplier, shift = fixed.factor(WORD / scale_of(result))
        return self.graph.rescale(f"{name} rows", x, multiplier, shift, result)

    def _product(self, name: str, x: Tensor, linear: Linear, result: Result) -> Tensor:
        return self._weighted(name, linear.matrix)(name, x, result, bias=linear.bias)

    def _weighted(self, name: str, matrix: Floats) -> Product:
        self.products.append(Product(self.graph, name, Matrix.of(matrix)))
        return self.products[-1]

    def _attention(self, name: str, layer: Layer, x: Tensor, norm: Norm) -> Tensor:
        """What tokens see in all others: a row of all heads each."""
        graph, shape = self.graph, self.shape
        linears = layer.query, layer.key, layer.value
        bounds = [
            highest_of(linear.matrix, norm.gamma, norm.beta, linear.bias) for linear in linears
        ]
        query, key, value = (shorts(bound) for bound in bounds)
        units = np.repeat([scale_of(result) for result in (query, key, value)], shape.width)
        product = self._weighted(name, np.concatenate([linear.matrix for linear in linears]))
        bias = np.concatenate([linear.bias for linear in linears])
        rows = product(name, x, Result(DType.I16), units, bias)
        heads = graph.reshape(name, rows, (self.length, 3, shape.heads, shape.head))
        queries, keys, values = (self._heads(name, heads, place) for place in range(3))
        scale = scale_of(query) * scale_of(key) / np.sqrt(shape.head) / WORD
        scores = graph.product(f"{name} scores", queries, keys, *factor(scale, shape.head), words())
        shares = graph.softmax(f"{name} shares", scores, 1, 0, mask=self.mask)
        over = graph.contiguous(f"{name} values", graph.transpose(name, values, (0, 2, 1)))
        seen = graph.product(f"{name} seen", shares, over, *factor(SHARE, self.length), value)
        by_token = graph.transpose(name, seen, (1, 0, 2))
        return graph.reshape(f"{name} heads", by_token, (self.length, shape.width))

    def _heads(self, name: str, heads: Tensor, place: int) -> Tensor:
        """Queries, keys or values: heads × tokens × numbers."""
        graph, shape = self.graph, self.shape
        ends = [self.length, place + 1, shape.heads, shape.head]
        part = graph.slice(name, heads, [0, place, 0, 0], ends)
        part = graph.transpose(name, part, (1, 2, 0, 3))
        return without(part, 0)
