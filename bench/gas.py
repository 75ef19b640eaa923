"""What the contracts cost: gas of steps and of preimages, bytes deployed, time in an EVM.

The gas is that of a transaction of its own, 21,000 and calldata included, under Cancun's rules, as
Cannon's is. Since Prague a transaction costs at least a *floor*, 40 gas a byte of calldata
(EIP-7623); a step inside of a larger transaction shares it with the rest.

States and leaves hold no byte of zero, which would be cheaper: these are the highest figures.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from bench.measure import Row, median_seconds
from contracts.abi import call_data, step_call
from contracts.artifacts import NAMES, load
from contracts.clients import PreimageOracle, Step
from contracts.evm import PyEvm, Revm, floor_gas, intrinsic_gas
from fpvm.isa import A0, A1, Call, Fn, Fn2, Op
from fpvm.machine import Machine
from fpvm.memory import Memory
from fpvm.oracle import MAX_PREIMAGE, Oracle, keccak_key, sha256_key
from fpvm.proof import Witness, prove, verify
from fpvm.sources import DictSource
from fpvm.state import State

CODE, DATA = 0x1111_1110, 0x2222_2220
RS, RT, RD = 8, 9, 10
#: Cannon's single-threaded 32-bit MIPS.sol, the lower end of what was measured.
CANNON = {"ALU": 58_000, "load": 76_000, "store": 80_000, "preimage read": 83_000}
TIMED_ROUNDS = 70


@dataclass(frozen=True)
class Kind:
    """A kind of step. ``row``: with which of Cannon's figures it is compared."""

    name: str
    row: str
    word: int
    regs: tuple[tuple[int, int], ...] = ()
    linked: int = DATA


def _special(fn: int, opcode: int = 0) -> int:
    return opcode << 26 | RS << 21 | RT << 16 | RD << 11 | fn


def _at_data(op: int, offset: int = 4) -> int:
    return op << 26 | RS << 21 | RT << 16 | offset


def _call(code: int) -> int:
    return code << 6 | Fn.SYSCALL


_POINTER = ((RS, DATA),)
KINDS = (
    Kind("ADDU", "ALU", _special(Fn.ADDU)),
    Kind("SLT", "ALU", _special(Fn.SLT)),
    Kind("SRAV", "ALU", _special(Fn.SRAV)),
    Kind("MULT", "ALU", _special(Fn.MULT)),
    Kind("DIV", "ALU", _special(Fn.DIV)),
    Kind("MADD", "ALU", _special(Fn2.MADD, Op.SPECIAL2)),
    Kind("CLZ", "ALU", _special(Fn2.CLZ, Op.SPECIAL2)),
    Kind("ADDIU", "ALU", _at_data(Op.ADDIU)),
    Kind("LUI", "ALU", _at_data(Op.LUI)),
    Kind("BNE", "ALU", _at_data(Op.BNE)),
    Kind("JAL", "ALU", Op.JAL << 26 | 0x123456),
    Kind("JALR", "ALU", _special(Fn.JALR)),
    Kind("SYSCALL 0", "ALU", _call(0)),
    Kind("reserved", "ALU", 0xFFFF_FFFF),
    Kind("LW", "load", _at_data(Op.LW), _POINTER),
    Kind("LB", "load", _at_data(Op.LB), _POINTER),
    Kind("LWL", "load", _at_data(Op.LWL, 5), _POINTER),
    Kind("LL", "load", _at_data(Op.LL), _POINTER),
    Kind("SW", "store", _at_data(Op.SW), _POINTER),
    Kind("SB", "store", _at_data(Op.SB), _POINTER),
    Kind("SWR", "store", _at_data(Op.SWR, 6), _POINTER),
    Kind("SC", "store", _at_data(Op.SC), _POINTER, DATA + 4),
    Kind("HALT", "load", _call(Call.HALT), ((A1, DATA),)),
    Kind("INPUT", "store", _call(Call.INPUT), ((A0, DATA),)),
    Kind("ORACLE_KEY", "load", _call(Call.ORACLE_KEY), ((A0, DATA),)),
    Kind("ORACLE_READ", "preimage read", _call(Call.ORACLE_READ), ((A0, DATA), (A1, 64))),
    Kind("WRITE", "ALU", _call(Call.WRITE)),
)


def noise(size: int, seed: object = 0) -> bytes:
    """Bytes of which none is zero."""
    rng = random.Random(f"{seed} {size}")
    return bytes(rng.randrange(1, 256) for _ in range(size))


def witness_of(kind: Kind) -> Witness:
    """A witness of such a step."""
    preimage = noise(1000)
    words = noise(4 * 40)
    regs = [int.from_bytes(words[at : at + 4], "big") for at in range(0, 4 * 32, 4)]
    regs[0] = 0
    for number, value in kind.regs:
        regs[number] = value
    memory = Memory({CODE >> 12: noise(4096), DATA >> 12: noise(4096, 1)})
    memory.write(CODE, kind.word.to_bytes(4, "big"))
    data = memory.read(DATA + 4, 4)
    state = State(
        mem_root=memory.root(),
        pc=CODE,
        next_pc=CODE + 4,
        input=noise(32, "input"),
        output=noise(32, "output"),
        oracle_key=keccak_key(preimage),
        hi=0x11111111,
        lo=0x22222222,
        ll_addr=kind.linked,
        ll_value=int.from_bytes(data, "big"),
        exit_code=1,
        step=0x0123_4567_89AB_CDEF,
        regs=tuple(regs),
    )
    return prove(Machine(state, memory, Oracle(DictSource({keccak_key(preimage): preimage}))))


def measure_steps() -> list[Row]:
    """The gas of every kind of step."""
    step = Step.deploy(PyEvm())
    rows: list[Row] = []
    for kind in KINDS:
        witness = witness_of(kind)
        if step.execute(witness) != verify(witness):
            raise AssertionError(f"{kind.name}: contract and specification differ")
        call = step_call(witness)
        gas = step.chain.send(step.address, call).gas_used
        rows.append(
            {
                "step": kind.name,
                "gas": gas,
                "Cannon": CANNON[kind.row],
                "since Prague": max(gas, floor_gas(call)),
                "execution": gas - intrinsic_gas(call),
                "calldata": len(call),
            }
        )
    return rows


def measure_loads() -> list[Row]:
    """The gas of loading a part of a preimage."""
    rows: list[Row] = []
    for size in (32, 1024, MAX_PREIMAGE):
        oracle = PreimageOracle.deploy(PyEvm())
        preimage = noise(size)
        for name, load_part, key in (
            ("loadKeccak256", oracle.load_keccak256, keccak_key),
            ("loadSha256", oracle.load_sha256, sha256_key),
        ):
            first, again = load_part(preimage, 0), load_part(preimage, 0)
            if oracle.read(key(preimage), 0)[1] != size:
                raise AssertionError(f"{name}: the part is not loaded")
            floor = floor_gas(call_data(f"{name}(bytes,uint32)", preimage, 0))
            rows.append(
                {
                    "preimage": f"{name}, {size:,} bytes",
                    "gas": first.gas_used,
                    "again": again.gas_used,
                    "since Prague": max(first.gas_used, floor),
                }
            )
    return rows


def measure_sizes() -> list[Row]:
    """Bytes deployed."""
    return [{"contract": name, "bytes": len(load(name).runtime), "limit": 24_576} for name in NAMES]


def measure_times() -> list[Row]:
    """Time of a step in each EVM: of its call alone."""
    witnesses = [witness_of(kind) for kind in KINDS if kind.name in ("ADDU", "LW", "SW")]

    def execute(step: Step) -> None:
        for _ in range(TIMED_ROUNDS):
            for witness in witnesses:
                step.execute(witness)

    steps = TIMED_ROUNDS * len(witnesses)
    return [
        {"EVM": name, "ms a step": 1e3 * median_seconds(execute, lambda s=step: s) / steps}
        for name, step in (("revm", Step.deploy(Revm())), ("py-evm", Step.deploy(PyEvm())))
    ]
