"""A step of every kind: what there is to prove.

Each has a machine that is about to make it, and the parts that its witness must have.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

import pytest

from fpvm.isa import A0, A1, A2, KERNEL, Call, Fn, Fn2, Op, Rt
from fpvm.machine import Machine
from fpvm.oracle import keccak_key, sha256_key
from tests.fpvm.machines import (
    BREAK,
    CODE,
    DATA,
    RETURN,
    Setup,
    addu,
    assemble,
    beq,
    imm,
    jr,
    jump,
    lw,
    regimm,
    special,
    special2,
    sw,
    syscall,
)

#: Instructions before the one to be proved, so that the fast engine has something to run. They are
#: no-ops: memory that nobody has written.
PRELUDE = 60
RS, RT, RD, TARGET = 8, 9, 10, 11
NOISE = random.Random("the leaves around").randbytes(4096)
PREIMAGE = random.Random("a preimage").randbytes(100)
WORD = random.Random("the input").randbytes(32)


@dataclass(frozen=True)
class Kind:
    """A kind of step: where a machine starts, the step to prove, and what its witness holds."""

    setup: Setup
    step: int
    parts: str


def kind(
    parts: str,
    word: int,
    *,
    regs: dict[int, int] | None = None,
    pc: int | None = None,
    memory: dict[int, bytes] | None = None,
    preimages: tuple[bytes, ...] = (PREIMAGE, b""),
    **fields: object,
) -> Kind:
    """A step that executes ``word``; its witness has the code leaf (c), the data leaf (d) and a
    preimage (p), if ``parts`` says so.

    Behind no-ops at CODE; or at ``pc``, where it is the first step.
    """
    at = CODE if pc is None else pc
    noise = {CODE - 64: NOISE[:64], CODE: NOISE[64:192], DATA - 32: NOISE, DATA + (1 << 20): NOISE}
    # Where pc points to there is code, even if pc is unaligned and nothing may be fetched.
    content = {**noise, KERNEL: RETURN, at & ~3: assemble(word), **(memory or {})}
    content[CODE - 4 * PRELUDE] = bytes(4 * PRELUDE)
    setup = Setup(
        content,
        pc=CODE - 4 * PRELUDE if pc is None else pc,
        regs={RS: DATA, RT: 0x1234_5678, RD: 0xFFFF_0000, TARGET: CODE + 0x40, **(regs or {})},
        fields={"input": WORD, "hi": 1, "lo": 2, **fields},
        preimages=preimages,
    )
    return Kind(setup, PRELUDE if pc is None else 0, parts)


def seen(address: int) -> int:
    """The word that memory has at ``address``, near DATA."""
    return int.from_bytes(NOISE[address - DATA + 32 :][:4])


def read_from(
    offset: int, key: bytes = keccak_key(PREIMAGE), to: int = DATA, parts: str = "cdp"
) -> Kind:
    return kind(parts, syscall(Call.ORACLE_READ), regs={A0: to, A1: offset}, oracle_key=key)


KINDS = {
    "addu": kind("c", addu(RD, RS, RT)),
    "register 0": kind("c", addu(0, RS, RT)),
    "multiply": kind("c", special(Fn.MULT, RS, RT)),
    "multiply and add": kind("c", special2(Fn2.MADD, RS, RT)),
    "divide by zero": kind("c", special(Fn.DIV, RS, 0)),
    "lw": kind("cd", lw(RD, 8, RS)),
    "lw of absent memory": kind("cd", lw(RD, 0, RS), regs={RS: 0x5000_0000}),
    "lw of its own leaf": kind("cd", lw(RD, 16, RS), regs={RS: CODE}),
    "lw at the end of memory": kind("cd", lw(RD, -4, 0)),
    "lb": kind("cd", imm(Op.LB, RS, RD, 3)),
    "lwl": kind("cd", imm(Op.LWL, RS, RD, 1)),
    "lwr": kind("cd", imm(Op.LWR, RS, RD, 30)),
    "sw": kind("cd", sw(RT, 8, RS)),
    "sw to absent memory": kind("cd", sw(RT, 0, RS), regs={RS: 0x5000_0000}),
    "sw of what is there": kind("cd", sw(0, 0, RS), regs={RS: 0x5000_0000}),
    "sw to its own leaf": kind("cd", sw(RT, 0, RS), regs={RS: CODE}),
    "sb": kind("cd", imm(Op.SB, RS, RT, 31)),
    "swl": kind("cd", imm(Op.SWL, RS, RT, 5)),
    "swr": kind("cd", imm(Op.SWR, RS, RT, 6)),
    "ll": kind("cd", imm(Op.LL, RS, RD, 4)),
    "sc": kind("cd", imm(Op.SC, RS, RT, 4), ll_addr=DATA + 4, ll_value=seen(DATA + 4)),
    "sc to its own leaf": kind(
        "cd",
        imm(Op.SC, RS, RT, 0),
        regs={RS: CODE},
        ll_addr=CODE,
        ll_value=imm(Op.SC, RS, RT, 0),
    ),
    "sc of a word that has changed": kind("cd", imm(Op.SC, RS, RT, 4), ll_addr=DATA + 4),
    "sc elsewhere": kind("c", imm(Op.SC, RS, RT, 4), ll_addr=DATA + 8),
    "sc unaligned": kind("c", imm(Op.SC, RS, RT, 2), ll_addr=DATA + 2),
    "branch": kind("c", beq(RS, RS, -9)),
    "no branch": kind("c", beq(RS, RT, -9)),
    "no likely branch": kind("c", imm(Op.BEQL, RS, RT, -9)),
    "branch and link": kind("c", regimm(Rt.BLTZAL, RD, 5)),
    "jal": kind("c", jump(CODE + 0x1000, Op.JAL)),
    "jr": kind("c", jr(TARGET)),
    "delay slot": kind("c", addu(RD, RS, RT), pc=CODE, next_pc=CODE + 0x100),
    "branch in a delay slot": kind("c", beq(0, 0, 7), pc=CODE, next_pc=CODE + 0x100),
    "the last word of memory": kind("c", addu(RD, RS, RT), pc=0xFFFF_FFFC),
    "the last step that counts": kind("c", addu(RD, RS, RT), pc=CODE, step=(1 << 64) - 1),
    "system call": kind("c", syscall()),
    "system call in a delay slot": kind("c", syscall(), pc=CODE, next_pc=CODE + 0x100),
    "break": kind("c", BREAK),
    "overflow": kind("c", special(Fn.ADD, RS, RT, RD), regs={RS: 0x7FFF_FFFF}),
    "trap": kind("c", special(Fn.TNE, RS, RT)),
    "reserved": kind("c", 0xFFFF_FFFF),
    "lw unaligned": kind("c", lw(RD, 2, RS)),
    "sw to null": kind("c", sw(RT, 0xFFC, 0)),
    "fault of the kernel": kind("c", BREAK, pc=KERNEL + 0x40),
    "pc unaligned": kind("", addu(RD, RS, RT), pc=CODE + 2),
    "pc unaligned in the kernel": kind("", addu(RD, RS, RT), pc=KERNEL + 0x41),
    "pc null": kind("", addu(RD, RS, RT), pc=0xFFC),
    "halted": kind("", addu(RD, RS, RT), pc=CODE, exited=True, exit_code=7, output=WORD),
    "HALT": kind("cd", syscall(Call.HALT), regs={A0: 0x1FF, A1: DATA}),
    "HALT with its own leaf": kind("cd", syscall(Call.HALT), regs={A1: CODE}),
    "HALT unaligned": kind("c", syscall(Call.HALT), regs={A1: DATA + 4}),
    "INPUT": kind("cd", syscall(Call.INPUT), regs={A0: DATA + 64}),
    "INPUT to absent memory": kind("cd", syscall(Call.INPUT), regs={A0: 0x5000_0000}),
    "INPUT over its own leaf": kind("cd", syscall(Call.INPUT), regs={A0: CODE}),
    "INPUT to null": kind("c", syscall(Call.INPUT)),
    "ORACLE_KEY": kind("cd", syscall(Call.ORACLE_KEY), regs={A0: DATA + 32}),
    "ORACLE_KEY unaligned": kind("c", syscall(Call.ORACLE_KEY), regs={A0: DATA + 1}),
    "ORACLE_READ": read_from(0),
    "ORACLE_READ into a leaf": read_from(40, to=DATA + 37),
    "ORACLE_READ by sha256": read_from(3, sha256_key(PREIMAGE)),
    "ORACLE_READ of the last byte": read_from(99, to=DATA + 3),
    "ORACLE_READ at the end": read_from(100),
    "ORACLE_READ far past the end": read_from(0xFFFF_FFFF),
    "ORACLE_READ of nothing": read_from(0, keccak_key(b"")),
    "ORACLE_READ of nothing by sha256": read_from(1, sha256_key(b"")),
    "ORACLE_READ over its own leaf": read_from(7, to=CODE + 1),
    "ORACLE_READ of an unknown type": read_from(0, b"\3" + bytes(31), parts="cd"),
    "ORACLE_READ of no key": read_from(0, bytes(32), parts="cd"),
    "ORACLE_READ to null": read_from(0, to=0xFFF, parts="c"),
    "WRITE": kind("c", syscall(Call.WRITE), regs={A0: 1, A1: DATA, A2: 5}),
    "an unknown VM call": kind("c", syscall(6)),
}
EVERY_KIND = pytest.mark.parametrize("name", KINDS)


def started(name: str, engine: type[Machine] = Machine) -> Machine:
    """A machine whose next step is of this kind."""
    machine = KINDS[name].setup.start(engine)
    machine.run(KINDS[name].step)
    return machine
