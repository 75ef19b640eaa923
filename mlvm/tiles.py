"""Cutting an operator into tasks, and putting tasks together again.

An operator is drafted as one task, however large. :func:`split` cuts it into valid ones, in order,
each of which writes the bytes behind those of the one before; :func:`joined` is the inverse: it
makes one task of several, so that the engine computes them in one go.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
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

#: What is different about a part of a task, besides its size and what it writes.
Changes = dict[str, int]


def _part_of_map(task: Map, first: int) -> Changes:
    return {"a": task.a + first * DType(task.a_type).size}


def _part_of_numbers(task: Binary | Copy, first: int) -> Changes:
    return {"first": task.first + first}


def _part_of_softmax(task: Softmax, first: int) -> Changes:
    valid = task.valid + first * task.valid_step
    return {"a": task.a + first * task.a_stride, "valid": valid}


def _part_of_rows(task: Norm | Quantise, first: int) -> Changes:
    return {"a": task.a + first * task.a_stride}


def _part_of_rotate(task: Rotate, first: int) -> Changes | None:
    """Parts begin where the table moves on."""
    if first % task.repeat:
        return None
    table = task.table + first // task.repeat * task.table_stride
    return {"a": task.a + first * task.a_stride, "table": table}


def _part_of_pixels(task: Dot | Pool, first: int) -> Changes:
    return {"first_pixel": task.first_pixel + first}


def _part_of_reduce(task: Reduce, first: int) -> Changes:
    return {"a": task.a + first * task.row_stride}


def _part_of_gather(task: Gather, first: int) -> Changes:
    return {"indices": task.indices + 4 * first}


def _part_of_choose(task: Choose, first: int) -> Changes:
    return {"a": task.a + first, "b": task.b + first}


#: By kind: the field that counts what parts are made of, and how one differs that begins later.
_CUTS: dict[type[Task], tuple[str, Callable[[Any, int], Changes | None]]] = {
    Dot: ("pixels", _part_of_pixels),
    Map: ("count", _part_of_map),
    Binary: ("count", _part_of_numbers),
    Softmax: ("rows", _part_of_softmax),
    Norm: ("rows", _part_of_rows),
    Quantise: ("rows", _part_of_rows),
    Pool: ("pixels", _part_of_pixels),
    Reduce: ("rows", _part_of_reduce),
    Copy: ("count", _part_of_numbers),
    Gather: ("count", _part_of_gather),
    Rotate: ("rows", _part_of_rotate),
    Choose: ("out_size", _part_of_choose),
}


def _part(task: Any, first: int, count: int) -> Any:
    """``count`` rows, pixels or numbers of a task, from ``first`` on."""
    field, cut = _CUTS[type(task)]
    changes = cut(task, first)
    unit = written_size(task) // getattr(task, field)
    return sized(replace(task, out=task.out + first * unit, **{field: count}, **(changes or {})))


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


def follows(left: Any, right: Any) -> bool:
    """Whether a task goes on where another ends: whether both are parts of one."""
    if type(left) is not type(right) or type(left) not in _CUTS:
        return False
    field, cut = _CUTS[type(left)]
    changes = cut(left, getattr(left, field))
    return changes is not None and _differs_by(left, right, changes, field)


def follows_in_channels(left: Any, right: Any) -> bool:
    """The same of two parts of one pixel of a Dot."""
    if type(left) is not Dot or type(right) is not Dot or left.pixels != 1:
        return False
    changes = {"first_channel": left.first_channel + left.channels}
    return _differs_by(left, right, changes, "channels")


def _differs_by(left: Any, right: Any, changes: Changes, field: str) -> bool:
    """Whether two tasks are alike but for certain changes, their sizes, and where they write."""
    if right.out != left.out + left.out_size:
        return False
    free = ("out", "out_size", field)
    return all(
        getattr(right, name) == changes.get(name, getattr(left, name))
        for name in type(left).__dataclass_fields__
        if name not in free and name != "kind"
    )


def joined(parts: Sequence[Any]) -> Any:
    """One task that does what tasks do that follow each other, however large it gets."""
    field = _CUTS[type(parts[0])][0]
    return _grown(parts, field)


def joined_channels(parts: Sequence[Any]) -> Any:
    """The same of parts of one pixel."""
    return _grown(parts, "channels")


def _grown(parts: Sequence[Any], field: str) -> Any:
    counts = {field: sum(getattr(part, field) for part in parts)}
    return replace(parts[0], **({"out_size": sum(part.out_size for part in parts)} | counts))
