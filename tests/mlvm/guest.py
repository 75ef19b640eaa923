"""Runs `mlrun`, the guest that computes one task, in the VM."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from fpvm.elf import Program, kernel_image, load
from fpvm.fast import FastMachine
from fpvm.keccak import keccak256
from fpvm.memory import Memory
from fpvm.oracle import Oracle, Source, keccak_key
from fpvm.sources import DictSource
from fpvm.state import genesis
from mlvm.effects import ArenaState, InputState, OutputState, State
from mlvm.histories import Inference, InferenceSource, task_word
from mlvm.model import Model
from mlvm.trees import ByteTree
from programs.build import build

#: No task takes as many steps.
MAX_STEPS = 1 << 24


@dataclass(frozen=True)
class Answer:
    """What the guest says S(index + 1) is, and how many steps it took."""

    state: bytes
    exit_code: int
    steps: int


class Preimages(dict[bytes, bytes]):
    """By key."""

    def add(self, preimage: bytes) -> bytes:
        """Returns the hash."""
        self[keccak_key(preimage)] = preimage
        return keccak256(preimage)

    def add_bytes(self, data: bytes) -> bytes:
        """The byte tree of `data`, and the root."""
        tree = ByteTree(data)
        todo = [1]
        while todo:
            number = todo.pop()
            self.add(tree.preimage(number))
            todo += tree.children(number)
        return tree.root()

    def add_model(self, model: Model) -> None:
        self.add(model.header.pack())
        self.add_bytes(model.records)
        self.add_bytes(model.blob.tobytes())

    def add_state(self, state: State) -> None:
        match state:
            case InputState(data):
                of_bytes = b"bytes" + len(data).to_bytes(8, "big") + self.add_bytes(data)
                self.add(b"input" + self.add(of_bytes))
            case ArenaState(arena):
                self.add_bytes(arena)
            case OutputState(output_hash, _):
                self.add(b"output" + output_hash)


def question(address: bytes, index: int, state: bytes) -> bytes:
    """What the guest's input word is the hash of."""
    return b"task" + address + index.to_bytes(8, "big") + state


@cache
def program() -> Program:
    return load(build("mlrun").read_bytes(), kernel_image())


def run(word: bytes, source: Source) -> Answer:
    """Runs the guest on an input word. Raises TimeoutError if it does not end, and OracleError for
    a preimage that the source does not have."""
    memory = Memory(program().pages)
    start = genesis(memory.root(), program().pc, word)
    machine = FastMachine(start, memory, Oracle(source))
    machine.run(MAX_STEPS)
    end = machine.state()
    if not end.exited:
        raise TimeoutError(f"the guest did not end within {MAX_STEPS} steps")
    return Answer(end.output, end.exit_code, end.step)


def answer(address: bytes, index: int, state: bytes, preimages: Preimages) -> Answer:
    """Asks for a task."""
    return run(preimages.add(question(address, index, state)), DictSource(preimages))


def answer_within(inference: Inference, source: InferenceSource, index: int) -> Answer:
    """Asks for a task of an inference, in the state that it has before it."""
    word = task_word(inference.model.address, index, inference.states[index])
    return run(word, source)


def answer_of(model: Model, index: int, state: State) -> Answer:
    """The guest's answer about a task of a model in a state that is known."""
    preimages = Preimages()
    preimages.add_model(model)
    preimages.add_state(state)
    return answer(model.address, index, state.hash(), preimages)
