"""Trains the two networks of :mod:`mlvm.models.mnist`: ``python -m mlvm.models.mnist_training``.

Plain numpy, with a fixed seed; Adam, a learning rate that falls to nothing. The files are
committed, since another BLAS rounds otherwise and so trains another network.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from mlvm.models.mnist import FILES, images

Array = NDArray[Any]
Parameters = list[Array]
Step = tuple[Array, Callable[[Array], Array]]

SEED = 1
BATCH = 64
EPOCHS = {"mlp": 20, "cnn": 5}
RATE = 2e-3


# --- Layers ---------------------------------------------------------------------------------------
#
# Each gives its output and a function that takes the gradient back, and adds to the gradients of
# the layer's parameters.


@dataclass
class Layer:
    """Parameters and their gradients."""

    parameters: Parameters = field(default_factory=list)
    gradients: Parameters = field(default_factory=list)

    def __call__(self, x: Array) -> Step:
        raise NotImplementedError


class Dense(Layer):
    def __init__(self, rng: np.random.Generator, inputs: int, outputs: int) -> None:
        w = rng.normal(0, (2 / inputs) ** 0.5, (inputs, outputs)).astype(np.float32)
        super().__init__([w, np.zeros(outputs, np.float32)])

    def __call__(self, x: Array) -> Step:
        flat = x.reshape(len(x), -1)
        w, b = self.parameters

        def back(gradient: Array) -> Array:
            self.gradients = [flat.T @ gradient, gradient.sum(0)]
            return (gradient @ w.T).reshape(x.shape)

        return flat @ w + b, back


class Conv(Layer):
    """Without padding; pictures are count × channels × height × width."""

    def __init__(self, rng: np.random.Generator, inputs: int, outputs: int, size: int) -> None:
        shape = (outputs, inputs, size, size)
        w = rng.normal(0, (2 / (inputs * size * size)) ** 0.5, shape).astype(np.float32)
        super().__init__([w, np.zeros(outputs, np.float32)])

    def __call__(self, x: Array) -> Step:
        w, b = self.parameters
        outputs, inputs, size, _ = w.shape
        count, _, height, width = x.shape
        seen = np.lib.stride_tricks.sliding_window_view(x, (size, size), (2, 3))
        columns = seen.transpose(0, 2, 3, 1, 4, 5).reshape(-1, inputs * size * size)
        out = (columns @ w.reshape(outputs, -1).T + b).reshape(
            count, height - size + 1, width - size + 1, outputs
        )

        def back(gradient: Array) -> Array:
            rows = gradient.transpose(0, 2, 3, 1).reshape(-1, outputs)
            self.gradients = [(rows.T @ columns).reshape(w.shape), rows.sum(0)]
            parts = (rows @ w.reshape(outputs, -1)).reshape(*out.shape[:3], inputs, size, size)
            found = np.zeros_like(x)
            for y in range(size):
                for z in range(size):
                    part = parts[..., y, z].transpose(0, 3, 1, 2)
                    found[:, :, y : y + out.shape[1], z : z + out.shape[2]] += part
            return found

        return out.transpose(0, 3, 1, 2), back


class Relu(Layer):
    def __call__(self, x: Array) -> Step:
        return np.maximum(x, 0), lambda gradient: gradient * (x > 0)


class Pool(Layer):
    """The highest of 2 × 2."""

    def __call__(self, x: Array) -> Step:
        count, channels, height, width = x.shape
        blocks = x.reshape(count, channels, height // 2, 2, width // 2, 2)
        out = blocks.max((3, 5))

        def back(gradient: Array) -> Array:
            first = blocks == out[:, :, :, None, :, None]
            found: Array = first * gradient[:, :, :, None, :, None]
            return found.reshape(x.shape)

        return out, back


def network(kind: str, rng: np.random.Generator) -> list[Layer]:
    if kind == "mlp":
        return [Dense(rng, 784, 20), Relu(), Dense(rng, 20, 10)]
    first, second = Conv(rng, 1, 8, 5), Conv(rng, 8, 16, 5)
    return [first, Relu(), Pool(), second, Relu(), Pool(), Dense(rng, 256, 10)]


# --- Training -------------------------------------------------------------------------------------


def train(kind: str) -> list[Layer]:
    """A network, trained on the 60,000 images."""
    rng = np.random.default_rng(SEED)
    layers = network(kind, rng)
    pixels, digits = images("train")
    optimiser = Adam(layers, EPOCHS[kind] * len(pixels) // BATCH)
    for epoch in range(EPOCHS[kind]):
        for chosen in _batches(rng, len(pixels)):
            x = pixels[chosen].astype(np.float32) / 255
            optimiser.step(x, digits[chosen])
        print(f"{kind}: epoch {epoch + 1}, {accuracy(layers):.2%}", flush=True)
    return layers


def _batches(rng: np.random.Generator, count: int) -> Iterator[NDArray[np.int64]]:
    order = rng.permutation(count)
    for start in range(0, count - BATCH + 1, BATCH):
        yield order[start : start + BATCH]


class Adam:
    def __init__(self, layers: list[Layer], steps: int) -> None:
        self.layers, self.steps, self.at = layers, steps, 0
        self.moments = [
            [(np.zeros_like(p), np.zeros_like(p)) for p in layer.parameters] for layer in layers
        ]

    def step(self, x: Array, digits: NDArray[np.uint8]) -> None:
        """One batch: its gradient, by cross entropy, and a step against it."""
        backs = []
        for layer in self.layers:
            x, back = layer(x)
            backs.append(back)
        powers = np.exp(x - x.max(1, keepdims=True))
        gradient = powers / powers.sum(1, keepdims=True)
        gradient[np.arange(len(x)), digits] -= 1
        gradient /= len(x)
        for back in reversed(backs):
            gradient = back(gradient)
        self.at += 1
        rate = RATE * (1 - self.at / (self.steps + 1)) / (1 - 0.9**self.at)
        correction = 1 - 0.999**self.at
        for layer, moments in zip(self.layers, self.moments, strict=True):
            for p, g, (mean, square) in zip(
                layer.parameters, layer.gradients, moments, strict=True
            ):
                mean += 0.1 * (g - mean)
                square += 0.001 * (g * g - square)
                p -= rate * mean / (np.sqrt(square / correction) + 1e-8)


def accuracy(layers: list[Layer]) -> float:
    """On the 10,000 images that are not trained on."""
    pixels, digits = images("t10k")
    x = pixels.astype(np.float32) / 255
    for layer in layers:
        x, _ = layer(x)
    return float((x.argmax(1) == digits).mean())


# --- As a file ------------------------------------------------------------------------------------


def exported(kind: str, layers: list[Layer]) -> bytes:
    """The network as an ONNX file, of one image of bytes as floats."""
    constants: dict[str, Array] = {"range": np.array(1 / 255, np.float32)}
    nodes = []
    nodes.append(helper.make_node("Mul", ["image", "range"], ["x0"], "range"))
    for place, layer in enumerate(layers):
        names = [f"x{place}"]
        for what, value in zip(("weights", "bias"), layer.parameters, strict=False):
            constants[f"{what}{place}"] = value
            names.append(f"{what}{place}")
        nodes += _nodes(layer, names, place)
    nodes.append(helper.make_node("Softmax", [f"x{len(layers)}"], ["digit"], "softmax", axis=1))
    graph = helper.make_graph(
        nodes,
        f"mnist-{kind}",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, (1, 1, 28, 28))],
        [helper.make_tensor_value_info("digit", TensorProto.FLOAT, (1, 10))],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    opsets = [helper.make_opsetid("", 17)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8, producer_name="axonum")
    data: bytes = model.SerializeToString()
    return data


def _nodes(layer: Layer, names: list[str], place: int) -> list[object]:
    out, name = [f"x{place + 1}"], f"{type(layer).__name__.lower()}{place}"
    if isinstance(layer, Dense):
        flat = helper.make_node("Flatten", names[:1], [f"flat{place}"], f"flat{place}")
        return [flat, helper.make_node("Gemm", [f"flat{place}", *names[1:]], out, name)]
    if isinstance(layer, Conv):
        return [helper.make_node("Conv", names, out, name)]
    if isinstance(layer, Pool):
        sizes = {"kernel_shape": (2, 2), "strides": (2, 2)}
        return [helper.make_node("MaxPool", names, out, name, **sizes)]
    return [helper.make_node("Relu", names, out, name)]


def main() -> None:
    for kind, path in FILES.items():
        layers = train(kind)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(exported(kind, layers))
        print(f"{path}: {accuracy(layers):.2%} of the 10,000 images", flush=True)


if __name__ == "__main__":
    main()
