"""Small ONNX models to import, one for each operator, and how to run what comes of them."""

from collections.abc import Callable, Mapping

import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from mlvm import exact, values
from mlvm.memory import Memory
from mlvm.model import Model
from mlvm.tasks import Input, Output

SAMPLES = 12


class Maker:
    """An ONNX graph on its way."""

    def __init__(self, **inputs: tuple[int, ...]) -> None:
        self.rng = np.random.default_rng(7)
        self.nodes, self.constants = [], []
        self.inputs = inputs
        self.types = dict.fromkeys(inputs, TensorProto.FLOAT)

    def constant(self, value: object, dtype: type = np.float32) -> str:
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value, dtype), name))
        return name

    def random(self, *shape: int, scale: float = 1.0) -> str:
        return self.constant(self.rng.normal(0, scale, shape))

    def ints(self, *numbers: int) -> str:
        return self.constant(numbers, np.int64)

    def add(self, op: str, *inputs: str, outputs: int = 1, **attributes: object) -> str:
        names = [f"t{len(self.nodes)}_{place}" for place in range(outputs)]
        self.nodes.append(helper.make_node(op, inputs, names, f"n{len(self.nodes)}", **attributes))
        return names[0]

    def model(self, *outputs: str, opset: int = 17) -> bytes:
        """The file's bytes."""
        ends = [
            helper.make_tensor_value_info(name, self.types[name], shape)
            for name, shape in self.inputs.items()
        ]
        made = [helper.make_empty_tensor_value_info(name) for name in outputs]
        graph = helper.make_graph(self.nodes, "graph", ends, made, self.constants)
        opsets = [helper.make_opsetid("", opset)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString()

    def samples(self) -> dict[str, np.ndarray]:
        found = {}
        for name, shape in self.inputs.items():
            shape = (SAMPLES, *shape[1:])
            if self.types[name] == TensorProto.FLOAT:
                found[name] = self.rng.normal(0, 1, shape).astype(np.float32)
            else:
                found[name] = self.rng.integers(0, 9, shape).astype(np.int32)
        return found


def in_float(data: bytes, sample: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    """What onnxruntime makes of a sample."""
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    return session.run(None, dict(sample))


def in_integers(model: Model, sample: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """What the model makes of it, task by task, on whole arrays."""
    return values.unpack(model, run(model, values.pack(model, sample)))


def run(model: Model, data: bytes) -> bytes:
    """The output's bytes."""
    arena = np.zeros(model.header.arena_size, np.uint8)
    for task in model.tasks:
        if isinstance(task, Input):
            arena[: len(data)] = np.frombuffer(data, np.uint8)
        elif isinstance(task, Output):
            return arena[task.out : task.out + task.out_size].tobytes()
        else:
            assert task is not None
            written = exact.KERNELS[type(task)](task, Memory(model.blob, arena))
            arena[task.out : task.out + task.out_size] = written
    raise AssertionError("no Output")


GRAPHS: dict[str, Callable[[], tuple[Maker, bytes]]] = {}


def graph(make: Callable[[], tuple[Maker, bytes]]) -> Callable[[], tuple[Maker, bytes]]:
    GRAPHS[make.__name__] = make
    return make


def _of_one(op: str, shape: tuple[int, ...] = (1, 6, 10), **attributes: object) -> None:
    def make() -> tuple[Maker, bytes]:
        m = Maker(x=shape)
        return m, m.model(m.add(op, "x", **attributes), opset=20)

    GRAPHS[op.lower()] = make


for _op in ("Relu", "Sigmoid", "Tanh", "Erf", "Gelu", "HardSwish", "HardSigmoid", "Softplus"):
    _of_one(_op)
_of_one("Mish"), _of_one("Softsign"), _of_one("Abs"), _of_one("Neg"), _of_one("Exp")
_of_one("LeakyRelu", alpha=0.2), _of_one("Elu", alpha=0.7), _of_one("Selu")
_of_one("GlobalAveragePool", (1, 3, 5, 7)), _of_one("GlobalMaxPool", (1, 3, 5, 7))
_of_one("Softmax", axis=-1), _of_one("Transpose", perm=(0, 2, 1))
_of_one("MaxPool", (1, 3, 9, 8), kernel_shape=(3, 2), strides=(2, 2), pads=(1, 0, 1, 1))
_of_one("AveragePool", (1, 3, 9, 8), kernel_shape=(3, 3), strides=(2, 1), pads=(1, 1, 1, 1))


def _conv(shape, weights, bias=True, before=(), **attributes):
    m = Maker(x=shape)
    size = float(np.prod(weights[1:])) ** -0.5
    more = [m.random(weights[0])] if bias else []
    return m, m.model(m.add("Conv", "x", m.random(*weights, scale=size), *more, **attributes))


@graph
def conv():
    return _conv((1, 3, 9, 8), (5, 3, 3, 3), pads=(1, 1, 1, 1))


@graph
def conv_strided_with_uneven_pads():
    return _conv((1, 4, 11, 9), (6, 4, 3, 2), strides=(2, 3), pads=(0, 1, 2, 0))


@graph
def conv_dilated_in_groups():
    return _conv((1, 4, 12, 9), (6, 2, 3, 3), group=2, dilations=(2, 1), bias=False)


@graph
def conv_depthwise():
    return _conv((1, 6, 8, 8), (6, 1, 3, 3), group=6, auto_pad="SAME_UPPER", strides=(2, 2))


@graph
def conv_of_one_dimension():
    return _conv((1, 4, 20), (6, 4, 5), pads=(2, 1), strides=(2,))


@graph
def conv_with_batch_normalisation_and_clip():
    m = Maker(x=(1, 3, 8, 8))
    c = m.add("Conv", "x", m.random(4, 3, 3, 3, scale=0.2))
    stats = [m.random(4), m.random(4), m.random(4), m.constant(m.rng.uniform(0.5, 2, 4))]
    b = m.add("BatchNormalization", c, *stats, epsilon=1e-3)
    return m, m.model(m.add("Clip", b, m.constant(-0.5), m.constant(1.5)))


@graph
def residual_block():
    m = Maker(x=(1, 4, 6, 6))
    a = m.add("Relu", m.add("Conv", "x", m.random(4, 4, 1, 1, scale=0.5)))
    b = m.add("Conv", a, m.random(4, 4, 3, 3, scale=0.15), pads=(1, 1, 1, 1))
    c = m.add("Relu", m.add("Add", a, b))
    d = m.add("MaxPool", c, kernel_shape=(2, 2), strides=(2, 2))
    e = m.add("Flatten", m.add("GlobalAveragePool", d))
    return m, m.model(m.add("Gemm", e, m.random(3, 4), m.random(3), transB=1))


@graph
def gemm():
    m = Maker(x=(1, 12))
    return m, m.model(m.add("Gemm", "x", m.random(12, 7), m.random(7), alpha=0.5, beta=2.0))


@graph
def matmul_and_bias():
    m = Maker(x=(1, 5, 12))
    return m, m.model(m.add("Add", m.add("MatMul", "x", m.random(12, 7)), m.random(7)))


@graph
def attention():
    m = Maker(x=(1, 6, 8))
    q, k, v = (m.add("MatMul", "x", m.random(8, 8, scale=0.4)) for _ in range(3))
    q, k, v = (m.add("Reshape", t, m.ints(1, 6, 2, 4)) for t in (q, k, v))
    q, v = (m.add("Transpose", t, perm=(0, 2, 1, 3)) for t in (q, v))
    scores = m.add("MatMul", q, m.add("Transpose", k, perm=(0, 2, 3, 1)))
    weights = m.add("Softmax", m.add("Div", scores, m.constant(2.0)), axis=-1)
    mixed = m.add("Transpose", m.add("MatMul", weights, v), perm=(0, 2, 1, 3))
    return m, m.model(m.add("Reshape", mixed, m.ints(1, 6, 8)))


@graph
def arithmetic():
    m = Maker(x=(1, 4, 6), y=(1, 1, 6))
    a = m.add("Mul", m.add("Add", "x", "y"), m.add("Sub", "x", m.random(4, 1)))
    return m, m.model(m.add("Max", a, m.add("Min", "x", "y")), m.add("Div", a, m.constant(3.0)))


@graph
def layer_norm():
    m = Maker(x=(1, 5, 16))
    return m, m.model(m.add("LayerNormalization", "x", m.random(16), m.random(16), axis=-1))


@graph
def layer_norm_spelled_out():
    m = Maker(x=(1, 5, 16))
    mean = m.add("ReduceMean", "x", axes=(-1,))
    centred = m.add("Sub", "x", mean)
    square = m.add("ReduceMean", m.add("Pow", centred, m.constant(2.0)), axes=(-1,))
    root = m.add("Sqrt", m.add("Add", square, m.constant(1e-5)))
    unit = m.add("Div", centred, root)
    return m, m.model(m.add("Add", m.add("Mul", unit, m.random(16)), m.random(16)))


@graph
def rms_norm_and_product():
    m = Maker(x=(1, 5, 16))
    square = m.add("ReduceMean", m.add("Mul", "x", "x"), axes=(-1,))
    root = m.add("Sqrt", m.add("Add", square, m.constant(1e-6)))
    unit = m.add("Mul", m.add("Div", "x", root), m.random(16))
    return m, m.model(m.add("MatMul", unit, m.random(16, 8, scale=0.3)))


@graph
def l2_normalisation():
    m = Maker(x=(1, 24))
    norm = m.add("ReduceL2", "x", axes=(1,), keepdims=1)
    return m, m.model(m.add("Div", "x", norm))


@graph
def gelu_spelled_out():
    m = Maker(x=(1, 4, 10))
    y = m.add("MatMul", "x", m.random(10, 6, scale=0.4))
    inner = m.add("Erf", m.add("Div", y, m.constant(2.0**0.5)))
    outer = m.add("Mul", y, m.add("Add", inner, m.constant(1.0)))
    return m, m.model(m.add("Mul", outer, m.constant(0.5)))


@graph
def silu_spelled_out():
    m = Maker(x=(1, 4, 10))
    return m, m.model(m.add("Mul", "x", m.add("Sigmoid", "x")))


@graph
def softmax_over_channels():
    m = Maker(x=(1, 5, 4, 3))
    return m, m.model(m.add("Softmax", "x", axis=1))


@graph
def softmax_of_old():
    m = Maker(x=(1, 4, 3))
    return m, m.model(m.add("Softmax", "x"), opset=11)


@graph
def reductions():
    m = Maker(x=(1, 4, 5, 6))
    mean = m.add("ReduceMean", "x", axes=(2, 3), keepdims=0)
    total = m.add("ReduceSum", "x", m.ints(1), keepdims=0)
    highest = m.add("ReduceMax", "x", axes=(1, 3), keepdims=1)
    lowest = m.add("ReduceMin", "x", axes=(3,), keepdims=0)
    return m, m.model(mean, total, highest, lowest)


@graph
def arg_max():
    m = Maker(x=(1, 4, 9))
    return m, m.model(m.add("ArgMax", "x", axis=2, keepdims=0))


@graph
def moves():
    m = Maker(x=(1, 6, 8))
    m.add("Split", "x", m.ints(2, 4), outputs=2, axis=1)
    a = m.add("Pad", "t0_0", m.ints(0, 2, 1, 0, 0, 3), m.constant(0.0))
    b = m.add("Slice", "t0_1", m.ints(7, 0), m.ints(-9, 4), m.ints(2, 1), m.ints(-1, 2))
    c = m.add("Concat", "x", m.add("Neg", "x"), axis=2)
    d = m.add("Squeeze", m.add("Gather", "x", m.constant(3, np.int64), axis=1), m.ints(0))
    e = m.add("Expand", m.add("Unsqueeze", d, m.ints(0)), m.ints(3, 8))
    f = m.add("Gather", "x", m.constant([5, -1, 0], np.int64), axis=2)
    return m, m.model(a, b, m.add("Flatten", c), e, f)


@graph
def embedding():
    m = Maker(x=(1, 7))
    m.types["x"] = TensorProto.INT32
    rows = m.add("Gather", m.random(9, 8), "x")
    return m, m.model(m.add("MatMul", rows, m.random(8, 5)), m.add("ReduceMean", rows, axes=(1,)))


@graph
def embedding_spelled_out():
    m = Maker(x=(1, 7))
    m.types["x"] = TensorProto.INT32
    hot = m.add("Equal", m.add("Unsqueeze", "x", m.ints(2)), m.constant(range(9), np.int32))
    rows = m.add("MatMul", m.add("Cast", hot, to=TensorProto.FLOAT), m.random(9, 8))
    return m, m.model(m.add("Tanh", m.add("Add", rows, m.random(8))))


@graph
def shapes_computed_at_run_time():
    m = Maker(x=(1, 6, 8))
    first = m.add("Gather", m.add("Shape", "x"), m.ints(0))
    shape = m.add("Concat", first, m.ints(-1), axis=0)
    return m, m.model(m.add("Reshape", m.add("Relu", "x"), shape))


@graph
def prelu():
    m = Maker(x=(1, 4, 5, 5))
    return m, m.model(m.add("PRelu", "x", m.random(4, 1, 1)))


@graph
def instance_normalisation():
    m = Maker(x=(1, 3, 6, 6))
    return m, m.model(m.add("InstanceNormalization", "x", m.random(3), m.random(3)))
