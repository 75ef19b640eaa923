"""Cutting an operator into tasks, and putting tasks together again.

An operator is drafted as one task, however large. :func:`split` cuts it into valid ones, in order,
each of which writes the bytes behind those of the one before; :func:`join` is the inverse: it makes
one task of two neighbours, so that the engine computes them in one go.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from mlvm.checks import InvalidTaskError, check, written_size
from mlvm.tasks import (
    Binary,
    Choose,
    Copy,
    Dot,
    DType,
    Gather,
    Map,
    Norm,
    Pool,
    Quantise,
    Reduce,
    Rotate,
    Softmax,
    Task,
)

#: Bytes that an arena has at most: parts are checked against it before the arena has a size.
_ANY_ARENA = 1 << 30


def sized(task: Any) -> Any:
    """The task with the ``out_size`` of what it writes."""
    return replace(task, out_size=written_size(task))


# --- Parts ----------------------------------------------------------------------------------------


def _part_of_map(task: Map, first: int, count: int) -> Map:
    return replace(task, a=task.a + first * DType(task.a_type).size, count=count)


def _part_of_binary(task: Binary, first: int, count: int) -> Binary:
    return replace(task, first=task.first + first, count=count)


def _part_of_softmax(task: Softmax, first: int, count: int) -> Softmax:
    valid = task.valid + first * task.valid_step
    return replace(task, a=task.a + first * task.a_stride, rows=count, valid=valid)


def _part_of_rows(task: Norm | Quantise, first: int, count: int) -> Norm | Quantise:
    return replace(task, a=task.a + first * task.a_stride, rows=count)


def _part_of_rotate(task: Rotate, first: int, count: int) -> Rotate | None:
    """Parts begin where the table moves on."""
    if first % task.repeat:
        return None
    table = task.table + first // task.repeat * task.table_stride
    return replace(task, a=task.a + first * task.a_stride, table=table, rows=count)


def _part_of_pixels(task: Dot | Pool, first: int, count: int) -> Dot | Pool:
    return replace(task, first_pixel=task.first_pixel + first, pixels=count)


def _part_of_reduce(task: Reduce, first: int, count: int) -> Reduce:
    return replace(task, a=task.a + first * task.row_stride, rows=count)


def _part_of_copy(task: Copy, first: int, count: int) -> Copy:
    return replace(task, first=task.first + first, count=count)


def _part_of_gather(task: Gather, first: int, count: int) -> Gather:
    return replace(task, indices=task.indices + 4 * first, count=count)


def _part_of_choose(task: Choose, first: int, count: int) -> Choose:
    return replace(task, a=task.a + first, b=task.b + first, out_size=count)


#: By kind: the field that counts what parts are made of, and how a part is made.
_CUTS: dict[type[Task], tuple[str, Callable[[Any, int, int], Any]]] = {
    Dot: ("pixels", _part_of_pixels),
    Map: ("count", _part_of_map),
    Binary: ("count", _part_of_binary),
    Softmax: ("rows", _part_of_softmax),
    Norm: ("rows", _part_of_rows),
    Quantise: ("rows", _part_of_rows),
    Pool: ("pixels", _part_of_pixels),
    Reduce: ("rows", _part_of_reduce),
    Copy: ("count", _part_of_copy),
    Gather: ("count", _part_of_gather),
    Rotate: ("rows", _part_of_rotate),
    Choose: ("out_size", _part_of_choose),
}


def _part(task: Any, first: int, count: int) -> Any:
    """``count`` rows, pixels or numbers of a task, from ``first`` on; None if there is no such
    part."""
    part = _CUTS[type(task)][1](task, first, count)
    if part is None:
        return None
    unit = written_size(task) // getattr(task, _CUTS[type(task)][0])
    return sized(replace(part, out=task.out + first * unit))


# --- Splitting ------------------------------------------------------------------------------------


def split(task: Any) -> Iterator[Task]:
    """Valid tasks that together do what ``task`` does. Raises
    :class:`mlvm.checks.InvalidTaskError` if the smallest part of it is not valid."""
    field = _CUTS[type(task)][0]
    total, first, count = getattr(task, field), 0, getattr(task, field)
    while first < total:
        count = min(count, total - first)
        part = _part(task, first, count)
        fault = _fault(part)
        if fault is None:
            yield part
            first += count
        elif count > _least(task):
            count = max(_least(task), count * 3 // 4 // _least(task) * _least(task))
        else:
            finer = _finer(part)
            if finer is None:
                raise InvalidTaskError(fault)
            for smaller in finer:
                yield from split(smaller)
            first += count


def _least(task: Any) -> int:
    """What the sizes of parts are multiples of."""
    return min(task.repeat, task.rows) if isinstance(task, Rotate) else 1


def _fault(task: Task) -> str | None:
    try:
        check(task, _ANY_ARENA, 0, 0)
    except InvalidTaskError as error:
        return str(error)
    return None


def _finer(part: Any) -> list[Any] | None:
    """Other tasks that do what a part of one row or pixel does, and that can be cut further."""
    if isinstance(part, Dot) and part.channels > 1:
        half = part.channels // 2
        right = replace(part, first_channel=part.first_channel + half)
        size = DType(part.out_type).size
        return [
            sized(replace(part, channels=half)),
            sized(replace(right, channels=part.channels - half, out=part.out + half * size)),
        ]
    if isinstance(part, Copy) and part.size_2 * part.size_3 * part.size_4 * part.size_5 > 1:
        return [_inner_copy(part)]
    return None


def _inner_copy(part: Copy) -> Copy:
    """The copy of one place of the first dimension, by its others."""
    inside = part.low_1 <= part.first < part.high_1
    return replace(
        part,
        a=part.a + part.first * part.stride_1,
        stride_1=part.stride_2,
        stride_2=part.stride_3,
        stride_3=part.stride_4,
        stride_4=part.stride_5,
        stride_5=0,
        first=0,
        count=part.size_2,
        size_2=part.size_3,
        size_3=part.size_4,
        size_4=part.size_5,
        size_5=1,
        low_1=part.low_2,
        low_2=part.low_3,
        low_3=part.low_4,
        low_4=part.low_5,
        low_5=0,
        high_1=part.high_2 if inside else part.low_2,
        high_2=part.high_3,
        high_3=part.high_4,
        high_4=part.high_5,
        high_5=1,
    )


# --- Joining --------------------------------------------------------------------------------------


def join(left: Any, right: Any) -> Any | None:
    """One task that does what two do that follow each other; None if they do not belong together.

    It may be larger than a valid task.
    """
    if type(left) is not type(right) or right.out != left.out + left.out_size:
        return None
    field = _CUTS[type(left)][0] if type(left) in _CUTS else None
    if field is None:
        return None
    counts = getattr(left, field), getattr(right, field)
    whole = sized_as(left, right, field, sum(counts))
    if _part(whole, 0, counts[0]) != left or _part(whole, *counts) != right:
        return None
    return whole


def sized_as(left: Any, right: Any, field: str, count: int) -> Any:
    """``left``, made as long as both are."""
    if field == "out_size":
        return replace(left, out_size=count)
    return replace(left, **{field: count}, out_size=left.out_size + right.out_size)


def join_channels(left: Any, right: Any) -> Any | None:
    """The same of two parts of one pixel of a Dot."""
    if type(left) is not Dot or type(right) is not Dot or left.pixels != 1:
        return None
    if right.out != left.out + left.out_size:
        return None
    whole = replace(
        left, channels=left.channels + right.channels, out_size=left.out_size + right.out_size
    )
    first = left.first_channel + left.channels
    expected = replace(
        whole,
        first_channel=first,
        channels=right.channels,
        out=right.out,
        out_size=right.out_size,
    )
    return whole if right == expected else None
