"""The one instruction that L1 executes, for people to look at: with names, and what it changes."""

from __future__ import annotations

from dataclasses import dataclass

from dispute.text import full
from fpvm.disasm import Row, disassemble
from fpvm.merkle import LEAF_SIZE
from fpvm.proof import Witness, post_state
from fpvm.state import State
from fpvm.symbols import Symbols

REGISTERS = (
    *("zero", "at", "v0", "v1", "a0", "a1", "a2", "a3"),
    *("t0", "t1", "t2", "t3", "t4", "t5", "t6", "t7"),
    *("s0", "s1", "s2", "s3", "s4", "s5", "s6", "s7"),
    *("t8", "t9", "k0", "k1", "gp", "sp", "fp", "ra"),
)


@dataclass(frozen=True, slots=True)
class Change:
    """Something in the state that the instruction changes: how it reads before and after."""

    name: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Instruction:
    """``rows``: the code around ``pc``, as far as the witness shows it; none, if the machine has
    halted. ``place``: what people call the pc."""

    step: int
    pc: int
    place: str
    rows: tuple[Row, ...]
    changes: tuple[Change, ...]
    before: bytes
    after: bytes

    @property
    def text(self) -> str:
        """The instruction itself."""
        return next((row.text for row in self.rows if row.address == self.pc & ~3), "none: halted")


def instruction(witness: Witness, symbols: Symbols) -> Instruction:
    """Raises :class:`fpvm.proof.WitnessError` for a witness that proves nothing."""
    after = post_state(witness)
    before = State.unpack(witness.state)
    return Instruction(
        step=before.step,
        pc=before.pc,
        place=symbols.at(before.pc) or "",
        rows=_code(witness, before.pc, symbols),
        changes=tuple(_changes(before, after)),
        before=before.hash(),
        after=after.hash(),
    )


def _code(witness: Witness, pc: int, symbols: Symbols) -> tuple[Row, ...]:
    """The words of the leaf that the instruction was fetched from."""
    if witness.code is None:
        return ()
    leaf, first = witness.code.leaf, pc - pc % LEAF_SIZE
    words = {first + at: int.from_bytes(leaf[at : at + 4], "big") for at in range(0, LEAF_SIZE, 4)}
    return disassemble(words.__getitem__, first, LEAF_SIZE // 4, symbols)


def _changes(before: State, after: State) -> list[Change]:
    """What reads otherwise afterwards, registers first."""
    pairs = zip(_fields(before), _fields(after), strict=True)
    return [Change(name, old, new) for (name, old), (_, new) in pairs if old != new]


def _fields(state: State) -> list[tuple[str, str]]:
    """All that a state has, by the names of docs/vm.md."""
    return [
        *((f"${name}", _hex(value)) for name, value in zip(REGISTERS, state.regs, strict=True)),
        *(("pc", _hex(state.pc)), ("nextPC", _hex(state.next_pc))),
        *(("hi", _hex(state.hi)), ("lo", _hex(state.lo))),
        *(("llAddr", _hex(state.ll_addr)), ("llValue", _hex(state.ll_value))),
        *(("memRoot", full(state.mem_root)), ("output", full(state.output))),
        ("oracleKey", full(state.oracle_key)),
        *(("exited", str(state.exited)), ("exitCode", str(state.exit_code))),
        ("step", f"{state.step:,}"),
    ]


def _hex(number: int) -> str:
    return f"0x{number:08x}"
