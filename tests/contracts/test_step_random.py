"""The step contract and the specification agree on steps at random, and on steps of real programs.

CI runs a fixed slice. ``AXONUM_FUZZ=200000`` in the environment asks for that many random steps,
and for a full sample of real ones, on py-evm and on a node.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterable, Iterator

import pytest

from contracts.clients import Step
from contracts.evm import PyEvm, Revm
from contracts.l1 import L1
from fpvm.isa import KERNEL
from fpvm.proof import Witness, prove, verify
from fpvm.state import State
from programs.examples.tree import build_tree
from tests.contracts.recorder import Recorder
from tests.contracts.witnesses import random_witness
from tests.fpvm.test_proof import real

PARTS = 4
FULL = "AXONUM_FUZZ" in os.environ
#: Random steps in revm; random and real steps in each of the slower chains.
RANDOM = int(os.environ.get("AXONUM_FUZZ", "20000"))
SLOW = 2_000 if FULL else 200
#: Steps of every program.
REAL = 10_000 if FULL else 250


def at_random(seed: str, count: int) -> Iterator[Witness]:
    rng = random.Random(seed)
    return (random_witness(rng) for _ in range(count))


def of_program(name: str, length: int, count: int) -> Iterator[Witness]:
    """``count`` steps of the first ``length`` steps of a program, half of them of its start, in
    which the kernel works most."""
    machine = real(name, (2000).to_bytes(32))
    rng = random.Random(name)
    start = max(2_000, count)
    early = rng.sample(range(start), count // 2)
    for at in sorted({*early, *rng.sample(range(start, length), count - count // 2)}):
        machine.run(at)
        yield prove(machine)


def of_preimages(count: int) -> Iterator[Witness]:
    """Steps of a program that read preimages, each with two of the kernel's steps behind it."""
    tree = build_tree(random.Random("data").randbytes(300_000))
    machine = real("preimage", tree.root, dict(tree.preimages))
    rng = random.Random("ahead")
    for _ in range(count):
        assert machine.run_to_preimage() is not None
        yield prove(machine)
        for _ in range(2):
            machine.run(machine.step + rng.randint(1, 12))
            yield prove(machine)


def compare(step: Step | Recorder, witnesses: Iterable[Witness]) -> int:
    """How many steps contract and specification agreed on, which is all."""
    count = 0
    for found in witnesses:
        assert step.execute(found) == verify(found), found
        count += 1
    return count


def kernel_steps(witnesses: Iterable[Witness]) -> int:
    """How many of the steps are the kernel's."""
    return sum(State.unpack(found.state).pc >= KERNEL for found in witnesses)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_contract_and_specification_agree_on_random_steps(part: int, tell) -> None:
    count = compare(Step.deploy(Revm()), at_random(f"steps {part}", RANDOM // PARTS))
    assert count == RANDOM // PARTS
    tell(f"step contract: {count:,} random steps in revm, part {part + 1} of {PARTS}")


@pytest.mark.slow
@pytest.mark.parametrize(("name", "length"), [("hello", 20_000_000), ("sha256chain", 10_000_000)])
def test_contract_and_specification_agree_on_programs(name: str, length: int, tell) -> None:
    witnesses = list(of_program(name, length, REAL))
    kernel = kernel_steps(witnesses)
    assert kernel >= 20
    count = compare(Step.deploy(Revm()), witnesses)
    assert count == REAL
    tell(f"step contract: {count:,} steps of {name}, {kernel:,} of them of the kernel")


@pytest.mark.slow
def test_contract_and_specification_agree_on_reads_of_preimages(tell) -> None:
    witnesses = list(of_preimages(REAL // 5))
    kernel = kernel_steps(witnesses)
    assert kernel >= REAL // 5
    count = compare(Step.deploy(Revm()), witnesses)
    reads = sum(found.part is not None for found in witnesses)
    assert reads >= REAL // 5
    tell(f"step contract: {count:,} steps at {reads:,} reads of preimages, {kernel:,} the kernel's")


@pytest.mark.slow
def test_py_evm_and_specification_agree(tell) -> None:
    step = Step.deploy(PyEvm())
    count = compare(step, at_random("py-evm", SLOW))
    count += compare(step, of_program("hello", 20_000_000, SLOW // 4))
    tell(f"step contract: {count:,} steps in py-evm")


@pytest.mark.slow
def test_a_node_and_the_specification_agree(anvil_url: str, tell) -> None:
    recorder = Recorder.deploy(L1.connect(anvil_url))
    count = compare(recorder, at_random("node", SLOW))
    count += compare(recorder, of_program("hello", 20_000_000, SLOW // 4))
    tell(f"step contract: {count:,} steps by transactions on a node")


def test_the_embedded_l1_and_the_specification_agree() -> None:
    compare(Recorder.deploy(L1.embedded()), at_random("embedded", 40))
