"""Runs a program in the VM and reports as `tests.programs.native` does, to compare the two."""

from __future__ import annotations

from pathlib import Path

from fpvm.elf import load
from fpvm.fast import FastMachine
from fpvm.machine import STDERR, STDOUT, Machine
from fpvm.memory import Memory
from fpvm.oracle import Oracle, Source
from fpvm.sources import DictSource
from fpvm.state import genesis
from programs.build import build
from tests.programs.native import WORD, Listener, Run

#: No example comes near; a program that hangs ends here.
MAX_STEPS = 5_000_000_000


def run_in_vm(
    elf: Path,
    word: bytes = bytes(WORD),
    source: Source | None = None,
    engine: type[Machine] = FastMachine,
) -> Run:
    """Runs `elf` on the kernel with `word` as its input, serving it preimages from `source`.

    Raises TimeoutError for a program that does not end, and OracleError for a preimage that could
    not be had.
    """
    host = Listener(source or DictSource())
    console = {STDOUT: bytearray(), STDERR: bytearray()}

    def show(channel: int, data: bytes) -> None:
        console[channel] += data

    program = load(elf.read_bytes(), build("kernel").read_bytes(), argv=[elf.name])
    memory = Memory(program.pages)
    machine = engine(genesis(memory.root(), program.pc, word), memory, Oracle(host), show)
    machine.run(MAX_STEPS)
    state = machine.state()
    if not state.exited:
        raise TimeoutError(f"{elf.name} did not end within {MAX_STEPS} steps")
    return Run(
        exit_code=state.exit_code,
        stdout=bytes(console[STDOUT]),
        stderr=bytes(console[STDERR]),
        output=state.output,
        hints=tuple(host.hints),
    )
