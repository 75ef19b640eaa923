"""What inference takes on the VM, in steps of `mlrun`: they are exact, so each is measured once.

Kernels are tasks of their own. Most of what a small task takes is keccak, of what it writes; a
column of its own has that, by the figures for a leaf and a node that the second table shows.
"""

from __future__ import annotations

from dataclasses import fields, replace
from random import Random
from typing import Any

from bench.measure import Row
from mlvm.checks import written_size
from mlvm.effects import ArenaState
from mlvm.engine import Engine
from mlvm.histories import Inference, InferenceSource
from mlvm.model import Model
from mlvm.models.catalogue import MODELS
from mlvm.tasks import Copy, Dot, DType, Nothing, Source, Task
from mlvm.trees import LEAF_SIZE
from tests.mlvm import guest

SIZE = 1 << 18
#: What tasks write lies in the second half of the arena.
OUT = SIZE // 2
#: Steps of opML's network of the same layers, 784-20-10 (its own figure).
OPML_MNIST = 14_740_000


def measure_kernels() -> list[Row]:
    leaf, node = _hashing()
    rows: list[Row] = []
    for name, task in _kernels().items():
        steps = _steps(task)
        leaves = -(-task.out_size // LEAF_SIZE)
        hashing = leaves * leaf + _nodes(leaves) * node
        macs = _macs(task)
        rows.append(
            {
                "kernel": name,
                "MACs": macs,
                "steps": steps,
                "of them keccak": hashing,
                "steps/MAC": (steps - hashing) / macs,
            }
        )
    return rows


def measure_tasks() -> list[Row]:
    leaf, node = _hashing()
    figures = {
        "a task that does nothing": _steps(Nothing(0, 0)),
        "a leaf read, with its part of the path": _leaf_read(),
        "a leaf written": leaf,
        "a node above it": node,
        "MNIST 784-20-10, input to output": _whole("mnist-mlp"),
        "the same, opML's": OPML_MNIST,
        "MNIST, convolutional": _whole("mnist-cnn"),
    }
    return [{"what": what, "steps": steps} for what, steps in figures.items()]


# --- Tasks ----------------------------------------------------------------------------------------


def _task(kind: type[Task], **values: int) -> Any:
    """Fields that are not named are 0."""
    ordinary = {"out": OUT} | values
    task: Any = kind(**{field.name: ordinary.get(field.name, 0) for field in fields(kind)})
    return replace(task, out_size=written_size(task))


def _dot(**values: int) -> Dot:
    ones = "height width kernel_height kernel_width stride_y stride_x dilation_y dilation_x"
    ordinary = dict.fromkeys(f"{ones} out_width group_size".split(), 1)
    ordinary |= {"a_source": Source.ARENA, "channels_per_group": 1 << 20, "shift": 40}
    ordinary |= {"out_lowest": -128, "out_highest": 127, "multipliers": 1 << 17}
    task: Dot = _task(Dot, **(ordinary | values))
    return task


def _matrices(rows: int, columns: int, length: int, a: DType, b: DType) -> Dot:
    """A product of ``rows`` × ``length`` and ``length`` × ``columns``."""
    strides = {"a_stride": length * a.size, "b_stride": length * b.size}
    sizes = {"height": rows, "pixels": rows, "channels": columns, "group_size": length}
    return _dot(a_type=a, b_type=b, **strides, **sizes)


def _convolution(side: int, seen: int, made: int, kernel: int, depthwise: bool = False) -> Dot:
    """Of a square picture of 8 bits, padded; ``seen`` and ``made`` channels."""
    sizes = {"height": side, "width": side, "out_width": side, "pixels": side * side}
    window = {"kernel_height": kernel, "kernel_width": kernel, "pad_top": kernel // 2}
    window["pad_left"] = kernel // 2
    group = {"group_size": 1, "channels_per_group": 1} if depthwise else {"group_size": seen}
    weights = kernel * kernel * group["group_size"]
    return _dot(a_stride=seen, b_stride=weights, channels=made, **sizes, **window, **group)


def _kernels() -> dict[str, Dot]:
    i8, i16 = DType.I8, DType.I16
    return {
        "matrices, 8 × 8 bits, 32·384·64": _matrices(32, 64, 384, i8, i8),
        "row by matrix, 8 × 8 bits, 784·64": _matrices(1, 64, 784, i8, i8),
        "matrices, 16 × 8 bits, 32·256·64": _matrices(32, 64, 256, i16, i8),
        "row by matrix, 16 × 8 bits, 256·128": _matrices(1, 128, 256, i16, i8),
        "matrices, 16 × 16 bits, 32·64·32": _matrices(32, 32, 64, i16, i16),
        "convolution 3 × 3, 32 channels": _convolution(8, 32, 32, 3),
        "convolution 3 × 3, 3 to 16 channels": _convolution(16, 3, 16, 3),
        "convolution 7 × 7, 3 to 32 channels": _convolution(8, 3, 32, 7),
        "convolution 1 × 1, 64 channels": _convolution(8, 64, 64, 1),
        "depthwise 3 × 3, 64 channels": _convolution(8, 64, 64, 3, depthwise=True),
    }


def _macs(task: Dot) -> int:
    weights = task.kernel_height * task.kernel_width * task.group_size
    return task.pixels * task.channels * weights


# --- Steps ----------------------------------------------------------------------------------------


def _steps(task: Task, arena_size: int = SIZE) -> int:
    random = Random(1)
    sizes = {"arena_size": arena_size, "input_size": 1, "output_size": 1}
    model = Model.of([task], random.randbytes(SIZE), {}, macs=0, **sizes)
    if model.tasks[0] is None:
        raise ValueError(f"not valid: {task}")
    return guest.answer_of(model, 0, ArenaState(random.randbytes(arena_size))).steps


def _copy(count: int, stride: int, size: int = 4, out: int = OUT) -> Copy:
    """Numbers so far apart."""
    ones = dict.fromkeys((f"{what}_{n}" for what in ("size", "high") for n in range(2, 6)), 1)
    task: Copy = _task(
        Copy, out=out, size=size, count=count, stride_1=stride, high_1=1 << 24, **ones
    )
    return task


def _hashing() -> tuple[int, int]:
    """The steps that a leaf takes that is written, and a node above it."""
    one, two = _copy(256, 4, out=0), _copy(512, 4, out=0)
    low, high = 4 * LEAF_SIZE, 8 * LEAF_SIZE
    leaf = _steps(two, low) - _steps(one, low)
    return leaf, _steps(one, high) - _steps(one, low)


def _nodes(leaves: int) -> int:
    """Nodes above so many leaves from the middle of the arena on."""
    level, nodes = SIZE // LEAF_SIZE, 0
    while level > 1:
        level, leaves = level // 2, -(-leaves // 2)
        nodes += leaves
    return nodes


def _leaf_read() -> int:
    """As many numbers from one leaf, or from as many leaves."""
    count = 128
    return (_steps(_copy(count, LEAF_SIZE)) - _steps(_copy(count, 8))) // (count - 1)


def _whole(name: str) -> int:
    """All tasks of an inference, each in the VM from its genesis on."""
    model = MODELS[name](None).model
    inference = Inference(Engine(model), Random(1).randbytes(model.header.input_size))
    source, steps = InferenceSource(inference), 0
    for index, after in enumerate(inference.states[1:]):
        answer = guest.answer_within(inference, source, index)
        if answer.state != after:
            raise ValueError(f"{name}: the guest disagrees on task {index}")
        steps += answer.steps
    return steps
