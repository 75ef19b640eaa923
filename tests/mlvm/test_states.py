"""Whole models of hostile records: every state, by the engine and by the specification."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fpvm.keccak import keccak256
from mlvm import effects, trees
from mlvm.engine import Engine
from mlvm.groups import grouped
from mlvm.histories import Inference
from mlvm.model import Header, Model
from mlvm.spec import KERNELS, Operands
from mlvm.tasks import DType, Input, Map, Nothing, Output
from mlvm.tiles import sized, split
from tests.mlvm import records

INPUT_SIZE, OUTPUT_SIZE = 600, 40


def model_of(recorded, blob=b""):
    """A model of any records, valid or not."""
    content = b"".join(recorded)
    header = Header(len(recorded), records.ARENA_SIZE, INPUT_SIZE, OUTPUT_SIZE, 5, len(blob),
                    trees.root(content), trees.root(blob), keccak256(b"{}"))  # fmt: skip
    return Model(header, content, blob, b"{}")


def assert_states_agree(model, data):
    inference = Inference(Engine(model), data)
    states = list(effects.run(model, data))
    assert inference.states == [state.hash() for state in states]
    if inference.output is not None:
        assert inference.output == states[-1]


def spoilt(record, at, value):
    words = bytearray(record)
    words[4 * at : 4 * at + 4] = value.to_bytes(4, "big")
    return bytes(words)


ends = st.sampled_from(
    [
        Input(0, INPUT_SIZE),
        Input(0, INPUT_SIZE + 1),
        Input(4, INPUT_SIZE),
        Output(1024, OUTPUT_SIZE),
        Output(0, OUTPUT_SIZE),
        Output(512, OUTPUT_SIZE),
        Nothing(0, 0),
    ]
)
kernels = st.sampled_from(records.KERNEL_KINDS).flatmap(records.of_kind)
packed = st.one_of(kernels, kernels, kernels, ends).map(lambda task: task.pack())
recorded = st.one_of(
    packed,
    packed,
    st.builds(spoilt, packed, st.integers(0, 45), st.integers(0, 2**32 - 1)),
    st.binary(min_size=256, max_size=256),
)


@settings(max_examples=150, suppress_health_check=list(HealthCheck))
@given(st.lists(recorded, max_size=6), st.sampled_from([INPUT_SIZE, INPUT_SIZE, 0]), records.data)
def test_hostile_models(tasks, size, data):
    first = Input(0, INPUT_SIZE).pack()
    last = Output(1024, OUTPUT_SIZE).pack()
    assert_states_agree(model_of([first, *tasks, last, *tasks[:1]], data[:3000]), data[:size])
    assert_states_agree(model_of([*tasks, first, *tasks], data[:99]), data[:size])


def test_tiles_that_read_what_others_write():
    """They look like tiles of one operator, and must not be computed as one."""
    table = np.roll(np.arange(256), 1).astype(">i4").tobytes()
    tile = sized(Map(4, 0, 0, DType.U8, 0, 0, 0, 0, 0, DType.U8, 4))
    tiles = [replace(tile, out=4 + 4 * n, a=4 * n) for n in range(100)]
    assert len(grouped([Input(0, INPUT_SIZE), *tiles])) == 101
    recorded = [task.pack() for task in (Input(0, INPUT_SIZE), *tiles, Output(0, OUTPUT_SIZE))]
    assert_states_agree(model_of(recorded, table), bytes(INPUT_SIZE))


@settings(max_examples=80)
@given(st.sampled_from(records.KERNEL_KINDS).flatmap(records.of_kind), st.integers(1, 50))
def test_what_is_split_is_put_together_again(task, limit):
    """As tasks are valid only while they write little."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mlvm.checks.MAX_WRITTEN", max(limit, task.out_size // 3))
        try:
            tiles = list(split(task))
            whole, parts = model_of([task.pack()]), model_of([tile.pack() for tile in tiles])
        except ValueError:
            return  # one row is more than the limit, or an offset would leave its 32 bits
    assert sum(tile.out_size for tile in tiles) == task.out_size
    groups = grouped(tiles)
    if len(groups) == 1 and len(tiles) > 1:
        state = after = effects.ArenaState(np.random.default_rng(1).bytes(records.ARENA_SIZE))
        operands, kernel = Operands(b"", state.arena), KERNELS[type(task)]
        assert kernel(groups[0].task, operands) == kernel(task, operands)
        for index in range(len(tiles)):
            after = effects.effect(parts, index, after)
        assert after == effects.effect(whole, 0, state)
