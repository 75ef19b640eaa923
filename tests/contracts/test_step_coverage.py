"""Every branch of the step contract's code is taken both ways, or it is known why not."""

from __future__ import annotations

import random
from collections import Counter
from contextlib import suppress

from contracts.abi import selector, step_call
from contracts.build import SOURCES
from contracts.chain import Reverted
from contracts.clients import PreimageOracle, Step
from contracts.evm import PyEvm
from contracts.solc import compile_sources, read_sources
from fpvm.proof import Witness, prove
from tests.contracts.branches import JUMPI, Recorder, instructions, source_of
from tests.contracts.recorder import deployment
from tests.contracts.witnesses import case, random_witness, witness
from tests.fpvm.kinds import KINDS, started
from tests.fpvm.machines import INSTRUCTIONS

STEPS = 1000
#: The ways that are not gone: (source, whether the branch jumps) and how often, and why it is so.
NOT_TAKEN = {
    # The compiler's own checks.
    ("contract Step {", True): (3, "ether sent to step or ORACLE; ORACLE called without selector"),
    ("oracle.read(key, offset)", False): (1, "a second look at a call known to have succeeded"),
    ("4", True): (1, "memory full, when the oracle's 64 bytes are taken in"),
    ("0x1A", True): (3, "division by zero: DIV and DIVU by 1 instead, % size by 1, 2 or 4"),
    # The opcodes below are dispatched before.
    ("Op.BEQ <= op && op <= Op.BGTZ", False): (1, "op < BEQ"),
    ("Op.ANDI <= op && op <= Op.LUI", False): (1, "op < ANDI"),
}


def exercise(step: Step, recorder: Recorder) -> None:
    """Everything one can do to the contract, good and bad."""
    recorder.address = step.address
    rng = random.Random("coverage")
    for _ in range(STEPS):
        step.execute(random_witness(rng))
    for base in INSTRUCTIONS.values():
        for fields in (0, 9 << 21 | 10 << 16 | 4, 0x03FF_FFC0):
            step.execute(witness(case(base | fields, {9: 0x2000, 10: 0}), rng))
            step.execute(witness(case(base | fields, {9: 0x7FFF_FFFF, 10: 0x7FFF_FFFF}), rng))
    calls = [b"", b"\0\0\0", b"\0\0\0\0", selector("ORACLE()"), selector("ORACLE()")[:3]]
    for name in KINDS:
        found = prove(started(name))
        step.execute(found)
        good = step_call(found)
        calls += [
            *(good + b"\0", good[:-1], good[:50], good[:100], good[:4]),
            *(
                step_call(Witness(found.state, found.data, found.code)),
                step_call(Witness(found.state)),
            ),
            step_call(Witness(found.state, found.code, found.data or found.code)),
        ]
        for state in (b"", b"\2" * 290, bytes(152) + b"\1" * 138):
            calls.append(step_call(Witness(state, found.code)))
        for at in (4, 35, 36, 67, 68, 99, 100 + 320, 100 + 351):
            for bits in (1, 0x80, 0xFF):
                calls.append(good[:at] + bytes([good[at] ^ bits]) + good[at + 1 :])
    for calldata in calls:
        attempt(step, calldata)


def attempt(step: Step, calldata: bytes) -> None:
    with suppress(Reverted):
        step.chain.call(step.address, calldata)


def with_bad_oracles(evm: PyEvm, recorder: Recorder) -> None:
    """Steps that read from oracles that are none: the contract trusts its own, but not blindly."""
    read = prove(started("ORACLE_READ"))
    for code in (b"", bytes.fromhex("00"), bytes.fromhex("5f5ffd"), bytes.fromhex("6101005ff3")):
        address = evm.deploy(deployment(code))
        step = Step.deploy(evm, PreimageOracle(evm, address))
        recorder.address = step.address
        attempt(step, step_call(read))
    step = Step.deploy(evm)
    recorder.address = step.address
    attempt(step, step_call(read))  # not loaded


def test_every_branch_is_taken_or_explained(tell) -> None:
    evm = PyEvm()
    recorder = Recorder(evm)
    step = Step.deploy(evm)
    exercise(step, recorder)
    with_bad_oracles(evm, recorder)

    sources = read_sources(SOURCES)
    code = evm.code(step.address)
    lines = source_of(compile_sources(sources)["Step"], sources, code)
    total = 2 * sum(opcode == JUMPI for _, opcode in instructions(code))
    missing = [(lines[at].partition(" ")[2], way) for at, way in recorder.missing(code)]
    tell(f"step contract: {total - len(missing)} of {total} branches taken")
    found = Counter(
        next((key for key in NOT_TAKEN if line.startswith(key[0]) and way == key[1]), (line, way))
        for line, way in missing
    )
    assert found == {key: count for key, (count, _) in NOT_TAKEN.items()}
