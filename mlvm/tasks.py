"""Tasks: what a model is made of (docs/mlvm.md, "Tasks").

A task is a record of 64 words of 32 bits, big-endian. It reads ranges of the model's *blob* and of
the *arena*, and writes one range of the arena. Word 0 is its kind, words 1 and 2 are the range that
it writes; the fields of its kind follow, one word each, in the order of the dataclass. The rest is
zero.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, fields
from enum import IntEnum
from typing import ClassVar

RECORD_SIZE = 256
_WORDS = struct.Struct(">64I")
_SIGNED = struct.Struct(">64i")
MASK32 = 0xFFFFFFFF


class TaskError(ValueError):
    """A record that cannot be made, or read as a task."""


class DType(IntEnum):
    """Types of numbers, big-endian in arena and blob."""

    I8 = 0
    I16 = 1
    I32 = 2
    U8 = 3

    @property
    def size(self) -> int:
        """Bytes."""
        return _SIZES[self]

    @property
    def lowest(self) -> int:
        return 0 if self is DType.U8 else -(1 << (8 * self.size - 1))

    @property
    def highest(self) -> int:
        return 255 if self is DType.U8 else (1 << (8 * self.size - 1)) - 1


_SIZES = {DType.I8: 1, DType.I16: 2, DType.I32: 4, DType.U8: 1}


class Source(IntEnum):
    """Where an operand is."""

    BLOB = 0
    ARENA = 1


#: An offset that says that there is nothing.
NONE = MASK32


@dataclass(frozen=True, slots=True)
class Task:
    """``out``, ``out_size``: the bytes of the arena that the task writes."""

    kind: ClassVar[int] = -1

    out: int
    out_size: int

    def pack(self) -> bytes:
        """The record. Raises :class:`TaskError` for a field that is no 32-bit number."""
        values = [getattr(self, field.name) for field in fields(self)]
        for field, value in zip(fields(self), values, strict=True):
            if not -(1 << 31) <= value < 1 << 32:
                raise TaskError(f"{type(self).__name__}: {field.name} is {value}")
        words = [self.kind, *(int(value) & MASK32 for value in values)]
        return _WORDS.pack(*words, *[0] * (64 - len(words)))


@dataclass(frozen=True, slots=True)
class Nothing(Task):
    """Leaves the arena as it is."""

    kind: ClassVar[int] = 0


@dataclass(frozen=True, slots=True)
class Input(Task):
    """The first task: the arena is zero but for the input, at ``out``."""

    kind: ClassVar[int] = 1


@dataclass(frozen=True, slots=True)
class Output(Task):
    """The last task: the output is what is at ``out``. The arena is gone."""

    kind: ClassVar[int] = 2


@dataclass(frozen=True, slots=True)
class Dot(Task):
    """Convolution and matrix product: a tile of it, ``pixels`` × ``channels`` from ``first_pixel``
    and ``first_channel`` on, of an output of pixels (rows) of channels.

    ``a``: pixels of a picture ``height`` × ``width``, each of channels; one output channel sees the
    ``group_size`` input channels of its group. ``b``: for each output channel ``kernel_height`` ×
    ``kernel_width`` × ``group_size`` weights. With *exponents*, each row has one in the four bytes
    before it.
    """

    kind: ClassVar[int] = 3

    a_source: int
    a: int
    a_type: int
    a_stride: int
    a_exponents: int
    height: int
    width: int
    group_size: int
    kernel_height: int
    kernel_width: int
    stride_y: int
    stride_x: int
    dilation_y: int
    dilation_x: int
    pad_top: int
    pad_left: int
    pad_value: int
    out_width: int
    channels_per_group: int
    b_source: int
    b: int
    b_type: int
    b_stride: int
    b_exponents: int
    bias: int
    multipliers: int
    shift: int
    out_type: int
    out_zero: int
    out_lowest: int
    out_highest: int
    first_pixel: int
    pixels: int
    first_channel: int
    channels: int


@dataclass(frozen=True, slots=True)
class Map(Task):
    """A function of one number, by table, of ``count`` numbers.

    8-bit numbers: a table of 256 words of 32 bits, by the number's byte. Others: ``segments`` + 1
    words, between which is interpolated: x − ``low`` in steps of 2^``step`` from 0 on; below the
    table, its first word; above it, its last plus (x − the table's end) · ``slope`` / 2^16.
    """

    kind: ClassVar[int] = 4

    a: int
    a_type: int
    table: int
    segments: int
    low: int
    step: int
    slope: int
    out_type: int
    count: int


@dataclass(frozen=True, slots=True)
class Binary(Task):
    """Sum, product, maximum or difference of two tensors of up to four dimensions, of which the
    numbers ``first`` to ``first`` + ``count`` − 1 are made. Strides are in bytes; 0 repeats."""

    kind: ClassVar[int] = 5

    operation: int
    a: int
    a_type: int
    a_zero: int
    a_multiplier: int
    a_stride_1: int
    a_stride_2: int
    a_stride_3: int
    a_stride_4: int
    b_source: int
    b: int
    b_type: int
    b_zero: int
    b_multiplier: int
    b_stride_1: int
    b_stride_2: int
    b_stride_3: int
    b_stride_4: int
    size_2: int
    size_3: int
    size_4: int
    multiplier: int
    shift: int
    out_type: int
    out_zero: int
    out_lowest: int
    out_highest: int
    first: int
    count: int


class Operation(IntEnum):
    """Of :class:`Binary`."""

    ADD = 0
    MUL = 1
    MAX = 2
    MIN = 3


@dataclass(frozen=True, slots=True)
class Softmax(Task):
    """e^x / Σ e^x of ``rows`` of ``length`` numbers, in units of 2^-15.

    x is (number · ``multiplier``) / 2^``shift``, in units of 2^-16. Only the first ``valid`` +
    row · ``valid_step`` numbers of a row count; with a ``mask`` (a word of 32 bits for each), only
    those of them whose word is not 0.
    """

    kind: ClassVar[int] = 6

    a: int
    a_type: int
    a_stride: int
    rows: int
    length: int
    valid: int
    mask: int
    multiplier: int
    shift: int
    table: int
    out_type: int
    valid_step: int


@dataclass(frozen=True, slots=True)
class Norm(Task):
    """LayerNorm (``centred``) or RMSNorm of ``rows`` of ``length`` numbers of 32 bits, in units of
    2^-16, and so is the result: x / √(mean of squares + epsilon) · gamma / 2^``shift`` + beta."""

    kind: ClassVar[int] = 7

    a: int
    a_stride: int
    rows: int
    length: int
    centred: int
    epsilon_high: int
    epsilon_low: int
    gamma: int
    beta: int
    shift: int


@dataclass(frozen=True, slots=True)
class Quantise(Task):
    """Rows of 32-bit numbers as rows of 16-bit ones, each with an exponent before it."""

    kind: ClassVar[int] = 8

    a: int
    a_stride: int
    rows: int
    length: int


@dataclass(frozen=True, slots=True)
class Pool(Task):
    """Maximum or mean over windows of a picture, channel by channel: a tile of pixels, as
    :class:`Dot`. ``divisor``: 0, the mean is over what is in the picture; else over so many."""

    kind: ClassVar[int] = 9

    is_mean: int
    a: int
    a_type: int
    a_zero: int
    height: int
    width: int
    channels: int
    kernel_height: int
    kernel_width: int
    stride_y: int
    stride_x: int
    pad_top: int
    pad_left: int
    out_width: int
    divisor: int
    multiplier: int
    shift: int
    out_type: int
    out_zero: int
    out_lowest: int
    out_highest: int
    first_pixel: int
    pixels: int


@dataclass(frozen=True, slots=True)
class Reduce(Task):
    """Sum, maximum or place of the maximum of ``rows`` of ``length`` numbers, ``stride`` bytes
    apart. With a ``mask``, only numbers whose word is not 0 count; with ``is_mean``, the sum is
    divided by how many count."""

    kind: ClassVar[int] = 10

    operation: int
    a: int
    a_type: int
    a_zero: int
    row_stride: int
    stride: int
    rows: int
    length: int
    mask: int
    is_mean: int
    multiplier: int
    shift: int
    out_type: int
    out_zero: int
    out_lowest: int
    out_highest: int


class Reduction(IntEnum):
    """Of :class:`Reduce`."""

    SUM = 0
    MAX = 1
    ARGMAX = 2


@dataclass(frozen=True, slots=True)
class Copy(Task):
    """A tensor of up to five dimensions, from another by strides, rows ``first`` to ``first`` +
    ``count`` − 1 of its first dimension; outside of a box, ``pad_value``. ``size`` bytes each."""

    kind: ClassVar[int] = 11

    a_source: int
    a: int
    size: int
    stride_1: int
    stride_2: int
    stride_3: int
    stride_4: int
    stride_5: int
    size_2: int
    size_3: int
    size_4: int
    size_5: int
    low_1: int
    low_2: int
    low_3: int
    low_4: int
    low_5: int
    high_1: int
    high_2: int
    high_3: int
    high_4: int
    high_5: int
    pad_value: int
    first: int
    count: int


@dataclass(frozen=True, slots=True)
class Gather(Task):
    """Rows of a table, by ``count`` indices of 32 bits; an index outside of the table is row 0.

    Each number of a row is multiplied by ``multipliers`` [row], and shifted.
    """

    kind: ClassVar[int] = 12

    indices: int
    table_source: int
    table: int
    table_type: int
    table_stride: int
    table_rows: int
    length: int
    multipliers: int
    shift: int
    out_type: int
    count: int


@dataclass(frozen=True, slots=True)
class Rotate(Task):
    """Rotary positions: of ``rows`` of ``length`` numbers of 32 bits, number i and number i +
    ``length`` / 2 are turned by an angle. ``table`` has the cosines and then the sines of a row,
    ``length`` / 2 of each, in units of 2^-30; every ``repeat`` rows it moves on by
    ``table_stride`` bytes."""

    kind: ClassVar[int] = 13

    a: int
    a_stride: int
    rows: int
    length: int
    table: int
    table_stride: int
    repeat: int


@dataclass(frozen=True, slots=True)
class Choose(Task):
    """The bytes at ``a`` if the word at ``condition`` is above ``threshold``, else those at
    ``b``."""

    kind: ClassVar[int] = 14

    condition: int
    threshold: int
    a: int
    b: int


KINDS: tuple[type[Task], ...] = (
    *(Nothing, Input, Output, Dot, Map, Binary, Softmax, Norm, Quantise, Pool, Reduce, Copy),
    *(Gather, Rotate, Choose),
)
#: Fields that are signed.
SIGNED = frozenset(
    (
        *("pad_top", "pad_left", "pad_value", "multiplier", "a_multiplier", "b_multiplier"),
        *("shift", "a_zero", "b_zero", "out_zero", "out_lowest", "out_highest", "low", "slope"),
        *(f"stride_{n}" for n in range(1, 6)),
        *(f"a_stride_{n}" for n in range(1, 5)),
        *(f"b_stride_{n}" for n in range(1, 5)),
        *(f"low_{n}" for n in range(1, 6)),
        *(f"high_{n}" for n in range(1, 6)),
        "threshold",
    )
)


def unpack(record: bytes) -> Task:
    """The task of a record. Words behind its fields are ignored.

    Raises :class:`TaskError` for another length, or a kind that there is not.
    """
    if len(record) != RECORD_SIZE:
        raise TaskError(f"a record has {RECORD_SIZE} bytes, not {len(record)}")
    words, signed = _WORDS.unpack(record), _SIGNED.unpack(record)
    if words[0] >= len(KINDS):
        raise TaskError(f"there is no task of kind {words[0]}")
    kind = KINDS[words[0]]
    values = [
        signed[place] if field.name in SIGNED else words[place]
        for place, field in enumerate(fields(kind), 1)
    ]
    task: Task = kind(*values)
    return task
