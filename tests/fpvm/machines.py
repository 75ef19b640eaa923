"""Small machines for tests: instruction words, memory, and the two engines side by side."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from hypothesis import settings

from fpvm.fast import FastMachine
from fpvm.isa import A0, A1, A2, K1, KERNEL, Fn, Fn2, Op, Rt
from fpvm.machine import Machine
from fpvm.memory import Memory
from fpvm.oracle import Source, keccak_key, sha256_key
from fpvm.state import ZERO_WORD, State
from fpvm.step import MASK32

#: Where code is put unless a test says otherwise, and where data is.
CODE, DATA = 0x0040_0000, 0x1000_0000
PAGE = 0x1000

#: The same examples in every run, and no verdict on a slow machine.
PROPERTY = settings(derandomize=True, deadline=None, max_examples=200)

#: What arithmetic trips over.
CORNERS = (0, 1, 2, 3, 31, 32, 0x7FFF, 0x8000, 0xFFFF, 0x1_0000, 0x5A5A_A5A5, 0x7FFF_FFFE)
CORNERS += tuple(~corner & MASK32 for corner in CORNERS)


# --- Instruction words ----------------------------------------------------------------------------


def special(fn: int, rs: int = 0, rt: int = 0, rd: int = 0, sa: int = 0) -> int:
    """A word with opcode SPECIAL."""
    return rs << 21 | rt << 16 | rd << 11 | sa << 6 | fn


def special2(fn: int, rs: int = 0, rt: int = 0, rd: int = 0) -> int:
    """A word with opcode SPECIAL2."""
    return Op.SPECIAL2 << 26 | special(fn, rs, rt, rd)


def imm(op: int, rs: int = 0, rt: int = 0, value: int = 0) -> int:
    """A word with a 16-bit immediate: a branch offset counts words, from the delay slot."""
    return op << 26 | rs << 21 | rt << 16 | value & 0xFFFF


def regimm(kind: int, rs: int = 0, value: int = 0) -> int:
    """A word with opcode REGIMM."""
    return imm(Op.REGIMM, rs, kind, value)


#: A word, or a list of words and of lists.
Words = Any

NOP = 0
BREAK = special(Fn.BREAK)
#: A release 2 instruction that reads the thread pointer, to v1: what kernels emulate.
RDHWR = 0x7C03_E83B


def jump(target: int, op: int = Op.J) -> int:
    return op << 26 | target >> 2 & 0x03FF_FFFF


def jr(rs: int) -> int:
    return special(Fn.JR, rs)


def syscall(code: int = 0) -> int:
    return special(Fn.SYSCALL) | code << 6


def addiu(rt: int, rs: int, value: int) -> int:
    return imm(Op.ADDIU, rs, rt, value)


def addu(rd: int, rs: int, rt: int) -> int:
    return special(Fn.ADDU, rs, rt, rd)


def lw(rt: int, offset: int, base: int) -> int:
    return imm(Op.LW, base, rt, offset)


def sw(rt: int, offset: int, base: int) -> int:
    return imm(Op.SW, base, rt, offset)


def beq(rs: int, rt: int, offset: int) -> int:
    return imm(Op.BEQ, rs, rt, offset)


def bne(rs: int, rt: int, offset: int) -> int:
    return imm(Op.BNE, rs, rt, offset)


def li(rt: int, value: int) -> list[int]:
    """Two words that load a constant."""
    return [imm(Op.LUI, 0, rt, value >> 16), imm(Op.ORI, rt, rt, value)]


def loop() -> list[int]:
    """Two words that go on for ever."""
    return [beq(0, 0, -1), NOP]


def assemble(*words: Words) -> bytes:
    """The bytes of ``words``, lists of words among them."""
    return b"".join(
        assemble(*word) if isinstance(word, list) else struct.pack(">I", word) for word in words
    )


#: A kernel that returns behind what faulted, and counts in s8.
SKIP = assemble(addiu(K1, K1, 4), addiu(30, 30, 1), jr(K1), NOP)
#: A kernel that returns where it is told.
RETURN = assemble(addiu(30, 30, 1), jr(K1), NOP)

#: An instruction of every kind that the machine has, by name: (word without registers, fields).
INSTRUCTIONS: dict[str, int] = {
    **{fn.name: special(fn) for fn in Fn},
    **{fn.name: special2(fn) for fn in Fn2},
    **{rt.name: regimm(rt) for rt in Rt},
    **{
        op.name: imm(op)
        for op in Op
        if op not in (Op.SPECIAL, Op.REGIMM, Op.SPECIAL2, Op.SPECIAL3, Op.COP0, Op.CACHE)
    },
}


# --- Machines -------------------------------------------------------------------------------------


class Preimages:
    """An oracle over a few preimages, under both kinds of key; KeyError for any other."""

    def __init__(self, *preimages: bytes) -> None:
        self.by_key = {
            key(preimage): preimage for preimage in preimages for key in (keccak_key, sha256_key)
        }
        self.hints: list[bytes] = []

    def get(self, key: bytes) -> bytes:
        return self.by_key[key]

    def hint(self, hint: bytes) -> None:
        self.hints.append(hint)


class Screen:
    """A console that remembers."""

    def __init__(self) -> None:
        self.shown: list[tuple[int, bytes]] = []

    def __call__(self, channel: int, data: bytes) -> None:
        self.shown.append((channel, data))


M = TypeVar("M", bound=Machine)


@dataclass(frozen=True)
class Setup:
    """A machine before its first step.

    ``memory``: bytes by address. ``regs``: registers by number. ``fields``: the state's other
    fields.
    """

    memory: Mapping[int, bytes]
    pc: int = CODE
    regs: Mapping[int, int] = field(default_factory=dict)
    fields: Mapping[str, object] = field(default_factory=dict)
    preimages: tuple[bytes, ...] = ()

    def start(self, engine: type[M], oracle: Source | None = None) -> M:
        """A new machine; its console is a :class:`Screen`, and its oracle has the preimages."""
        memory = Memory()
        for address, data in self.memory.items():
            memory.write(address, data)
        regs = [0] * 32
        for number, value in self.regs.items():
            regs[number] = value
        fields = {"next_pc": (self.pc + 4) & MASK32, "regs": tuple(regs), **self.fields}
        state = State(mem_root=memory.root(), pc=self.pc, **fields)  # type: ignore[arg-type]
        return engine(state, memory, oracle or Preimages(*self.preimages), Screen())


def program(
    *words: Words,
    at: int = CODE,
    kernel: bytes = SKIP,
    memory: Mapping[int, bytes] | None = None,
    regs: Mapping[int, int] | None = None,
    preimages: tuple[bytes, ...] = (),
    **fields: object,
) -> Setup:
    """Code, where the machine starts, and a kernel; ``memory`` comes on top of them."""
    content = {at: assemble(*words), KERNEL: kernel, **(memory or {})}
    return Setup(content, at, regs or {}, fields, preimages)


def registers(machine: Machine) -> State:
    """The state but for memory, whose root takes long."""
    return machine.core.state(ZERO_WORD)


def shown(machine: Machine) -> list[tuple[int, bytes]]:
    """What the machine has written to its console."""
    screen = machine.surroundings._console
    assert isinstance(screen, Screen)
    return screen.shown


# --- A program with something of everything -------------------------------------------------------

FIRST, SECOND = (
    b"the first preimage, of more than one leaf",
    b"THE SECOND, AND IT IS LONGER THAN THE FIRST",
)
KEYS = {DATA: keccak_key(FIRST) + keccak_key(SECOND)}


def write(channel: int, address: int, length: int) -> list[int]:
    return [*li(A0, channel), *li(A1, address), *li(A2, length), syscall(5)]


def select(which: int) -> list[int]:
    return [*li(A0, DATA + 32 * which), syscall(3)]


def read(to: int, offset: int) -> list[int]:
    return [*li(A0, to), *li(A1, offset), syscall(4)]


#: An overflow if 8 holds INT_MAX. Unicorn does not say where in its block such a fault happened.
OVERFLOW = special(Fn.ADD, 8, 8, 10)

#: Faults and system calls, loads and stores, a loop, a preimage, and an exit with code 3.
MIXED = program(
    select(0), li(16, DATA), addiu(17, 0, 12),
    sw(17, 0x400, 16), OVERFLOW, lw(2, 0x401, 16), read(DATA + 0x100, 8), write(1, DATA + 0x100, 4),
    syscall(0), NOP, RDHWR, BREAK, imm(Op.LL, 16, 3, 0x400), imm(Op.SC, 16, 8, 0x400),
    addiu(17, 17, -1), bne(17, 0, -23), addu(9, 9, 2),
    li(A0, 3), li(A1, DATA + 0x100), syscall(1), NOP,
    regs={8: 0x7FFF_FFFF}, memory=KEYS, preimages=(FIRST,),
)  # fmt: skip


# --- Agreement ------------------------------------------------------------------------------------

#: Far enough for Unicorn to be worth entering, so that a run in slices of this size uses it.
SLICE = 25


def agree(setup: Setup, steps: int = 120, offsets: Iterable[int] = range(SLICE)) -> None:
    """Assert that both engines are in one state at every step, wherever the fast one is stopped.

    It is run in slices from each of ``offsets``, with and without a look at the memory root on the
    way, and in one piece to every third step. With all offsets, it is stopped at every step.
    """
    spec = setup.start(Machine)
    states = []
    for step in range(steps + 1):
        spec.run(step)
        states.append(spec.state())
    for offset in offsets:
        fast = setup.start(FastMachine)
        for until in (*range(offset, steps, SLICE), steps):
            fast.run(until)
            if offset % 2:
                assert fast.state() == states[until], f"slices from {offset}, step {until}"
            bare = replace(states[until], mem_root=ZERO_WORD)
            assert registers(fast) == bare, f"slices from {offset}, step {until}"
        assert fast.state() == states[-1], f"slices from {offset}, the end"
        assert shown(fast) == shown(spec), f"slices from {offset}"
    for until in (*range(SLICE, steps, 3), steps):
        fast = setup.start(FastMachine)
        fast.run(until)
        assert fast.state() == states[until], f"in one piece to step {until}"


def agree_at(setup: Setup, *stops: int) -> None:
    """Assert that both engines are in one state at each of ``stops``: run to in slices, and at
    once."""
    spec, slices = setup.start(Machine), setup.start(FastMachine)
    for stop in stops:
        spec.run(stop)
        slices.run(stop)
        assert slices.state() == spec.state(), f"stopped at step {stop}"
    at_once = setup.start(FastMachine)
    at_once.run(stops[-1])
    assert at_once.state() == spec.state(), f"run to step {stops[-1]}"
    assert shown(slices) == shown(at_once) == shown(spec)
