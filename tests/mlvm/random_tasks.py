"""Random tasks of every kind: ordinary ones, edges, and records that somebody made up.

Most are valid and small enough for the specification; `spoilt` makes any of them what it may.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from random import Random
from typing import Any

from mlvm.checks import written_size
from mlvm.spec import Operands
from mlvm.tasks import (
    KINDS,
    NONE,
    Binary,
    Choose,
    Copy,
    Dot,
    DType,
    Gather,
    Map,
    Norm,
    Nothing,
    Pool,
    Quantise,
    Reduce,
    Rotate,
    Softmax,
    Source,
    Task,
)

#: Kinds that write the arena by a kernel.
COMPUTING = tuple(kind for kind in KINDS if kind.kind > 2)


def some_bytes(random: Random, size: int) -> bytes:
    """Bytes that are random here, and extreme there."""
    out = bytearray()
    while len(out) < size:
        piece = random.randrange(1, 300)
        constant = random.choice((0x00, 0x7F, 0x80, 0xFF))
        out += random.randbytes(piece) if random.random() < 0.7 else bytes([constant]) * piece
    return bytes(out[:size])


@dataclass(frozen=True)
class Place:
    """Random fields of tasks for a blob and an arena."""

    random: Random
    operands: Operands

    def of(self, *choices: Any) -> Any:
        return self.random.choice(choices)

    def up_to(self, highest: int) -> int:
        """1 to `highest`, rather less."""
        return self.random.randint(1, self.random.randint(1, highest))

    def source(self) -> int:
        return self.of(Source.BLOB, Source.ARENA)

    def dtype(self) -> int:
        return self.of(*DType)

    def offset(self, source: int) -> int:
        """Of an operand: mostly inside, at any alignment."""
        data = self.operands.arena if source == Source.ARENA else self.operands.blob
        anywhere = self.random.randrange(len(data) + 1)
        edge = (len(data) - self.random.randrange(40)) & NONE
        behind = self.of(len(data), 1 << 30, 1 << 31, NONE - self.random.randrange(40))
        aligned = anywhere & ~3
        return int(self.of(anywhere, aligned, aligned, aligned, aligned, edge, behind))

    def table(self) -> int:
        return NONE if self.random.random() < 0.1 else self.offset(Source.BLOB)

    def stride(self, near: int = 64) -> int:
        """Of rows, without a sign."""
        return int(self.of(near, near, near, 0, near + 1, self.random.randrange(5000), NONE))

    def signed_stride(self) -> int:
        near = self.random.randrange(-70, 70)
        far = self.random.randrange(-(1 << 31), 1 << 31)
        return int(self.of(0, 1, 2, 4, 4, near, near, near, far))

    def word(self) -> int:
        """Any signed number of 32 bits, often a small one, or the last."""
        small = self.random.randrange(-200, 200)
        large = self.random.randrange(-(1 << 31), 1 << 31)
        return int(self.of(small, small, small, large, 0, -(1 << 31), (1 << 31) - 1))

    def multiplier(self) -> int:
        return int(self.of(self.random.randrange(1 << 30, 1 << 31), self.word()))

    def shift(self) -> int:
        usual = self.random.randrange(48)
        return int(self.of(usual, usual, usual, usual, self.random.randrange(-70, 70), self.word()))

    def limits(self) -> tuple[int, int]:
        lowest, highest = sorted((self.word(), self.word()))
        return self.of((-(1 << 31), (1 << 31) - 1), (lowest, highest), (highest, lowest))

    def placed(self, task: Any) -> Any:
        """The task, writing somewhere in the arena as much as it does."""
        size = written_size(replace(task, out_size=self.up_to(3000)))
        room = max(len(self.operands.arena) - size, 0)
        return replace(task, out=self.random.randint(0, room), out_size=size)


def random_task(kind: type[Task], random: Random, operands: Operands) -> Any:
    """A task of this kind, mostly a valid one."""
    place = Place(random, operands)
    return place.placed(_MAKERS[kind](place))


def spoilt(task: Any, random: Random) -> Any:
    """The task with one field or two at anything."""
    for _ in range(random.choice((1, 1, 2))):
        name = random.choice(fields(task)).name
        value = getattr(task, name)
        edge = (1 << random.choice((0, 4, 14, 16, 24, 29, 30, 31, 32))) + random.choice((-1, 0, 1))
        near = (value + random.choice((-1, 1))) & NONE
        task = replace(
            task, **{name: random.choice((edge & NONE, near, random.randrange(1 << 32)))}
        )
    return task


def _dot(place: Place) -> Dot:
    of, random = place.of, place.random
    a_source, b_source = place.source(), place.source()
    a_type, b_type = place.dtype(), place.dtype()
    if random.random() < 0.5:
        a_type, b_type = of(DType.I8, DType.U8), DType.I8
    is_depthwise, is_matrix = random.random() < 0.25, random.random() < 0.5
    group_size = 1 if is_depthwise else place.up_to(of(4, 40, 150))
    channels_per_group = 1 if is_depthwise else of(1, 2, 3, 8, 1000)
    kernel = (1, 1) if is_matrix else (place.up_to(4), place.up_to(4))
    width = 1 if is_matrix else place.up_to(9)
    weights = kernel[0] * kernel[1] * group_size
    channels = place.up_to(9)
    numbers = of(channels if is_depthwise else group_size, place.up_to(100)) * DType(a_type).size
    lowest, highest = place.limits()
    return Dot(
        out=0,
        out_size=0,
        a_source=a_source,
        a=place.offset(a_source),
        a_type=a_type,
        a_stride=place.stride(numbers),
        a_exponents=of(0, 0, 0, 1),
        height=place.up_to(9),
        width=width,
        group_size=group_size,
        kernel_height=kernel[0],
        kernel_width=kernel[1],
        stride_y=place.up_to(3),
        stride_x=place.up_to(3),
        dilation_y=of(1, 1, 2, 1 << 24),
        dilation_x=of(1, 1, 2, 1 << 24),
        pad_top=of(0, 1, 2, place.word()),
        pad_left=of(0, 1, 2, place.word()),
        pad_value=of(0, random.randrange(-128, 128), random.randrange(256), place.word()),
        out_width=of(width, place.up_to(9)),
        channels_per_group=channels_per_group,
        b_source=b_source,
        b=place.offset(b_source),
        b_type=b_type,
        b_stride=place.stride(weights * DType(b_type).size),
        b_exponents=of(0, 0, 0, 1),
        bias=place.table(),
        multipliers=place.table(),
        shift=place.shift(),
        out_type=place.dtype(),
        out_zero=of(0, place.word()),
        out_lowest=lowest,
        out_highest=highest,
        first_pixel=of(0, place.up_to(40)),
        pixels=place.up_to(7),
        first_channel=of(0, place.up_to(20)),
        channels=channels,
    )


def _map(place: Place) -> Map:
    return Map(
        out=0,
        out_size=0,
        a=place.offset(Source.ARENA),
        a_type=place.dtype(),
        table=place.offset(Source.BLOB),
        segments=place.of(1, 16, 256, 1 << 16),
        low=place.word(),
        step=place.random.randrange(31),
        slope=place.word(),
        out_type=place.dtype(),
        count=place.up_to(200),
    )


def _binary(place: Place) -> Binary:
    b_source = place.source()
    lowest, highest = place.limits()
    strides = [place.signed_stride() for _ in range(8)]
    sizes = [place.of(1, place.up_to(40)) for _ in range(3)]
    return Binary(
        0,
        0,
        place.random.randrange(4),
        place.offset(Source.ARENA),
        place.dtype(),
        place.of(0, place.word()),
        place.multiplier(),
        *strides[:4],
        b_source,
        place.offset(b_source),
        place.dtype(),
        place.of(0, place.word()),
        place.multiplier(),
        *strides[4:],
        *sizes,
        place.multiplier(),
        place.shift(),
        place.dtype(),
        place.of(0, place.word()),
        lowest,
        highest,
        place.of(0, place.up_to(100), 1 << 24),
        place.up_to(150),
    )


def _softmax(place: Place) -> Softmax:
    a_type, length = place.dtype(), place.up_to(60)
    return Softmax(
        out=0,
        out_size=0,
        a=place.offset(Source.ARENA),
        a_type=a_type,
        a_stride=place.stride(length * DType(a_type).size),
        rows=place.up_to(4),
        length=length,
        valid=place.of(length, place.up_to(70), 0, NONE),
        mask=place.of(NONE, NONE, place.offset(Source.ARENA)),
        multiplier=place.of(1, place.up_to(4000), place.multiplier()),
        shift=place.of(0, place.shift()),
        table=place.offset(Source.BLOB),
        out_type=place.dtype(),
        valid_step=place.of(0, 0, 1, NONE),
    )


def _norm(place: Place) -> Norm:
    length = place.up_to(100)
    return Norm(
        out=0,
        out_size=0,
        a=place.offset(Source.ARENA),
        a_stride=place.stride(4 * length),
        rows=place.up_to(4),
        length=length,
        centred=place.of(0, 1),
        epsilon_high=place.of(0, 0, place.random.randrange(1 << 29)),
        epsilon_low=place.word() & NONE,
        gamma=place.table(),
        beta=place.table(),
        shift=place.shift(),
    )


def _quantise(place: Place) -> Quantise:
    length = place.up_to(100)
    return Quantise(
        0, 0, place.offset(Source.ARENA), place.stride(4 * length), place.up_to(5), length
    )


def _pool(place: Place) -> Pool:
    lowest, highest = place.limits()
    return Pool(
        out=0,
        out_size=0,
        is_mean=place.of(0, 1),
        a=place.offset(Source.ARENA),
        a_type=place.dtype(),
        a_zero=place.of(0, place.word()),
        height=place.up_to(12),
        width=place.up_to(12),
        channels=place.up_to(12),
        kernel_height=place.up_to(4),
        kernel_width=place.up_to(4),
        stride_y=place.up_to(4),
        stride_x=place.of(place.up_to(4), 1 << 24),
        pad_top=place.of(0, 1, 2, place.word()),
        pad_left=place.of(0, 1, 2, place.word()),
        out_width=place.up_to(12),
        divisor=place.of(0, place.up_to(20), place.random.randrange(1 << 32)),
        multiplier=place.multiplier(),
        shift=place.shift(),
        out_type=place.dtype(),
        out_zero=place.of(0, place.word()),
        out_lowest=lowest,
        out_highest=highest,
        first_pixel=place.of(0, place.up_to(100)),
        pixels=place.up_to(8),
    )


def _reduce(place: Place) -> Reduce:
    lowest, highest = place.limits()
    return Reduce(
        out=0,
        out_size=0,
        operation=place.random.randrange(3),
        a=place.offset(Source.ARENA),
        a_type=place.dtype(),
        a_zero=place.of(0, place.word()),
        row_stride=place.stride(),
        stride=place.of(1, 2, 4, 0, place.stride()),
        rows=place.up_to(6),
        length=place.up_to(100),
        mask=place.of(NONE, NONE, place.offset(Source.ARENA)),
        is_mean=place.of(0, 1),
        multiplier=place.multiplier(),
        shift=place.shift(),
        out_type=place.dtype(),
        out_zero=place.of(0, place.word()),
        out_lowest=lowest,
        out_highest=highest,
    )


def _copy(place: Place) -> Copy:
    a_source = place.source()
    sizes = [place.of(1, place.up_to(5)) for _ in range(4)]
    sizes[-1] = place.up_to(20)
    lows = [place.of(0, 0, 0, 1, place.word()) for _ in range(5)]
    highs = [place.of((1 << 31) - 1, 5, place.word()) for _ in range(5)]
    strides = [place.signed_stride() for _ in range(5)]
    return Copy(
        0,
        0,
        a_source,
        place.offset(a_source),
        place.of(1, 2, 4),
        *strides,
        *sizes,
        *lows,
        *highs,
        place.word(),
        place.of(0, 0, place.up_to(10), 1 << 24),
        place.up_to(6),
    )


def _gather(place: Place) -> Gather:
    table_source, length = place.source(), place.up_to(80)
    return Gather(
        out=0,
        out_size=0,
        indices=place.offset(Source.ARENA),
        table_source=table_source,
        table=place.offset(table_source),
        table_type=place.dtype(),
        table_stride=place.stride(length),
        table_rows=place.of(place.up_to(100), 1 << 24),
        length=length,
        multipliers=place.table(),
        shift=place.shift(),
        out_type=place.dtype(),
        count=place.up_to(8),
    )


def _rotate(place: Place) -> Rotate:
    length = 2 * place.up_to(30)
    return Rotate(
        out=0,
        out_size=0,
        a=place.offset(Source.ARENA),
        a_stride=place.stride(4 * length),
        rows=place.up_to(6),
        length=length,
        table=place.offset(Source.BLOB),
        table_stride=place.stride(4 * length),
        repeat=place.of(1, 2, place.up_to(1 << 24)),
    )


def _choose(place: Place) -> Choose:
    return Choose(
        0,
        0,
        place.offset(Source.ARENA),
        place.word(),
        place.offset(Source.ARENA),
        place.offset(Source.ARENA),
    )


_MAKERS: dict[type[Task], Any] = {
    Nothing: lambda place: Nothing(0, 0),
    Dot: _dot,
    Map: _map,
    Binary: _binary,
    Softmax: _softmax,
    Norm: _norm,
    Quantise: _quantise,
    Pool: _pool,
    Reduce: _reduce,
    Copy: _copy,
    Gather: _gather,
    Rotate: _rotate,
    Choose: _choose,
}
