"""The kernels on whole arrays, against the specification, on ordinary and on hostile records."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlvm import exact
from mlvm.memory import Memory
from mlvm.spec import KERNELS, Operands
from mlvm.tasks import Map
from tests.mlvm import records


@pytest.mark.parametrize("kind", records.KERNEL_KINDS, ids=lambda kind: kind.__name__)
def test_kernel(kind):
    @settings(max_examples=150, suppress_health_check=[HealthCheck.filter_too_much])
    @given(records.of_kind(kind), records.data, records.data, st.integers(0, records.ARENA_SIZE))
    def check(task, blob, arena, blob_size):
        memory = Memory(np.frombuffer(blob[:blob_size], np.uint8), np.frombuffer(arena, np.uint8))
        expected = KERNELS[kind](task, Operands(blob[:blob_size], arena))
        assert exact.KERNELS[kind](task, memory).tobytes() == expected

    check()


def test_bit_length():
    numbers = [0, 1, 2, 3, 255, 256, 2**31, 2**62, 2**63 - 1]
    found = exact.bit_length(np.array(numbers, np.int64))
    assert found.tolist() == [number.bit_length() for number in numbers]


def test_a_table_that_is_not_there_is_read_at_its_address():
    """NONE is an address as any other where a table is not optional."""
    task = Map(0, 4, a=0, a_type=0, table=2**32 - 1, segments=0, low=0, step=0, slope=0, out_type=0,
               count=4)  # fmt: skip
    blob = bytes(range(100))
    expected = KERNELS[Map](task, Operands(blob, bytes([0, 1, 2, 3])))
    memory = Memory(np.frombuffer(blob, np.uint8), np.array([0, 1, 2, 3], np.uint8))
    assert exact.map_(task, memory).tobytes() == expected
