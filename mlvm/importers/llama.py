"""LLaMA decoders as integers: the graph that continues a text.

An inference is a prompt of up to so many tokens, and so many that follow. The input is the prompt's
tokens, words of 32 bits, at the end of their room; before them there is -1. The output is the
tokens that follow, each the likeliest after those before it.

Shapes are static. The prompt goes through the layers as one matrix, every later token as a row of
its own, which attends to the keys and values of all before it: these are tensors that the model
computes position by position. Rotary positions only matter by their differences, so it does no harm
that a short prompt does not begin at 0.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from mlvm.importers.llama_float import Decoder, FloatDecoder, Layer
from mlvm.importers.rows import (
    SHARE,
    WORD,
    Floats,
    Matrix,
    Product,
    factor,
    highest_of,
    shorts,
    silu,
    words,
)
from mlvm.ir import Graph, Tensor, fixed
from mlvm.ir.base import Result
from mlvm.tasks import DType

#: What the input has where there is no token.
NOTHING = -1
#: The residual stream may become so many times as large as in calibration, with so many tokens.
HEADROOM, CALIBRATION = 4.0, 64


@dataclass(frozen=True)
class IntegerLayer:
    """``turned``: the matrices of queries and keys, those of each head of keys together; ``bound``:
    how large a value can be."""

    turned: Product
    value: Product
    output: Product
    gate: Product
    up: Product
    down: Product
    attention_norm: Floats
    product_norm: Floats
    bound: float


def unit_of(decoder: Decoder) -> float:
    """What the residual stream counts: 2^-16, or more if it becomes too large for that."""
    reference = FloatDecoder(decoder)
    count = min(CALIBRATION, decoder.shape.context)
    reference.vectors(np.random.default_rng(0).integers(0, decoder.shape.vocabulary, count))
    largest = max(reference.largest * HEADROOM, 1.0)
    return float(max(WORD, 2.0 ** np.ceil(np.log2(largest / 2**31))))


def generator(decoder: Decoder, prompt: int, generated: int) -> DecoderGraph:
    """The graph that continues a prompt of at most ``prompt`` tokens by ``generated`` ones."""
    made = DecoderGraph(decoder, prompt, prompt + generated - 1)
    graph = made.graph
    tokens = graph.room("tokens", (generated,), Result(DType.I32))
    x = made.run(made.prompt_of(), 0)
    for index in range(generated):
        numbers = made.logits(
            f"token {index}", graph.slice("last", x, [-1, 0], [x.shape[0], x.shape[1]])
        )
        token = graph.argmax(f"token {index}", numbers, -1)
        token = graph.put(
            f"token {index}", token, graph.slice("place", tokens, [index], [index + 1])
        )
        if index < generated - 1:
            x = made.run(token, prompt + index)
    graph.output(tokens)
    return made


def judge(decoder: Decoder, length: int) -> DecoderGraph:
    """The graph that says, after each token of a text of ``length``, what may follow: a number in
    units of 2^-16 for every token of the vocabulary."""
    made = DecoderGraph(decoder, length, length)
    x = made.run(made.prompt_of(), 0)
    made.graph.output(made.logits("tokens", x))
    return made


class DecoderGraph:
    """The graph of a decoder: ``prompt`` tokens at once, then one by one, ``total`` in all."""

    def __init__(self, decoder: Decoder, prompt: int, total: int) -> None:
        self.shape = decoder.shape
        self.graph = Graph("decoder")
        self.unit = unit_of(decoder)
        self.prompt, self.total = prompt, total
        self.norm = decoder.norm
        self.products: list[Product] = []
        # What the last product loses is lost for good, so it has 16 bits. Of a prompt, only the
        # last token goes through it.
        self.embedding = self._product("embedding", decoder.embedding, DType.I16)
        self.head = self.embedding
        if decoder.head is not decoder.embedding:
            self.head = self._product("head", decoder.head, DType.I16)
        self.layers = [
            self._layer(f"layer {index}", layer) for index, layer in enumerate(decoder.layers)
        ]
        self._make_rooms()

    # --- What is there before the first token ---

    def _product(self, name: str, numbers: Floats, dtype: DType = DType.I8) -> Product:
        self.products.append(Product(self.graph, name, Matrix.of(numbers, dtype)))
        return self.products[-1]

    def _layer(self, name: str, layer: Layer) -> IntegerLayer:
        return IntegerLayer(
            turned=self._product(f"{name} turned", self._by_key_head(layer)),
            # It is a small matrix, and what it loses is seen by every token that looks back.
            value=self._product(f"{name} value", layer.value, DType.I16),
            output=self._product(f"{name} output", layer.output),
            gate=self._product(f"{name} gate", layer.gate),
            up=self._product(f"{name} up", layer.up),
            down=self._product(f"{name} down", layer.down),
            attention_norm=layer.attention_norm,
            product_norm=layer.product_norm,
            bound=highest_of(layer.value, layer.attention_norm, None, None),
        )

    def _by_key_head(self, layer: Layer) -> Floats:
        """For each head of keys, the heads of queries that share it, and then itself."""
        shape = self.shape
        query = layer.query.reshape(shape.key_heads, -1, shape.width)
        key = layer.key.reshape(shape.key_heads, -1, shape.width)
        return np.concatenate([query, key], axis=1).reshape(-1, shape.width)

    def _make_rooms(self) -> None:
        """What tokens look back to, in every layer; and which of the places have a token."""
        shape, layers = self.shape, list(enumerate(self.layers))
        turned = (self.total, shape.key_heads, shape.shared + 1, shape.head)
        rows = Result(DType.I16, 0, WORD)
        self.turned = [
            self.graph.room(f"layer {i} turned", turned, rows, has_exponents=True)
            for i, _ in layers
        ]
        values = (self.total, shape.key_heads * shape.head)
        self.values = [
            self.graph.room(f"layer {i} values", values, shorts(layer.bound)) for i, layer in layers
        ]
        self.mask = self.graph.room("mask", (self.total,), Result(DType.I32))

    def prompt_of(self) -> Tensor:
        """The input; the places after it have tokens, those before it only where it says so."""
        graph = self.graph
        tokens = graph.input("tokens", (self.prompt,), DType.I32)
        one = graph.constant("one", np.ones(1, np.int8), DType.I8)
        there = graph.add("mask", tokens, one, Result(DType.I32))
        graph.put("mask", there, graph.slice("mask", self.mask, [0], [self.prompt]))
        if self.total > self.prompt:
            later = np.ones(self.total - self.prompt, np.int32)
            ones = graph.rescale("mask", graph.constant("later", later, DType.I32), 1, 0, words())
            place = graph.slice("mask", self.mask, [self.prompt], [self.total])
            graph.put("mask", replace(ones, scale=None), place)
        return tokens

    # --- Tokens ---

    def run(self, tokens: Tensor, first: int) -> Tensor:
        """The residual stream of tokens, a row each, at the places from ``first`` on, after all
        layers."""
        name = f"place {first} embedding"
        multipliers, shift = fixed.factors(self.embedding.matrix.scales / self.unit)
        table = self.embedding.weights.constant
        x = self.graph.gather(
            name, tokens, table, table.dtype, multipliers, shift, words(self.unit)
        )
        for index in range(self.shape.layers):
            x = self._through(index, x, first)
        return x

    def logits(self, name: str, x: Tensor) -> Tensor:
        """A number for every token, after each row."""
        return self.head(name, self._normed(name, x, self.norm), words())

    def _through(self, index: int, x: Tensor, first: int) -> Tensor:
        graph, layer = self.graph, self.layers[index]
        name = f"place {first} layer {index}"
        seen = self._attention(name, index, self._normed(name, x, layer.attention_norm), first)
        stream = words(self.unit)
        x = graph.add(name, x, layer.output(f"{name} output", seen, stream), stream)
        normed = self._normed(name, x, layer.product_norm)
        gate = graph.map(
            f"{name} silu", layer.gate(f"{name} gate", normed, words()), silu(), words()
        )
        up = layer.up(f"{name} up", normed, words())
        product = graph.mul(f"{name} product", gate, up, words(), shift=16)
        added = layer.down(f"{name} down", graph.quantise(f"{name} product", product), stream)
        return graph.add(name, x, added, stream)

    def _normed(self, name: str, x: Tensor, gamma: Floats) -> Tensor:
        """Rows as a product takes them. An RMSNorm has no unit but that of its epsilon."""
        epsilon = self.shape.epsilon * (WORD / self.unit) ** 2
        normed = self.graph.norm(f"{name} norm", x, gamma, epsilon=epsilon, is_centred=False)
        return self.graph.quantise(f"{name} rows", replace(normed, scale=WORD))

    def _attention(self, name: str, index: int, x: Tensor, first: int) -> Tensor:
        """What tokens see in those before them, and in themselves: a row of all heads each."""
        graph, shape, layer = self.graph, self.shape, self.layers[index]
        count, last = x.shape[0], first + x.shape[0]
        heads = (count, shape.key_heads, shape.shared + 1, shape.head)
        turned = graph.reshape(name, layer.turned(f"{name} turned", x, words()), heads)
        angles = np.outer(np.arange(first, last), shape.frequencies)
        turned = graph.rope(f"{name} rope", turned, np.cos(angles), np.sin(angles))
        part = graph.slice(name, self.turned[index], [first, 0, 0, 0], [last, *heads[1:]])
        graph.put(name, graph.quantise(f"{name} heads", turned), part)
        value = layer.value(f"{name} value", x, shorts(layer.bound))
        part = graph.slice(name, self.values[index], [first, 0], [last, value.shape[1]])
        graph.put(name, value, part)
        queries, keys, values = self._operands(name, index, first, last)
        scale = factor(WORD / np.sqrt(shape.head), shape.head)
        scores = graph.product(f"{name} scores", queries, keys, *scale, words())
        mask = graph.slice(name, self.mask, [0], [last])
        shares = graph.softmax(f"{name} shares", scores, 1, 0, mask=mask, is_causal=count > 1)
        scale = factor(SHARE, last)
        seen = graph.product(f"{name} seen", shares, values, *scale, shorts(layer.bound))
        by_token = graph.transpose(name, seen, (2, 0, 1, 3) if count > 1 else (0, 1, 2, 3))
        return graph.reshape(name, by_token, (count, shape.heads * shape.head))

    def _operands(self, name: str, index: int, first: int, last: int) -> tuple[Tensor, ...]:
        """Queries, keys and values of an attention, as matrices for :meth:`Graph.product`. Of many
        tokens, there is one for each head, with a row for each token; of one, there is one for each
        head of keys, with a row for each of the heads that share it."""
        graph, shape, room = self.graph, self.shape, self.turned[index]
        ends = [last, shape.key_heads, shape.shared, shape.head]
        queries = graph.slice(name, room, [first, 0, 0, 0], ends)
        ends[2] += 1
        keys = graph.slice(name, room, [0, 0, shape.shared, 0], ends)
        values = graph.slice(name, self.values[index], [0, 0], [last, self.values[index].shape[1]])
        values = graph.reshape(name, values, (last, shape.key_heads, 1, shape.head))
        if last - first == 1:
            keys = graph.transpose(name, keys, (2, 1, 0, 3))
            return queries, keys, self._turned_over(name, values, (2, 1, 3, 0))
        queries = graph.transpose(name, queries, (1, 2, 0, 3))
        outer = (shape.key_heads, shape.shared)
        keys = graph.transpose(name, keys, (1, 2, 0, 3))
        keys = graph.broadcast(name, keys, (*outer, *keys.shape[2:]))
        values = self._turned_over(name, values, (1, 2, 3, 0))
        return queries, keys, graph.broadcast(name, values, (*outer, *values.shape[2:]))

    def _turned_over(self, name: str, values: Tensor, order: tuple[int, ...]) -> Tensor:
        """Values with the tokens last, as they are summed over."""
        over = self.graph.transpose(name, values, order)
        return self.graph.contiguous(f"{name} values", over)
