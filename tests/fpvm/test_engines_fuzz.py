"""The engines agree on random words in random states, and on random programs.

In CI a fixed selection; ``AXONUM_FUZZ=1000000`` in the environment asks for that many words, and
for programs in proportion (docs/engines.md has the figures of the last long run).
"""

from __future__ import annotations

import os
import random
from dataclasses import replace

import pytest

from fpvm.fast import FastMachine
from fpvm.isa import KERNEL, engines_differ
from fpvm.machine import Machine
from fpvm.memory import CODE as EXECUTED
from fpvm.state import State
from fpvm.step import MASK32
from tests.fpvm.fuzz import (
    PLACES,
    AnyPreimage,
    Unit,
    Writer,
    page_of_units,
    pages_of_words,
    random_fields,
    values,
)
from tests.fpvm.machines import DATA, SKIP, Setup, registers, shown

WORDS = int(os.environ.get("AXONUM_FUZZ", "80000"))
PROGRAMS = max(1, WORDS // 200)
#: CI runs the parts on several processors.
PARTS = 4


def run_unit(spec: Machine, fast: FastMachine, unit: Unit, state: State, steps: int) -> bool:
    """Both engines execute ``unit`` from ``state``; whether its word was reached."""
    for machine in (spec, fast):
        machine.core.restore(state)
    fast.memory.mark()  # or it might go back to what it was before
    spec.run(state.step + (unit.word_at - unit.start) // 4)
    reached = spec.core.pc == unit.word_at
    spec.run(state.step + steps)
    fast.run(state.step + steps)
    assert fast.state() == spec.state(), f"{unit} from {state}"
    return reached


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_engines_agree_on_random_words(part, tell):
    rng = random.Random(f"words {part}")
    reached = by_unicorn = differing = 0
    for words in pages_of_words(rng, WORDS // PARTS):
        place = rng.choice(PLACES)
        code, units = page_of_units(rng, place, words)
        pool = values(rng, place)
        memory = {place: code, DATA: rng.randbytes(96), KERNEL: SKIP}
        setup = Setup(memory, place)
        spec, fast = (setup.start(engine, AnyPreimage()) for engine in (Machine, FastMachine))
        first = registers(spec)
        for unit in units:
            fields = random_fields(rng, pool)
            state = replace(
                first, pc=unit.start, next_pc=(unit.start + 4) & MASK32, step=spec.step, **fields
            )
            if run_unit(spec, fast, unit, state, rng.randrange(25, 33)):
                reached += 1
                differing += engines_differ(unit.word)
                by_unicorn += bool(fast.memory.flags[place >> 12] & EXECUTED)
    tell(f"engines: {reached:,} words, {by_unicorn:,} of them on Unicorn, {differing:,} differ")
    assert reached > 0.9 * (WORDS // PARTS)
    assert by_unicorn > 0.5 * reached


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_engines_agree_on_random_programs(part, tell):
    steps = 0
    for seed in range(part, PROGRAMS, PARTS):
        setup = Writer(seed).setup()
        spec, fast = (setup.start(engine, AnyPreimage()) for engine in (Machine, FastMachine))
        rng = random.Random(f"slices {seed}")
        end = rng.choice((100, 400, 1500))
        while spec.step < end and not spec.exited:
            until = spec.step + rng.choice((1, 7, 25, 30, 100, 700))
            spec.run(until)
            fast.run(until)
            assert registers(fast) == registers(spec), f"program {seed}, step {until}"
            if rng.random() < 0.3:
                assert fast.state() == spec.state(), f"program {seed}, step {until}"
        assert fast.state() == spec.state(), f"program {seed}"
        assert dict(fast.memory.pages()) == dict(spec.memory.pages()), f"program {seed}"
        assert shown(fast) == shown(spec), f"program {seed}"
        steps += spec.step
    tell(f"engines: {steps:,} steps of {PROGRAMS // PARTS:,} random programs")
