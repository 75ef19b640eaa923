"""Preimages of a task: what the VM will ask for, from the roots down."""

import numpy as np
import pytest

from fpvm.keccak import keccak256
from fpvm.oracle import Oracle, PreimageMissing, keccak_key
from mlvm.engine import Engine
from mlvm.histories import Inference, InferenceSource, task_word
from mlvm.ir import Graph, Result
from mlvm.model import Model
from mlvm.plan import plan
from mlvm.tasks import DType, Input, Nothing, Output
from mlvm.trees import hash_of_bytes

DATA = bytes(range(200)) * 20


@pytest.fixture(scope="module")
def inference():
    graph = Graph("small")
    x = graph.input("x", (1000,), DType.I32)
    y = graph.rescale("y", x, 3, 1, Result(DType.I32))
    graph.output(graph.reshape("z", y, (10, 100)))
    return Inference(Engine(plan(graph)), DATA)


class Guest:
    """Asks as the VM does: by key, and for what it was told of."""

    def __init__(self, source):
        self._oracle = Oracle(source)

    def preimage(self, digest):
        preimage = self._oracle.get(b"\2" + digest[1:])
        assert keccak256(preimage) == digest
        return preimage

    def tree(self, digest):
        """The bytes under a root."""
        preimage = self.preimage(digest)
        if preimage[0] == 0:
            return preimage[1:]
        assert preimage[0] == 1
        return self.tree(preimage[1:33]) + self.tree(preimage[33:])


def test_all_that_a_task_reads(inference):
    guest, model = Guest(InferenceSource(inference)), inference.model
    states = inference.states
    for index in (1, 0, 2, len(states) - 2):
        word = task_word(model.address, index, states[index])
        preimage = guest.preimage(word)
        assert preimage[:4] == b"task"
        assert preimage[4:36] == model.address
        assert preimage[36:44] == index.to_bytes(8, "big")
        assert preimage[44:] == states[index]
        assert guest.preimage(model.address) == model.header.pack()
        assert guest.tree(model.header.task_root).startswith(model.records)
        assert guest.tree(model.header.blob_root).startswith(model.blob.tobytes())
        if index:
            arena = guest.tree(states[index])
            assert len(arena) == model.header.arena_size
            assert arena.startswith(DATA)
    first = guest.preimage(states[0])
    assert first == b"input" + hash_of_bytes(DATA)
    assert guest.preimage(first[5:])[:13] == b"bytes" + len(DATA).to_bytes(8, "big")
    last = guest.preimage(states[-1])
    assert last == b"output" + inference.output.output_hash


def test_what_is_in_no_tree(inference):
    source = InferenceSource(inference)
    with pytest.raises(PreimageMissing, match="model 0x"):
        source.get(keccak_key(b"something else"))
    with pytest.raises(PreimageMissing):
        source.get(b"\4" + inference.states[1][1:])


def test_arenas_in_between(inference):
    states = inference.states
    assert inference.arena_before(0) is None
    assert inference.arena_before(len(states) - 1) is None
    for index in range(1, len(states) - 1):
        assert inference.arena_before(index).root() == states[index]


def test_tasks_without_effect_repeat_the_state():
    tasks = [Nothing(0, 0), Input(0, 4), Nothing(0, 0), Input(0, 4), Output(1024, 4), Input(0, 4)]
    sizes = {"arena_size": 2048, "input_size": 4, "output_size": 4}
    states = Inference(Engine(Model.of(tasks, b"", {}, macs=0, **sizes)), b"1234").states
    assert len(states) == 7
    assert states[0] == states[1]
    assert states[2] == states[3] == states[4]
    assert states[5] == states[6]
    assert len(set(states)) == 3


def test_a_model_without_an_end():
    sizes = {"arena_size": 2048, "input_size": 4, "output_size": 4}
    model = Model.of([Nothing(0, 0)] * 3, b"", {}, macs=0, **sizes)
    inference = Inference(Engine(model), b"1234")
    assert len(inference.states) == 4
    assert len(set(inference.states)) == 1
    assert inference.output is None


def test_inferences_take_turns(inference):
    engine = Engine(inference.model)
    other = Inference(engine, bytes(4000))
    again = Inference(engine, DATA)
    assert (again.states, again.output) == (inference.states, inference.output)
    assert other.states[0] != again.states[0]
    assert other.arena_before(2).root() == other.states[2]
    assert np.frombuffer(again.output.output, ">i4").shape == (1000,)
