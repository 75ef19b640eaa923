"""Which tasks are valid, and what a task costs (docs/mlvm.md, "States").

One that is not valid has no effect. The rules see to it that addresses and counts are far from 64
bits, that a kernel writes what the record says, and that every task ends on the VM in time: it
takes at most 8 steps there for each unit of its cost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from mlvm.reach import reaches
from mlvm.spec import MAX_COST
from mlvm.tasks import (
    Binary,
    Choose,
    Copy,
    Dot,
    DType,
    Gather,
    Input,
    Map,
    Norm,
    Nothing,
    Operation,
    Output,
    Pool,
    Quantise,
    Reduce,
    Reduction,
    Rotate,
    Softmax,
    Source,
    Task,
)
from mlvm.trees import LEAF_SIZE, leaf_count

#: A task writes no more bytes.
MAX_WRITTEN = 16 * 1024
#: A count lies between 1 and this.
MAX_COUNT = 1 << 24
#: Segments of a table, and the bits of a step, that a Map may have.
MAX_SEGMENTS, MAX_STEP = 1 << 16, 30
#: What a Pool may divide by.
MAX_DIVISOR = (1 << 16) - 1
#: High half of the largest epsilon of a Norm, and one more.
EPSILON_LIMIT = 1 << 29


class InvalidTaskError(ValueError):
    """A task that has no effect; the message says why."""


def check(task: Task, arena_size: int, input_size: int, output_size: int) -> None:
    """Raises :class:`InvalidTaskError` unless the task is valid in a model of these sizes."""
    for fault in _faults(task, arena_size, input_size, output_size):
        raise InvalidTaskError(f"{type(task).__name__}: {fault}")


def is_valid(task: Task, arena_size: int, input_size: int, output_size: int) -> bool:
    return next(_faults(task, arena_size, input_size, output_size), None) is None


def _faults(task: Task, arena_size: int, input_size: int, output_size: int) -> Iterator[str]:
    """All that is wrong, in the order in which it is looked at: what comes later may rely on what
    came before."""
    if isinstance(task, Nothing):
        return
    if isinstance(task, Input | Output):
        yield from _faults_of_ends(task, arena_size, input_size, output_size)
        return
    yield from _faults_of_fields(task)
    yield from _faults_of_kind(task)
    written = written_size(task)
    if task.out_size != written:
        yield f"out_size is {task.out_size}, but {written} bytes are written"
    if not 0 < task.out_size <= MAX_WRITTEN:
        yield f"it writes {task.out_size} bytes, not 1 to {MAX_WRITTEN}"
    if task.out + task.out_size > arena_size:
        yield f"it writes up to {task.out + task.out_size}, behind the arena"
    if cost(task) > MAX_COST:
        yield f"it costs {cost(task)}, more than {MAX_COST}"


def _faults_of_ends(
    task: Input | Output, arena_size: int, input_size: int, output_size: int
) -> Iterator[str]:
    size = input_size if isinstance(task, Input) else output_size
    if task.out_size != size:
        yield f"out_size is {task.out_size}, but the model says {size}"
    if isinstance(task, Input):
        if task.out:
            yield f"the input is at 0, not at {task.out}"
    elif task.out % (leaf_count(size) * LEAF_SIZE):
        yield f"no subtree of {leaf_count(size)} leaves begins at {task.out}"
    if task.out + leaf_count(size) * LEAF_SIZE > arena_size:
        yield "it is not within the arena"


# --- Fields ---------------------------------------------------------------------------------------

#: Fields that count something: 1 to MAX_COUNT.
_COUNTS: dict[type[Task], str] = {
    Dot: "height width group_size kernel_height kernel_width stride_y stride_x dilation_y"
    " dilation_x out_width channels_per_group pixels channels",
    Map: "count",
    Binary: "size_2 size_3 size_4 count",
    Softmax: "rows length",
    Norm: "rows length",
    Quantise: "rows length",
    Pool: "height width channels kernel_height kernel_width stride_y stride_x out_width pixels",
    Reduce: "rows length",
    Copy: "size_2 size_3 size_4 size_5 count",
    Gather: "table_rows length count",
    Rotate: "rows length repeat",
}
#: Fields that say where something begins: 0 to MAX_COUNT.
_FIRSTS: dict[type[Task], str] = {
    Dot: "first_pixel first_channel",
    Binary: "first",
    Pool: "first_pixel",
    Copy: "first",
}
_TYPES = ("a_type", "b_type", "out_type", "table_type")
_SOURCES = ("a_source", "b_source", "table_source")


def _faults_of_fields(task: Task) -> Iterator[str]:
    for name in _COUNTS.get(type(task), "").split():
        if not 1 <= getattr(task, name) <= MAX_COUNT:
            yield f"{name} is {getattr(task, name)}, not 1 to {MAX_COUNT}"
    for name in _FIRSTS.get(type(task), "").split():
        if not 0 <= getattr(task, name) <= MAX_COUNT:
            yield f"{name} is {getattr(task, name)}, not 0 to {MAX_COUNT}"
    for names, kind in ((_TYPES, DType), (_SOURCES, Source)):
        for name in names:
            if not 0 <= getattr(task, name, 0) < len(kind):
                yield f"{name} is {getattr(task, name)}: there is no such {kind.__name__}"


# --- Kinds ----------------------------------------------------------------------------------------


def _faults_of_kind(task: Task) -> Iterator[str]:
    if isinstance(task, Dot | Pool) and task.height * task.width > MAX_COUNT:
        yield f"a picture of {task.height} × {task.width} pixels is too large"
    if isinstance(task, Dot):
        weights = task.kernel_height * task.kernel_width * task.group_size
        if weights > MAX_COUNT:
            yield f"{weights} weights for each channel are too many"
    if isinstance(task, Pool) and task.height * task.width * task.channels > MAX_COUNT:
        yield "the picture is too large"
    if isinstance(task, Pool) and task.divisor > MAX_DIVISOR:
        yield f"divisor is {task.divisor}, not 0 to {MAX_DIVISOR}"
    if isinstance(task, Map) and DType(task.a_type).size > 1:
        if not 1 <= task.segments <= MAX_SEGMENTS:
            yield f"segments is {task.segments}, not 1 to {MAX_SEGMENTS}"
        if task.step > MAX_STEP:
            yield f"step is {task.step}, not 0 to {MAX_STEP}"
    if isinstance(task, Binary) and task.operation >= len(Operation):
        yield f"there is no operation {task.operation}"
    if isinstance(task, Norm) and task.epsilon_high >= EPSILON_LIMIT:
        yield "epsilon is too large"
    if isinstance(task, Reduce) and task.operation >= len(Reduction):
        yield f"there is no operation {task.operation}"
    if isinstance(task, Copy) and task.size not in (1, 2, 4):
        yield f"size is {task.size}, not 1, 2 or 4"
    if isinstance(task, Rotate) and task.length % 2:
        yield f"length is {task.length}, which is odd"


def quantised_row_size(length: int) -> int:
    """Bytes of a row that Quantise writes: the exponent, the numbers, and up to a multiple of 4."""
    return 4 + (2 * length + 3) // 4 * 4


def written_size(task: Any) -> int:
    """The bytes that the task's kernel writes."""
    size: int = _WRITTEN[type(task)](task)
    return size


def _of_type(numbers: int, dtype: int) -> int:
    return numbers * DType(dtype).size


_WRITTEN: dict[type[Task], Callable[[Any], int]] = {
    Dot: lambda task: _of_type(task.pixels * task.channels, task.out_type),
    Map: lambda task: _of_type(task.count, task.out_type),
    Binary: lambda task: _of_type(task.count, task.out_type),
    Softmax: lambda task: _of_type(task.rows * task.length, task.out_type),
    Norm: lambda task: 4 * task.rows * task.length,
    Quantise: lambda task: task.rows * quantised_row_size(task.length),
    Pool: lambda task: _of_type(task.pixels * task.channels, task.out_type),
    Reduce: lambda task: _of_type(task.rows, task.out_type),
    Copy: lambda task: (
        task.size * task.count * task.size_2 * task.size_3 * task.size_4 * task.size_5
    ),
    Gather: lambda task: _of_type(task.count * task.length, task.out_type),
    Rotate: lambda task: 4 * task.rows * task.length,
    Choose: lambda task: task.out_size,
}

# --- Cost -----------------------------------------------------------------------------------------

#: Of every task: header, record, and the hashes above what it writes, up to the root.
COST_OF_TASK = 1 << 16
#: Of every leaf that is written, and so hashed; and of one that is read, with the path to it.
COST_OF_LEAF_WRITTEN, COST_OF_LEAF_READ = 1 << 14, 80
#: Of every row of a softmax or a norm: a reciprocal, a square root.
COST_OF_ROW = 384


def cost(task: Any) -> int:
    """In units of at most 8 steps on the VM, for a task whose fields are valid."""
    last: int = task.out + max(task.out_size, 1) - 1
    leaves_written: int = last // LEAF_SIZE - task.out // LEAF_SIZE + 1
    leaves_read = sum(reach.leaves for reach in reaches(task))
    work: int = _WORK[type(task)](task)
    return (
        COST_OF_TASK
        + COST_OF_LEAF_WRITTEN * leaves_written
        + COST_OF_LEAF_READ * leaves_read
        + work
    )


def _dot_work(task: Dot) -> int:
    """What pixels see is read, once for each group; then come the products; and each channel is
    looked up, its weights copied if they are not aligned."""
    taps = task.kernel_height * task.kernel_width
    weights = taps * task.group_size
    if task.group_size == task.channels_per_group == 1 and DType(task.b_type).size == 1:
        seen = taps * (20 + task.channels)
    else:
        last_group = (task.first_channel + task.channels - 1) // task.channels_per_group
        groups = last_group - task.first_channel // task.channels_per_group + 1
        seen = taps * (4 + groups * (16 + task.group_size))
    outputs = task.channels * (32 + weights)
    return task.pixels * (64 + seen + outputs) + task.channels * (32 + weights // 2)


def _pool_work(task: Pool) -> int:
    taps = task.kernel_height * task.kernel_width
    return task.pixels * (20 * taps + task.channels * (28 + 3 * taps))


def _row_length(sizes: tuple[int, ...]) -> int:
    """Of the numbers that are dealt with in a row: the last dimension with more than one place."""
    return next((size for size in reversed(sizes) if size > 1), 1)


def _binary_work(task: Binary) -> int:
    length = _row_length((task.count, task.size_2, task.size_3, task.size_4))
    return 24 * task.count + 64 * (task.count // length + 2)


def _copy_work(task: Copy) -> int:
    sizes = (task.count, task.size_2, task.size_3, task.size_4, task.size_5)
    numbers = written_size(task) // task.size
    return 6 * numbers + 48 * (numbers // _row_length(sizes))


_WORK: dict[type[Task], Callable[[Any], int]] = {
    Dot: _dot_work,
    Map: lambda task: 256 + 24 * task.count,
    Binary: _binary_work,
    Softmax: lambda task: task.rows * (COST_OF_ROW + 32 * task.length),
    Norm: lambda task: task.rows * (COST_OF_ROW + 32 * task.length),
    Quantise: lambda task: task.rows * (64 + 10 * task.length),
    Pool: _pool_work,
    Reduce: lambda task: task.rows * (64 + 16 * task.length),
    Copy: _copy_work,
    Gather: lambda task: task.count * (64 + 16 * task.length),
    Rotate: lambda task: task.rows * (64 + 12 * task.length),
    Choose: lambda task: task.out_size,
}
