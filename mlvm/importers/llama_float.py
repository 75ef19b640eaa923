"""LLaMA decoders as floats: their weights, from a GGUF file, and the reference that runs them.

A token's vector goes through layers; each adds attention to what came before, and then a gated
product. The reference is what the integers of :mod:`mlvm.importers.llama` are measured against.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlvm.importers.gguf import Floats, GgufFile
from mlvm.model import ModelError

Ids = NDArray[np.int64]
#: Cosines and sines of the positions' angles.
_Turn = tuple[Floats, Floats]
#: Absurd sizes end here; what fits a model is decided when it is planned.
MAX_LAYERS, MAX_WIDTH, MAX_VOCABULARY = 512, 1 << 16, 1 << 20


@dataclass(frozen=True, slots=True)
class Shape:
    """``width``: numbers of a token's vector; ``hidden``: of a gated product; ``heads`` of queries
    share ``key_heads`` of keys and values, ``head`` numbers each. ``frequencies``: by how much a
    position turns each pair of them, in radians."""

    layers: int
    width: int
    hidden: int
    heads: int
    key_heads: int
    vocabulary: int
    context: int
    epsilon: float
    frequencies: NDArray[np.float64]

    @property
    def head(self) -> int:
        return 2 * len(self.frequencies)

    @property
    def shared(self) -> int:
        """How many heads of queries share one of keys."""
        return self.heads // self.key_heads


@dataclass(frozen=True, slots=True)
class Layer:
    """Matrices have a row for each output. Numbers i and i + half of a head are turned together."""

    attention_norm: Floats
    query: Floats
    key: Floats
    value: Floats
    output: Floats
    product_norm: Floats
    gate: Floats
    up: Floats
    down: Floats


@dataclass(frozen=True, slots=True)
class Decoder:
    """``head``: the matrix that makes a number for every token; often the embedding again."""

    shape: Shape
    embedding: Floats
    layers: tuple[Layer, ...]
    norm: Floats
    head: Floats


# --- From GGUF ------------------------------------------------------------------------------------


def decoder_of(file: GgufFile) -> Decoder:
    """The decoder of a GGUF file. Raises :class:`ModelError` for other architectures, for tensors
    that are missing, of wrong shape, or that nothing here knows: all of these at once."""
    architecture = file.fields.get("general.architecture")
    if architecture != "llama":
        raise ModelError(f"the architecture is {str(architecture)[:60]!r}; only llama is supported")
    shape = _shape(file)
    layers = tuple(_layer(file, shape, f"blk.{index}") for index in range(shape.layers))
    embedding = file.tensor("token_embd.weight", (shape.vocabulary, shape.width))
    head = embedding
    if "output.weight" in file.entries:
        head = file.tensor("output.weight", embedding.shape)
    norm = file.tensor("output_norm.weight", (shape.width,))
    _check_all_known(file, shape)
    return Decoder(shape, embedding, layers, norm, head)


def _shape(file: GgufFile) -> Shape:
    width = file.integer("llama.embedding_length", 1, MAX_WIDTH)
    heads = file.integer("llama.attention.head_count", 1, width)
    key_heads = file.integer("llama.attention.head_count_kv", 1, heads, heads)
    head = file.integer("llama.attention.key_length", 2, MAX_WIDTH, width // heads)
    if heads % key_heads or head % 2:
        raise ModelError(f"{heads} heads of {head} numbers cannot share {key_heads} of keys")
    for name, value in (("rope.dimension_count", head), ("attention.value_length", head)):
        file.integer(f"llama.{name}", value, value, value)
    scaling = file.fields.get("llama.rope.scaling.type", "none")
    if scaling != "none":
        raise ModelError(f"llama.rope.scaling.type is {str(scaling)[:60]!r}, not supported")
    entry = file.entries.get("token_embd.weight")
    return Shape(
        layers=file.integer("llama.block_count", 1, MAX_LAYERS),
        width=width,
        hidden=file.integer("llama.feed_forward_length", 1, MAX_WIDTH),
        heads=heads,
        key_heads=key_heads,
        vocabulary=file.integer(
            "llama.vocab_size", 1, MAX_VOCABULARY, entry.shape[0] if entry else None
        ),
        context=file.integer("llama.context_length", 1, 1 << 30),
        epsilon=file.real("llama.attention.layer_norm_rms_epsilon", 0.0, 1.0),
        frequencies=_frequencies(file, head),
    )


def _frequencies(file: GgufFile, head: int) -> NDArray[np.float64]:
    base = file.real("llama.rope.freq_base", 1.0, 1e12, 10_000.0)
    frequencies = base ** (-np.arange(head // 2) / (head // 2))
    if "rope_freqs.weight" in file.entries:
        divisors = file.tensor("rope_freqs.weight", (head // 2,)).astype(np.float64)
        if divisors.min() <= 0:
            raise ModelError("rope_freqs.weight has numbers that are not positive")
        frequencies = frequencies / divisors
    return frequencies


_TENSORS = (
    *("attn_norm", "attn_q", "attn_k", "attn_v", "attn_output"),
    *("ffn_norm", "ffn_gate", "ffn_up", "ffn_down"),
)


def _layer(file: GgufFile, shape: Shape, name: str) -> Layer:
    width, hidden = shape.width, shape.hidden
    queries, keys = shape.heads * shape.head, shape.key_heads * shape.head
    shapes = (
        *((width,), (queries, width), (keys, width), (keys, width), (width, queries)),
        *((width,), (hidden, width), (hidden, width), (width, hidden)),
    )
    tensors = [
        file.tensor(f"{name}.{tensor}.weight", lengths)
        for tensor, lengths in zip(_TENSORS, shapes, strict=True)
    ]
    tensors[1] = _halves_together(tensors[1], shape.heads)
    tensors[2] = _halves_together(tensors[2], shape.key_heads)
    return Layer(*tensors)


def _halves_together(matrix: Floats, heads: int) -> Floats:
    """The rows of a head in GGUF's order, in which neighbours are turned together, in ours."""
    pairs = matrix.reshape(heads, -1, 2, matrix.shape[1])
    return np.ascontiguousarray(pairs.swapaxes(1, 2)).reshape(matrix.shape)


def _check_all_known(file: GgufFile, shape: Shape) -> None:
    known = {"token_embd.weight", "output.weight", "output_norm.weight", "rope_freqs.weight"}
    known |= {f"blk.{i}.{name}.weight" for i in range(shape.layers) for name in _TENSORS}
    unknown = sorted(set(file.entries) - known)
    if unknown:
        listed = ", ".join(repr(name[:60]) for name in unknown[:8])
        raise ModelError(f"{len(unknown)} tensors are not supported: {listed}")


# --- The reference --------------------------------------------------------------------------------


class FloatDecoder:
    """Runs a decoder, 32-bit floats throughout, and remembers keys and values of the tokens so far.

    ``largest``: what the residual stream's numbers have come to, at most.
    """

    def __init__(self, decoder: Decoder) -> None:
        self.decoder = decoder
        shape = decoder.shape
        empty = np.zeros((0, shape.key_heads, shape.head), np.float32)
        self._keys = [empty] * shape.layers
        self._values = [empty] * shape.layers
        self._position = 0
        self.largest = 0.0

    def run(self, ids: Ids) -> Floats:
        """The next tokens: a number for every token of the vocabulary, after each of them."""
        return self.vectors(ids) @ self.decoder.head.T

    def vectors(self, ids: Ids) -> Floats:
        """The next tokens, up to what the last matrix multiplies."""
        shape = self.decoder.shape
        angles = np.outer(self._position + np.arange(len(ids)), shape.frequencies)
        turn = np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32)
        x = self.decoder.embedding[ids]
        for index, layer in enumerate(self.decoder.layers):
            x = x + self._attention(index, layer, self._normed(x, layer.attention_norm), turn)
            normed = self._normed(x, layer.product_norm)
            gate = normed @ layer.gate.T
            with np.errstate(over="ignore"):
                silu = gate / (1 + np.exp(-gate))
            x = x + (silu * (normed @ layer.up.T)) @ layer.down.T
            self.largest = max(self.largest, float(np.abs(x).max()))
        self._position += len(ids)
        return self._normed(x, self.decoder.norm)

    def _normed(self, x: Floats, weight: Floats) -> Floats:
        square = np.mean(x * x, axis=-1, keepdims=True)
        normed: Floats = x / np.sqrt(square + np.float32(self.decoder.shape.epsilon)) * weight
        return normed

    def _attention(self, index: int, layer: Layer, x: Floats, turn: _Turn) -> Floats:
        shape, count = self.decoder.shape, len(x)
        queries = _turned((x @ layer.query.T).reshape(count, shape.heads, shape.head), turn)
        keys = _turned((x @ layer.key.T).reshape(count, shape.key_heads, shape.head), turn)
        values = (x @ layer.value.T).reshape(count, shape.key_heads, shape.head)
        self._keys[index] = np.concatenate([self._keys[index], keys])
        self._values[index] = np.concatenate([self._values[index], values])
        keys = np.repeat(self._keys[index], shape.shared, axis=1).transpose(1, 2, 0)
        values = np.repeat(self._values[index], shape.shared, axis=1).transpose(1, 0, 2)
        scores = queries.transpose(1, 0, 2) @ keys / np.float32(np.sqrt(shape.head))
        later = np.triu(np.ones((count, count), np.bool_), 1)
        scores[:, :, -count:][:, later] = -np.inf
        powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
        shares = powers / powers.sum(axis=-1, keepdims=True)
        seen = (shares @ values).transpose(1, 0, 2).reshape(count, -1)
        added: Floats = seen @ layer.output.T
        return added


def _turned(x: Floats, turn: _Turn) -> Floats:
    """Heads with their positions in them."""
    cosines, sines = (part[:, None, :] for part in turn)
    left, right = np.split(x, 2, axis=-1)
    return np.concatenate([left * cosines - right * sines, left * sines + right * cosines], axis=-1)


def losses(logits: Floats, ids: Ids) -> NDArray[np.float64]:
    """-log of the probability of each token after the first, given those before it."""
    numbers = logits[: len(ids) - 1].astype(np.float64)
    numbers -= numbers.max(axis=-1, keepdims=True)
    sums = np.log(np.exp(numbers).sum(axis=-1))
    lost: NDArray[np.float64] = sums - numbers[np.arange(len(ids) - 1), ids[1:]]
    return lost
