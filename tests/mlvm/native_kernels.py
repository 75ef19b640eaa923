"""The guest's kernels as a library for this machine: the same C, without the VM."""

from __future__ import annotations

from ctypes import CDLL, c_char_p, c_int64, c_uint32, create_string_buffer
from functools import cache
from typing import Any

from mlvm.spec import Operands
from mlvm.trees import LEAF_SIZE, leaf_count
from programs.build import build

#: A number may begin in the last leaf and end behind it.
SLACK = 8
MAX_WRITTEN = 16 * 1024


@cache
def library() -> CDLL:
    lib = CDLL(str(build("mlrun", native=True)))
    lib.mlrun_cost.restype = c_int64
    return lib


def is_valid(record: bytes, arena_size: int, input_size: int, output_size: int) -> bool:
    sizes = c_uint32(arena_size), c_uint32(input_size), c_uint32(output_size)
    return bool(library().mlrun_is_valid(c_char_p(record), *sizes))


def cost(record: bytes) -> int:
    return int(library().mlrun_cost(c_char_p(record)))


def _laid_out(data: bytes) -> Any:
    return create_string_buffer(data, leaf_count(len(data)) * LEAF_SIZE + SLACK)


def write(record: bytes, size: int, operands: Operands) -> bytes:
    """What the kernel of a valid task writes: `size` bytes."""
    out = create_string_buffer(MAX_WRITTEN)
    library().mlrun_write(
        c_char_p(record),
        _laid_out(operands.blob),
        c_uint32(len(operands.blob)),
        _laid_out(operands.arena),
        c_uint32(len(operands.arena)),
        out,
    )
    return out.raw[:size]
