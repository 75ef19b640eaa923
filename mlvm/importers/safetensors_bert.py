"""BERT encoders as floats: their weights, from a folder with a safetensors file, and the reference
that runs them.

An encoder makes a vector of a text: every token's vector goes through layers, each of which adds
what it sees in all others, and then a product; the text's is the mean of its tokens', of length 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from fpvm import json_text
from mlvm.importers.rows import Floats, Floats64
from mlvm.model import ModelError

Ids = NDArray[np.int64]
#: Absurd sizes end here; what fits a model is decided when it is planned.
MAX_LAYERS, MAX_WIDTH, MAX_VOCABULARY = 512, 1 << 16, 1 << 20
MAX_CONFIG = 1 << 20
#: The file's types that become floats of 32 bits.
_FLOATS = ("F16", "F32", "F64")


@dataclass(frozen=True, slots=True)
class Shape:
    """``width``: numbers of a token's vector; ``hidden``: of what a product goes through;
    ``places``: the most tokens of a text."""

    layers: int
    width: int
    hidden: int
    heads: int
    vocabulary: int
    places: int
    epsilon: float

    @property
    def head(self) -> int:
        return self.width // self.heads


@dataclass(frozen=True, slots=True)
class Linear:
    """A matrix with a row for each output, and what is added to each."""

    matrix: Floats
    bias: Floats


@dataclass(frozen=True, slots=True)
class Norm:
    gamma: Floats
    beta: Floats


@dataclass(frozen=True, slots=True)
class Layer:
    query: Linear
    key: Linear
    value: Linear
    output: Linear
    attention_norm: Norm
    up: Linear
    down: Linear
    product_norm: Norm


@dataclass(frozen=True, slots=True)
class Encoder:
    """``places``: a vector for each place, with that of the first kind of token in it."""

    shape: Shape
    words: Floats
    places: Floats
    norm: Norm
    layers: tuple[Layer, ...]


# --- From a folder --------------------------------------------------------------------------------


def read(folder: Path) -> Encoder:
    """The encoder of a folder with ``config.json`` and ``model.safetensors``.

    Raises :class:`ModelError` for what is damaged, missing, or no BERT encoder as it is known
    here, and OSError for files that cannot be read.
    """
    shape = _shape(_config(folder / "config.json"))
    path = folder / "model.safetensors"
    if not path.is_file():
        raise ModelError(f"{path}: there is no such file")
    try:
        with safe_open(path, "numpy") as file:
            return _encoder(_Tensors(file, str(path)), shape)
    except SafetensorError as error:
        raise ModelError(f"{path}: {str(error).splitlines()[0]}") from None


def _config(path: Path) -> dict[str, Any]:
    if not path.is_file() or path.stat().st_size > MAX_CONFIG:
        raise ModelError(f"{path}: there is no such file, or it is too large")
    try:
        config = json_text.parse(path.read_bytes())
    except ValueError:
        raise ModelError(f"{path}: not JSON") from None
    if not isinstance(config, dict):
        raise ModelError(f"{path}: not a JSON object")
    return config


def _shape(config: dict[str, Any]) -> Shape:
    for key, known in (
        ("model_type", "bert"),
        ("hidden_act", "gelu"),
        ("position_embedding_type", "absolute"),
        ("pad_token_id", 0),
    ):
        if config.get(key, known) != known or (key == "model_type" and key not in config):
            raise ModelError(f"config: {key} is {str(config.get(key))[:60]!r}, not {known!r}")
    width = _integer(config, "hidden_size", MAX_WIDTH)
    heads = _integer(config, "num_attention_heads", width)
    if width % heads:
        raise ModelError(f"config: {width} numbers are not {heads} heads")
    epsilon = config.get("layer_norm_eps", 1e-12)
    if not isinstance(epsilon, float | int) or not 0 <= epsilon <= 1:
        raise ModelError(f"config: layer_norm_eps is {str(epsilon)[:60]!r}, not a number 0 to 1")
    return Shape(
        layers=_integer(config, "num_hidden_layers", MAX_LAYERS),
        width=width,
        hidden=_integer(config, "intermediate_size", MAX_WIDTH),
        heads=heads,
        vocabulary=_integer(config, "vocab_size", MAX_VOCABULARY),
        places=_integer(config, "max_position_embeddings", MAX_WIDTH),
        epsilon=float(epsilon),
    )


def _integer(config: dict[str, Any], key: str, most: int) -> int:
    value = config.get(key)
    if type(value) is not int or not 1 <= value <= most:
        raise ModelError(f"config: {key} is {repr(value)[:60]}, not an integer 1 to {most}")
    return value


class _Tensors:
    """The tensors of a file, with or without ``bert.`` before their names."""

    def __init__(self, file: Any, path: str) -> None:
        self.file, self.path = file, path
        self.names = set(file.keys())
        self.prefix = "bert." if "bert.embeddings.LayerNorm.weight" in self.names else ""

    def get(self, name: str, *shape: int) -> Floats:
        """Raises :class:`ModelError` unless there is such a tensor of finite floats."""
        what = f"{self.path}: tensor {name!r}"
        if self.prefix + name not in self.names:
            raise ModelError(f"{what} is missing")
        part = self.file.get_slice(self.prefix + name)
        if tuple(part.get_shape()) != shape:
            raise ModelError(f"{what} has the shape {tuple(part.get_shape())}, not {shape}")
        if part.get_dtype() not in _FLOATS:
            raise ModelError(f"{what} is {part.get_dtype()}; supported are {', '.join(_FLOATS)}")
        with np.errstate(over="ignore"):
            numbers = np.asarray(self.file.get_tensor(self.prefix + name)).astype(np.float32)
        if not np.isfinite(numbers).all():
            raise ModelError(f"{what} is infinite or not a number in places")
        return numbers

    def linear(self, name: str, outputs: int, inputs: int) -> Linear:
        matrix = self.get(f"{name}.weight", outputs, inputs)
        return Linear(matrix, self.get(f"{name}.bias", outputs))

    def norm(self, name: str, width: int) -> Norm:
        return Norm(self.get(f"{name}.weight", width), self.get(f"{name}.bias", width))


def _encoder(tensors: _Tensors, shape: Shape) -> Encoder:
    width, name = shape.width, "embeddings"
    kind = tensors.get(f"{name}.token_type_embeddings.weight", 2, width)[0]
    return Encoder(
        shape,
        words=tensors.get(f"{name}.word_embeddings.weight", shape.vocabulary, width),
        places=tensors.get(f"{name}.position_embeddings.weight", shape.places, width) + kind,
        norm=tensors.norm(f"{name}.LayerNorm", width),
        layers=tuple(_layer(tensors, shape, f"encoder.layer.{i}") for i in range(shape.layers)),
    )


def _layer(tensors: _Tensors, shape: Shape, name: str) -> Layer:
    width, hidden = shape.width, shape.hidden
    return Layer(
        query=tensors.linear(f"{name}.attention.self.query", width, width),
        key=tensors.linear(f"{name}.attention.self.key", width, width),
        value=tensors.linear(f"{name}.attention.self.value", width, width),
        output=tensors.linear(f"{name}.attention.output.dense", width, width),
        attention_norm=tensors.norm(f"{name}.attention.output.LayerNorm", width),
        up=tensors.linear(f"{name}.intermediate.dense", hidden, width),
        down=tensors.linear(f"{name}.output.dense", width, hidden),
        product_norm=tensors.norm(f"{name}.output.LayerNorm", width),
    )


# --- The reference --------------------------------------------------------------------------------


def embedded(encoder: Encoder, ids: Ids) -> Floats:
    """The vector of a text of these tokens, of length 1, in 32-bit floats."""
    epsilon = encoder.shape.epsilon
    x = _normed(encoder.words[ids] + encoder.places[: len(ids)], encoder.norm, epsilon)
    for layer in encoder.layers:
        x = _normed(x + _attention(encoder, layer, x), layer.attention_norm, epsilon)
        product = _applied(layer.down, gelu(_applied(layer.up, x)).astype(np.float32))
        x = _normed(x + product, layer.product_norm, epsilon)
    mean = x.mean(axis=0)
    vector: Floats = mean / np.linalg.norm(mean)
    return vector


def gelu(x: Floats | Floats64) -> Floats64:
    """x · Φ(x), exactly as far as floats go."""
    return 0.5 * x * (1 + _erf(np.asarray(x, np.float64) / np.sqrt(2)))


def _erf(x: Floats64) -> Floats64:
    """The error function, to 1.2 · 10^-7 (Numerical Recipes, erfc by Chebyshev's polynomials)."""
    t = 1 / (1 + 0.5 * np.abs(x))
    polynomial = np.polynomial.polynomial.polyval(t, _ERFC)
    tail = t * np.exp(-x * x + polynomial)
    result: Floats64 = np.where(x >= 0, 1 - tail, tail - 1)
    return result


_ERFC = (
    *(-1.26551223, 1.00002368, 0.37409196, 0.09678418, -0.18628806),
    *(0.27886807, -1.13520398, 1.48851587, -0.82215223, 0.17087277),
)


def _applied(linear: Linear, x: Floats) -> Floats:
    result: Floats = x @ linear.matrix.T + linear.bias
    return result


def _normed(x: Floats, norm: Norm, epsilon: float) -> Floats:
    centred = x - x.mean(axis=-1, keepdims=True)
    square = np.mean(centred * centred, axis=-1, keepdims=True)
    normed: Floats = centred / np.sqrt(square + np.float32(epsilon)) * norm.gamma + norm.beta
    return normed


def _attention(encoder: Encoder, layer: Layer, x: Floats) -> Floats:
    shape = (len(x), encoder.shape.heads, encoder.shape.head)
    queries, keys, values = (
        _applied(linear, x).reshape(shape).transpose(1, 0, 2)
        for linear in (layer.query, layer.key, layer.value)
    )
    scores = queries @ keys.transpose(0, 2, 1) / np.float32(np.sqrt(shape[2]))
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    shares = powers / powers.sum(axis=-1, keepdims=True)
    seen = (shares @ values).transpose(1, 0, 2).reshape(len(x), -1)
    return _applied(layer.output, seen)
