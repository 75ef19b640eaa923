"""What holds for every step: it is total, it touches two leaves at most, it keeps a state valid."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fpvm.isa import K0, K1, KERNEL, Cause
from fpvm.keccak import keccak256
from fpvm.machine import Machine
from fpvm.memory import Memory
from fpvm.state import State
from fpvm.step import Core, step
from tests.fpvm.fuzz import SELECTORS
from tests.fpvm.machines import CODE, DATA, INSTRUCTIONS, MIXED, PROPERTY, syscall
from tests.fpvm.stepping import Giver, Leaves, changes
from tests.fpvm.test_state import states


class AnyMemory(Leaves):
    """Memory with something everywhere."""

    def content(self, address: int) -> bytes:
        return self.leaves.get(address) or keccak256(address.to_bytes(4, "big"))


words = st.one_of(
    st.sampled_from(SELECTORS).flatmap(
        lambda selector: st.integers(0, 2**32 - 1).map(
            lambda fields: selector[0] | fields & selector[1]
        )
    ),
    st.integers(0, 8).map(syscall),
    st.integers(0, 2**32 - 1),
)
pointers = st.one_of(
    st.integers(0, 2**32 - 1),
    st.sampled_from([0, 4, 0xFFF, 0x1000, CODE, DATA, KERNEL, KERNEL - 4, 2**32 - 1, 2**32 - 32]),
)
any_state = st.builds(
    lambda state, pc, regs, key, exited: replace(
        state, pc=pc, regs=(0, *regs), oracle_key=bytes([key]) + state.oracle_key[1:], exited=exited
    ),
    states,
    st.one_of(pointers, st.integers(0x400, 2**30 - 1).map(lambda word: 4 * word)),
    st.lists(pointers, min_size=31, max_size=31),
    st.sampled_from([0, 2, 4]),
    st.sampled_from([False] * 9 + [True]),
)


def stepped(state: State, word: int) -> tuple[State, AnyMemory]:
    """The state after ``state``, ``word`` being at its pc; its memory root is left alone."""
    memory = AnyMemory()
    start, at = state.pc & -32, state.pc % 32 & ~3
    leaf = memory.content(start)
    memory.leaves[start] = leaf[:at] + word.to_bytes(4, "big") + leaf[at + 4 :]
    core = Core(state, memory, Giver(b"some preimage of more than a leaf"))
    step(core)
    return core.state(state.mem_root), memory


@settings(PROPERTY, max_examples=1000)
@given(any_state, words)
@example(State(bytes(32), 0, 0, step=2**64 - 1), 0)
def test_a_step_is_total(state, word):
    """Whatever the state and its memory: one successor, that is a valid state, and is provable."""
    after, memory = stepped(state, word)
    assert State.unpack(after.pack()) == after
    assert after.input == state.input
    if state.exited:
        assert after == state
        assert memory.reads == []
        return
    assert after.step == (state.step + 1) % 2**64
    touched = {*memory.reads, *memory.writes}
    fetched = state.pc % 4 == 0 and state.pc >= 0x1000
    assert memory.reads[:1] == ([state.pc & -32] if fetched else [])
    assert len(touched - {state.pc & -32}) <= fetched
    changed = changes(state, after)
    raised = (after.pc, after.next_pc) == (KERNEL, KERNEL + 4) and after.regs[K0] in list(Cause)
    if raised and changed.keys() <= {"pc", "next_pc", "r26", "r27", "step"}:
        assert state.pc < KERNEL
        assert memory.writes == {}
        assert after.regs[K1] in (state.pc, state.next_pc)
    elif (after.pc, after.exited) == (state.pc, True):
        assert (after.exit_code, after.output) == (255, bytes(32))
        assert changed.keys() <= {"exited", "exit_code", "output", "step"}
        assert state.pc >= KERNEL
        assert memory.writes == {}


@settings(PROPERTY, max_examples=300)
@given(any_state, words)
def test_a_step_is_a_function(state, word):
    one, memory = stepped(state, word)
    other, again = stepped(state, word)
    assert (one, memory.writes) == (other, again.writes)


@pytest.mark.parametrize("name", INSTRUCTIONS)
def test_the_step_counter_wraps(name):
    state = State(bytes(32), CODE, CODE + 4, step=2**64 - 1)
    after, _ = stepped(state, INSTRUCTIONS[name])
    assert after.step == 0


def test_steps_on_memory_and_on_leaves_are_the_same():
    """The same code runs on a whole memory and on whatever hands out leaves."""
    machine = MIXED.start(Machine)
    leaves = Leaves({page << 12: content for page, content in machine.memory.pages()})
    core = Core(machine.state(), leaves, machine.surroundings)
    while not machine.exited:
        machine.run(machine.step + 1)
        step(core)
        for address, leaf in leaves.writes.items():
            leaves.leaves[address] = leaf
        leaves.writes.clear()
        assert core.state(bytes(32)) == machine.core.state(bytes(32))
    written = Memory()
    for address, leaf in leaves.leaves.items():
        written.write_leaf(address, leaf)
    assert written.root() == machine.memory.root()
    assert machine.step > 400
