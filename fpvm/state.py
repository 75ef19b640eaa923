"""The machine's state between two steps, its packing and its hash (docs/vm.md, "State")."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from fpvm.keccak import keccak256

ZERO_WORD = bytes(32)
#: memRoot, input, output, oracleKey; pc, nextPC, hi, lo, llAddr, llValue; exited, exitCode; step;
#: r0-r31
_LAYOUT = struct.Struct(">32s32s32s32s6I2BQ32I")
STATE_SIZE = _LAYOUT.size


class StateError(ValueError):
    """Bytes that are not the packing of a state."""


@dataclass(frozen=True, slots=True)
class State:
    """All there is between two steps. 32-bit fields are unsigned; ``step`` has 64 bits."""

    mem_root: bytes
    pc: int
    next_pc: int
    input: bytes = ZERO_WORD
    output: bytes = ZERO_WORD
    oracle_key: bytes = ZERO_WORD
    hi: int = 0
    lo: int = 0
    ll_addr: int = 0
    ll_value: int = 0
    exited: bool = False
    exit_code: int = 0
    step: int = 0
    regs: tuple[int, ...] = (0,) * 32

    def pack(self) -> bytes:
        """The 290 bytes whose keccak256 is the state hash."""
        return _LAYOUT.pack(
            self.mem_root,
            self.input,
            self.output,
            self.oracle_key,
            self.pc,
            self.next_pc,
            self.hi,
            self.lo,
            self.ll_addr,
            self.ll_value,
            self.exited,
            self.exit_code,
            self.step,
            *self.regs,
        )

    @classmethod
    def unpack(cls, data: bytes) -> State:
        """The state that packs to ``data``.

        Raises :class:`StateError` for a wrong length, an ``exited`` byte other than 0 and 1, or a
        register 0 that is not zero: a state has one packing, or two hashes would name one state.
        """
        if len(data) != STATE_SIZE:
            raise StateError(f"a packed state has {STATE_SIZE} bytes, not {len(data)}")
        fields = _LAYOUT.unpack(data)
        exited, regs = fields[10], fields[13:]
        if exited > 1:
            raise StateError(f"packed state: exited is {exited}, neither 0 nor 1")
        if regs[0]:
            raise StateError("packed state: register 0 is not zero")
        return cls(
            mem_root=fields[0],
            input=fields[1],
            output=fields[2],
            oracle_key=fields[3],
            pc=fields[4],
            next_pc=fields[5],
            hi=fields[6],
            lo=fields[7],
            ll_addr=fields[8],
            ll_value=fields[9],
            exited=bool(exited),
            exit_code=fields[11],
            step=fields[12],
            regs=regs,
        )

    def hash(self) -> bytes:
        """The state hash, 32 bytes."""
        return keccak256(self.pack())


def genesis(mem_root: bytes, pc: int, program_input: bytes) -> State:
    """The first state of the program (``mem_root``, ``pc``) on a 32-byte input."""
    if len(program_input) != 32:
        raise StateError(f"the input of a program is one 32-byte word, not {len(program_input)}")
    return State(mem_root=mem_root, pc=pc, next_pc=(pc + 4) & 0xFFFFFFFF, input=program_input)


def outcome(state: State) -> bytes:
    """What ``state`` says the program computes, one word: total, every state has an outcome."""
    if not state.exited:
        return keccak256(b"running")
    if state.exit_code:
        return keccak256(b"failed" + bytes([state.exit_code]) + state.output)
    return state.output
