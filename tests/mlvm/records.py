"""Tasks at random: ordinary ones, and ones that nobody but an adversary would make."""

from dataclasses import fields

import numpy as np
from hypothesis import strategies as st

from mlvm.checks import MAX_WRITTEN, is_valid, written_size
from mlvm.tasks import KINDS, NONE, Choose, Input, Nothing, Output, Task
from mlvm.tiles import sized

ARENA_SIZE = 4096
KERNEL_KINDS = tuple(kind for kind in KINDS if kind not in (Nothing, Input, Output))

extremes = st.sampled_from([0, 1, -1, 2**31 - 1, -(2**31), 2**16, -(2**16)])
words = st.one_of(st.integers(-300, 300), st.integers(-(2**31), 2**31 - 1), extremes)
offsets = st.one_of(
    st.integers(0, 900).map(lambda number: 4 * number),
    st.integers(0, ARENA_SIZE),
    st.sampled_from([NONE, ARENA_SIZE - 1, ARENA_SIZE - 4, 2**32 - 4, 2**31, 2**32 - 4096]),
)
strides = st.one_of(
    st.sampled_from([0, 1, 2, 4, 8, 16, 64]),
    st.integers(0, 300),
    st.sampled_from([2**31 - 1, 1000, 1024, 2**20]),
)
signed_strides = st.one_of(strides, strides.map(lambda stride: -stride))
shifts = st.one_of(st.integers(0, 40), st.integers(-70, 70), words)
counts = st.one_of(st.integers(1, 4), st.integers(1, 9))
firsts = st.one_of(st.integers(0, 9), st.sampled_from([100, 2**24]))
boxes = st.one_of(st.integers(-2, 6), words)
bits = st.integers(0, 1)

#: By name of a field; the rest are offsets.
FIELDS = {
    **dict.fromkeys(("a_type", "b_type", "out_type", "table_type"), st.integers(0, 3)),
    **dict.fromkeys(("a_source", "b_source", "table_source"), bits),
    **dict.fromkeys(("a_exponents", "b_exponents", "is_mean", "centred"), bits),
    **dict.fromkeys(("height", "width", "group_size", "kernel_height", "kernel_width"), counts),
    **dict.fromkeys(("out_width", "channels_per_group", "pixels", "channels", "count"), counts),
    **dict.fromkeys(("dilation_y", "dilation_x", "rows", "length", "repeat"), counts),
    **dict.fromkeys(("size_2", "size_3", "size_4", "size_5"), st.integers(1, 4)),
    **dict.fromkeys(("stride_y", "stride_x"), counts),
    **dict.fromkeys(("a_stride", "b_stride", "row_stride", "stride", "table_stride"), strides),
    **dict.fromkeys(
        ("pad_top", "pad_left"), st.one_of(st.integers(0, 3), st.integers(-3, 3), words)
    ),
    **dict.fromkeys(("first_pixel", "first_channel", "first"), firsts),
    **dict.fromkeys(("shift",), shifts),
    **dict.fromkeys(
        ("pad_value", "multiplier", "a_multiplier", "b_multiplier", "a_zero", "b_zero"), words
    ),
    **dict.fromkeys(("out_zero", "slope", "threshold"), words),
    "out_lowest": st.one_of(st.just(-(2**31)), words),
    "out_highest": st.one_of(st.just(2**31 - 1), words),
    "low": st.one_of(st.integers(-(2**17), 2**17), words),
    "segments": st.integers(1, 70),
    "step": st.one_of(st.integers(0, 16), st.integers(0, 30)),
    "operation": st.integers(0, 3),
    "valid": st.one_of(st.integers(0, 9), st.just(2**32 - 1)),
    "valid_step": st.one_of(st.integers(0, 2), st.just(2**32 - 1)),
    "epsilon_high": st.one_of(st.just(0), st.integers(0, 2**29 - 1)),
    "epsilon_low": st.one_of(st.integers(0, 2**32 - 1), st.integers(0, 10)),
    "divisor": st.one_of(st.just(0), st.integers(1, 9), st.just(2**32 - 1)),
    "size": st.sampled_from([1, 2, 4]),
    "table_rows": st.one_of(st.integers(1, 9), st.just(2**24)),
    "mask": st.one_of(st.just(NONE), offsets),
    "out_size": st.just(1),
    **{f"stride_{n}": signed_strides for n in range(1, 6)},
    **{f"a_stride_{n}": signed_strides for n in range(1, 5)},
    **{f"b_stride_{n}": signed_strides for n in range(1, 5)},
    **{f"low_{n}": st.one_of(st.just(0), boxes) for n in range(1, 6)},
    **{f"high_{n}": st.one_of(st.just(9), boxes) for n in range(1, 6)},
}

_PATTERNS = (b"\x80\0\0\0", b"\x7f\xff\xff\xff", b"\xff", b"\0\0\0\5", b"\x80", b"\0")


def _memory(seed: int) -> bytes:
    """Noise, or one number over and over."""
    if seed < len(_PATTERNS):
        return (_PATTERNS[seed] * ARENA_SIZE)[:ARENA_SIZE]
    return np.random.default_rng(seed).bytes(ARENA_SIZE)


data = st.integers(0, 1000).map(_memory)


def of_kind(kind: type[Task]) -> st.SearchStrategy[Task]:
    """Valid tasks of a kind, in an arena of :data:`ARENA_SIZE`."""
    names = [field.name for field in fields(kind)]
    drawn = st.fixed_dictionaries({name: FIELDS.get(name, offsets) for name in names})
    return drawn.map(lambda values: _mended(kind, values)).filter(is_valid_here)


def _mended(kind: type[Task], values: dict[str, int]) -> Task:
    """The task, with an ``out`` and an ``out_size`` that are possible."""
    if "operation" in values and "row_stride" in values:
        values["operation"] %= 3
    if kind.__name__ == "Rotate":
        values["length"] += values["length"] % 2
    if kind is Choose:
        values["out_size"] = values["b"] % 64 + 1
    task = sized(kind(**values))
    size = written_size(task)
    out = task.out % (ARENA_SIZE - size) if size < min(ARENA_SIZE, MAX_WRITTEN) else 0
    return sized(kind(**(values | {"out": out})))


def is_valid_here(task: Task) -> bool:
    return is_valid(task, ARENA_SIZE, 4, 4)
