"""The executable specification of states (docs/mlvm.md, "States"): what a task makes of a state.

Slow and plain, as :mod:`mlvm.spec`, which says what a kernel writes. :func:`run` is the reference
run of a whole model.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from fpvm.keccak import keccak256
from mlvm.model import Header, Model
from mlvm.spec import KERNELS, Operands
from mlvm.tasks import Input, Nothing, Output
from mlvm.trees import LEAF_SIZE, ByteArray, hash_of_bytes, hash_of_root, leaf_count, root

#: The output hash on an input of another length than the model's.
INVALID_INPUT = keccak256(b"invalid input")


def input_state(input_hash: bytes) -> bytes:
    """S(0)."""
    return keccak256(b"input" + input_hash)


def output_state(output_hash: bytes) -> bytes:
    """S(n), and all after it."""
    return keccak256(b"output" + output_hash)


def output_hash(macs: int, hash_of_output: bytes) -> bytes:
    """The output hash, from the hash of the output's bytes."""
    return keccak256(b"result" + macs.to_bytes(8, "big") + hash_of_output)


@dataclass(frozen=True, slots=True)
class InputState:
    """Before the first task: the input's bytes."""

    data: bytes

    def hash(self) -> bytes:
        return input_state(hash_of_bytes(self.data))


@dataclass(frozen=True, slots=True)
class ArenaState:
    """In between: the arena's bytes."""

    arena: bytes

    def hash(self) -> bytes:
        return root(self.arena)


@dataclass(frozen=True, slots=True)
class OutputState:
    """After the last task. ``output``: its bytes; None where the input was not valid."""

    output_hash: bytes
    output: bytes | None

    def hash(self) -> bytes:
        return output_state(self.output_hash)


State = InputState | ArenaState | OutputState


def effect(model: Model, index: int, state: State) -> State:
    """What task ``index`` makes of a state."""
    task = model.tasks[index] if index < model.header.task_count else None
    if task is None or isinstance(task, Nothing):
        return state
    if isinstance(task, Input):
        return _filled(model.header, state) if isinstance(state, InputState) else state
    if not isinstance(state, ArenaState):
        return state
    if isinstance(task, Output):
        return finished(model.header, task.out, state.arena)
    written = KERNELS[type(task)](task, Operands(model.blob.tobytes(), state.arena))
    end = task.out + len(written)
    return ArenaState(state.arena[: task.out] + written + state.arena[end:])


def _filled(header: Header, state: InputState) -> State:
    """The arena with the input at its beginning."""
    if len(state.data) != header.input_size:
        return OutputState(INVALID_INPUT, None)
    return ArenaState(state.data.ljust(header.arena_size, b"\0"))


def finished(header: Header, out: int, arena: bytes | ByteArray) -> OutputState:
    """The output of what is in the arena at ``out``."""
    size = header.output_size
    subtree = root(arena[out : out + leaf_count(size) * LEAF_SIZE])
    result = output_hash(header.macs, hash_of_root(size, subtree))
    return OutputState(result, bytes(arena[out : out + size]))


def run(model: Model, data: bytes) -> Iterator[State]:
    """S(0), S(1) … S(n), n being the number of tasks."""
    state: State = InputState(data)
    yield state
    for index in range(model.header.task_count):
        state = effect(model, index, state)
        yield state
