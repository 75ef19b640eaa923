"""The engines agree along real programs, on the kernel: Go with its runtime, and C.

A specification of 200 M steps would take minutes. So the fast engine runs, is stopped a thousand
times at random, and what it does next is compared with what the specification does from there.
"""

from __future__ import annotations

import random

import pytest

from fpvm.elf import load
from fpvm.fast import FastMachine
from fpvm.machine import Machine
from fpvm.memory import Memory
from fpvm.state import State, genesis
from fpvm.step import Core, step
from programs.build import build
from programs.examples.tree import Tree, build_tree
from tests.fpvm.machines import Screen, shown
from tests.fpvm.stepping import NoHost

PROGRAMS = ["hello", "sha256chain", "preimage_c", "preimage"]
SAMPLES = 1000
#: A tree of many nodes, so that the program reads many preimages.
TREE = build_tree(random.Random("tree").randbytes(100_000), chunk=600, fanout=7)


class Nodes:
    """The preimages of a tree."""

    def __init__(self, tree: Tree) -> None:
        self._preimages = tree.preimages

    def get(self, key: bytes) -> bytes:
        return self._preimages[key]

    def hint(self, hint: bytes) -> None:
        """Everything is at hand."""


class Quiet(NoHost):
    """What surrounds a specification that looks ahead: it shows nothing."""

    def preimage(self, key: bytes) -> bytes:
        return TREE.preimages[key]

    def write(self, channel: int, address: int, length: int) -> None:
        """The engine itself will show it."""


def start(name: str, engine: type[Machine], tree: Tree = TREE, rounds: int = 20_000) -> Machine:
    """The program at its first step, on the data of ``tree`` or for so many rounds."""
    program = load(build(name).read_bytes(), build("kernel").read_bytes(), argv=[name])
    memory = Memory(program.pages)
    word = tree.root if name.startswith("preimage") else rounds.to_bytes(32, "big")
    return engine(genesis(memory.root(), program.pc, word), memory, Nodes(tree), Screen())


def look_ahead(machine: Machine, steps: int) -> State:
    """The state ``steps`` steps on, by the specification, on the machine's own memory.

    Memory is put back: ``machine`` is as it was.
    """
    before, memory = machine.state(), machine.memory
    memory.mark()
    core = Core(before, memory, Quiet())
    for _ in range(steps):
        step(core)
    after = core.state(memory.root())
    memory.rewind()
    assert machine.state() == before
    return after


def samples(rng: random.Random, length: int) -> list[int]:
    """Steps to stop at: half of them anywhere, half while the program and its kernel start."""
    anywhere = [rng.randrange(length) for _ in range(SAMPLES // 2)]
    return sorted(anywhere + rng.sample(range(200_000), SAMPLES // 2))


@pytest.mark.slow
@pytest.mark.parametrize("name", PROGRAMS)
def test_engines_agree_at_a_thousand_steps(name, tell):
    straight, machine = start(name, FastMachine), start(name, FastMachine)
    straight.run(1 << 40)
    rng = random.Random(name)
    compared = stops = 0
    for stop in samples(rng, straight.step):
        machine.run(stop)
        ahead = rng.randrange(25, 160)
        expected = look_ahead(machine, ahead)
        machine.run(machine.step + ahead)
        assert machine.state() == expected, f"from step {stop} to {stop + ahead}"
        compared += ahead
        stops += 1
    assert stops == SAMPLES
    machine.run(1 << 40)
    assert machine.state() == straight.state()
    assert machine.exited
    assert machine.core.exit_code == 0
    assert shown(machine) == shown(straight) != []
    tell(f"engines: {compared:,} of the {straight.step:,} steps of {name}")


@pytest.mark.slow
@pytest.mark.parametrize("name", PROGRAMS)
def test_engines_agree_from_the_first_step_on(name):
    """On as little data as there can be: most of these programs exit within so many steps."""
    tree = build_tree(bytes(100), chunk=30)
    spec, fast = (start(name, engine, tree, rounds=1) for engine in (Machine, FastMachine))
    for until in (100_000, 200_001, 2_000_000):
        spec.run(until)
        fast.run(until)
        assert fast.state() == spec.state()
    assert shown(fast) == shown(spec)
    assert spec.exited or name == "hello"


@pytest.mark.slow
@pytest.mark.parametrize("name", PROGRAMS)
def test_a_fresh_engine_goes_on_from_anywhere(name):
    rng = random.Random(f"fresh {name}")
    straight = start(name, FastMachine)
    straight.run(1 << 40)
    machine = start(name, FastMachine)
    for stop in sorted(rng.randrange(straight.step) for _ in range(5)):
        machine.run(stop)
        state, memory = machine.state(), machine.memory.clone()
        fresh = FastMachine(state, memory, Nodes(TREE), Screen())
        for until in (stop + 1_000, stop + 1_000_000):
            machine.run(until)
            fresh.run(until)
            assert fresh.state() == machine.state()
    fresh.run(1 << 40)
    assert fresh.state() == straight.state()
