"""Builds the guests that test the kernel, and runs them in the VM."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fpvm.elf import load
from fpvm.fast import FastMachine
from fpvm.machine import STDERR, STDOUT, Machine
from fpvm.memory import Memory
from fpvm.oracle import Oracle, Source
from fpvm.sources import DictSource
from fpvm.state import State, genesis
from programs.build import build, lock, refresh
from programs.recipes import C_COMMON, C_LINK, C_MIPS32, OUTPUT, Recipe
from programs.toolchain import CHECKOUT
from tests.programs.native import WORD, Listener, Run

#: Twice what the longest scenario takes; one that hangs ends here.
MAX_STEPS = 600_000_000

GO = Recipe(
    name="kernel_test_go",
    tool="go",
    folder="tests/programs/guests/go",
    inputs=("go.mod", "*.go"),
    arguments=(
        *("build", "-trimpath", "-buildvcs=false", "-ldflags=-buildid= -w"),
        *("-o", OUTPUT, "."),
    ),
    environment={"GOOS": "linux", "CGO_ENABLED": "0", "GOARCH": "mips", "GOMIPS": "softfloat"},
)
C = Recipe(
    name="kernel_test_c",
    tool="zig",
    folder="tests/programs/guests/c",
    inputs=("*.h",),
    arguments=(*C_COMMON, "-D_GNU_SOURCE", "-target", "mips-linux-musleabi", *C_MIPS32, *C_LINK),
    units=("*.c",),
)


@dataclass(frozen=True)
class VmRun(Run):
    """A run, and the state of the machine at its end."""

    state: State


def guest(recipe: Recipe) -> Path:
    """The guest's ELF file, built if it is not up to date."""
    folder = CHECKOUT / "programs/build"
    folder.mkdir(parents=True, exist_ok=True)
    output = folder / f"{recipe.name}.elf"
    with lock(folder / f".{recipe.name}.lock"):
        refresh(recipe, CHECKOUT, output)
    return output


def in_vm(
    recipe: Recipe,
    *arguments: str,
    word: bytes = bytes(WORD),
    source: Source | None = None,
    env: Sequence[str] = (),
    engine: type[Machine] = FastMachine,
) -> VmRun:
    """Runs the guest with ``arguments``. Raises TimeoutError if it does not end."""
    host = Listener(source or DictSource())
    console = {STDOUT: bytearray(), STDERR: bytearray()}

    def show(channel: int, data: bytes) -> None:
        console[channel] += data

    kernel = build("kernel").read_bytes()
    elf = guest(recipe)
    program = load(elf.read_bytes(), kernel, argv=[elf.name, *arguments], env=env)
    memory = Memory(program.pages)
    machine = engine(genesis(memory.root(), program.pc, word), memory, Oracle(host), show)
    machine.run(MAX_STEPS)
    state = machine.state()
    if not state.exited:
        raise TimeoutError(f"{arguments} did not end within {MAX_STEPS} steps")
    return VmRun(
        exit_code=state.exit_code,
        stdout=bytes(console[STDOUT]),
        stderr=bytes(console[STDERR]),
        output=state.output,
        hints=tuple(host.hints),
        state=state,
    )
